//! One mTLS connection of the generator: one write and one read per request.
//!
//! rustls is driven directly, with a receive buffer larger than any answer of the comparison: a TLS stream adapter
//! reads 4 KiB at a time, and three reads per 10 KB answer would make the generator the bottleneck.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Two TLS records and more: an answer of 10 KB arrives in one read.
const RECEIVE_BYTES: usize = 32 * 1024;

/// Whom to call and as whom.
#[derive(Debug, clap::Args)]
pub struct Target {
    /// Address of the gateway
    #[arg(long)]
    pub addr: SocketAddr,
    /// Name in the server's certificate, SNI and `Host`
    #[arg(long, default_value = "localhost")]
    pub server_name: String,
    /// Authority of the server's certificate, PEM
    #[arg(long)]
    pub ca: PathBuf,
    /// Client certificate, PEM
    #[arg(long)]
    pub cert: PathBuf,
    /// Its key, PEM
    #[arg(long)]
    pub key: PathBuf,
}

/// How to open connections to a [`Target`]; cheap to clone.
#[derive(Clone)]
pub(crate) struct Dialer {
    addr: SocketAddr,
    server_name: ServerName<'static>,
    tls: Arc<ClientConfig>,
}

impl Dialer {
    /// Reads the files of `target`.
    pub(crate) fn new(target: &Target) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(&target.ca)
            .map_err(|error| anyhow!("read {}: {error}", target.ca.display()))?;
        roots.add(authority).with_context(|| format!("use {} as authority", target.ca.display()))?;
        let certificate = CertificateDer::from_pem_file(&target.cert)
            .map_err(|error| anyhow!("read {}: {error}", target.cert.display()))?;
        let key = PrivateKeyDer::from_pem_file(&target.key)
            .map_err(|error| anyhow!("read {}: {error}", target.key.display()))?;
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .context("client certificate and key do not fit")?;
        let server_name = ServerName::try_from(target.server_name.clone()).context("server name")?;
        Ok(Self { addr: target.addr, server_name, tls: Arc::new(tls) })
    }

    /// Connects and completes the handshake.
    pub(crate) async fn dial(&self) -> anyhow::Result<Channel> {
        let socket = TcpStream::connect(self.addr).await.with_context(|| format!("connect to {}", self.addr))?;
        socket.set_nodelay(true)?;
        let tls = ClientConnection::new(Arc::clone(&self.tls), self.server_name.clone())?;
        let mut channel = Channel { socket, tls, incoming: vec![0; RECEIVE_BYTES], outgoing: Vec::new() };
        let mut nothing = Vec::new();
        while channel.tls.is_handshaking() {
            channel.flush().await?;
            channel.read_once(&mut nothing).await.context("TLS handshake")?;
        }
        channel.flush().await?;
        ensure!(nothing.is_empty(), "the server spoke before it was asked");
        Ok(channel)
    }
}

/// An open connection.
pub(crate) struct Channel {
    socket: TcpStream,
    tls: ClientConnection,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Channel {
    /// Protocol version and cipher suite, for the report: peers are compared at the same ones.
    pub(crate) fn protection(&self) -> String {
        let version = self.tls.protocol_version().and_then(|version| version.as_str());
        let suite = self.tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        format!("{} {}", version.unwrap_or("?"), suite.unwrap_or("?"))
    }

    /// Sends one request in one write. Not cancel-safe: a connection whose send was dropped must not be used again.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.tls.writer().write_all(request)?;
        self.flush().await
    }

    /// Appends at least one byte of plaintext to `into`.
    ///
    /// # Errors
    /// If the peer closes or breaks the protocol.
    pub(crate) async fn receive(&mut self, into: &mut Vec<u8>) -> anyhow::Result<()> {
        let before = into.len();
        while into.len() == before {
            self.read_once(into).await?;
            if self.tls.wants_write() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn read_once(&mut self, into: &mut Vec<u8>) -> anyhow::Result<()> {
        let length = self.socket.read(&mut self.incoming).await?;
        ensure!(length > 0, "the server closed the connection");
        let mut rest = self.incoming.get(..length).unwrap_or_default();
        while !rest.is_empty() {
            ensure!(self.tls.read_tls(&mut rest)? > 0, "the server closed the TLS session");
            let plaintext = self.tls.process_new_packets()?.plaintext_bytes_to_read();
            let begin = into.len();
            into.resize(begin + plaintext, 0);
            self.tls.reader().read_exact(into.get_mut(begin..).unwrap_or_default())?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.outgoing)?;
        }
        if !self.outgoing.is_empty() {
            self.socket.write_all(&self.outgoing).await?;
            self.outgoing.clear();
        }
        Ok(())
    }
}

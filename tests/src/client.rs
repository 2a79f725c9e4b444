//! A departmental system: mutual TLS and HTTP/1.1 written out by hand, so that a test sees every
//! byte of an answer and can send what no HTTP library would.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;

/// Longest wait for bytes of an answer.
const SILENCE: Duration = Duration::from_secs(20);

/// SHA-256 of the first certificate of a file, in hexadecimal.
pub fn fingerprint(certificate: &Path) -> String {
    hex(&CertificateDer::from_pem_file(certificate).expect("a certificate"))
}

fn hex(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Who calls: a client certificate, or none, and a token, or none.
#[derive(Clone)]
pub struct Identity {
    /// For messages.
    pub name: String,
    /// Server name to ask for; an address sends no SNI.
    pub server_name: String,
    /// Bearer token.
    pub token: Option<String>,
    tls: Arc<ClientConfig>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The crypto library, once for the process.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

impl Identity {
    /// From PEM files.
    pub fn read(ca: &Path, certificate: &Path, key: &Path) -> Self {
        let name = certificate
            .parent()
            .and_then(Path::file_name)
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let chain = CertificateDer::pem_file_iter(certificate)
            .expect("a certificate")
            .map(|each| each.expect("a certificate"))
            .collect();
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        Self::of(name, ca, Some((chain, key)))
    }

    /// Without a client certificate.
    pub fn without_certificate(ca: &Path) -> Self {
        Self::of("no certificate".to_owned(), ca, None)
    }

    /// From a chain and its key.
    pub fn of(name: String, ca: &Path, own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>) -> Self {
        Self::of_versions(name, ca, own, rustls::ALL_VERSIONS)
    }

    /// The same, with these versions of TLS only.
    pub fn of_versions(
        name: String,
        ca: &Path,
        own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(ca).expect("the demo's CA") {
            roots.add(root.expect("a CA certificate")).expect("a CA certificate");
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("TLS")
            .with_root_certificates(roots);
        let config = match own {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("a key of the certificate"),
            None => config.with_no_client_auth(),
        };
        Self { name, server_name: "127.0.0.1".to_owned(), token: None, tls: Arc::new(config) }
    }

    /// With a token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Without a token.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.token = None;
        self
    }

    /// Asking for a server by name, with SNI.
    #[must_use]
    pub fn to_server(mut self, name: &str) -> Self {
        name.clone_into(&mut self.server_name);
        self
    }

    /// The TLS configuration, offering these protocols.
    pub fn tls(&self, alpn: &[&[u8]]) -> Arc<ClientConfig> {
        let mut config = (*self.tls).clone();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// HTTP method.
    pub method: String,
    /// Request target, as it is to stand on the wire.
    pub target: String,
    /// Headers beside Host, Authorization and Content-Length.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Call {
    /// A `GET`.
    pub fn get(target: &str) -> Self {
        Self { method: "GET".to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `POST` of a JSON body.
    pub fn post(target: &str, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { method: "POST".to_owned(), body, ..Self::get(target) }.header("Content-Type", "application/json")
    }

    /// A call of a service of a resource.
    pub fn service(resource: &str, mode: &str, body: &Value) -> Self {
        Self::post(&format!("/v1/resources/{resource}/{mode}"), body)
    }

    /// A token request.
    pub fn token(form: &str) -> Self {
        let body = form.as_bytes().to_vec();
        Self { method: "POST".to_owned(), body, ..Self::get("/v1/token") }
            .header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// With the three headers of a call on a resource.
    #[must_use]
    pub fn by(self, purpose: &str, handler: &str, matter: &str) -> Self {
        self.header("Exchange-Purpose", purpose).header("Exchange-Handler", handler).header("Exchange-Matter", matter)
    }

    /// With a header, in place of one of that name.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let mut call = self.without(name);
        call.headers.push((name.to_owned(), value.to_owned()));
        call
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// With other bytes as the body.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of the request for a host.
    pub fn wire(&self, host: &str, token: Option<&str>) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut line = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if !has("Host") {
            line("Host", host);
        }
        if let Some(token) = token.filter(|_| !has("Authorization")) {
            line("Authorization", &format!("Bearer {token}"));
        }
        self.headers.iter().for_each(|(name, value)| line(name, value));
        let frames_itself = has("Content-Length") || has("Transfer-Encoding");
        if (!self.body.is_empty() || self.method == "POST") && !frames_itself {
            line("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Index and leaf of an `Exchange-Receipt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptLine {
    /// The log.
    pub origin: String,
    /// Index of the record.
    pub index: u64,
    /// Leaf hash in base64.
    pub leaf: String,
}

impl Answer {
    /// The value of a header that stands there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands there twice");
        value
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// `ok` for a 2xx, else the stable code of the problem document.
    pub fn code(&self) -> String {
        if (200..300).contains(&self.status) {
            return "ok".to_owned();
        }
        self.json()["code"].as_str().map_or_else(|| format!("{} without a code", self.status), str::to_owned)
    }

    /// The receipt.
    pub fn receipt(&self) -> Option<ReceiptLine> {
        let value = self.header("Exchange-Receipt")?;
        let part = |name: &str| {
            let parts = value.split(", ").filter_map(|part| part.split_once('='));
            parts.filter(|(known, _)| *known == name).map(|(_, value)| value.trim_matches('"').to_owned()).next()
        };
        let leaf = value.split("leaf=\"").nth(1)?.trim_end_matches('"').to_owned();
        Some(ReceiptLine { origin: part("origin")?, index: part("index")?.parse().ok()?, leaf })
    }
}

/// A keep-alive connection with HTTP/1.1.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    host: String,
    token: Option<String>,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects to the data listener and completes the handshake.
    ///
    /// # Errors
    /// TCP or TLS says no.
    pub fn open(identity: &Identity, port: u16) -> io::Result<Self> {
        Self::with_alpn(identity, port, &[b"http/1.1"])
    }

    /// As [`Connection::open`], offering these protocols.
    ///
    /// # Errors
    /// TCP or TLS says no.
    pub fn with_alpn(identity: &Identity, port: u16, alpn: &[&[u8]]) -> io::Result<Self> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(SILENCE))?;
        tcp.set_write_timeout(Some(SILENCE))?;
        let name = ServerName::try_from(identity.server_name.clone()).expect("a server name");
        let tls = ClientConnection::new(identity.tls(alpn), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let host = format!("{}:{port}", identity.server_name);
        Ok(Self { stream, host, token: identity.token.clone(), unread: Vec::new() })
    }

    /// The socket alone, which stays open.
    pub fn into_socket(self) -> TcpStream {
        self.stream.sock
    }

    /// Whether the handshake resumed an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// SHA-256 of the server's certificate in hexadecimal.
    pub fn server_fingerprint(&self) -> String {
        hex(self.stream.conn.peer_certificates().and_then(<[_]>::first).expect("a certificate"))
    }

    /// Sends a call and reads its answer.
    ///
    /// # Errors
    /// The connection ends before the answer does.
    pub fn send(&mut self, call: &Call) -> io::Result<Answer> {
        let wire = call.wire(&self.host, self.token.as_deref());
        // The exchange may answer and close before it has taken all of a refused body.
        let written = self.write(&wire);
        match self.read() {
            Err(error) => Err(written.err().unwrap_or(error)),
            answer => answer,
        }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Throws away what has come so far, without waiting for more.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn discard(&mut self) -> io::Result<()> {
        self.stream.sock.set_nonblocking(true)?;
        let mut buffer = [0; 16 * 1024];
        let ended = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.stream.sock.set_nonblocking(false)?;
        ended
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    /// The bytes up to and including `end`.
    fn through(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Ok(self.unread.drain(..at + end.len()).collect());
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.fill()?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Sends a call without waiting for its answer; `Content-Length` is what the call says, if it says so.
    ///
    /// # Errors
    /// The connection is closed.
    pub fn begin(&mut self, call: &Call) -> io::Result<()> {
        let wire = call.wire(&self.host, self.token.as_deref());
        self.write(&wire)
    }

    /// Bytes of an answer as they come, without its framing being looked at.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// The connection ends before the answer does.
    pub fn read(&mut self) -> io::Result<Answer> {
        let head = self.through(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("not an answer"))?;
        if status == 100 {
            return self.read();
        }
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("Transfer-Encoding").is_some() {
            loop {
                let size = self.through(b"\r\n")?;
                let size =
                    usize::from_str_radix(String::from_utf8_lossy(&size).trim(), 16).map_err(io::Error::other)?;
                let chunk = self.exactly(size + 2)?;
                answer.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    return Ok(answer);
                }
            }
        }
        let length = answer.header("Content-Length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        answer.body = self.exactly(length)?;
        Ok(answer)
    }

    /// Whether the exchange closes the connection without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.unread.is_empty()
            && self
                .fill()
                .is_err_and(|error| !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }

    /// Everything until the exchange closes the connection: how many answers, and what they were.
    pub fn read_to_close(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Ok(answer) = self.read() {
            answers.push(answer);
        }
        answers
    }
}

//! Where a provider listens, and how it is spoken to.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Uri};
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, ServerName};
use sluice_domain::Egress;
use thiserror::Error;

use super::address::Addresses;
use super::counts::{Counts, PoolSnapshot};
use crate::tls::{TlsError, certificates};

/// Limits of one endpoint's pool. All numbers are per worker.
#[derive(Debug, Clone)]
pub struct PoolLimits {
    /// Connections in use at once (64).
    pub connections_max: usize,
    /// Idle connections kept (64): as many as may be in use, or those beyond it would be opened and closed by turns
    /// under a steady load.
    pub idle_max: usize,
    /// Requests that may wait for a connection (256).
    pub waiting_max: usize,
    /// An idle connection is not used after this (20 s). Must be shorter than the provider keeps
    /// it, or requests run into its close.
    pub idle: Duration,
    /// A connection is not used after this, ± 10 % (10 min), so that addresses and certificates
    /// are looked at again.
    pub age_max: Duration,
    /// TCP connect and TLS handshake together (2 s).
    pub connect: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            idle_max: 64,
            waiting_max: 256,
            idle: Duration::from_secs(20),
            age_max: Duration::from_mins(10),
            connect: Duration::from_secs(2),
        }
    }
}

/// TLS towards providers.
#[derive(Clone)]
pub struct ClientTls {
    pub(super) config: Arc<ClientConfig>,
    server_name: Option<String>,
}

/// Why TLS towards a provider cannot be set up.
#[derive(Debug, Error)]
pub enum ClientTlsError {
    /// A file cannot be read or used.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The own identity is not usable.
    #[error("{}: cannot be used as a client identity", .0.display())]
    Identity(PathBuf),
    /// The authorities are not usable.
    #[error("{}: holds a certificate that cannot be a trust anchor", .0.display())]
    Authorities(PathBuf),
}

impl ClientTls {
    /// Trusts the authorities in `ca`; shows `identity` (certificate chain, key) if given; expects
    /// `server_name` in the provider's certificate instead of the endpoint's host if given.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub fn load(
        ca: &Path,
        identity: Option<(&Path, &Path)>,
        server_name: Option<&str>,
    ) -> Result<Self, ClientTlsError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(ca)? {
            roots.add(authority).map_err(|_| ClientTlsError::Authorities(ca.into()))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|_| ClientTlsError::Authorities(ca.into()))?
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let private = PrivateKeyDer::from_pem_file(key).map_err(|_| ClientTlsError::Identity(key.into()))?;
                builder
                    .with_client_auth_cert(certificates(cert)?, private)
                    .map_err(|_| ClientTlsError::Identity(cert.into()))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), server_name: server_name.map(str::to_owned) })
    }

    /// The same trust and identity, for a host that goes by its own name.
    #[must_use]
    pub fn by_host(&self) -> Self {
        Self { config: Arc::clone(&self.config), server_name: None }
    }
}

/// One provider's address, with everything a pool needs to know of it.
pub struct Endpoint {
    pub(super) addresses: Addresses,
    pub(super) authority: HeaderValue,
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(super) limits: PoolLimits,
    pub(super) egress: Arc<Egress>,
    /// One block for each pool that was ever made.
    counts: Mutex<Vec<Arc<Counts>>>,
}

/// Why an endpoint's address cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// Not an origin.
    #[error("must be `http://host[:port]` or `https://host[:port]`, without path, query or user")]
    NotAnOrigin,
    /// https without trust anchors.
    #[error("an https address needs the CA file of the provider")]
    TlsMissing,
    /// Trust anchors without https.
    #[error("a CA file was given for a plain http address")]
    TlsUnused,
    /// Not a name that a certificate can carry.
    #[error("the server name is not a DNS name or address")]
    ServerName,
}

impl Endpoint {
    /// The endpoint at `origin`, such as `http://10.0.0.7:9001` or `https://data.example.cn`. Only addresses that
    /// `egress` permits are ever connected to; plain http is only spoken to loopback and private ones.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn new(
        origin: &str,
        tls: Option<ClientTls>,
        limits: PoolLimits,
        egress: Arc<Egress>,
    ) -> Result<Self, EndpointError> {
        let uri: Uri = origin.parse().map_err(|_| EndpointError::NotAnOrigin)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(EndpointError::NotAnOrigin);
        };
        let has_path = parts.path_and_query.is_some_and(|path| path.as_str() != "/" && !path.as_str().is_empty());
        if has_path || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(EndpointError::NotAnOrigin);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match (scheme.as_str(), tls) {
            ("http", None) => (None, 80),
            ("http", Some(_)) => return Err(EndpointError::TlsUnused),
            ("https", Some(tls)) => {
                let name = tls.server_name.clone().unwrap_or_else(|| host.clone());
                let name = ServerName::try_from(name).map_err(|_| EndpointError::ServerName)?;
                (Some((tls.config, name)), 443)
            }
            ("https", None) => return Err(EndpointError::TlsMissing),
            _ => return Err(EndpointError::NotAnOrigin),
        };
        let port = authority.port_u16().unwrap_or(port);
        let authority = HeaderValue::from_str(authority.as_str()).map_err(|_| EndpointError::NotAnOrigin)?;
        Ok(Self { addresses: Addresses::new(host, port), authority, tls, limits, egress, counts: Mutex::default() })
    }

    /// Whether its host is a name, which may come to lead elsewhere.
    pub fn is_named(&self) -> bool {
        self.addresses.is_named()
    }

    /// Looks the name up again if that is due, so that no call has to wait for it; to be called every few seconds.
    pub async fn refresh(&self) {
        self.addresses.refresh().await;
    }

    /// What all pools to this endpoint have counted.
    pub fn snapshot(&self) -> PoolSnapshot {
        let mut sum = PoolSnapshot::default();
        self.blocks().iter().for_each(|counts| sum.add(counts));
        sum
    }

    /// A block of counters for a new pool.
    pub(super) fn counts(&self) -> Arc<Counts> {
        let counts = Arc::<Counts>::default();
        self.blocks().push(Arc::clone(&counts));
        counts
    }

    fn blocks(&self) -> MutexGuard<'_, Vec<Arc<Counts>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

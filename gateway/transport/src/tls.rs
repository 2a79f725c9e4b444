//! TLS of the data listener: client certificates are mandatory, sessions belong to one configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Sessions that can be resumed, all workers together; one costs about a kilobyte.
const SESSIONS_MAX: usize = 4096;

/// Certificate, key and trusted authorities of a listener; everything is known to fit together.
pub struct TlsMaterial {
    certified: Arc<CertifiedKey>,
    authorities: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

/// Why TLS material cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file holds nothing usable.
    #[error("{}: {fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: MaterialFault,
    },
    /// The certificate is not that of the key.
    #[error("{} is not the key of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// What is wrong with a file of TLS material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MaterialFault {
    /// No certificate.
    #[error("holds no certificate in PEM form")]
    NoCertificate,
    /// A certificate that is none.
    #[error("holds a certificate that is not readable X.509")]
    BadCertificate,
    /// No key.
    #[error("holds no private key in PEM form (PKCS#8, SEC1 or PKCS#1, not encrypted)")]
    NoKey,
    /// A key of an unknown kind.
    #[error("holds a private key that is not RSA, ECDSA P-256/P-384/P-521 or Ed25519")]
    BadKey,
}

impl TlsMaterial {
    /// Reads certificate chain, private key and the bundle of authorities that issue client certificates.
    ///
    /// # Errors
    /// The file that is missing or does not fit, and why. Never anything of the key.
    pub fn load(cert: &Path, key: &Path, ca: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(cert)?;
        let authorities = certificates(ca)?;
        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            roots.add(authority.clone()).map_err(|_| content(ca, MaterialFault::BadCertificate))?;
        }
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| content(key, MaterialFault::NoKey))?;
        let signer =
            provider.key_provider.load_private_key(private).map_err(|_| content(key, MaterialFault::BadKey))?;
        let certified = CertifiedKey::new(chain, signer);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch { cert: cert.into(), key: key.into() });
            }
            Err(_) => return Err(content(cert, MaterialFault::BadCertificate)),
        }
        Ok(Self { certified: Arc::new(certified), authorities, roots: Arc::new(roots), provider })
    }

    /// The trusted authorities, to verify their revocation lists.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Whether listeners made of both behave alike: sessions of one may be resumed at the other.
    pub fn is_same_as(&self, other: &Self) -> bool {
        // A certificate belongs to one key, so equal chains have equal keys.
        self.certified.cert == other.certified.cert && self.trusts_as(other)
    }

    /// Whether both trust the same authorities.
    pub fn trusts_as(&self, other: &Self) -> bool {
        self.authorities == other.authorities
    }

    /// End of validity of the server's own certificate, seconds since 1970; `None` if it cannot be told.
    pub fn server_ends_s(&self) -> Option<i64> {
        self.certified.cert.first().and_then(|der| ends_s(der))
    }

    /// When the first of the trusted authorities ends, seconds since 1970; `None` if it cannot be told.
    pub fn authorities_end_s(&self) -> Option<i64> {
        self.authorities.iter().filter_map(|der| ends_s(der)).min()
    }

    /// A configuration with a session store of its own: a session made under other rules cannot be resumed.
    ///
    /// # Errors
    /// If the authorities cannot serve as trust anchors.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(&self.certified))));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

/// The TLS configuration of a listener; connections made after [`TlsSwap::replace`] use the new one.
#[derive(Debug, Clone)]
pub struct TlsSwap(Arc<ArcSwap<ServerConfig>>);

impl TlsSwap {
    /// Starts with `config`.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(ArcSwap::new(config)))
    }

    /// Uses `config` for new connections. It must come from a fresh [`TlsMaterial::server_config`].
    pub fn replace(&self, config: Arc<ServerConfig>) {
        self.0.store(config);
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

fn ends_s(der: &[u8]) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn content(path: &Path, fault: MaterialFault) -> TlsError {
    TlsError::Content { path: path.into(), fault }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.into(), source })
}

/// Every certificate of a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|_| content(path, MaterialFault::NoCertificate))?;
    if found.is_empty() {
        return Err(content(path, MaterialFault::NoCertificate));
    }
    Ok(found)
}

//! Who calls.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// SHA-256 of the first certificate of a file, in hexadecimal.
pub fn fingerprint(certificate: &Path) -> String {
    hex(&CertificateDer::from_pem_file(certificate).expect("a certificate"))
}

pub(super) fn hex(der: &[u8]) -> String {
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

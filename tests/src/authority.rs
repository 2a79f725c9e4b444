//! A certificate authority of a test's own, made and used by `sluice certs`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

use crate::binary::sluice;
use crate::process::run;

/// See the module.
pub struct Authority {
    folder: TempDir,
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// PEM, the own one first, then its chain.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let authority = Self { folder: tempfile::tempdir().expect("a folder") };
        authority.certs("init", &["--name", name]);
        authority
    }

    /// Its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca/ca.pem")
    }

    /// Its list of revoked certificates.
    pub fn crl(&self) -> PathBuf {
        self.folder.path().join("ca/crl.pem")
    }

    /// For a listener on this machine.
    pub fn server(&self) -> Issued {
        self.issue("server", &["--server", "127.0.0.1"])
    }

    /// For a departmental system, or the gateway where it is a client.
    pub fn system(&self, id: &str) -> Issued {
        self.issue(id, &["--system", id])
    }

    /// What a server needs that lets in clients of this authority only.
    pub fn mutual(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(chain(&self.ca()).remove(0)).expect("an authority");
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build();
        let Issued { certificate, key } = self.server();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_client_cert_verifier(clients.expect("a verifier"))
            .with_single_cert(chain(&certificate), PrivateKeyDer::from_pem_file(key).expect("a key"));
        Arc::new(config.expect("a key of the certificate"))
    }

    fn issue(&self, name: &str, options: &[&str]) -> Issued {
        let out = self.folder.path().join(name);
        self.certs("issue", &[options, &["--out", &out.display().to_string()]].concat());
        Issued { certificate: out.join("cert.pem"), key: out.join("key.pem") }
    }

    fn certs(&self, command: &str, options: &[&str]) {
        let made = run(Command::new(sluice())
            .args(["certs", command, "--dir"])
            .arg(self.folder.path().join("ca"))
            .args(options));
        assert_eq!(made.code, 0, "certs {command}: {}", made.stderr);
    }
}

fn chain(file: &Path) -> Vec<CertificateDer<'static>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.expect("certificates")
}

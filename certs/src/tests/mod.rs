//! Rules of the PKI, judged by the verifier that the data listener uses.

mod authority;
mod commands;
mod demo;
mod refusals;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::{Authority, AuthorityTerms, CertsError, Issued, Validity, certificate_der, crl_der};

/// 2026-11-22T09:00:00+08:00.
const NOW: i64 = 1_795_309_200;
const DAY: i64 = 86_400;

fn days(days: u32) -> Validity {
    Validity::days(NOW, days).unwrap()
}

fn init(dir: &Path) -> Result<Authority, CertsError> {
    let terms = AuthorityTerms { name: "临澜市数闸 CA", validity: days(3_650), crl_days: 7 };
    Authority::init(dir, terms, NOW)
}

fn der(issued: &Issued) -> CertificateDer<'static> {
    certificate_der(issued.cert_pem.as_bytes()).unwrap()
}

fn at(unix_s: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(unix_s).unwrap()))
}

fn roots(pki: &Path) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate_der(&std::fs::read(pki.join("ca.pem")).unwrap()).unwrap()).unwrap();
    Arc::new(roots)
}

/// What a listener that trusts the CA in `pki`, with its CRL, says of a client.
fn judge_client(pki: &Path, cert: &CertificateDer<'_>, unix_s: i64) -> Result<(), rustls::Error> {
    WebPkiClientVerifier::builder_with_provider(roots(pki), Arc::new(default_provider()))
        .with_crls([crl_der(&std::fs::read(pki.join("crl.pem")).unwrap()).unwrap()])
        .enforce_revocation_expiration()
        .build()
        .unwrap()
        .verify_client_cert(cert, &[], at(unix_s))
        .map(|_| ())
}

/// What a client that trusts the CA in `pki` says of a server it reached as `host`.
fn judge_server(pki: &Path, cert: &CertificateDer<'_>, host: &str) -> Result<(), rustls::Error> {
    let host = ServerName::try_from(host.to_owned()).unwrap();
    WebPkiServerVerifier::builder_with_provider(roots(pki), Arc::new(default_provider()))
        .build()
        .unwrap()
        .verify_server_cert(cert, &[], &host, &[], at(NOW))
        .map(|_| ())
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

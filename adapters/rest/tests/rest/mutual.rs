//! TLS to providers, both sides with a certificate.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use sluice_contract::ProviderFault;
use sluice_domain::Mode;
use tempfile::TempDir;

use crate::provider::{Provider, json};
use crate::world::{bind_at, fetch};

/// A CA, the provider's certificate, ours, and one of another CA.
fn pki() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(folder.path().join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
        Issuer::new(params, key)
    };
    let (own, foreign) = (authority("ca"), authority("foreign-ca"));
    for (name, issuer) in [("provider", &own), ("exchange", &own), ("foreign", &foreign)] {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["provider.example".to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
        std::fs::write(folder.path().join(format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    folder
}

/// Serves callers with a certificate of the CA, with this body.
fn provider(pki: &Path, body: &str) -> SocketAddr {
    let certificates = |name: &str| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(pki.join(name)).unwrap().map(Result::unwrap).collect()
    };
    let mut roots = RootCertStore::empty();
    roots.add(certificates("ca.pem").remove(0)).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates("provider.crt"), PrivateKeyDer::from_pem_file(pki.join("provider.key")).unwrap())
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut piece = [0; 4096];
            if stream.read(&mut piece).is_ok_and(|count| count > 0) {
                let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
            }
        }
    });
    address
}

#[tokio::test]
async fn both_sides_show_a_certificate_of_the_agreed_authority() {
    let pki = pki();
    let address = provider(pki.path(), "[]");
    let path = |name: &str| pki.path().join(name).display().to_string();
    let own = format!("certificate = '{}', key = '{}'", path("exchange.crt"), path("exchange.key"));
    let foreign = format!("certificate = '{}', key = '{}'", path("foreign.crt"), path("foreign.key"));
    let name = "server_name = 'provider.example'";
    let (ca, foreign_ca) = (format!("ca = '{}'", path("ca.pem")), format!("ca = '{}'", path("foreign-ca.pem")));
    for (what, tls, is_served) in [
        ("both", format!("{ca}, {own}, {name}"), true),
        ("no certificate of ours", format!("{ca}, {name}"), false),
        ("ours of another authority", format!("{ca}, {foreign}, {name}"), false),
        ("the provider's of another authority", format!("{foreign_ca}, {own}, {name}"), false),
        ("the provider's of another name", format!("{ca}, {own}"), false),
    ] {
        let text =
            format!("base_url = 'https://{address}'\ntls = {{ {tls} }}\n[query]\nmethod = 'GET'\npath = '/p/{{ID}}'");
        let got = fetch(&*bind_at(&text).attach(), Mode::Query, "43", &[0]).await;
        assert_eq!(got, if is_served { Ok(Some(vec![])) } else { Err(ProviderFault::Unreachable) }, "{what}");
    }
}

#[tokio::test]
async fn provider_and_token_endpoint_need_not_both_be_reached_by_tls() {
    let pki = pki();
    let path = |name: &str| pki.path().join(name).display().to_string();
    let token = r#"{"access_token":"t-1","token_type":"Bearer"}"#;
    let tls = format!(
        "tls = {{ ca = '{}', certificate = '{}', key = '{}', server_name = 'provider.example' }}",
        path("ca.pem"),
        path("exchange.crt"),
        path("exchange.key")
    );
    let plain = |body: &'static str| Provider::start(move |_, _| json(body));
    let (plain_provider, plain_tokens) = (plain("[]"), plain(token));
    let (tls_provider, tls_tokens) = (provider(pki.path(), "[]"), provider(pki.path(), token));
    for (base, tokens) in [
        (format!("http://{}", plain_provider.address), format!("https://{tls_tokens}")),
        (format!("https://{tls_provider}"), format!("http://{}", plain_tokens.address)),
    ] {
        let auth = format!(
            "auth = {{ kind = 'oauth2', token_url = '{tokens}/token', client_id = 'sluice', client_secret = 's' }}"
        );
        let text = format!("base_url = '{base}'\n{tls}\n{auth}\n[query]\nmethod = 'GET'\npath = '/p/{{ID}}'");
        assert_eq!(
            fetch(&*bind_at(&text).attach(), Mode::Query, "43", &[0]).await,
            Ok(Some(vec![])),
            "{base} {tokens}"
        );
    }
    assert!(plain_provider.seen()[0].to_ascii_lowercase().contains("authorization: bearer t-1"));
}

//! Who is let in by TLS, who is told why not, and what unusable material is called.

use std::io;
use std::sync::Arc;

use sluice_transport::{Peer, Revocations, TlsError, TlsMaterial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::site::{Pki, Shows, Site, read_to_close};

const REQUEST: &[u8] = b"GET /peer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// In TLS 1.3 the client learns that its certificate was refused when it first reads.
async fn ask(site: &Site, shows: Shows) -> io::Result<String> {
    let mut stream = site.connect(shows, &[], "localhost").await?;
    stream.write_all(REQUEST).await?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await?;
    Ok(String::from_utf8_lossy(&all).into_owned())
}

#[tokio::test]
async fn only_current_client_certificates_of_our_authority_pass() {
    let site = Site::start();
    let rows = [
        (Shows::Good, None),
        (Shows::Revoked, None),
        (Shows::Nothing, Some("no_certificate")),
        (Shows::Expired, Some("certificate_expired")),
        (Shows::NotYetValid, Some("certificate_expired")),
        (Shows::Foreign, Some("certificate_untrusted")),
        (Shows::ServerUsage, Some("certificate_other")),
    ];
    for (shows, failure) in rows {
        let before = site.snapshot();
        let answer = ask(&site, shows).await;
        match failure {
            None => {
                assert!(
                    answer.as_ref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")),
                    "{shows:?}: {answer:?}"
                );
            }
            Some(label) => {
                assert!(answer.is_err(), "{shows:?} gets no HTTP answer: {answer:?}");
                let at = sluice_transport::HANDSHAKE_FAILURES.iter().position(|known| *known == label).unwrap();
                site.wait_for(|now| now.handshakes_failed[at] == before.handshakes_failed[at] + 1).await;
            }
        }
    }
}

#[tokio::test]
async fn alpn_chooses_the_protocol() {
    let site = Site::start();
    for (alpn, expected) in [(&[][..], "Http1"), (&["http/1.1"], "Http1")] {
        let mut stream = site.connect(Shows::Good, alpn, "localhost").await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let answer = read_to_close(&mut stream).await;
        assert!(answer.contains(expected), "{alpn:?}: {answer}");
    }
    let stream = site.connect(Shows::Good, &["h2", "http/1.1"], "localhost").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
}

#[tokio::test]
async fn a_new_configuration_resumes_no_session_of_the_old_one() {
    let site = Site::start();
    let client = Arc::new(site.pki.client(Shows::Good, &[]));
    let mut resumed = Vec::new();
    for round in 0..3 {
        if round == 2 {
            site.swap.replace(site.pki.material().server_config().unwrap());
        }
        let mut stream = site.connect_with(Arc::clone(&client), "localhost").await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        resumed.push(read_to_close(&mut stream).await.contains("resumed=true"));
    }
    assert_eq!(resumed, [false, true, false]);
}

#[tokio::test]
async fn the_server_name_must_be_that_of_the_host() {
    let site = Site::start();
    let rows =
        [("localhost", "localhost", "200"), ("localhost", "127.0.0.1", "421"), ("127.0.0.1", "localhost", "200")];
    for (name, host, status) in rows {
        let mut stream = site.connect(Shows::Good, &[], name).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_to_close(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{name} {host}: {answer}");
    }
}

#[test]
fn revoked_certificates_are_known_by_issuer_and_serial() {
    let pki = Pki::new();
    let authorities = pki.material().authorities().to_vec();
    let path = pki.path("crl.pem");
    std::fs::write(&path, pki.revocation_list(true)).unwrap();
    let revocations = Revocations::load(&[path], &authorities).unwrap();
    let peer = |name: &str| Peer::from_certificate(&pki.certificate(name), ([127, 0, 0, 1], 1).into()).unwrap();
    assert!(revocations.is_revoked(&peer("revoked")));
    assert!(!revocations.is_revoked(&peer("good")));
    let same_serial_elsewhere = Peer { issuer: peer("foreign").issuer, ..peer("revoked") };
    assert!(!revocations.is_revoked(&same_serial_elsewhere));
    assert_eq!(revocations.len(), 1);
    assert_eq!(revocations.next_update_s(), Some(3_913_142_400));
    assert_eq!(Revocations::default().next_update_s(), None);
}

#[test]
fn lists_that_cannot_be_trusted_are_refused_with_their_file() {
    let pki = Pki::new();
    let authorities = pki.material().authorities().to_vec();
    let mut tampered = pki.revocation_list(true);
    let middle = tampered.len() / 2;
    let other = if tampered.as_bytes()[middle] == b'A' { "B" } else { "A" };
    tampered.replace_range(middle..=middle, other);
    let rows = [
        ("foreign.crl", pki.revocation_list(false), "not issued by a trusted CA"),
        ("tampered.crl", tampered, "crl"),
        ("empty.crl", String::new(), "no revocation list"),
        ("cert.crl", std::fs::read_to_string(pki.path("good.pem")).unwrap(), "no revocation list"),
    ];
    for (name, content, word) in rows {
        let path = pki.path(name);
        std::fs::write(&path, content).unwrap();
        let error = Revocations::load(std::slice::from_ref(&path), &authorities).unwrap_err();
        assert_eq!(error.path(), path);
        assert!(error.to_string().contains(name) && error.to_string().contains(word), "{error}");
    }
    let missing = Revocations::load(&[pki.path("missing.crl")], &authorities).unwrap_err();
    assert!(missing.to_string().contains("missing.crl"), "{missing}");
}

#[test]
fn unusable_material_is_named() {
    let pki = Pki::new();
    std::fs::write(pki.path("junk.pem"), "not PEM").unwrap();
    let rows = [
        ("missing.pem", "server.key", "ca.pem", "missing.pem"),
        ("junk.pem", "server.key", "ca.pem", "junk.pem: holds no certificate"),
        ("server.pem", "server.pem", "ca.pem", "server.pem: holds no private key"),
        ("server.pem", "good.key", "ca.pem", "good.key is not the key"),
        ("server.pem", "server.key", "junk.pem", "junk.pem: holds no certificate"),
    ];
    for (cert, key, ca, word) in rows {
        let error: TlsError = TlsMaterial::load(&pki.path(cert), &pki.path(key), &pki.path(ca)).err().expect(word);
        assert!(error.to_string().contains(word), "{error}");
    }
}

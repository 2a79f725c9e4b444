//! The generator against a small gateway that answers as it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{Measured, Options, run};
use crate::pki;

const RIGHT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const WRONG: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld";
const REFUSED: &str = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";

/// More answers than a connection of the test asks for.
static ALWAYS_RIGHT: [&str; 100_000] = [RIGHT; 100_000];

/// A gateway that demands a client certificate and gives `answers` in turn on each connection, then closes it.
fn gateway(dir: &Path, answers: &'static [&'static str]) -> SocketAddr {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_file(dir.join("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap();
    let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = Arc::new(tls.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let stream = StreamOwned::new(session, socket.unwrap());
            std::thread::spawn(move || converse(stream, answers));
        }
    });
    address
}

/// Every request of the test ends in `{}`.
fn converse(mut stream: StreamOwned<ServerConnection, TcpStream>, answers: &[&str]) {
    for answer in answers {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n{}") {
            let mut piece = [0; 4096];
            let Ok(length @ 1..) = stream.read(&mut piece) else {
                return;
            };
            request.extend_from_slice(piece.get(..length).unwrap());
        }
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    options: Options,
}

fn generate(answers: &'static [&'static str], client: &str) -> anyhow::Result<Measured> {
    let dir = tempfile::tempdir().unwrap();
    pki::run(&pki::Options { dir: dir.path().to_owned(), systems: vec!["bench.main".into()] }).unwrap();
    let tokens: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    std::fs::write(dir.path().join("tokens"), tokens.join("\n")).unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let address = gateway(dir.path(), answers).to_string();
    let (pid, cert, key) =
        (std::process::id().to_string(), file(&format!("{client}.pem")), file(&format!("{client}.key")));
    let (ca, tokens) = (file("ca.pem"), file("tokens"));
    let target =
        ["load", "--addr", &address, "--ca", &ca, "--cert", &cert, "--key", &key, "--connections", "3", "--pid", &pid];
    let form =
        ["--path", "/", "--body", "{}", "--tokens", &tokens, "--expect-length", "5", "--expect-contains", "hello"];
    let window = ["--warmup-s", "0", "--duration-s", "0.5", "--own-core", "0"];
    let line = CommandLine::try_parse_from(target.iter().chain(&form).chain(&window)).unwrap();
    run(&line.options)
}

#[test]
fn right_answers_are_counted_and_timed() {
    let measured = generate(&ALWAYS_RIGHT, "bench.main").unwrap();
    assert_eq!((measured.errors, &measured.first_error), (0, &None));
    assert!(measured.requests > 0 && measured.p50_us > 0.0 && measured.p99_us >= measured.p50_us, "{measured:?}");
    assert!(measured.cpu_us_per_request.unwrap() >= 0.0);
    assert!(measured.tls.starts_with("TLSv1_3"), "{}", measured.tls);
}

/// Some right answers, so that the window sees them, then the fault.
const fn right_then(fault: &'static str) -> [&'static str; 20] {
    let mut answers = [RIGHT; 20];
    answers[19] = fault;
    answers
}

#[test]
fn every_fault_is_counted_with_the_first_told() {
    let check = |answers: &'static [&'static str], told: &[&str]| {
        let measured = generate(answers, "bench.main").unwrap();
        // Three connections, each with as many faults as it is allowed.
        assert!(measured.errors > 0 && measured.errors <= 60, "{measured:?}");
        let first = measured.first_error.as_deref().unwrap();
        assert!(told.iter().any(|text| first.contains(text)), "{first}");
    };
    check(&const { right_then(WRONG) }, &["expected text is missing"]);
    check(&const { right_then(REFUSED) }, &["status 429"]);
    // How the end shows depends on whether the next request was under way.
    check(&const { right_then(RIGHT) }, &["closed the connection", "reset", "Broken pipe"]);
}

#[test]
fn a_run_without_a_right_answer_is_no_measurement() {
    let check = |answers: &'static [&'static str], client: &str, told: &str| {
        let error = format!("{:#}", generate(answers, client).unwrap_err());
        assert!(error.contains(told), "{error}");
    };
    check(&[WRONG], "bench.main", "expected text is missing");
    // A server's certificate is no client's: the gateway ends the connection.
    check(&[RIGHT], "server", "not one right answer");
}

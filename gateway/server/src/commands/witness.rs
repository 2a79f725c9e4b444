//! `sluice witness`: remembers how far other nodes' ledgers have come, and cosigns what continues it.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sluice_config::witness::{self, WitnessSettings};
use sluice_ledger::{BODY_BYTES_MAX, Witness, WitnessSigner};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::cli::{self, WitnessKeygen};
use crate::failure::Outcome;
use crate::plain_http::{self, Answer, Bounds, answer, text};
use crate::signals::{Signals, Wish};
use crate::{clock, key_files, logs};

const BOUNDS: Bounds = Bounds {
    connections_max: 256,
    body_bytes_max: BODY_BYTES_MAX,
    idle: Duration::from_mins(2),
    body: Duration::from_secs(10),
};
/// `witness.key`, `witness.vkey`.
const KEY_FILES: &str = "witness";

pub(crate) fn run(given: cli::Witness) -> Outcome {
    match (given.command, given.config) {
        (Some(cli::WitnessCommand::Keygen(given)), _) => keygen(&given)?,
        (None, Some(config)) => serve(witness::load(&config)?)?,
        (None, None) => return Err(anyhow!("--config FILE is missing").into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn keygen(given: &WitnessKeygen) -> anyhow::Result<()> {
    let (signer, secret) = WitnessSigner::generate(&given.name)?;
    let public = signer.key().to_text();
    key_files::write_pair(&given.out, KEY_FILES, (&secret, &public))?;
    writeln!(io::stdout(), "{public}")?;
    Ok(())
}

fn serve(settings: WitnessSettings) -> anyhow::Result<()> {
    logs::start(settings.log)?;
    let tls = settings.tls.as_ref().map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
    let witness = Arc::new(
        Witness::open(&settings.state_dir, settings.signer, settings.logs)
            .with_context(|| format!("cannot remember in {}", settings.state_dir.display()))?,
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::install().context("cannot listen for signals")?;
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let name = witness.key().name();
        writeln!(io::stdout(), "witness {name} listens on {scheme}://{}", listener.local_addr()?)?;
        let shown = Arc::clone(&witness);
        let served = plain_http::serve_over(listener, tls, move |request| reply(&shown, &request), BOUNDS);
        tokio::select! {
            never = served => match never {},
            () = ended(&mut signals) => Ok(()),
        }
    })
}

async fn ended(signals: &mut Signals) {
    while !matches!(signals.next().await, Wish::Drain | Wish::StopNow) {}
}

/// One request. It blocks on the disk, on the one thread there is: a log sends one checkpoint a second.
fn reply(witness: &Witness, request: &Request<Bytes>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/add-checkpoint") => {
            let now_s = u64::try_from(clock::now_unix_s()).unwrap_or_default();
            let told = witness.add_checkpoint(request.body(), now_s);
            let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            answer(status, told.content_type, told.body)
        }
        (_, "/add-checkpoint") => {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "POST\n");
            refused.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            refused
        }
        (&Method::GET | &Method::HEAD, "/livez") => text(StatusCode::OK, "ok\n"),
        (&Method::GET | &Method::HEAD, "/metrics") => text(StatusCode::OK, metrics(witness)),
        _ => text(StatusCode::NOT_FOUND, "/add-checkpoint, /livez, /metrics\n"),
    }
}

fn metrics(witness: &Witness) -> String {
    let name = "sluice_witness_cosigned_size";
    let head = format!("# HELP {name} Records of the largest checkpoint cosigned, by log.\n# TYPE {name} gauge\n");
    // Origins hold neither quotes nor backslashes where the gateway's configuration made them; others may.
    let escaped = |origin: &str| origin.replace('\\', "\\\\").replace('"', "\\\"");
    let line = |(origin, size): (&str, u64)| format!("{name}{{origin=\"{}\"}} {size}\n", escaped(origin));
    head + &witness.sizes().into_iter().map(line).collect::<String>()
}

fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot use {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("cannot use {}", key.display()))?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

//! The gateway's way to a witness: HTTP/1.1, over TLS or within the private network.

use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use sluice_config::settings::{OnUnreachable, WitnessPeer as Listed, Witnesses};
use sluice_domain::Egress;
use sluice_ledger::{BODY_BYTES_MAX, LineError, WitnessLine, WitnessPeer, WitnessPolicy};
use sluice_transport::clock;
use sluice_transport::upstream::{ClientTls, Endpoint, PoolLimits, Upstream};

/// Between two checkpoints the connection is kept: they come each second.
const IDLE: Duration = Duration::from_secs(30);

/// Whom the ledger has to ask, from configuration.
///
/// # Errors
/// An address or a file of authorities that cannot be used.
pub(crate) fn policy(given: &Witnesses, egress: &Arc<Egress>) -> anyhow::Result<WitnessPolicy> {
    let peer = |listed: &Listed| {
        let line = HttpLine::new(listed, given.pace.timeout, Arc::clone(egress));
        let line = line.with_context(|| format!("witness {}", listed.origin))?;
        Ok(WitnessPeer { key: listed.key.clone(), line: Box::new(line) })
    };
    Ok(WitnessPolicy {
        peers: given.peers.iter().map(peer).collect::<anyhow::Result<_>>()?,
        quorum: given.quorum,
        on_unreachable: match given.on_unreachable {
            OnUnreachable::Wait => sluice_ledger::OnUnreachable::Wait(given.pace.start_wait),
            OnUnreachable::Start => sluice_ledger::OnUnreachable::Start,
        },
    })
}

/// The connection lives on a thread of its own, since pools stay where they were made; callers hand over a body and
/// wait for the answer.
struct HttpLine {
    questions: SyncSender<Question>,
}

struct Question {
    body: Vec<u8>,
    answer: SyncSender<Result<(u16, String), LineError>>,
}

impl HttpLine {
    fn new(listed: &Listed, timeout: Duration, egress: Arc<Egress>) -> anyhow::Result<Self> {
        let tls = listed.ca.as_deref().map(|ca| ClientTls::load(ca, None, None)).transpose()?;
        let limits =
            PoolLimits { connections_max: 1, idle_max: 1, idle: IDLE, connect: timeout, ..PoolLimits::default() };
        let endpoint = Arc::new(Endpoint::new(&listed.origin, tls, limits, egress)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let target = format!("{}{}/add-checkpoint", listed.origin, listed.path);
        let (questions, asked) = mpsc::sync_channel::<Question>(1);
        std::thread::Builder::new().name("witness-line".into()).spawn(move || {
            let upstream = Upstream::new(endpoint);
            for Question { body, answer } in asked {
                let sent = runtime.block_on(send(&upstream, &target, body, timeout));
                // Whoever asked may have gone.
                let _ = answer.send(sent.map_err(|error| LineError(format!("{error:#}"))));
            }
        })?;
        Ok(Self { questions })
    }
}

impl WitnessLine for HttpLine {
    fn add_checkpoint(&mut self, body: Vec<u8>) -> Result<(u16, String), LineError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let ended = || LineError(String::from("the way to the witness has ended"));
        self.questions.send(Question { body, answer }).map_err(|_| ended())?;
        answered.recv().unwrap_or_else(|_| Err(ended()))
    }
}

async fn send(upstream: &Upstream, target: &str, body: Vec<u8>, timeout: Duration) -> anyhow::Result<(u16, String)> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(target)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(Bytes::from(body)))?;
    let sent = upstream.send(request, clock::now() + timeout, BODY_BYTES_MAX).await;
    let answer = sent.map_err(|fault| anyhow!("{fault}"))?;
    let status = answer.status().as_u16();
    Ok((status, String::from_utf8(answer.into_body().to_vec()).context("the answer is no text")?))
}

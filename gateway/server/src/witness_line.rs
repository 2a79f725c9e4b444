//! The gateway's way to a witness: HTTP/1.1, over TLS or within the private network.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use sluice_config::settings::{OnUnreachable, WitnessPeer as Listed, Witnesses};
use sluice_ledger::{BODY_BYTES_MAX, LineError, WitnessLine, WitnessPeer, WitnessPolicy};
use sluice_transport::clock;
use sluice_transport::upstream::{ClientTls, Endpoint, PoolLimits, Upstream};
use tokio::runtime::Runtime;

/// Between two checkpoints the connection is kept: they come each second.
const IDLE: Duration = Duration::from_secs(30);

/// Whom the ledger has to ask, from configuration.
///
/// # Errors
/// An address or a file of authorities that cannot be used.
pub(crate) fn policy(given: &Witnesses) -> anyhow::Result<WitnessPolicy> {
    let peer = |listed: &Listed| {
        let line = HttpLine::new(listed, given.pace.timeout).with_context(|| format!("witness {}", listed.origin))?;
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

/// Used from one thread at a time, each with a runtime of its own.
struct HttpLine {
    runtime: Runtime,
    upstream: Upstream,
    target: String,
    timeout: Duration,
}

impl HttpLine {
    fn new(listed: &Listed, timeout: Duration) -> anyhow::Result<Self> {
        let tls = listed.ca.as_deref().map(|ca| ClientTls::load(ca, None, None)).transpose()?;
        let limits =
            PoolLimits { connections_max: 1, idle_max: 1, idle: IDLE, connect: timeout, ..PoolLimits::default() };
        let endpoint = Endpoint::new(&listed.origin, tls, limits)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let target = format!("{}{}/add-checkpoint", listed.origin, listed.path);
        Ok(Self { runtime, upstream: Upstream::new(Arc::new(endpoint)), target, timeout })
    }

    fn send(&self, body: Vec<u8>) -> anyhow::Result<(u16, String)> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.target)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))?;
        let sent = self.upstream.send(request, clock::now() + self.timeout, BODY_BYTES_MAX);
        let answer = self.runtime.block_on(sent).map_err(|fault| anyhow!("{fault}"))?;
        let status = answer.status().as_u16();
        Ok((status, String::from_utf8(answer.into_body().to_vec()).context("the answer is no text")?))
    }
}

impl WitnessLine for HttpLine {
    fn add_checkpoint(&mut self, body: Vec<u8>) -> Result<(u16, String), LineError> {
        self.send(body).map_err(|error| LineError(format!("{error:#}")))
    }
}

//! The gateway's way to a witness.

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use sluice_config::settings::{OnUnreachable, WitnessPeer as Listed, Witnesses};
use sluice_domain::Egress;
use sluice_ledger::{BODY_BYTES_MAX, LineError, WitnessLine, WitnessPeer, WitnessPolicy};
use sluice_transport::upstream::ClientTls;

use crate::line::{Line, Way};

/// Whom the ledger has to ask, from configuration.
///
/// # Errors
/// An address or a file of authorities that cannot be used.
pub(crate) fn policy(given: &Witnesses, egress: &Egress) -> anyhow::Result<WitnessPolicy> {
    let peer = |listed: &Listed| {
        let line = HttpLine::new(listed, given, egress).with_context(|| format!("witness {}", listed.origin))?;
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

struct HttpLine {
    line: Line,
    target: String,
}

impl HttpLine {
    fn new(listed: &Listed, given: &Witnesses, egress: &Egress) -> anyhow::Result<Self> {
        let tls = listed.ca.as_deref().map(|ca| ClientTls::load(ca, None, None)).transpose()?;
        let (timeout, origin) = (given.pace.timeout, listed.origin.as_str());
        let way = Way { name: "witness-line", origin, tls, timeout, answer_max: BODY_BYTES_MAX };
        let target = format!("{origin}{}/add-checkpoint", listed.path);
        Ok(Self { line: Line::new(way, egress)?, target })
    }

    fn ask(&self, body: Vec<u8>) -> anyhow::Result<(u16, String)> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.target)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))?;
        let (status, body) = self.line.ask(request)?;
        Ok((status.as_u16(), String::from_utf8(body.to_vec()).context("the answer is no text")?))
    }
}

impl WitnessLine for HttpLine {
    fn add_checkpoint(&mut self, body: Vec<u8>) -> Result<(u16, String), LineError> {
        self.ask(body).map_err(|error| LineError(format!("{error:#}")))
    }
}

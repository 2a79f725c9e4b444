//! `[ledger.witness]` and `[[ledger.witnesses]]`: who else remembers how far the ledger has come.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sluice_ledger::WitnessKey;

use crate::document::Document;
use crate::fault::Fault;
use crate::settings::numbers::numbers;
use crate::settings::url;
use crate::shape;

/// Witnesses that one ledger can have: each costs a thread, and a cosignature in every receipt.
const WITNESSES_MAX: usize = 8;

/// What a start does if too few witnesses answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnreachable {
    /// Waits for them, then does not start.
    #[default]
    Wait,
    /// Starts, and says aloud that a rollback would not be noticed.
    Start,
}

/// The witnesses of the ledger; none unless some are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnesses {
    /// Cosignatures that make a checkpoint witnessed. Default: of all of them.
    pub quorum: usize,
    /// At a start. Default: wait.
    pub on_unreachable: OnUnreachable,
    /// Times.
    pub pace: WitnessPace,
    /// One by one.
    pub peers: Vec<WitnessPeer>,
}

numbers! {
    /// Times of witnessing; their keys stand in `[ledger.witness]` itself.
    WitnessPace from RawWitnessPace {
        /// How long a start waits for witnesses, seconds.
        start_wait_s => start_wait: Duration = 300 in 1..=86_400, Duration::from_secs;
        /// How long one question to a witness may take, milliseconds.
        timeout_ms => timeout: Duration = 5_000 in 50..=60_000, Duration::from_millis;
        /// How long an answer of a resource with the gate `local+witness` waits for its cosignatures, milliseconds.
        gate_wait_ms => gate_wait: Duration = 5_000 in 50..=60_000, Duration::from_millis;
    }
}

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessPeer {
    /// Origin of its address, `http` or `https`.
    pub origin: String,
    /// Path in front of `/add-checkpoint`, without a slash at its end; mostly empty.
    pub path: String,
    /// Its public key.
    pub key: WitnessKey,
    /// Authorities that its certificate may come from; for `https`.
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawWitness {
    quorum: Option<u64>,
    on_unreachable: OnUnreachable,
    start_wait_s: Option<u64>,
    timeout_ms: Option<u64>,
    gate_wait_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWitnessPeer {
    url: String,
    key: String,
    ca: Option<PathBuf>,
}

impl Witnesses {
    pub(crate) fn read(
        raw: &RawWitness,
        peers: Vec<RawWitnessPeer>,
        document: &Document<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let count = peers.len();
        if count > WITNESSES_MAX {
            let message = format!("\"witnesses\": {count} are more than {WITNESSES_MAX}");
            faults.push(document.fault("ledger.witnesses", message, None));
        }
        let quorum = raw.quorum.map_or(Ok(count), usize::try_from).unwrap_or(usize::MAX);
        if quorum > count || (quorum == 0 && count > 0) {
            let message = format!("\"quorum\": {quorum} of {count} witnesses cannot be");
            faults.push(document.fault("ledger.witness.quorum", message, Some(format!("from 1 to {count}"))));
        }
        let pace = RawWitnessPace {
            start_wait_s: raw.start_wait_s,
            timeout_ms: raw.timeout_ms,
            gate_wait_ms: raw.gate_wait_ms,
        };
        let pace = WitnessPace::read(&pace, "ledger.witness", document, faults);
        let read = peers.into_iter().enumerate().map(|(at, peer)| WitnessPeer::read(peer, at, document, faults));
        let peers: Vec<Option<WitnessPeer>> = read.collect();
        let peers = peers.into_iter().collect::<Option<Vec<_>>>()?;
        let twice = peers.iter().enumerate().find(|(at, peer)| peers.iter().take(*at).any(|b| b.key == peer.key));
        if let Some((at, peer)) = twice {
            let message = format!("witness \"{}\" is listed twice: its word counts once", peer.key.name());
            faults.push(document.fault(&format!("ledger.witnesses.{at}.key"), message, None));
        }
        Some(Self { quorum, on_unreachable: raw.on_unreachable, pace, peers })
    }
}

impl WitnessPeer {
    fn read(raw: RawWitnessPeer, at: usize, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let place = |key: &str| format!("ledger.witnesses.{at}.{key}");
        let key = WitnessKey::parse(raw.key.trim()).ok();
        if key.is_none() {
            let message = "\"key\": not the public key of a witness, name+hash+base64";
            let hint = "the witness's operator has it: `sluice witness keygen` writes it to witness.vkey";
            faults.push(document.fault(&place("key"), message, Some(hint.to_owned())));
        }
        let split = url::origin_and_path(&raw.url);
        if split.is_none() {
            let message = "\"url\": an http or https address, without query or user";
            faults.push(document.fault(&place("url"), message, shape::example("witness_url")));
        }
        let (origin, path) = split?;
        let is_https = origin.starts_with("https://");
        if is_https != raw.ca.is_some() {
            let message = if is_https {
                "\"ca\": an https witness needs the file of the authorities of its certificate"
            } else {
                "\"ca\": a witness over plain http shows no certificate"
            };
            faults.push(document.fault(&place("ca"), message, None));
        }
        Some(Self { origin, path, key: key?, ca: raw.ca.map(|ca| document.resolve(&ca)) })
    }
}

//! `[ledger]`: where access records are kept, and how fast they become durable.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sluice_ledger::VerifierKey;

use crate::document::Document;
use crate::fault::Fault;
use crate::settings::numbers::{count, numbers};
use crate::settings::witnesses::{RawWitness, RawWitnessPeer, Witnesses};
use crate::shape;

/// The access ledger of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Folder; made at the first start.
    pub dir: PathBuf,
    /// Name of the log in checkpoints and receipts: a schema-less URL that never changes.
    pub origin: String,
    /// Sizes and times.
    pub pace: LedgerPace,
    /// Who else remembers how far it has come.
    pub witnesses: Witnesses,
    /// Who vouches for its keys; none unless given.
    pub root_key: Option<VerifierKey>,
}

numbers! {
    /// Sizes and times of the ledger; their keys stand in `[ledger]` itself.
    LedgerPace from RawLedgerPace {
        /// Bytes of a write-ahead segment, rounded down to whole pages of 4 KiB. Zero-filled ahead of use, so small
        /// ones start faster.
        segment_bytes => segment_bytes: u64 = 67_108_864 in 1_048_576..=1_073_741_824, whole_pages;
        /// Under load, longest time from the beginning of one sync of the log to the next, microseconds; sooner with
        /// few callers. A lone caller never waits for it.
        commit_window_us => commit_window: Duration = 4_000 in 0..=10_000, Duration::from_micros;
        /// Records waiting to be durable; above it `ledger.unavailable` instead of growth.
        backlog_max => backlog_max: usize = 8_192 in 16..=1_000_000, count;
        /// Time between signed checkpoints, milliseconds: a receipt waits at most two seconds for one.
        checkpoint_interval_ms => checkpoint_interval: Duration = 1_000 in 100..=60_000, Duration::from_millis;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLedger {
    dir: PathBuf,
    origin: String,
    segment_bytes: Option<u64>,
    commit_window_us: Option<u64>,
    backlog_max: Option<u64>,
    checkpoint_interval_ms: Option<u64>,
    root_key: Option<String>,
    #[serde(default)]
    witness: RawWitness,
    #[serde(default)]
    witnesses: Vec<RawWitnessPeer>,
}

/// The ledger takes whole pages only.
fn whole_pages(bytes: u64) -> u64 {
    bytes / 4096 * 4096
}

impl Ledger {
    pub(crate) fn read(raw: RawLedger, document: &Document<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let plain = raw.origin.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'+' | b'"' | b'\\'));
        let named = (1..=200).contains(&raw.origin.len()) && plain && !raw.origin.contains("://");
        if !named {
            let message = "\"origin\": 1–200 printable ASCII characters without spaces, quotes, \"+\" or \"://\"";
            faults.push(document.fault("ledger.origin", message, shape::example("origin")));
        }
        if raw.dir.as_os_str().is_empty() {
            faults.push(document.fault(
                "ledger.dir",
                "\"dir\": a folder",
                Some(String::from("example: dir = \"ledger\"")),
            ));
        }
        let pace = RawLedgerPace {
            segment_bytes: raw.segment_bytes,
            commit_window_us: raw.commit_window_us,
            backlog_max: raw.backlog_max,
            checkpoint_interval_ms: raw.checkpoint_interval_ms,
        };
        let pace = LedgerPace::read(&pace, "ledger", document, faults);
        let witnesses = Witnesses::read(&raw.witness, raw.witnesses, document, faults);
        let root_key = raw.root_key.map(|text| VerifierKey::parse(text.trim()));
        if matches!(root_key, Some(Err(_))) {
            let message = "\"root_key\": not a public key, name+hash+base64";
            let hint = Some(String::from("`sluice ledger keys root` writes it to root.vkey"));
            faults.push(document.fault("ledger.root_key", message, hint));
        }
        let root_key = root_key.transpose().ok()?;
        named.then_some(())?;
        Some(Self { dir: document.resolve(&raw.dir), origin: raw.origin, pace, witnesses: witnesses?, root_key })
    }
}

//! Refusals that are counted instead of listed (ledger.md, flood rule): those of nobody, and those
//! beyond a system's quota. One record per reason, client and second, so that a flood neither fills
//! the disk nor hides that it happened.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;
use sluice_domain::Code;
use sluice_ledger::Ledger;
use sluice_ledger::record::RejectSummary;

use crate::record::Recorder;

/// Reasons and clients that a worker counts at once; a flood of more is counted under no client.
const PAIRS_MAX: usize = 1024;
const LISTENER: &str = "data";

/// Reason and first 16 bytes of the client's certificate fingerprint.
type Pair = (Code, Option<[u8; 16]>);

/// A worker's counts since they were last written; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Summaries(Rc<RefCell<HashMap<Pair, u64, RandomState>>>);

impl Summaries {
    pub(crate) fn note(&self, code: Code, fingerprint: &[u8; 32]) {
        let mut counts = self.0.borrow_mut();
        let mut pair = (code, fingerprint.first_chunk().copied());
        if counts.len() >= PAIRS_MAX && !counts.contains_key(&pair) {
            pair.1 = None;
        }
        *counts.entry(pair).or_default() += 1;
    }

    /// Writes and forgets the counts of the second that ended. The records trail: nobody waits for them.
    pub(crate) fn write(&self, ledger: &Ledger, recorder: &Recorder, window_s: i64) {
        let counts = self.0.take();
        for ((code, client), count) in counts {
            recorder.append_trailing(|key, out| {
                RejectSummary {
                    head: ledger.head_of(key),
                    window_s: u64::try_from(window_s).unwrap_or_default(),
                    listener: LISTENER,
                    reason: code.as_str(),
                    client: client.as_ref().map(<[u8; 16]>::as_slice).unwrap_or_default(),
                    count,
                }
                .encode_into(out);
            });
        }
    }
}

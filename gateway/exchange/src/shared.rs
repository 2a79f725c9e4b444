//! What the workers of a node share: the snapshot pointer, the ledger, and counters outside the
//! snapshot. Nothing here is locked on the way of an ordinary call.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use sluice_ledger::Ledger;

use crate::cursor::Cursors;
use crate::epochs::TagKeys;
use crate::limit::{Limiters, RefusalQuota};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::spool::Spool;
use crate::tally::Tally;

/// Shared by all workers of a node.
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) ledger: Ledger,
    pub(crate) settings: Settings,
    pub(crate) limiters: Limiters,
    pub(crate) refusals: RefusalQuotas,
    pub(crate) selections: Selections,
    pub(crate) cursors: Cursors,
    pub(crate) spool: Arc<Spool>,
    pub(crate) tag_keys: Arc<TagKeys>,
    pub(crate) tallies: Mutex<Vec<Arc<Tally>>>,
    /// Set once the drain has stopped accepting: what still arrives is told `exchange.draining`.
    pub(crate) is_closing: AtomicBool,
}

/// Refusal quotas by system id, kept over reloads.
pub(crate) struct RefusalQuotas {
    per_second: u32,
    by_system: Mutex<HashMap<String, Arc<RefusalQuota>, RandomState>>,
}

impl RefusalQuotas {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, by_system: Mutex::default() }
    }

    /// The quota of a system. Systems are registered, so the map is bounded by the register.
    pub(crate) fn of(&self, system: String) -> Arc<RefusalQuota> {
        let mut by_system = self.by_system.lock().unwrap_or_else(PoisonError::into_inner);
        by_system.entry(system).or_insert_with(|| Arc::new(RefusalQuota::new(self.per_second))).clone()
    }
}

/// Which party has used which unconditional resource before: the first call is the selection
/// (选取即时获取, D21-1) and is recorded as such.
#[derive(Default)]
pub(crate) struct Selections(Mutex<HashSet<(String, String), RandomState>>);

impl Selections {
    /// Notes a use; true the first time.
    pub(crate) fn note(&self, party: &str, resource: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((party.to_owned(), resource.to_owned()))
    }
}

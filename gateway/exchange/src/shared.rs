//! What the workers of a node share: the snapshot pointer, the ledger, and counters outside the
//! snapshot. Nothing here is locked on the way of an ordinary call.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use sluice_ledger::Ledger;

use crate::cursor::Cursors;
use crate::epochs::TagKeys;
use crate::limit::{Limiters, RefusalQuota};
use crate::snapshot::Snapshot;
use crate::spool::Spool;
use crate::tally::Tally;

/// Shared by all workers of a node.
pub(crate) struct Shared {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) ledger: Ledger,
    pub(crate) limiters: Limiters,
    pub(crate) refusals: RefusalQuotas,
    pub(crate) selections: Arc<Selections>,
    pub(crate) cursors: Cursors,
    pub(crate) spool: Arc<Spool>,
    pub(crate) tag_keys: Arc<TagKeys>,
    pub(crate) tallies: Mutex<Vec<Arc<Tally>>>,
    /// Set once the drain has stopped accepting: what still arrives is told `exchange.draining`.
    pub(crate) is_closing: AtomicBool,
}

/// Refusal quotas by system id, kept over reloads.
#[derive(Default)]
pub(crate) struct RefusalQuotas(Mutex<HashMap<String, Arc<RefusalQuota>, RandomState>>);

impl RefusalQuotas {
    /// The quota of a system, a new one if its size changed.
    pub(crate) fn of(&self, system: String, per_second: u32) -> Arc<RefusalQuota> {
        let mut by_system = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_system.get(&system).filter(|known| known.per_second() == per_second) {
            return known.clone();
        }
        let quota = Arc::new(RefusalQuota::new(per_second));
        by_system.insert(system, quota.clone());
        quota
    }

    /// Forgets systems that are registered no more, so that the register bounds the map.
    pub(crate) fn keep(&self, is_registered: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|system, _| is_registered(system));
    }
}

/// Party key and catalogue code.
type Pair = (String, String);

/// Which party has used which unconditional resource before: the first call is the selection
/// (选取即时获取, D21-1) and is recorded as such.
#[derive(Default)]
pub(crate) struct Selections(Mutex<HashMap<Pair, Stage, RandomState>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its record is on the way to the disk.
    Begun,
    /// Its record is durable.
    Made,
}

/// A selection whose record is not durable yet; dropped before, it was none, and the next use is the first.
pub(crate) struct Selecting {
    selections: Arc<Selections>,
    pair: Option<Pair>,
}

impl Selections {
    fn lock(&self) -> MutexGuard<'_, HashMap<Pair, Stage, RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a selection unless one was begun or made before.
    pub(crate) fn begin(self: &Arc<Self>, party: &str, resource: &str) -> Option<Selecting> {
        let pair = (party.to_owned(), resource.to_owned());
        match self.lock().entry(pair.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                place.insert(Stage::Begun);
                Some(Selecting { selections: Arc::clone(self), pair: Some(pair) })
            }
        }
    }

    /// Whether a durable record says that the party selected the resource.
    pub(crate) fn is_made(&self, party: &str, resource: &str) -> bool {
        self.lock().get(&(party.to_owned(), resource.to_owned())) == Some(&Stage::Made)
    }

    /// Notes a selection that the ledger remembers.
    pub(crate) fn restore(&self, party: &str, resource: &str) {
        self.lock().insert((party.to_owned(), resource.to_owned()), Stage::Made);
    }
}

impl Selecting {
    /// Its record is durable.
    pub(crate) fn made(mut self) {
        if let Some(pair) = self.pair.take() {
            self.selections.lock().insert(pair, Stage::Made);
        }
    }
}

impl Drop for Selecting {
    fn drop(&mut self) {
        if let Some(pair) = &self.pair {
            self.selections.lock().remove(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_whose_record_failed_is_made_by_the_next_use() {
        let selections = Arc::<Selections>::default();
        let first = selections.begin("mz", "101001001/000001").unwrap();
        assert!(selections.begin("mz", "101001001/000001").is_none(), "one at a time");
        drop(first);
        assert!(!selections.is_made("mz", "101001001/000001"));
        selections.begin("mz", "101001001/000001").unwrap().made();
        assert!(selections.begin("mz", "101001001/000001").is_none());
        assert!(selections.is_made("mz", "101001001/000001"));
        assert!(selections.begin("rs", "101001001/000001").is_some(), "each party selects for itself");
    }

    #[test]
    fn a_quota_is_kept_until_its_size_changes() {
        let quotas = RefusalQuotas::default();
        let quota = quotas.of("mz.main".into(), 3);
        assert!(Arc::ptr_eq(&quota, &quotas.of("mz.main".into(), 3)));
        assert!(!Arc::ptr_eq(&quota, &quotas.of("mz.main".into(), 4)));
        quotas.keep(|system| system != "mz.main");
        assert!(quotas.0.lock().unwrap().is_empty());
    }
}

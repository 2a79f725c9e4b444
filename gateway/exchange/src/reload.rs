//! Changing a running gateway: recorded first, then swapped in whole. No connection is dropped, and
//! counters stay where they are, outside the snapshot.

use std::collections::HashSet;
use std::sync::Arc;

use sluice_domain::Day;
use sluice_ledger::record::{Notice, NoticeKind};
use sluice_ledger::{Closed, Ledger};
use sluice_transport::{Change, Ended, LimitsError, Steering, clock};

use crate::limit::LimitKey;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Changes a running gateway; outlives it without keeping its workers.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
    steering: Steering,
}

/// Who changes the rules, and what for; stands in the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Who acted: `operator` or a component.
    pub actor: &'a str,
    /// Stable name of the act, such as `policy.reloaded`.
    pub action: &'a str,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A limit is out of its range.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// Without its record no change takes effect.
    #[error("the change could not be recorded in the ledger: {0}")]
    Ledger(#[from] Closed),
    /// The workers have ended.
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>, steering: Steering) -> Self {
        Self { shared, steering }
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// Records the act, then puts the snapshot in force for every request that begins after, and the
    /// change for listeners and connections. A request in work keeps the snapshot it began with.
    /// Blocks on the disk: not on a worker.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn reload(&self, snapshot: Snapshot, change: Option<Change>, act: Act<'_>) -> Result<(), ReloadError> {
        if let Some(change) = &change {
            change.check()?;
        }
        let before = self.snapshot();
        self.record(&before, &snapshot, act)?;
        self.shared.snapshot.store(Arc::new(snapshot));
        self.forget_undeclared();
        if let Some(change) = change {
            self.steering.apply(change)?;
        }
        Ok(())
    }

    fn record(&self, before: &Snapshot, after: &Snapshot, act: Act<'_>) -> Result<(), Closed> {
        let ledger: &Ledger = &self.shared.ledger;
        let reason = format!("revision {} before", before.policy.revision());
        let written = ledger.append_blocking(|key, out| {
            Notice {
                kind: NoticeKind::Admin,
                head: ledger.head_of(key),
                actor: act.actor,
                action: act.action,
                object: after.policy.revision(),
                reason: &reason,
                data: after.revocations.digest(),
            }
            .encode_into(out);
        });
        written.map(drop)
    }

    fn forget_undeclared(&self) {
        let snapshot = self.shared.snapshot.load();
        let policy = &snapshot.policy;
        let grants: HashSet<&str> = policy.grants().iter().map(|grant| grant.id.as_str()).collect();
        let parties: HashSet<&str> = policy.parties().iter().map(|party| party.key.as_str()).collect();
        let systems: HashSet<&str> = policy.systems().iter().map(|system| system.id.as_str()).collect();
        self.shared.limiters.keep(Day::at(clock::now_unix_s()), |key| match key {
            LimitKey::Grant(id) => grants.contains(id.as_str()),
            LimitKey::Open(party, code) => parties.contains(party.as_str()) && policy.resource_by_code(code).is_some(),
        });
        self.shared.refusals.keep(|id| systems.contains(id));
    }
}

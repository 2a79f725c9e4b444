//! What the ledger says of earlier use: today's calls by grant, and which unconditional resources a
//! party has selected before.
//!
//! Both are a fold over the access records, so they need no store of their own: after a restart, a
//! crash included, they are counted again from the ledger. A file remembers the fold up to an index,
//! to keep starts short; losing it costs time, never correctness.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sluice_domain::Day;
use sluice_ledger::record::{Access, Decision};
use sluice_ledger::{Ledger, ReadError, Record};

use crate::limit::{LimitKey, Limiters};
use crate::record;
use crate::shared::Selections;

/// The fold over the access records below `through`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usage {
    origin: String,
    through: u64,
    day: Option<Day>,
    /// Calls of `day` by grant.
    by_grant: BTreeMap<String, u32>,
    /// Calls of `day` by party and unconditional resource.
    open: BTreeMap<String, BTreeMap<String, u32>>,
    /// Parties and the unconditional resources they have used.
    selections: BTreeMap<String, BTreeSet<String>>,
}

impl Usage {
    /// Reads the file, or begins at the first record where there is none that fits this ledger.
    pub(crate) fn load(file: &Path, ledger: &Ledger) -> Self {
        let read = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let fitting = read.filter(|usage| usage.origin == ledger.origin() && usage.through <= ledger.size());
        fitting.unwrap_or_else(|| Self { origin: ledger.origin().to_owned(), ..Self::default() })
    }

    /// Folds the records that have come since. Reads the disk: not on a worker.
    pub(crate) fn advance(&mut self, ledger: &Ledger) -> Result<(), ReadError> {
        let size = ledger.size();
        if self.through >= size {
            return Ok(());
        }
        for leaf in ledger.scan(self.through)? {
            let leaf = leaf?;
            if let Ok(Record::Access(access)) = leaf.record() {
                self.fold(&access);
            }
            self.through = leaf.index + 1;
        }
        Ok(())
    }

    fn fold(&mut self, access: &Access<'_>) {
        if access.decision != Decision::Permit {
            return;
        }
        let day = Day::at(i64::try_from(access.head.wall_us / 1_000_000).unwrap_or_default());
        if self.day.is_none_or(|current| day > current) {
            self.day = Some(day);
            self.by_grant.clear();
            self.open.clear();
        }
        if self.day == Some(day) {
            let count = if access.grant.is_empty() {
                self.open
                    .entry(access.consumer_party.to_owned())
                    .or_default()
                    .entry(access.resource.to_owned())
                    .or_default()
            } else {
                self.by_grant.entry(access.grant.to_owned()).or_default()
            };
            *count = count.saturating_add(access.units);
        }
        if record::is_selection(access) {
            self.selections.entry(access.consumer_party.to_owned()).or_default().insert(access.resource.to_owned());
        }
    }

    /// Tells the counters of a node that is starting.
    pub(crate) fn restore(&self, limiters: &Limiters, selections: &Selections) {
        if let Some(day) = self.day {
            for (grant, units) in &self.by_grant {
                limiters.restore(LimitKey::Grant(grant.clone()), day, *units);
            }
            for (party, resources) in &self.open {
                for (resource, units) in resources {
                    limiters.restore(LimitKey::Open(party.clone(), resource.clone()), day, *units);
                }
            }
        }
        for (party, resources) in &self.selections {
            for resource in resources {
                selections.restore(party, resource);
            }
        }
    }

    /// Writes the file, whole or not at all.
    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        let part = file.with_extension("part");
        std::fs::write(&part, serde_json::to_vec(self)?)?;
        std::fs::rename(&part, file)
    }
}

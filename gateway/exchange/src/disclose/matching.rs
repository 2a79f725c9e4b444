//! Whether a provider's record is one that was asked for.

use sluice_contract::answer::Culprit;
use sluice_contract::{BadAnswer, Row};
use sluice_domain::Resource;
use sluice_domain::compare::{Claim, Verdict};

use crate::ask::Values;

/// The key values of a question, ready to be compared with many records.
pub(crate) struct KeyMatch(Vec<(usize, Claim)>);

impl KeyMatch {
    pub(crate) fn new(resource: &Resource, key: &Values) -> Self {
        let claim = |(at, value): &(usize, String)| {
            let item = resource.items.get(*at)?;
            Some((*at, Claim::new(item.kind, item.semantic, value)))
        };
        Self(key.iter().filter_map(claim).collect())
    }

    /// Refuses a record whose key differs from the question's, or cannot be read.
    pub(crate) fn check(&self, row: &Row<'_>, culprit: &Culprit) -> Result<(), BadAnswer> {
        let item = |(at, claim): &(usize, Claim)| {
            let stored = row.cell(*at).ok_or(BadAnswer::ItemMissing)?.as_text();
            let is_it = claim.against(stored.as_deref()) == Verdict::Match;
            if is_it { Ok(()) } else { Err(BadAnswer::NotAskedFor) }
        };
        self.0.iter().try_for_each(|key| item(key).inspect_err(|_| culprit.note(key.0)))
    }
}

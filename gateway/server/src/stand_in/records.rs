//! Records of a stand-in: finding them by key and comparing claims with them, with every number
//! kept in the digits that the fixture has.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sluice_domain::compare::{Claim, Verdict};
use sluice_domain::identifiers;

use super::{Docked, DockedItem};

/// One record: raw JSON by item code.
pub(crate) type Record = BTreeMap<String, Box<RawValue>>;

/// The text of a JSON scalar: a string's content, a number's digits. `None` for null, and for what
/// is no scalar.
pub(crate) fn text(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).ok(),
        Some(b'n' | b'{' | b'[') | None => None,
        Some(_) => Some(raw.get().to_owned()),
    }
}

/// The records that agree with every pair of the key. An empty key finds nothing.
pub(crate) fn find<'a>(docked: &'a Docked, key: &BTreeMap<String, String>) -> Vec<&'a Record> {
    let agrees = |record: &&Record| {
        key.iter().all(|(code, wanted)| match (docked.item(code), record.get(code)) {
            (Some(item), Some(stored)) => text(stored).is_some_and(|stored| same_key(item, &stored, wanted)),
            _ => false,
        })
    };
    if key.is_empty() { Vec::new() } else { docked.records.iter().filter(agrees).collect() }
}

/// Whether the pairs are one of the resource's key sets.
pub(crate) fn is_key_set(docked: &Docked, key: &BTreeMap<String, String>) -> bool {
    docked.key_sets.iter().any(|set| set.len() == key.len() && set.iter().all(|code| key.contains_key(code)))
}

fn same_key(item: &DockedItem, stored: &str, wanted: &str) -> bool {
    identifiers::normalise_key(item.semantic, stored) == identifiers::normalise_key(item.semantic, wanted)
}

/// What comparing came to: one verdict by item code, of the record with most matches (the first on
/// a tie); `None` if there is no record.
pub(crate) fn compare(
    docked: &Docked,
    found: &[&Record],
    claims: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, Verdict>> {
    let verdicts = |record: &Record| -> BTreeMap<String, Verdict> {
        claims
            .iter()
            .filter_map(|(code, claimed)| {
                let item = docked.item(code)?;
                let stored = record.get(code).and_then(|raw| text(raw));
                let claim = Claim::new(item.kind, item.semantic, claimed);
                Some((code.clone(), claim.against(stored.as_deref())))
            })
            .collect()
    };
    let matches = |verdicts: &BTreeMap<String, Verdict>| {
        verdicts.values().filter(|verdict| matches!(verdict, Verdict::Match)).count()
    };
    found.iter().map(|record| verdicts(record)).reduce(
        |best, next| {
            if matches(&next) > matches(&best) { next } else { best }
        },
    )
}

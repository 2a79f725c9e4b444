//! Bodies to send: one for each key set, of nobody. A party that has the right gets an answer to them.

use serde_json::{Map, Value, json};
use sluice_domain::{ItemSet, Mode, Resource};

use super::schema::{claimable, key_sets};
use crate::catalogue::entry::codes;
use crate::catalogue::rights::ModeRights;
use crate::catalogue::samples;

/// Items that an example claims or asks for: enough to show the form.
const SHOWN_MAX: usize = 3;

/// Examples by name.
pub(super) fn of(resource: &Resource, rights: &ModeRights) -> Value {
    // They are to work with the first purpose, which is the example of its header.
    let purpose = rights.ways.first().map(sluice_domain::Permit::purpose);
    let ways: Vec<(ItemSet, ItemSet)> = if rights.ways.is_empty() {
        key_sets(resource, rights).into_iter().map(|key| (key, claimable(resource, rights))).collect()
    } else {
        let first = rights.ways.iter().filter(|way| Some(way.purpose()) == purpose);
        first.map(|way| (*way.key(), *way.fields())).collect()
    };
    let mut examples = Map::new();
    for (key, fields) in &ways {
        let by = codes(resource, key).join("_");
        if let Some(body) = body(resource, rights.mode, key, fields) {
            if rights.mode == Mode::Verify && examples.is_empty() {
                examples.insert("batch".to_owned(), json!({ "value": { "items": [body] } }));
            }
            examples.insert(format!("by_{by}"), json!({ "value": body }));
        }
    }
    examples.into()
}

/// `None` where nothing could be claimed.
fn body(resource: &Resource, mode: Mode, key: &ItemSet, fields: &ItemSet) -> Option<Value> {
    let subject = samples_of(resource, key);
    if mode != Mode::Verify {
        let fields: Vec<&str> = codes(resource, fields).into_iter().take(SHOWN_MAX).collect();
        return Some(json!({ "filter": subject, "fields": fields, "limit": 1 }));
    }
    let claimed = |at: &usize| resource.items.get(*at).is_some_and(|item| !item.out);
    let others = fields.difference(key);
    let mut shown: ItemSet = others.iter().filter(claimed).take(SHOWN_MAX).collect();
    if shown.is_empty() {
        shown = fields.iter().filter(claimed).take(1).collect();
    }
    (!shown.is_empty()).then(|| json!({ "subject": subject, "claims": samples_of(resource, &shown) }))
}

fn samples_of(resource: &Resource, set: &ItemSet) -> Map<String, Value> {
    resource.items_of(set).map(|(_, item)| (item.code.to_string(), samples::text(item).into())).collect()
}

//! Which departmental systems the demo runs, and in which style each of them talks.
//!
//! Nothing here knows the sample city: a resource that only compares is one whose entry says so,
//! and the other providers take turns between the two styles.

use std::collections::BTreeMap;

use sluice_config::CatalogueFile;
use sluice_config::catalogue::ResourceEntry;
use sluice_domain::{Mode, Semantic};

use crate::stand_in::records::Record;
use crate::stand_in::{Docked, DockedItem, Specification, Style};

/// One specification for each stand-in process: one per providing party, and one of its own for
/// each resource that only compares. Every resource is docked, so that one without a right to it
/// is refused by the exchange and not for want of a provider.
pub(crate) fn plan(catalogue: &CatalogueFile, records: &BTreeMap<String, Vec<Record>>) -> Vec<Specification> {
    let mut comparing = Vec::new();
    let mut providers: Vec<(&str, Specification)> = Vec::new();
    for entry in &catalogue.resources {
        if only_compares(entry) {
            comparing.push(Specification { resources: vec![docked(entry, Style::Compare, records)] });
            continue;
        }
        let turn = providers.iter().position(|(party, _)| *party == entry.provider).unwrap_or(providers.len());
        let style = if turn.is_multiple_of(2) { Style::Standard } else { Style::Envelope };
        let resource = docked(entry, style, records);
        match providers.get_mut(turn) {
            Some((_, specification)) => specification.resources.push(resource),
            None => providers.push((&entry.provider, Specification { resources: vec![resource] })),
        }
    }
    comparing.into_iter().chain(providers.into_iter().map(|(_, specification)| specification)).collect()
}

/// Offered for verification alone, with items in which the provider answers match codes.
fn only_compares(entry: &ResourceEntry) -> bool {
    entry.modes == [Mode::Verify]
        && entry.items.iter().any(|item| item.out && item.semantic == Some(Semantic::MatchCode))
}

fn docked(entry: &ResourceEntry, style: Style, records: &BTreeMap<String, Vec<Record>>) -> Docked {
    let items = entry.items.iter().map(|item| DockedItem {
        code: item.code.clone(),
        kind: item.r#type,
        length: item.length,
        semantic: item.semantic,
        key: item.key,
        out: item.out,
    });
    Docked {
        code: entry.code.clone(),
        style,
        items: items.collect(),
        key_sets: entry.key_sets.clone(),
        as_of: entry.as_of.clone(),
        records: records.get(&entry.code).cloned().unwrap_or_default(),
    }
}

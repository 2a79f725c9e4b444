//! Grants, with their references resolved.

use sluice_domain::catalogue::{Level, Mode};
use sluice_domain::day::Day;
use sluice_domain::ids::GrantId;
use sluice_domain::operation::{FILES, OperationIx, OperationSet};
use sluice_domain::policy::{GrantTerms, PartyIx, PurposeIx, ResourceIx};

use crate::catalogue::file::{GrantEntry, ResourceEntry};
use crate::catalogue::index;
use crate::catalogue::places::{Findings, Names, Place, Placed};
use crate::catalogue::resources::{check_basis, check_limits, item_set, look_up_all};
use crate::fault::meant;
use crate::shape;

/// What grants refer to.
pub(crate) struct Catalogued<'n> {
    pub(crate) parties: &'n Names,
    pub(crate) purposes: &'n Names,
    pub(crate) resources: &'n Names,
    pub(crate) entries: &'n [Placed<ResourceEntry>],
}

pub(crate) fn grants(
    entries: &[Placed<GrantEntry>],
    catalogued: &Catalogued<'_>,
    names: &mut Names,
    findings: &mut Findings<'_, '_>,
) -> Vec<GrantTerms> {
    let mut valid = Vec::new();
    for Placed { at, entry } in entries {
        let terms = findings.clean(|findings| terms(entry, at, catalogued, findings));
        if findings.declare(names, &entry.id, at, index(valid.len())) {
            valid.extend(terms);
        }
    }
    valid
}

fn terms(
    entry: &GrantEntry,
    at: &Place,
    catalogued: &Catalogued<'_>,
    findings: &mut Findings<'_, '_>,
) -> Option<GrantTerms> {
    let id = findings.identifier(GrantId::new(&entry.id), &at.below("id"));
    let party = findings.look_up(catalogued.parties, &entry.party, &at.below("party"));
    let resource = findings.look_up(catalogued.resources, &entry.resource, &at.below("resource"));
    let declared = catalogued.entries.iter().find(|resource| resource.entry.code == entry.resource);
    let items = declared.map(|resource| resource.entry.items.as_slice());
    let fields = items.and_then(|items| item_set(&entry.fields, items, &at.below("fields"), findings));
    let clear_fields =
        items.and_then(|items| item_set(&entry.clear_fields, items, &at.below("clear_fields"), findings));
    let purposes: Vec<PurposeIx> =
        look_up_all(catalogued.purposes, &entry.purposes, &at.below("purposes"), findings).map(PurposeIx).collect();
    let operations = declared.map(|resource| operations_of(entry, &resource.entry, at, findings));
    check_scope(entry, declared.map(|resource| &resource.entry), at, findings);
    check_limits(entry.limits, &at.below("limits"), findings);
    check_basis(entry.legal_basis.as_deref(), at, findings);
    let valid_from = day(&entry.valid_from, "valid_from", at, findings);
    let valid_until = day(&entry.valid_until, "valid_until", at, findings);
    let named = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    Some(GrantTerms {
        id: id?,
        party: PartyIx(party?),
        resource: ResourceIx(resource?),
        modes: entry.modes.iter().copied().collect(),
        operations: operations?,
        fields: fields?,
        clear_level: entry.clear_level,
        clear_fields: clear_fields?,
        legal_basis: entry.legal_basis.clone(),
        purposes,
        state: entry.state,
        valid_from: valid_from?,
        valid_until: valid_until?,
        limits: entry.limits,
        l4_approved: named(&entry.second_approver) && named(&entry.impact_assessment),
    })
}

/// The operations that a grant names; each unknown one is a fault at its own place.
fn operations_of(
    entry: &GrantEntry,
    resource: &ResourceEntry,
    at: &Place,
    findings: &mut Findings<'_, '_>,
) -> OperationSet {
    let files = resource.files.iter().map(|_| FILES);
    let known: Vec<&str> = resource.operations.iter().map(|operation| operation.id.as_str()).chain(files).collect();
    if !entry.operations.is_empty() && !entry.modes.contains(&Mode::Call) {
        let hint = Some(String::from("add \"call\" to modes"));
        findings.fault(&at.below("operations"), "\"operations\": they belong to the mode call", hint);
    }
    if entry.operations.is_empty() && entry.modes.contains(&Mode::Call) {
        let hint = Some(format!("declared: {}", known.join(", ")));
        findings.warning(&at.below("modes"), "\"modes\": call grants nothing without operations", hint);
    }
    let mut set = Vec::new();
    for (nth, id) in entry.operations.iter().enumerate() {
        match known.iter().position(|known| known == id).and_then(|found| u8::try_from(found).ok()) {
            Some(found) => set.push(OperationIx(found)),
            None => findings.fault(
                &at.below(format_args!("operations.{nth}")),
                format!("there is no operation \"{id}\" in resource \"{}\"", resource.code),
                meant(id, known.iter().copied()),
            ),
        }
    }
    set.into_iter().collect()
}

/// What would make a grant useless or wider than its resource.
fn check_scope(entry: &GrantEntry, resource: Option<&ResourceEntry>, at: &Place, findings: &mut Findings<'_, '_>) {
    for (key, empty) in [
        ("modes", entry.modes.is_empty()),
        ("fields", entry.fields.is_empty()),
        ("purposes", entry.purposes.is_empty()),
    ] {
        if empty {
            findings.fault(&at.below(key), format!("\"{key}\": a grant names at least one"), shape::example(key));
        }
    }
    if entry.clear_level == Level::L4 {
        let hint = Some(String::from("name the items in clear_fields"));
        findings.fault(
            &at.below("clear_level"),
            "\"clear_level\": L1, L2 or L3; an L4 item is clear only by name (X01)",
            hint,
        );
    }
    let Some(resource) = resource else { return };
    for (position, mode) in entry.modes.iter().enumerate() {
        if !resource.modes.contains(mode) {
            let offered: Vec<&str> = resource.modes.iter().map(|mode| mode.as_str()).collect();
            let hint = Some(format!("offered: {}", offered.join(", ")));
            // Never served (`mode.not_offered` comes first), so it may stand while the catalogue changes.
            findings.warning(
                &at.below(format_args!("modes.{position}")),
                format!("resource \"{}\" does not offer {}", resource.code, mode.as_str()),
                hint,
            );
        }
    }
}

fn day(text: &str, key: &str, at: &Place, findings: &mut Findings<'_, '_>) -> Option<Day> {
    let parsed = Day::parse(text).ok();
    if parsed.is_none() {
        findings.fault(&at.below(key), format!("\"{key}\": not a day"), shape::example(key));
    }
    parsed
}

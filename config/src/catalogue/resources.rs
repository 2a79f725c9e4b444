//! Catalogue entries: items, key sets, conditions.

use sluice_domain::catalogue::{Item, Mode, Resource, Semantic, ShareCondition, ShareType};
use sluice_domain::day::Day;
use sluice_domain::grant::Limits;
use sluice_domain::ids::{ItemCode, ResourceCode};
use sluice_domain::items::ItemSet;
use sluice_domain::policy::{PartyIx, PurposeIx};

use crate::catalogue::file::{ConditionEntry, ItemEntry, ResourceEntry, RowScope};
use crate::catalogue::index;
use crate::catalogue::operations::operations;
use crate::catalogue::places::{Findings, Names, Place, Placed};
use crate::fault::meant;
use crate::shape;

/// Of a record's few hundred bytes.
const LEGAL_BASIS_BYTES_MAX: usize = 256;

/// First digit of a code: the five base classes (基础信息资源), shared without condition unless an
/// authority confirmed otherwise (D17-2).
const BASE_CLASS: char = '1';

/// What resources refer to.
pub(crate) struct Register<'n> {
    pub(crate) parties: &'n Names,
    pub(crate) purposes: &'n Names,
}

pub(crate) fn resources(
    entries: &[Placed<ResourceEntry>],
    register: &Register<'_>,
    names: &mut Names,
    findings: &mut Findings<'_, '_>,
) -> Vec<Resource> {
    let mut valid = Vec::new();
    for Placed { at, entry } in entries {
        let Some(resource) = findings.clean(|findings| resource(entry, at, register, findings)) else { continue };
        if findings.declare(names, &entry.code, at, index(valid.len())) {
            valid.push(resource);
        }
    }
    valid
}

fn resource(
    entry: &ResourceEntry,
    at: &Place,
    register: &Register<'_>,
    findings: &mut Findings<'_, '_>,
) -> Option<Resource> {
    check_entry(entry, at, findings);
    let code = findings.identifier(ResourceCode::new(&entry.code), &at.below("code"));
    let provider = findings.look_up(register.parties, &entry.provider, &at.below("provider"));
    let items = items(entry, at, findings);
    let key_sets = entry.key_sets.iter().enumerate();
    let key_sets: Vec<Option<ItemSet>> = key_sets
        .map(|(position, set)| item_set(set, &entry.items, &at.below(format_args!("key_sets.{position}")), findings))
        .collect();
    let operations = operations(entry, at, findings);
    let condition =
        entry.condition.as_ref().map(|given| condition(given, entry, &at.below("condition"), register, findings));
    Some(Resource {
        code: code?,
        version: entry.version,
        name: entry.name.clone(),
        r#abstract: entry.r#abstract.clone(),
        provider: PartyIx(provider?),
        share_type: entry.share_type,
        provision: entry.provision,
        modes: entry.modes.iter().copied().collect(),
        update_cycle: entry.update_cycle.clone(),
        items: items?,
        key_sets: key_sets.into_iter().collect::<Option<_>>()?,
        matter_required: entry.matter_required,
        gate: entry.gate,
        condition: condition.unwrap_or_default(),
        legal_basis: entry.legal_basis.clone(),
        use_requirements: entry.use_requirements.clone(),
        business_notes: entry.business_notes.clone(),
        note: entry.note.clone(),
        as_of: entry.as_of.clone(),
        operations: operations?,
    })
}

fn check_entry(entry: &ResourceEntry, at: &Place, findings: &mut Findings<'_, '_>) {
    check_basis(entry.legal_basis.as_deref(), at, findings);
    if entry.secret {
        findings.fault(&at.below("secret"), "\"secret\": a secret resource is never registered here (D03-1)", None);
    }
    if entry.version == 0 {
        findings.fault(&at.below("version"), "\"version\": versions count from 1", None);
    }
    if entry.share_type == ShareType::NotShared && !entry.modes.is_empty() {
        findings.fault(
            &at.below("modes"),
            "\"modes\": a not-shared resource offers none (D17-4)",
            Some(String::from("example: modes = []")),
        );
    }
    if entry.share_type != ShareType::Conditional && entry.condition.is_some() {
        findings.fault(&at.below("condition"), "\"condition\": only a conditional resource has one (D17-3)", None);
    }
    let has_operations = !entry.operations.is_empty() || entry.files.is_some();
    if entry.modes.contains(&Mode::Call) != has_operations && entry.share_type != ShareType::NotShared {
        let hint =
            Some(String::from("the mode call reaches what [[resources.operations]] and [resources.files] declare"));
        let message =
            if has_operations { "operations without the mode call" } else { "the mode call without operations" };
        findings.warning(&at.below("modes"), format!("\"modes\": {message}: nothing can be called"), hint);
    }
    for (key, text) in [("as_of", &entry.as_of), ("published", &entry.published)] {
        let day = text.as_deref().map(|text| text.get(..10).unwrap_or(text));
        if day.is_some_and(|day| Day::parse(day).is_err()) {
            findings.fault(&at.below(key), format!("\"{key}\": not a day"), shape::example(key));
        }
    }
    if entry.share_type == ShareType::Conditional && entry.code.starts_with(BASE_CLASS) && entry.confirmation.is_none()
    {
        let hint = Some(String::from("add confirmation = { by = \"…\", document = \"…\", why = \"…\" }"));
        findings.warning(at, "base data is conditional without an authority's confirmation (D17-2)", hint);
    }
}

fn items(entry: &ResourceEntry, at: &Place, findings: &mut Findings<'_, '_>) -> Option<Vec<Item>> {
    let read = entry.items.iter().enumerate().map(|(position, item)| {
        let place = at.below(format_args!("items.{position}.code"));
        if entry.items.iter().take(position).any(|other| other.code == item.code) {
            findings.fault(&place, format!("item \"{}\" is declared twice", item.code), None);
            return None;
        }
        Some(Item {
            code: findings.identifier(ItemCode::new(&item.code), &place)?,
            name: item.name.clone(),
            kind: item.r#type,
            length: item.length,
            level: item.level,
            semantic: item.semantic,
            key: item.key,
            out: item.out,
        })
    });
    let read: Vec<Option<Item>> = read.collect();
    read.into_iter().collect()
}

/// Positions of item codes; each unknown one is a fault at its own place.
pub(crate) fn item_set(
    codes: &[String],
    items: &[ItemEntry],
    at: &Place,
    findings: &mut Findings<'_, '_>,
) -> Option<ItemSet> {
    let mut complete = true;
    let mut set = ItemSet::EMPTY;
    for (position, code) in codes.iter().enumerate() {
        if let Some(found) = items.iter().position(|item| item.code == *code) {
            set.insert(found);
        } else {
            complete = false;
            let known = items.iter().map(|item| item.code.as_str());
            findings.fault(
                &at.below(position),
                format!("there is no item \"{code}\" in this resource"),
                meant(code, known),
            );
        }
    }
    complete.then_some(set)
}

fn condition(
    given: &ConditionEntry,
    entry: &ResourceEntry,
    at: &Place,
    register: &Register<'_>,
    findings: &mut Findings<'_, '_>,
) -> ShareCondition {
    let by_subject = given.row_scope == Some(RowScope::BySubject);
    if by_subject && !entry.items.iter().any(|item| item.key && item.semantic == Some(Semantic::CnId18)) {
        findings.fault(
            &at.below("row_scope"),
            "\"row_scope\": by_subject needs a key item with semantic = \"cn_id18\"",
            None,
        );
    }
    if given.verify_only && !entry.modes.contains(&Mode::Verify) {
        findings.warning(
            &at.below("verify_only"),
            "\"verify_only\": the resource does not offer the mode verify",
            None,
        );
    }
    let limits = Limits { per_second: given.per_second, per_day: given.per_day, rows_per_call: given.rows_per_call };
    check_limits(limits, at, findings);
    ShareCondition {
        purposes: given.purposes.as_ref().map(|codes| {
            look_up_all(register.purposes, codes, &at.below("purposes"), findings).map(PurposeIx).collect()
        }),
        departments: given
            .departments
            .as_ref()
            .map(|keys| look_up_all(register.parties, keys, &at.below("departments"), findings).map(PartyIx).collect()),
        verify_only: given.verify_only,
        by_subject,
        limits,
    }
}

/// A limit of zero would quietly forbid what is granted.
pub(crate) fn check_limits(limits: Limits, at: &Place, findings: &mut Findings<'_, '_>) {
    for (key, limit) in
        [("per_second", limits.per_second), ("per_day", limits.per_day), ("rows_per_call", limits.rows_per_call)]
    {
        if limit == Some(0) {
            let hint = Some(String::from("leave it out for no limit; to forbid, suspend the grant"));
            findings.fault(&at.below(key), format!("\"{key}\": a limit is at least 1"), hint);
        }
    }
}

/// The law that something rests on stands in every record of its calls.
pub(crate) fn check_basis(basis: Option<&str>, at: &Place, findings: &mut Findings<'_, '_>) {
    if basis.is_some_and(|basis| basis.len() > LEGAL_BASIS_BYTES_MAX) {
        let message = format!("\"legal_basis\": longer than {LEGAL_BASIS_BYTES_MAX} bytes of UTF-8");
        findings.fault(&at.below("legal_basis"), message, Some(String::from("name the law and the article")));
    }
}

/// The known ones of a list of references; each unknown one is a fault at its own place.
pub(crate) fn look_up_all(
    names: &Names,
    ids: &[String],
    at: &Place,
    findings: &mut Findings<'_, '_>,
) -> impl Iterator<Item = u32> + use<> {
    let found: Vec<u32> =
        ids.iter().enumerate().filter_map(|(position, id)| findings.look_up(names, id, &at.below(position))).collect();
    found.into_iter()
}

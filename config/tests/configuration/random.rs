//! Catalogues that nobody thought of.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use sluice_config::CatalogueFile;
use sluice_config::catalogue::{
    ConditionEntry, GrantEntry, HandlerEntry, ItemEntry, PartyEntry, PurposeEntry, ResourceEntry, SystemEntry,
};
use sluice_domain::catalogue::{ItemType, Level, Mode, ProvisionMode, Semantic, ShareType};
use sluice_domain::{GrantState, HandlerState, Limits, PartyState};

/// Valid codes of organisations that do not exist.
const USCC: [&str; 2] = ["11430689T000000282", "11430689T0000001X2"];
const PURPOSES: [&str; 3] = ["P1", "P.2", "_p-3"];
const ITEMS: usize = 6;

/// A text as administrators write them: quotes, line ends, anything.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ -~]{1,12}", "\\PC{1,8}", Just("一行\n\"二行\"\t'''".to_owned())]
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = || option::of(1_u32..5_000);
    (limit(), limit(), limit()).prop_map(|(per_second, per_day, rows_per_call)| Limits {
        per_second,
        per_day,
        rows_per_call,
    })
}

fn party(key: &'static str, uscc: &'static str) -> impl Strategy<Value = PartyEntry> {
    let handler = (text(), text(), any::<bool>());
    (text(), text(), any::<bool>(), vec(handler, 0..4)).prop_map(move |(name, kind, is_active, handlers)| PartyEntry {
        key: key.to_owned(),
        uscc: uscc.to_owned(),
        name,
        kind,
        state: if is_active { PartyState::Active } else { PartyState::Suspended },
        handlers: handlers
            .into_iter()
            .enumerate()
            .map(|(at, (name, post, is_active))| HandlerEntry {
                id: format!("u-{}", 9 - at),
                name,
                post,
                state: if is_active { HandlerState::Active } else { HandlerState::Disabled },
            })
            .collect(),
    })
}

fn item(at: usize) -> impl Strategy<Value = ItemEntry> {
    let semantic = option::of(prop::sample::select(vec![Semantic::PersonName, Semantic::CnId18, Semantic::Money]));
    let kind = prop::sample::select(vec![ItemType::C, ItemType::N, ItemType::D, ItemType::L]);
    let level = prop::sample::select(vec![Level::L1, Level::L2, Level::L3, Level::L4]);
    (text(), kind, 0_u32..60, level, semantic).prop_map(move |(name, r#type, length, level, semantic)| ItemEntry {
        code: format!("I{}", ITEMS - at),
        name,
        r#type,
        length,
        level,
        semantic,
        key: at < 2,
        out: false,
    })
}

fn items() -> impl Strategy<Value = Vec<ItemEntry>> {
    (2..=ITEMS).prop_flat_map(|count| (0..count).map(item).collect::<Vec<_>>())
}

fn condition() -> impl Strategy<Value = ConditionEntry> {
    (option::of(subsequence(PURPOSES.to_vec(), 0..3)), option::of(Just(vec!["b", "a"])), any::<bool>(), limits())
        .prop_map(|(purposes, departments, verify_only, limits)| ConditionEntry {
            purposes: purposes.map(|list| list.into_iter().map(str::to_owned).collect()),
            departments: departments.map(|list| list.into_iter().map(str::to_owned).collect()),
            verify_only,
            row_scope: None,
            rows_per_call: limits.rows_per_call,
            per_day: limits.per_day,
            per_second: limits.per_second,
        })
}

fn resource(at: usize) -> impl Strategy<Value = ResourceEntry> {
    let share = prop::sample::select(vec![ShareType::Unconditional, ShareType::Conditional, ShareType::NotShared]);
    let modes = subsequence(vec![Mode::Push, Mode::Query, Mode::Verify], 1..=3);
    let words = (text(), text(), option::of(text()), 1_u32..9, any::<bool>());
    (share, modes, items(), option::of(condition()), words).prop_map(
        move |(share_type, modes, items, condition, (name, notes, note, version, matter_required))| ResourceEntry {
            code: format!("{}01001001/{at}", 9 - at),
            version,
            name,
            r#abstract: notes.clone(),
            provider: "a".to_owned(),
            share_type,
            provision: ProvisionMode::Docking,
            modes: if share_type == ShareType::NotShared { Vec::new() } else { modes },
            update_cycle: "实时".to_owned(),
            matter_required,
            gate: sluice_domain::Gate::Local,
            key_sets: vec![items.iter().take(2).map(|item| item.code.clone()).rev().collect()],
            legal_basis: (share_type == ShareType::NotShared).then(|| "law".to_owned()),
            use_requirements: notes,
            business_notes: String::new(),
            note,
            as_of: None,
            secret: false,
            format: None,
            open_type: None,
            open_method: None,
            published: Some("2026-09-01".to_owned()),
            condition: condition.filter(|_| share_type == ShareType::Conditional),
            confirmation: None,
            items,
            operations: Vec::new(),
            files: None,
        },
    )
}

/// A grant's shape, to be given to one of the conditional resources.
type Shape = (Index, Vec<Mode>, usize, Vec<&'static str>, GrantState, Limits);

fn grant() -> impl Strategy<Value = Shape> {
    let state =
        prop::sample::select(vec![GrantState::Active, GrantState::Suspended, GrantState::Revoked, GrantState::Expired]);
    let modes = subsequence(vec![Mode::Query, Mode::Verify], 1..=2);
    (any::<Index>(), modes, 1_usize..ITEMS, subsequence(PURPOSES.to_vec(), 1..3), state, limits())
}

fn granted(at: usize, resources: &[ResourceEntry], shape: Shape) -> Option<GrantEntry> {
    let (index, modes, fields, purposes, state, limits) = shape;
    let conditional: Vec<&ResourceEntry> =
        resources.iter().filter(|resource| resource.share_type == ShareType::Conditional).collect();
    if conditional.is_empty() {
        return None;
    }
    let resource = index.get(&conditional);
    Some(GrantEntry {
        id: format!("G-{}", 99 - at),
        party: "b".to_owned(),
        resource: resource.code.clone(),
        modes,
        operations: Vec::new(),
        fields: resource.items.iter().take(fields).map(|item| item.code.clone()).collect(),
        clear_level: Level::L2,
        clear_fields: Vec::new(),
        legal_basis: (at == 1).then(|| "law".to_owned()),
        purposes: purposes.into_iter().map(str::to_owned).collect(),
        state,
        valid_from: "2026-01-01".to_owned(),
        valid_until: "2027-12-31".to_owned(),
        second_approver: None,
        impact_assessment: None,
        limits,
    })
}

fn binding(resource: &ResourceEntry, is_custom: bool) -> sluice_contract::spec::RestSpec {
    let head = format!("resource = \"{}\"\nbase_url = \"http://127.0.0.1:9001\"\n", resource.code);
    let (first, second) = (&resource.items[0].code, &resource.items[1].code);
    let custom = format!(
        "timeout_ms = 1700\nheaders = {{ X-Channel = \"a b\" }}\n[query]\nmethod = \"GET\"\npath = \"/p\"\nrecords = \"/data\"\nquery = {{ a = \"{{{first}}}\", b = \"{{{second}}}\" }}\nsuccess = {{ pointer = \"/code\", equals = [\"0\"] }}\n"
    );
    toml::from_str(&(head + if is_custom { &custom } else { "style = \"standard\"\n" })).unwrap()
}

/// A catalogue that holds.
pub(crate) fn catalogue() -> impl Strategy<Value = CatalogueFile> {
    let resources = (0_usize..4).prop_flat_map(|count| (0..count).map(resource).collect::<Vec<_>>());
    let rest = (any::<bool>(), vec(text(), PURPOSES.len()), "[0-9A-Fa-f]{64}");
    (party("a", USCC[0]), party("b", USCC[1]), resources, vec(grant(), 0..5), rest).prop_map(
        |(a, b, resources, grants, (is_custom, names, print))| {
            let called = |resource: &&ResourceEntry| resource.modes.iter().any(|mode| *mode != Mode::Push);
            let custom = |resource: &ResourceEntry| is_custom && !resource.key_sets[0].is_empty();
            CatalogueFile {
                rest: resources.iter().filter(called).map(|resource| binding(resource, custom(resource))).collect(),
                grants: grants
                    .into_iter()
                    .enumerate()
                    .filter_map(|(at, shape)| granted(at, &resources, shape))
                    .collect(),
                parties: vec![b, a],
                systems: vec![SystemEntry {
                    id: "b.main".to_owned(),
                    party: "b".to_owned(),
                    certificates: Vec::new(),
                    fingerprints: vec![print],
                }],
                purposes: PURPOSES
                    .iter()
                    .zip(names)
                    .rev()
                    .map(|(code, name)| PurposeEntry { code: (*code).to_owned(), name })
                    .collect(),
                resources,
            }
        },
    )
}

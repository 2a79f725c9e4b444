//! Parts that do not fit together are refused when the snapshot is built.

use sluice_domain::grant::GrantState;
use sluice_domain::operation::{Operation, PathTemplate, ResponsePlace, Sealed, SubjectAt};
use sluice_domain::policy::{PartyIx, Policy, PolicyParts, PurposeIx, ResourceIx};
use sluice_domain::{ItemSet, Level, Modes, OperationId, ShareType};

use crate::order::{live_grant, world_of};
use crate::world::day;

/// The first operation of the first resource.
fn operation(parts: &mut PolicyParts) -> &mut Operation {
    &mut parts.resources[0].operations[0]
}

fn parts() -> PolicyParts {
    world_of(vec![live_grant("G-1"), live_grant("G-2")]).parts()
}

#[test]
fn every_broken_rule_is_named() {
    type Break = fn(&mut PolicyParts);
    let rows: [(Break, &str); 36] = [
        (|parts| parts.parties[1].key = parts.parties[0].key.clone(), "party party-0 is declared twice"),
        (|parts| parts.parties[0].uscc.replace_range(17.., "_"), "party party-0: the 统一社会信用代码"),
        (
            |parts| parts.parties[0].handlers[1].id = parts.parties[0].handlers[0].id.clone(),
            "handler party-0/u-1 is declared twice",
        ),
        (|parts| parts.systems[1].id = parts.systems[0].id.clone(), "system party-0.main is declared twice"),
        (|parts| parts.systems[1].fingerprints = parts.systems[0].fingerprints.clone(), "certificate fingerprint"),
        (|parts| parts.systems[0].party = PartyIx(9), "system party-0.main refers"),
        (|parts| parts.purposes[1].code = parts.purposes[0].code.clone(), "purpose P0 is declared twice"),
        (|parts| parts.resources.push(parts.resources[0].clone()), "resource 101001000/000000 is declared twice"),
        (|parts| parts.resources[0].provider = PartyIx(9), "resource 101001000/000000 refers"),
        (|parts| parts.resources[0].condition.purposes = Some(vec![PurposeIx(9)]), "resource 101001000/000000 refers"),
        (|parts| parts.resources[0].condition.departments = Some(vec![PartyIx(9)]), "resource 101001000/000000 refers"),
        (|parts| parts.resources[0].items[1].code = parts.resources[0].items[0].code.clone(), "two items share a code"),
        (|parts| parts.resources[0].key_sets.clear(), "every key set must name items"),
        (|parts| parts.resources[0].key_sets.push(ItemSet::EMPTY), "every key set must name items"),
        (|parts| parts.resources[0].items[0].key = false, "every key set must name items"),
        (|parts| parts.resources[0].modes = Modes::default(), "offers at least one mode"),
        (|parts| parts.grants[1].id = parts.grants[0].id.clone(), "grant G-1 is declared twice"),
        (|parts| parts.grants[0].resource = ResourceIx(9), "grant G-1 refers"),
        (|parts| parts.grants[0].party = PartyIx(9), "grant G-1 refers"),
        (|parts| parts.grants[0].purposes = vec![PurposeIx(9)], "grant G-1 refers"),
        (|parts| parts.grants[0].fields = ItemSet::first(9), "the fields must be items of the resource"),
        (|parts| parts.grants[0].clear_fields = ItemSet::first(3), "a clear field must be one of the granted fields"),
        (|parts| parts.grants[0].clear_level = Level::L4, "an L4 item is clear only by name"),
        (|parts| parts.grants[0].valid_until = day(1), "it ends before it begins"),
        (|parts| operation(parts).request_subjects.clear(), "each operation declares its subjects"),
        (|parts| operation(parts).id = OperationId::new("op-1").unwrap(), "two operations share an id"),
        (|parts| operation(parts).path = PathTemplate::parse("/op-1/{id}").unwrap(), "match the same paths"),
        (|parts| operation(parts).id = OperationId::new("files").unwrap(), "belongs to [resources.files]"),
        (|parts| operation(parts).sealed = Some(Sealed::default()), "belongs to [resources.files]"),
        (|parts| operation(parts).request_types.push("application/json".into()), "only POST, PUT and PATCH"),
        (|parts| operation(parts).safe = false, "a GET is safe"),
        (
            |parts| operation(parts).path = PathTemplate::parse("/op-0").unwrap(),
            "a parameter that the operation does not",
        ),
        (|parts| operation(parts).request_subjects[0].item = 9, "an item that does not exist"),
        (
            |parts| {
                operation(parts).response_subjects = vec![SubjectAt { at: ResponsePlace::Body(Vec::new()), item: 0 }];
                operation(parts).response_types = vec!["application/json".into(), "text/plain".into()];
            },
            "subjects in an answer's body need JSON",
        ),
        (|parts| operation(parts).statuses = vec![429], "statuses are 400 to 499"),
        (
            |parts| {
                let many = parts.resources[0].operations[0].clone();
                parts.resources[0].operations.extend(std::iter::repeat_n(many, 63));
            },
            "at most 64 operations",
        ),
    ];
    for (break_it, expected) in rows {
        let mut parts = parts();
        break_it(&mut parts);
        let errors = Policy::build(parts).map(|_| ()).unwrap_err();
        assert!(errors.iter().any(|error| error.to_string().contains(expected)), "{expected}: {errors:?}");
    }
}

#[test]
fn clear_l4_items_need_their_approval() {
    let build = |approved| {
        let mut parts = parts();
        parts.grants[0].fields = ItemSet::first(3);
        parts.grants[0].clear_fields = [2].into_iter().collect();
        parts.grants[0].l4_approved = approved;
        Policy::build(parts).is_ok()
    };
    assert!(build(true) && !build(false));
}

#[test]
fn a_resource_that_is_not_shared_names_its_law_and_has_no_grants() {
    let build = |share, law: Option<&str>, granted: bool| {
        let mut parts = parts();
        parts.resources[0].share_type = share;
        parts.resources[0].legal_basis = law.map(String::from);
        parts.resources[0].operations.clear();
        if !granted {
            parts.grants.clear();
        }
        Policy::build(parts).is_ok()
    };
    assert!(build(ShareType::NotShared, Some("《样例法》第一条"), false));
    assert!(!build(ShareType::NotShared, None, false) && !build(ShareType::NotShared, Some(""), false));
    assert!(
        !build(ShareType::NotShared, Some("《样例法》第一条"), true) && !build(ShareType::Unconditional, None, true)
    );
}

#[test]
fn every_error_is_told_at_once() {
    let mut parts = parts();
    parts.grants[0].valid_until = day(0);
    parts.grants[1].state = GrantState::Active;
    parts.grants[1].fields = ItemSet::EMPTY;
    parts.parties[0].uscc = String::from("11430689T0000001X3");
    assert_eq!(Policy::build(parts).map(|_| ()).unwrap_err().len(), 3);
}

//! The order in which refusals answer, one fault mended after the other.

use sluice_domain::grant::{GrantState, Limits};
use sluice_domain::{Code, Fault, Level, Mode, OperationIx, ShareType};

use crate::world::{
    ACTIVE_HANDLER, Call, DISABLED_HANDLER, GrantSpec, ResourceSpec, World, code_of_purpose, code_of_resource,
};

pub(crate) fn conditional() -> ResourceSpec {
    ResourceSpec {
        share: ShareType::Conditional,
        modes: vec![Mode::Verify, Mode::Query],
        items: vec![(Level::L3, true), (Level::L2, false), (Level::L4, false)],
        matter_required: true,
        purposes: None,
        departments: None,
        verify_only: false,
        by_subject: true,
        limits: Limits::default(),
        operations: vec![vec![1], vec![0, 1]],
    }
}

pub(crate) fn live_grant(id: &str) -> GrantSpec {
    GrantSpec {
        id: id.to_owned(),
        party: 0,
        resource: 0,
        modes: vec![Mode::Verify, Mode::Query],
        operations: Vec::new(),
        fields: vec![0, 1],
        clear_level: Level::L2,
        clear_fields: Vec::new(),
        purposes: vec![0],
        state: GrantState::Active,
        from: 10,
        until: 20,
        limits: Limits::default(),
    }
}

pub(crate) fn fine_call() -> Call {
    Call {
        party: 0,
        stale: false,
        purpose: Some(code_of_purpose(0)),
        handler: Some(ACTIVE_HANDLER.to_owned()),
        matter: Ok(true),
        resource: code_of_resource(0),
        mode: Mode::Query,
        operation: None,
        today: 15,
        key: vec![0],
        fields: None,
    }
}

pub(crate) fn world_of(grants: Vec<GrantSpec>) -> World {
    World { parties: vec![false, false, false], resources: vec![conditional()], grants, defaults: Limits::default() }
}

fn code(world: &World, call: &Call) -> Option<Code> {
    call.decide(&world.policy()).err().map(|refusal| refusal.code)
}

#[test]
fn the_first_failing_check_answers() {
    type Mend = fn(&mut World, &mut Call);
    let mut world = world_of(Vec::new());
    world.parties[0] = true;
    world.resources[0].share = ShareType::NotShared;
    world.resources[0].operations.clear();
    let mut call = Call {
        stale: true,
        purpose: None,
        handler: None,
        matter: Err(Fault::MatterForm),
        resource: String::from("999999/9"),
        mode: Mode::Push,
        key: vec![1],
        fields: Some(vec![0, 2]),
        ..fine_call()
    };
    let steps: [(Code, Mend); 21] = [
        (Code::PartySuspended, |world, _| world.parties[0] = false),
        (Code::PolicyStale, |_, call| call.stale = false),
        (Code::PurposeMissing, |_, call| call.purpose = Some(String::from("NONE"))),
        (Code::PurposeUnknown, |_, call| call.purpose = Some(code_of_purpose(1))),
        (Code::HandlerMissing, |_, call| call.handler = Some(String::from("only-1"))),
        (Code::HandlerUnknown, |_, call| call.handler = Some(DISABLED_HANDLER.to_owned())),
        (Code::HandlerDisabled, |_, call| call.handler = Some(ACTIVE_HANDLER.to_owned())),
        (Code::ResourceNotFound, |_, call| call.resource = code_of_resource(0)),
        (Code::ShareNotShared, |world, _| world.resources[0].share = ShareType::Conditional),
        (Code::ModeNotOffered, |_, call| call.mode = Mode::Query),
        (Code::MatterMissing, |_, call| call.matter = Ok(false)),
        (Code::MatterMissing, |_, call| call.matter = Ok(true)),
        (Code::GrantRequired, |world, _| {
            let modes = vec![Mode::Verify];
            world.grants.push(GrantSpec {
                state: GrantState::Revoked,
                from: 16,
                until: 16,
                modes,
                ..live_grant("G-1")
            });
        }),
        (Code::GrantRequired, |world, _| (world.grants[0].from, world.grants[0].until) = (10, 14)),
        (Code::GrantRevoked, |world, _| world.grants[0].state = GrantState::Suspended),
        (Code::GrantSuspended, |world, _| world.grants[0].state = GrantState::Active),
        (Code::GrantExpired, |world, _| world.grants[0].until = 15),
        (Code::GrantModeNotGranted, |world, _| world.grants[0].modes.push(Mode::Query)),
        (Code::GrantPurposeMismatch, |world, _| world.grants[0].purposes.push(1)),
        (Code::GrantFieldNotGranted, |_, call| call.fields = Some(vec![0])),
        (Code::GrantRowScope, |_, call| call.key = vec![0]),
    ];
    for (expected, mend) in steps {
        assert_eq!(code(&world, &call), Some(expected));
        mend(&mut world, &mut call);
    }
    assert_eq!(code(&world, &call), None);
}

#[test]
fn dates_of_a_grant_are_inclusive() {
    let world = world_of(vec![live_grant("G-1")]);
    for (today, expected) in [(9, Some(Code::GrantRequired)), (10, None), (20, None), (21, Some(Code::GrantExpired))] {
        assert_eq!(code(&world, &Call { today, ..fine_call() }), expected, "day {today}");
    }
}

#[test]
fn grants_are_never_merged_and_the_furthest_refusal_answers() {
    let narrow = GrantSpec { fields: vec![0], ..live_grant("G-2") };
    let other_purpose = GrantSpec { purposes: vec![1], fields: vec![0, 1, 2], ..live_grant("G-1") };
    let world = world_of(vec![narrow, other_purpose, GrantSpec { state: GrantState::Revoked, ..live_grant("G-0") }]);
    let call = Call { fields: Some(vec![1]), ..fine_call() };
    assert_eq!(code(&world, &call), Some(Code::GrantFieldNotGranted), "one grant has the purpose, another the item");
    assert_eq!(code(&world, &Call { fields: Some(vec![0]), ..call }), None);
}

#[test]
fn the_lowest_id_that_covers_the_call_is_used() {
    let world =
        world_of(vec![live_grant("G-3"), live_grant("G-2"), GrantSpec { fields: vec![0], ..live_grant("G-1") }]);
    let policy = world.policy();
    for (fields, id) in [(vec![0], "G-1"), (vec![0, 1], "G-2")] {
        let permit = Call { fields: Some(fields), ..fine_call() }.decide(&policy).unwrap();
        assert_eq!(policy.grant(permit.grant().unwrap()).unwrap().id.as_str(), id);
    }
}

#[test]
fn a_share_condition_narrows_a_grant() {
    type Narrow = fn(&mut ResourceSpec);
    let rows: [(Narrow, Code); 3] = [
        (|resource| resource.verify_only = true, Code::GrantModeNotGranted),
        (|resource| resource.purposes = Some(vec![1]), Code::GrantPurposeMismatch),
        (|resource| resource.departments = Some(vec![1]), Code::GrantRequired),
    ];
    for (narrow, expected) in rows {
        let mut world = world_of(vec![live_grant("G-1")]);
        narrow(&mut world.resources[0]);
        assert_eq!(code(&world, &fine_call()), Some(expected));
    }
}

#[test]
fn a_call_needs_a_grant_that_names_its_operation_and_shows_all_its_items() {
    let call = |operation, fields: &[usize]| Call {
        mode: Mode::Call,
        operation,
        fields: Some(fields.to_vec()),
        ..fine_call()
    };
    let granted = |operations: &[u8], clear_fields: &[usize]| {
        let mut world = world_of(vec![GrantSpec {
            modes: vec![Mode::Call],
            operations: operations.to_vec(),
            clear_fields: clear_fields.to_vec(),
            ..live_grant("G-1")
        }]);
        world.resources[0].modes.push(Mode::Call);
        world
    };
    for (world, call, expected) in [
        (granted(&[0], &[]), call(Some(0), &[1]), None),
        (granted(&[0, 1], &[0]), call(Some(1), &[0, 1]), None),
        (granted(&[0, 1], &[]), call(Some(1), &[0, 1]), Some(Code::GrantFieldNotGranted)),
        (granted(&[0], &[0]), call(Some(0), &[2]), Some(Code::GrantFieldNotGranted)),
        (granted(&[1], &[]), call(Some(0), &[1]), Some(Code::GrantModeNotGranted)),
        (granted(&[], &[]), call(Some(0), &[1]), Some(Code::GrantModeNotGranted)),
        (granted(&[0], &[]), call(None, &[1]), Some(Code::GrantModeNotGranted)),
        (granted(&[0], &[]), Call { key: vec![1], ..call(Some(0), &[1]) }, Some(Code::GrantRowScope)),
    ] {
        assert_eq!(code(&world, &call), expected, "{call:?}");
    }
    let permit = call(Some(1), &[0, 1]).decide(&granted(&[0, 1], &[0]).policy()).unwrap();
    assert_eq!((permit.operation(), permit.clear()), (Some(OperationIx(1)), permit.fields()));
}

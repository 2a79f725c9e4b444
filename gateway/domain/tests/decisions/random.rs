//! Random exchanges and calls, mostly valid, so that every depth of the decision is reached.

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sluice_domain::grant::{GrantState, Limits};
use sluice_domain::{Fault, Level, Mode, ShareType};

use crate::world::{
    ACTIVE_HANDLER, Call, DISABLED_HANDLER, GrantSpec, PURPOSES, ResourceSpec, World, code_of_purpose, code_of_resource,
};

const PARTIES: usize = 3;
const RESOURCES: usize = 2;
const ITEMS: usize = 4;
const LEVELS: [Level; 4] = [Level::L1, Level::L2, Level::L3, Level::L4];

fn limits() -> impl Strategy<Value = Limits> {
    (of(1..5_u32), of(1..5_u32), of(1..5_u32)).prop_map(|(per_second, per_day, rows_per_call)| Limits {
        per_second,
        per_day,
        rows_per_call,
    })
}

fn some_of<T: Clone + std::fmt::Debug + 'static>(all: Vec<T>, least: usize) -> impl Strategy<Value = Vec<T>> {
    let count = all.len();
    prop_oneof![1 => Just(all.clone()), 2 => subsequence(all, least..=count)]
}

fn resource() -> impl Strategy<Value = ResourceSpec> {
    let share = prop_oneof![6 => Just(ShareType::Conditional), 2 => Just(ShareType::Unconditional), 1 => Just(ShareType::NotShared)];
    let basics =
        (share, some_of(Mode::ALL.to_vec(), 1), vec((select(&LEVELS[..]), any::<bool>()), ITEMS), any::<bool>());
    let condition = (
        weighted(0.3, some_of((0..PURPOSES).collect(), 0)),
        weighted(0.3, some_of(vec![0, 1, 2], 0)),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
        limits(),
    );
    (basics, condition).prop_map(
        |((share, modes, items, matter_required), (purposes, departments, verify_only, by_subject, limits))| {
            ResourceSpec {
                share,
                modes,
                items,
                matter_required,
                purposes,
                departments,
                verify_only,
                by_subject,
                limits,
                operations: if share == ShareType::Conditional { vec![vec![0], vec![1, 2]] } else { Vec::new() },
            }
        },
    )
}

fn grant() -> impl Strategy<Value = GrantSpec> {
    let states = prop_oneof![5 => Just(GrantState::Active), 1 => Just(GrantState::Suspended), 1 => Just(GrantState::Revoked), 1 => Just(GrantState::Expired)];
    let whom = (prop_oneof![3 => Just(0_u32), 1 => Just(1_u32)], 0..u32::try_from(RESOURCES).unwrap(), states);
    let fields = some_of((0..ITEMS).collect(), 1).prop_flat_map(|fields| (Just(fields.clone()), some_of(fields, 0)));
    let modes = (some_of(Mode::ALL.to_vec(), 1), some_of(vec![0, 1], 0));
    let what = (modes, fields, select(&LEVELS[..3]), some_of((0..PURPOSES).collect(), 1));
    (whom, what, (0_i64..6, 0_i64..12), limits()).prop_map(
        |(
            (party, resource, state),
            ((modes, operations), (fields, clear_fields), clear_level, purposes),
            (from, days),
            limits,
        )| {
            GrantSpec {
                id: String::new(),
                party,
                resource,
                modes,
                operations,
                fields,
                clear_level,
                clear_fields,
                purposes,
                state,
                from,
                until: from + days,
                limits,
            }
        },
    )
}

/// An exchange whose grants come in any order of ids, all on conditional resources.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let ids = Just((0..8).collect::<Vec<u32>>()).prop_shuffle();
    let suspended = (prop::bool::weighted(0.05), any::<bool>()).prop_map(|(first, second)| vec![first, second, false]);
    (suspended, vec(resource(), RESOURCES), vec(grant(), 0..8), ids, limits()).prop_map(
        |(parties, resources, mut grants, ids, defaults)| {
            debug_assert_eq!(parties.len(), PARTIES);
            for (grant, id) in grants.iter_mut().zip(ids) {
                grant.id = format!("G-{id}");
            }
            grants.retain(|grant| resources[grant.resource as usize].share == ShareType::Conditional);
            World { parties, resources, grants, defaults }
        },
    )
}

/// A call, usually by party 0 and well formed.
pub(crate) fn call() -> impl Strategy<Value = Call> {
    let purpose = prop_oneof![20 => (0..PURPOSES).prop_map(|at| Some(code_of_purpose(at))), 1 => Just(None), 1 => Just(Some(String::from("P99")))];
    let handlers = vec![Some(DISABLED_HANDLER), Some("only-1"), Some("nobody"), None];
    let handler = prop_oneof![10 => Just(Some(ACTIVE_HANDLER)), 1 => select(handlers)]
        .prop_map(|id: Option<&str>| id.map(String::from));
    let matter = prop_oneof![8 => Just(Ok(true)), 2 => Just(Ok(false)), 1 => Just(Err(Fault::MatterForm))];
    let resource = prop_oneof![20 => (0..RESOURCES).prop_map(code_of_resource), 1 => Just(String::from("999999/1"))];
    let who = (
        prop_oneof![5 => Just(0_u32), 1 => Just(1_u32), 1 => Just(2_u32)],
        prop::bool::weighted(0.03),
        purpose,
        handler,
        matter,
    );
    let mode = prop_oneof![3 => Just(Mode::Query), 2 => Just(Mode::Verify), 2 => Just(Mode::Call), 1 => select(&Mode::ALL[..])];
    let mode = (mode, weighted(0.9, 0..2_u8));
    let asked = (subsequence((0..ITEMS).collect::<Vec<_>>(), 1..=2), of(some_of((0..ITEMS).collect(), 1)));
    (who, resource, mode, 0_i64..18, asked).prop_map(
        |((party, stale, purpose, handler, matter), resource, (mode, operation), today, (key, fields))| Call {
            party,
            stale,
            purpose,
            handler,
            matter,
            resource,
            mode,
            operation,
            today,
            key,
            fields,
        },
    )
}

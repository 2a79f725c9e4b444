//! Random exchanges: the decision says what the contract says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sluice_domain::grant::GrantState;
use sluice_domain::{Fact, Level, Refusal, ShareType};

use crate::oracle::{Refused, Right, admitted, decided};
use crate::random::{call, world};
use crate::world::day;

fn refused(refusal: &Refusal) -> Refused {
    let grant = refusal.facts().iter().find_map(|fact| match fact {
        Fact::Grant(id) => Some(id.to_string()),
        _ => None,
    });
    (refusal.code, grant)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Same code, same grant, same items, same items in clear: the lowest id that covers wins, the
    /// furthest refusal answers.
    #[test]
    fn decisions_agree_with_the_contract(world in world(), call in call()) {
        let policy = world.policy();
        let by_headers = call.admit(&policy).map(|_| ()).map_err(|refusal| refused(&refusal));
        prop_assert_eq!(by_headers, admitted(&world, &call));
        let right = call.decide(&policy).map_err(|refusal| refused(&refusal)).map(|permit| Right {
            grant: permit.grant().and_then(|ix| policy.grant(ix)).map(|grant| grant.id.to_string()),
            fields: permit.fields().iter().collect(),
            clear: permit.clear().iter().collect(),
        });
        prop_assert_eq!(right, decided(&world, &call));
    }

    #[test]
    fn a_permit_rests_on_a_live_right(world in world(), call in call()) {
        let policy = world.policy();
        let Ok(permit) = call.decide(&policy) else { return Ok(()) };
        let resource = policy.resource(permit.resource()).unwrap();
        let fields: BTreeSet<usize> = permit.fields().iter().collect();
        prop_assert!(permit.clear().is_subset(permit.fields()));
        prop_assert!(call.fields.as_ref().is_none_or(|asked| fields.iter().all(|item| asked.contains(item))));
        prop_assert!(resource.modes.contains(call.mode));
        prop_assert_ne!(resource.share_type, ShareType::NotShared);
        let Some(ix) = permit.grant() else {
            prop_assert_eq!(resource.share_type, ShareType::Unconditional);
            prop_assert!(resource.highest_level(permit.clear()) <= Level::L2);
            return Ok(());
        };
        let grant = policy.grant(ix).unwrap();
        let terms = world.grants.iter().find(|terms| terms.id == grant.id.as_str()).unwrap();
        prop_assert_eq!((terms.party, terms.state), (call.party, GrantState::Active));
        prop_assert!((terms.from..=terms.until).contains(&call.today));
        prop_assert!(fields.iter().chain(&call.key).all(|item| terms.fields.contains(item)));
        for (at, _) in resource.items_of(permit.clear()).filter(|(_, item)| item.level == Level::L4) {
            prop_assert!(terms.clear_fields.contains(&at), "an L4 item is clear without being named");
        }
        let narrowed = terms.limits.narrowed(resource.condition.limits);
        prop_assert_eq!(permit.limits().per_day, narrowed.per_day.or(world.defaults.per_day));
        prop_assert_eq!(permit.limits().per_second, narrowed.per_second.or(world.defaults.per_second));
        prop_assert_eq!(permit.limits().rows_per_call, narrowed.rows_per_call.or(world.defaults.rows_per_call));
    }

    #[test]
    fn grants_of_other_parties_never_help(world in world(), call in call()) {
        let mut alone = world.clone();
        alone.grants.retain(|grant| grant.party == call.party);
        let outcome = |policy| call.decide(&policy).map(|permit| (permit.fields().to_bytes(), permit.clear().to_bytes())).map_err(|refusal| refused(&refusal));
        prop_assert_eq!(outcome(world.policy()), outcome(alone.policy()));
    }

    /// The grant named in `grant.expired` and its last day belong together.
    #[test]
    fn an_expired_grant_is_told_with_a_day_that_has_passed(world in world(), call in call()) {
        let Err(refusal) = call.decide(&world.policy()) else { return Ok(()) };
        for fact in refusal.facts() {
            if let Fact::On(last) = fact {
                prop_assert!(*last < day(call.today));
            }
        }
    }
}

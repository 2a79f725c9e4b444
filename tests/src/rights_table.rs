//! The table of who may do what: every party, resource and mode with the best call that the party
//! could make, and the code that it gets. Committed as `tests/snapshots/rights.txt`, so that a change
//! of anybody's rights shows in review.

use std::fmt::Write as _;

use crate::asking;
use crate::city::{City, Grant, Resource};
use crate::client::Connection;
use crate::exchange::Exchange;
use crate::rights::Ask;

/// The best call of a party: with its grant's purpose, keys and fields, where it has one.
pub fn best_ask<'a>(city: &'a City, party: &'a str, resource: &'a Resource, mode: &'a str) -> Ask<'a> {
    let mut grants: Vec<&Grant> =
        city.grants.iter().filter(|grant| grant.party == party && grant.resource == resource.code).collect();
    grants.sort_by(|a, b| a.id.cmp(&b.id));
    let grant = grants.first();
    let purpose = grant
        .and_then(|grant| grant.purposes.first())
        .or_else(|| resource.purposes.as_ref().and_then(|listed| listed.first()));
    let granted = |code: &String| grant.is_none_or(|grant| grant.fields.contains(code));
    let key = resource
        .key_sets
        .iter()
        .find(|set| set.iter().all(granted))
        .or(resource.key_sets.first())
        .cloned()
        .unwrap_or_default();
    let claim =
        resource.items.iter().find(|item| !item.key && !item.out && granted(&item.code)).or(resource.items.first());
    Ask {
        party,
        resource: &resource.code,
        mode,
        purpose: purpose.or(city.purposes.first()).expect("a purpose"),
        matter: true,
        key,
        fields: (mode == "verify").then(|| claim.into_iter().map(|item| item.code.clone()).collect()),
    }
}

/// The table of a running exchange.
pub fn table(exchange: &Exchange, city: &City) -> String {
    let mut table = String::new();
    let parties = city.parties.iter().map(|party| (party.key.as_str(), party.key.as_str()));
    // Certificates without a registered system, and a revoked one, ask what the first party would.
    let first = city.parties.first().map_or("", |party| party.key.as_str());
    for (identity, party) in parties.chain([("unknown", first), ("revoked", first)]) {
        let identity = exchange.identity(identity);
        let mut connection = exchange.connect(&identity);
        for resource in &city.resources {
            for mode in ["verify", "query"] {
                let code = ask(&mut connection, city, &best_ask(city, party, resource, mode));
                let _ = writeln!(table, "{:8} {} {mode:6} {code}", identity.name, resource.code);
            }
        }
    }
    table
}

fn ask(connection: &mut Connection, city: &City, ask: &Ask<'_>) -> String {
    let call = asking::call(city, ask, city.records_of(ask.resource).first());
    connection.send(&call).map_or_else(|error| error.to_string(), |answer| answer.code())
}

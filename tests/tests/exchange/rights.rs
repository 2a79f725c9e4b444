//! Who may do what, in the sample city and in cities that nobody has seen.

use std::collections::BTreeMap;
use std::fs;

use serde_json::value::RawValue;
use sluice_tests::asking;
use sluice_tests::binary::workspace;
use sluice_tests::city::{City, Record, Resource};
use sluice_tests::client::Answer;
use sluice_tests::demo::Demo;
use sluice_tests::rights::{Ask, Right, judge};
use sluice_tests::rights_table::{best_ask, table};
use sluice_tests::seed::Seed;

use super::problem;

#[test]
fn the_table_of_who_may_do_what_is_the_committed_one() {
    let city = City::embedded();
    let demo = Demo::of(&city);
    let committed = fs::read_to_string(workspace().join("tests/snapshots/rights.txt")).unwrap();
    let now = table(&demo, &city);
    let changed: Vec<String> = now
        .lines()
        .zip(committed.lines().chain(std::iter::repeat("")))
        .filter(|(now, then)| now != then)
        .map(|(now, then)| format!("- {then}\n+ {now}"))
        .collect();
    assert!(
        changed.is_empty(),
        "rights changed; if that is wanted, see tests/examples/rights_table.rs\n{}",
        changed.join("\n")
    );
    assert_eq!(now.lines().count(), committed.lines().count());
    assert!(now.lines().any(|line| line.ends_with(" ok")));
}

#[test]
fn the_table_agrees_with_the_contract() {
    let city = City::embedded();
    let committed = fs::read_to_string(workspace().join("tests/snapshots/rights.txt")).unwrap();
    for party in &city.parties {
        for resource in &city.resources {
            for mode in ["verify", "query"] {
                let says = judge(&city, &best_ask(&city, &party.key, resource, mode)).err().unwrap_or("ok");
                let line = format!("{:8} {} {mode:6} {says}", party.key, resource.code);
                assert!(committed.lines().any(|committed| committed == line), "the contract says: {line}");
            }
        }
    }
}

#[test]
fn a_city_nobody_has_seen_is_served_as_the_contract_says() {
    let mut seed = Seed::fresh("an unseen city");
    let city = City::random(&mut seed);
    let demo = Demo::of(&city);
    for party in &city.parties {
        let mut connection = demo.connect(&demo.identity(&party.key));
        for resource in &city.resources {
            for mode in ["verify", "query"] {
                for ask in asks(&city, &mut seed, &party.key, resource, mode) {
                    let record = city.records_of(&resource.code).first();
                    let call = asking::call(&city, &ask, record);
                    let answer = connection.send(&call).unwrap();
                    check(&city, &ask, record, &answer);
                }
            }
        }
    }
}

/// The best call, and two with purpose, key and fields left to chance.
fn asks<'a>(city: &'a City, seed: &mut Seed, party: &'a str, resource: &'a Resource, mode: &'a str) -> Vec<Ask<'a>> {
    let best = best_ask(city, party, resource, mode);
    let chance = |seed: &mut Seed| {
        let any = seed.some_of(&resource.codes());
        Ask {
            purpose: seed.pick::<String>(&city.purposes),
            matter: !seed.one_in(4),
            key: seed.pick(&resource.key_sets).clone(),
            fields: if mode == "query" && seed.one_in(2) { None } else { Some(any) },
            ..best.clone()
        }
    };
    let chances = [chance(seed), chance(seed)];
    std::iter::once(best.clone()).chain(chances).collect()
}

fn check(city: &City, ask: &Ask<'_>, record: Option<&Record>, answer: &Answer) {
    let what = format!("{ask:?}");
    match judge(city, ask) {
        Err(code) => problem::check(&what, answer, code),
        Ok(right) => {
            assert_eq!(answer.code(), "ok", "{what}: {}", answer.text());
            match ask.mode {
                "verify" => check_verdict(ask, record, answer),
                _ => check_records(city, ask, record, &right, answer),
            }
        }
    }
    assert!(answer.receipt().is_some(), "{what}: no receipt");
}

fn check_verdict(ask: &Ask<'_>, record: Option<&Record>, answer: &Answer) {
    let verdict = answer.json();
    let Some(record) = record else { return assert_eq!(verdict["result"], "not_found", "{ask:?}") };
    let is_known = ask.fields.iter().flatten().all(|code| asking::text_of(record, code).is_some());
    let expected = if is_known { "match" } else { "indeterminate" };
    let acceptable = [expected, if is_known { "match" } else { "mismatch" }];
    assert!(acceptable.iter().any(|result| verdict["result"] == *result), "{ask:?} {record:?}: {verdict}");
}

fn check_records(city: &City, ask: &Ask<'_>, record: Option<&Record>, right: &Right, answer: &Answer) {
    #[derive(serde::Deserialize)]
    struct Page {
        records: Vec<BTreeMap<String, Box<RawValue>>>,
    }
    let what = format!("{ask:?}");
    let page: Page =
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{what}: {error}: {}", answer.text()));
    let sought = asking::values(city.resource(ask.resource), &ask.key, record);
    let fits = |stored: &&Record| {
        sought.iter().all(|(code, value)| asking::text_of(stored, code).as_deref() == value.as_str())
    };
    let rows = usize::try_from(right.rows.unwrap_or(20)).unwrap();
    let stored: Vec<&Record> = city.records_of(ask.resource).iter().filter(fits).take(rows).collect();
    assert_eq!(page.records.len(), stored.len(), "{what}: {}", answer.text());
    for (shown, stored) in page.records.iter().zip(&stored) {
        let mut granted = right.fields.clone();
        granted.sort();
        assert_eq!(shown.keys().cloned().collect::<Vec<_>>(), granted, "{what}");
        for (code, value) in shown {
            let original = stored.iter().find(|(name, _)| name == code).map(|(_, raw)| raw.as_str()).unwrap();
            let is_clear = right.clear.contains(code) || original == "null";
            assert_eq!(value.get() == original, is_clear, "{what}: {code} is {} of {original}", value.get());
            assert!(is_clear || value.get().starts_with('"'), "{what}: a masked value is a string: {}", value.get());
        }
    }
    if !stored.is_empty() {
        let masked: Vec<&str> =
            right.fields.iter().filter(|code| !right.clear.contains(code)).map(String::as_str).collect();
        assert_eq!(answer.header("Exchange-Masked").unwrap_or_default(), masked.join(", "), "{what}");
    }
}

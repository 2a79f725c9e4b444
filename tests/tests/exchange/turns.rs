//! The places at a provider that bears few calls at once: parties take turns.

use std::time::Duration;

use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{City, Grant};
use sluice_tests::client::Connection;
use sluice_tests::clock;
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::site::{Changes, Site};

use super::problem;

/// A city in which `other` may ask what `ask` may, and its provider, which bears one call at a time.
fn served(waiting_max: i64) -> (City, Provider, Site) {
    let mut city = City::small();
    city.grants.push(Grant { party: "other".to_owned(), ..Grant::small("G-2000", RESOURCE) });
    let slow = city.clone();
    let provider =
        Provider::start(move |question| Reply::Later(Duration::from_millis(300), Box::new(standard(&slow, question))));
    let binding = vec![("concurrency", 1.into()), ("waiting_max", waiting_max.into()), ("timeout_ms", 60_000.into())];
    let settings = vec![("data.timeouts.request_ms", 60_000.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, binding, ..Changes::default() });
    (city, provider, site)
}

/// So many calls of `ask`, none of them answered yet.
fn flood(city: &City, site: &Site, provider: &Provider, calls: u32) -> Vec<Connection> {
    let identity = site.identity("ask");
    let flood: Vec<Connection> = (0..calls)
        .map(|_| {
            let mut connection = site.connect(&identity);
            connection.begin(&city.good_call()).unwrap();
            connection
        })
        .collect();
    let begun = clock::within(Duration::from_secs(30), "the calls are in work", || {
        let asked = u32::try_from(provider.questions().len()).unwrap();
        let in_work = site.metric("sluice_requests_in_flight")?;
        (in_work + f64::from(asked) >= f64::from(calls)).then_some(())
    });
    begun.unwrap();
    flood
}

#[test]
fn a_partys_flood_does_not_starve_anothers_call() {
    let (city, provider, site) = served(60);
    let other = site.identity("other");
    let flood = flood(&city, &site, &provider, 50);
    let before = provider.questions().len();
    assert!(before < 40, "{before} of the flood have been put already");
    let answer = site.send(&other, &city.good_call());
    assert_eq!(answer.code(), "ok", "{}", answer.text());
    let questions = provider.questions();
    let is_others = |head: &str| head.to_ascii_lowercase().contains("x-exchange-department: other");
    let turn = questions.iter().position(|question| is_others(&question.head)).unwrap();
    // One is under way when it comes, one may become so before it is in the line.
    assert!(turn <= before + 2, "it came {turn}th after {before}");
    drop(flood);
}

#[test]
fn a_line_full_of_one_partys_calls_has_room_for_anothers() {
    let (city, provider, site) = served(10);
    let other = site.identity("other");
    let mut flood = flood(&city, &site, &provider, 11);
    let answer = site.send(&other, &city.good_call());
    assert_eq!(answer.code(), "ok", "{}", answer.text());
    let answers: Vec<_> = flood.iter_mut().map(|connection| connection.read().unwrap()).collect();
    let away: Vec<_> = answers.iter().filter(|answer| answer.code() != "ok").collect();
    assert!(away.len() <= 1, "at most one gives way");
    for answer in away {
        problem::check("who gives way", answer, "provider.circuit_open");
        assert_eq!(answer.header("Retry-After"), Some("1"));
    }
}

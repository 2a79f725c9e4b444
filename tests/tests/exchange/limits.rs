//! Limits: never above, by grant, across workers and restarts.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{City, Grant, Resource};
use sluice_tests::client::{Answer, Call, Connection};
use sluice_tests::clock;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

const DAILY: u32 = 50;
const RATE: u32 = 5;
const RATED: &str = "430689001/000002";

fn city() -> City {
    let mut city = City::small();
    city.resources[0].per_day = Some(DAILY);
    city.grants[0].per_day = Some(DAILY * 2);
    city.resources.push(Resource::small(RATED));
    city.grants.push(Grant { per_second: Some(RATE), ..Grant::small("G-2000", RATED) });
    let records = city.records_of(RESOURCE).to_vec();
    city.records.insert(RATED.to_owned(), records);
    city
}

/// Calls from several connections at once: how many were permitted, and the refusals.
fn race(site: &Site, calls: usize, call: &Call) -> (usize, Vec<Answer>) {
    const CALLERS: usize = 8;
    let left = AtomicUsize::new(calls);
    let identity = site.identity("ask");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let caller = || {
            let mut connection = Connection::open(&identity, site.base).unwrap();
            let mut answers = Vec::new();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                answers.push(connection.send(call).unwrap());
            }
            answers
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let (permitted, refused): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|answer| answer.status == 200);
    (permitted.len(), refused)
}

#[test]
fn a_day_has_its_quota_and_a_restart_does_not_renew_it() {
    let city = city();
    let provider = Provider::of(&city);
    let mut site = Site::serve(&city, &provider.url(), &Changes::default());
    let identity = site.identity("ask");
    let first = site.send(&identity, &city.good_call());
    // The site may set further limits of its own beside it.
    let says = |name: &str, part: String| {
        assert!(first.header(name).is_some_and(|value| value.contains(&part)), "{part} in {:?}", first.headers);
    };
    says("RateLimit-Policy", format!("\"day\";q={DAILY};w=86400"));
    says("RateLimit", format!("\"day\";r={};t=", DAILY - 1));
    assert_eq!((first.header("X-RateLimit-Limit"), first.header("X-RateLimit-Remaining")), (Some("50"), Some("49")));
    assert!(first.header("X-RateLimit-Reset").is_some());
    // A refusal takes nothing from the quota, a batch takes each of its items.
    problem::check(
        "outside",
        &site.send(&identity, &city.good_call().header("Exchange-Purpose", "P2")),
        "grant.purpose_mismatch",
    );
    let item = json!({"subject": {"ID": city.id(0)}, "claims": {"NAME": "x"}});
    let batch = Call::service(RESOURCE, "verify", &json!({"items": vec![item.clone(); 9]})).by("P1", "h-1", "C");
    assert_eq!(site.send(&identity, &batch).code(), "ok");
    site.stop();
    site.start_again();
    let (permitted, refused) = race(&site, 2 * DAILY as usize, &city.good_call());
    assert_eq!(permitted, DAILY as usize - 10);
    for answer in &refused {
        problem::check("over the day's quota", answer, "limit.quota");
    }
    assert!(refused.iter().all(|answer| answer.receipt().is_some() && answer.header("RateLimit").is_some()));
    site.process.kill();
    site.start_again();
    let again = site.send(&site.identity("ask"), &city.good_call());
    problem::check("after a kill", &again, "limit.quota");
}

#[test]
fn a_rate_is_never_exceeded_and_refills() {
    let city = city();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let call =
        Call::service(RATED, "query", &json!({"filter": {"ID": city.id(0)}, "fields": ["NO"]})).by("P1", "h-1", "C");
    let began = clock::now();
    let (permitted, refused) = race(&site, 60, &call);
    let refills = began.elapsed().as_secs_f64() * f64::from(RATE);
    let most = f64::from(RATE) + refills;
    assert!(
        permitted >= RATE as usize && f64::from(u32::try_from(permitted).unwrap()) <= most,
        "{permitted} of {most}"
    );
    assert!(!refused.is_empty());
    for answer in &refused {
        problem::check("over the rate", answer, "limit.rate");
    }
    clock::pass(std::time::Duration::from_millis(1100));
    let answer = site.send(&site.identity("ask"), &call);
    assert_eq!(answer.code(), "ok");
    assert_eq!(answer.header("RateLimit-Policy"), Some("\"second\";q=5;w=1"));
    let too_many = json!({"items": vec![json!({"subject": {"ID": city.id(0)}, "claims": {"NAME": "x"}}); 6]});
    let batch = Call::service(RATED, "verify", &too_many).by("P1", "h-1", "C");
    problem::check("a batch above the rate", &site.send(&site.identity("ask"), &batch), "limit.rate");
    assert!(provider.questions().len() <= permitted + 1);
}

#[test]
fn a_flood_of_refusals_is_summarised_and_hinders_no_permitted_call() {
    let city = city();
    let provider = Provider::of(&city);
    let settings = vec![("limits.refusals_per_second", 20.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let refused_call = city.good_call().header("Exchange-Purpose", "P2");
    let (permitted, refused) = race(&site, 400, &refused_call);
    assert_eq!(permitted, 0);
    let summarised: Vec<&Answer> = refused.iter().filter(|answer| answer.code() == "limit.refusals").collect();
    assert!(summarised.len() > 200, "{} of 400", summarised.len());
    for answer in &summarised {
        problem::check("over the refusal quota", answer, "limit.refusals");
        assert!(answer.receipt().is_none(), "summarised refusals have no record of their own");
    }
    for answer in refused.iter().filter(|answer| answer.code() != "limit.refusals") {
        problem::check("within the refusal quota", answer, "grant.purpose_mismatch");
        assert!(answer.receipt().is_some());
    }
    assert_eq!(
        site.send(&site.identity("ask"), &city.good_call()).code(),
        "ok",
        "the quota never touches a permitted call"
    );
    let kinds = |kind: &str| {
        let records = sluice_tests::ledger::records(&site.ledger());
        records
            .into_values()
            .filter(|(_, record)| record["kind"] == kind)
            .map(|(_, record)| record["count"].as_u64().unwrap_or(1))
            .sum::<u64>()
    };
    let counted = clock::within(std::time::Duration::from_secs(5), "the summary", || {
        let counted = kinds("REJECT_SUMMARY");
        (counted == summarised.len() as u64).then_some(counted)
    });
    assert!(counted.is_ok(), "{counted:?}: {} of {}", kinds("REJECT_SUMMARY"), summarised.len());
}

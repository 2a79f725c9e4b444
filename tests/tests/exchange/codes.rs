//! Every code of the contract is reached, or stands here with the reason why it cannot be yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use sluice_domain::Code;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{City, Grant, Resource};
use sluice_tests::client::{Call, Connection, Identity};
use sluice_tests::clock::{self, day};
use sluice_tests::process::signal;
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::site::{Changes, Site};

use super::problem;

/// Not reached here, and why.
const ELSEWHERE: [(Code, &str); 5] = [
    (Code::RequestIdempotencyConflict, "writes come with push and corrections"),
    (Code::IdentityTokenExpired, "`identity` reaches it with an issuer whose tokens end when it likes"),
    (Code::PolicyStale, "`configuration` reaches it with a revocation list that has ended"),
    (Code::LedgerUnavailable, "`crashes` covers the durable side; a full disk needs a file system of its own"),
    (Code::ExchangeInternal, "a defect, by definition"),
];

const ONE_A_DAY: &str = "430689001/000002";
const RATED: &str = "430689001/000003";
const NOT_SHARED: &str = "430689001/000004";
const EXPIRED: &str = "430689001/000005";
const REVOKED: &str = "430689001/000006";
const SUSPENDED: &str = "430689001/000007";
const BY_SUBJECT: &str = "430689001/000008";
const VERIFY_ONLY: &str = "430689001/000009";
const UNREACHABLE: &str = "430689001/000010";
const SLOW: &str = "430689001/000011";
const BAD: &str = "430689001/000012";
const BREAKING: &str = "430689001/000013";

fn city() -> City {
    let mut city = City::small();
    let records = city.records_of(RESOURCE).to_vec();
    let all = [
        ONE_A_DAY,
        RATED,
        NOT_SHARED,
        EXPIRED,
        REVOKED,
        SUSPENDED,
        BY_SUBJECT,
        VERIFY_ONLY,
        UNREACHABLE,
        SLOW,
        BAD,
        BREAKING,
    ];
    for code in all {
        let mut resource = Resource::small(code);
        let mut grant = Grant::small(&format!("G-2{}", &code[13..]), code);
        grant.fields.retain(|item| item != "STATE");
        match code {
            ONE_A_DAY => grant.per_day = Some(1),
            RATED => grant.per_second = Some(1),
            NOT_SHARED => {
                resource.share = "not_shared";
                resource.modes.clear();
                resource.legal_basis = Some("《样例法》第一条".to_owned());
            }
            EXPIRED => (grant.valid_from, grant.valid_until) = (day(-9), day(-1)),
            REVOKED => "revoked".clone_into(&mut grant.state),
            SUSPENDED => "suspended".clone_into(&mut grant.state),
            BY_SUBJECT => resource.by_subject = true,
            VERIFY_ONLY => grant.modes = vec!["verify"],
            _ => {}
        }
        city.resources.push(resource);
        city.records.insert(code.to_owned(), records.clone());
        if code != NOT_SHARED {
            city.grants.push(grant);
        }
    }
    city.resources[0].modes = vec!["query"];
    city.grants[0].modes = vec!["query"];
    city
}

fn provider(city: &City, hold: Arc<AtomicBool>) -> Provider {
    let city = city.clone();
    Provider::start(move |question| match question.json()["resource"].as_str().unwrap_or_default() {
        UNREACHABLE | BREAKING => Reply::Close,
        SLOW => Reply::Later(Duration::from_secs(30), Box::new(Reply::Close)),
        BAD => Reply::Json("{".to_owned()),
        RESOURCE if hold.load(Ordering::Acquire) => {
            Reply::Later(Duration::from_millis(1500), Box::new(standard(&city, question)))
        }
        _ => standard(&city, question),
    })
}

/// Calls whose answer needs nothing but the call.
fn rows(city: &City, site: &Site) -> Vec<(Code, Identity, Call)> {
    let (ask, other) = (site.identity("ask"), site.identity("other"));
    let good = city.good_call();
    let on = |code: &str, body: serde_json::Value| Call::service(code, "query", &body).by("P1", "h-1", "C");
    let by_id = json!({"filter": {"ID": city.id(0)}, "fields": ["NAME"]});
    let headers = |count: usize| (0..count).fold(good.clone(), |call, at| call.header(&format!("X-H{at}"), "v"));
    let mut rows = vec![
        (Code::RequestMisdirected, ask.clone(), good.clone().header("Host", "elsewhere.example")),
        (Code::RequestUriTooLong, ask.clone(), Call::get(&format!("/v1/resources?query={}", "a".repeat(6000)))),
        (Code::RequestHeadersTooLarge, ask.clone(), headers(80)),
        (Code::RequestNotFound, ask.clone(), Call::get("/v1/nothing")),
        (Code::RequestMethod, ask.clone(), Call::get("/v1/token")),
        (Code::IdentityCertificateRevoked, site.identity("revoked"), good.clone()),
        (Code::IdentityUnknownSystem, site.identity("unknown"), good.clone()),
        (Code::IdentityTokenMissing, ask.clone().without_token(), good.clone()),
        (Code::IdentityTokenInvalid, ask.clone().with_token("x"), good.clone()),
        (Code::IdentityBindingMismatch, ask.clone().with_token(&other.token.clone().unwrap()), good.clone()),
        (Code::PartySuspended, site.identity("gone"), good.clone()),
        (Code::GrantRequired, other, good.clone()),
        (Code::ResourceNotFound, ask.clone(), on("430689001/000099", by_id.clone())),
        (Code::ModeNotOffered, ask.clone(), city.good_verify()),
    ];
    let mut push = |code: Code, call: Call| rows.push((code, ask.clone(), call));
    push(Code::PurposeMissing, good.clone().without("Exchange-Purpose"));
    push(Code::PurposeUnknown, good.clone().header("Exchange-Purpose", "NONE"));
    push(Code::HandlerMissing, good.clone().without("Exchange-Handler"));
    push(Code::HandlerUnknown, good.clone().header("Exchange-Handler", "nobody"));
    push(Code::HandlerDisabled, good.clone().header("Exchange-Handler", "h-2"));
    push(Code::MatterMissing, good.clone().without("Exchange-Matter"));
    push(Code::ShareNotShared, on(NOT_SHARED, by_id.clone()));
    push(Code::GrantRevoked, on(REVOKED, by_id.clone()));
    push(Code::GrantSuspended, on(SUSPENDED, by_id.clone()));
    push(Code::GrantExpired, on(EXPIRED, by_id.clone()));
    push(Code::GrantModeNotGranted, on(VERIFY_ONLY, by_id.clone()));
    push(Code::GrantPurposeMismatch, good.clone().header("Exchange-Purpose", "P2"));
    push(Code::RequestMediaType, good.clone().header("Content-Type", "text/xml"));
    push(Code::RequestTooLarge, good.clone().bytes(vec![b' '; 9000]));
    push(Code::RequestMalformed, good.clone().bytes("{"));
    push(Code::RequestSchema, good.clone().bytes("{}"));
    push(Code::RequestCursor, on(RESOURCE, json!({"filter": {"ID": city.id(0)}, "cursor": "x"})));
    push(Code::GrantFieldNotGranted, on(BAD, json!({"filter": {"ID": city.id(0)}, "fields": ["STATE"]})));
    push(Code::GrantRowScope, on(BY_SUBJECT, json!({"filter": {"NO": "N-0"}})));
    push(Code::ProviderUnreachable, on(UNREACHABLE, by_id.clone()));
    push(Code::ProviderTimeout, on(SLOW, by_id.clone()));
    push(Code::ProviderBadAnswer, on(BAD, by_id));
    rows
}

#[test]
fn every_code_is_reached() {
    let city = city();
    let hold = Arc::new(AtomicBool::new(false));
    let provider = provider(&city, hold.clone());
    let settings = vec![
        ("data.limits.body_bytes_max", 4096.into()),
        ("data.timeouts.body_ms", 300.into()),
        ("data.limits.in_flight_max", 2.into()),
        ("data.workers", 1.into()),
        ("limits.refusals_per_second", 100.into()),
    ];
    let mut site = Site::serve(
        &city,
        &provider.url(),
        &Changes {
            settings,
            binding: vec![("timeout_ms", 700.into()), ("connect_timeout_ms", 500.into())],
            ..Changes::default()
        },
    );
    let mut reached = BTreeSet::new();
    let mut check = |code: Code, answer: &sluice_tests::client::Answer| {
        problem::check(code.as_str(), answer, code.as_str());
        reached.insert(code);
    };
    for (code, identity, call) in rows(&city, &site) {
        check(code, &site.send(&identity, &call));
        let english = site.send(&identity, &call.header("Accept-Language", "en-GB,en;q=0.9,zh;q=0.1"));
        if english.code() == code.as_str() {
            problem::is_chinese(code.as_str(), &english.json(), false);
        }
    }
    let ask = site.identity("ask");
    let query = |code: &str| {
        Call::service(code, "query", &json!({"filter": {"ID": city.id(0)}, "fields": ["NAME"]})).by("P1", "h-1", "C")
    };
    let again = |wanted: &str, call: &Call| {
        let mut connection = site.connect(&ask);
        let answers = (0..500).map(|_| connection.send(call).unwrap());
        answers.into_iter().find(|answer| answer.code() == wanted).unwrap_or_else(|| panic!("{wanted} never came"))
    };
    check(Code::LimitQuota, &again("limit.quota", &query(ONE_A_DAY)));
    check(Code::LimitRate, &again("limit.rate", &query(RATED)));
    check(Code::LimitRefusals, &again("limit.refusals", &query(REVOKED)));
    let open = again("provider.circuit_open", &query(BREAKING));
    assert!(open.header("Retry-After").is_some(), "{:?}", open.headers);
    check(Code::ProviderCircuitOpen, &open);
    check(Code::RequestTimeout, &half_a_body(&site, &ask, &city));
    // Two calls that a slow provider holds fill the only worker.
    hold.store(true, Ordering::Release);
    let overloaded = while_held(2, &site, &ask, &city, || {
        Some(site.send(&ask, &city.good_call())).filter(|answer| answer.status != 200)
    });
    check(Code::ExchangeOverloaded, &overloaded.expect("a third call is turned away"));
    // Connections on which nothing was asked yet are open until they were told.
    let draining = while_held(1, &site, &ask, &city, || {
        let mut waiting: Vec<Connection> = (0..50).map(|_| site.connect(&ask)).collect();
        let elsewise_refused = city.good_call().header("Exchange-Purpose", "NONE");
        signal(site.process.pid(), "TERM");
        let told = clock::within(Duration::from_secs(5), "the drain", || {
            let answer = waiting.pop().and_then(|mut connection| connection.send(&elsewise_refused).ok());
            answer.filter(|answer| answer.code() == "exchange.draining")
        });
        told.unwrap()
    });
    check(Code::ExchangeDraining, &draining);
    assert!(site.process.end(Duration::from_secs(30)).success());

    for (code, why) in ELSEWHERE {
        assert!(reached.insert(code), "{} is reached after all: {why}", code.as_str());
    }
    let missing: Vec<&str> =
        Code::ALL.iter().filter(|code| !reached.contains(code)).map(|code| code.as_str()).collect();
    assert!(missing.is_empty(), "no call reaches {missing:?}");
}

/// The answer to a body that never ends.
fn half_a_body(site: &Site, identity: &Identity, city: &City) -> sluice_tests::client::Answer {
    let mut connection = Connection::open(identity, site.base).unwrap();
    let token = identity.token.clone().unwrap();
    let body = city.good_call().body;
    let head = format!(
        "POST /v1/resources/{RESOURCE}/query HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nExchange-Purpose: P1\r\nExchange-Handler: h-1\r\nExchange-Matter: C\r\nContent-Length: {}\r\n\r\n",
        site.base,
        body.len()
    );
    connection.write(head.as_bytes()).unwrap();
    connection.write(&body[..body.len() / 2]).unwrap();
    connection.read().unwrap()
}

/// Runs `then` while the provider holds so many calls.
fn while_held<T>(calls: usize, site: &Site, identity: &Identity, city: &City, then: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        for _ in 0..calls {
            scope.spawn(|| {
                Connection::open(identity, site.base).and_then(|mut connection| connection.send(&city.good_call()))
            });
        }
        clock::pass(Duration::from_millis(400));
        then()
    })
}

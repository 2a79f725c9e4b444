//! An identity, wherever it enters, is nowhere in what the exchange writes.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use sluice_tests::city::City;
use sluice_tests::city::small::{RESOURCE, person};
use sluice_tests::client::{Call, Identity};
use sluice_tests::clock;
use sluice_tests::exchange::Exchange;
use sluice_tests::identifiers;
use sluice_tests::provider::{Provider, Reply, standard};
use sluice_tests::seed::Seed;
use sluice_tests::site::{Changes, Site};

/// A name that stands nowhere else.
const NAME: &str = "欧阳样例㐀";
const MATTER: &str = "MATTER-CANARY-2026-77";

/// Every way in, each with an identity of its own.
fn calls(city: &City, id: &dyn Fn() -> String) -> Vec<(&'static str, Call)> {
    let verify = |body: &Value| Call::service(RESOURCE, "verify", body).by("P1", "h-1", MATTER);
    let good = city.good_call();
    let batch: Vec<Value> = (0..100).map(|_| json!({"subject": {"ID": id()}, "claims": {"NAME": NAME}})).collect();
    vec![
        ("path", Call::get(&format!("/v1/resources/{}/000001", id()))),
        ("path segment", Call::post(&format!("/v1/people/{}/query", id()), &json!({}))),
        ("code", Call::service(&format!("{}/{}", id(), id()), "query", &json!({})).by("P1", "h-1", "C")),
        ("receipt", Call::get(&format!("/v1/receipts/{}", id()))),
        ("query string", Call::get(&format!("/v1/resources?query={}", id()))),
        ("unknown parameter", Call::get(&format!("/v1/resources?{}=1", id()))),
        ("query string of a service", Call { target: format!("{}?who={}", good.target, id()), ..good.clone() }),
        ("handler", good.clone().header("Exchange-Handler", &id())),
        ("purpose", good.clone().header("Exchange-Purpose", &id())),
        ("matter", good.clone().header("Exchange-Matter", &id())),
        ("trace", good.clone().header("traceparent", &id())),
        ("request id", good.clone().header("X-Request-Id", &id())),
        ("user agent", good.clone().header("User-Agent", &id())),
        ("bearer", good.clone().header("Authorization", &format!("Bearer {}", id()))),
        ("content type", good.clone().header("Content-Type", &format!("application/{}", id()))),
        ("language", good.clone().header("Accept-Language", &id())),
        ("header name", good.clone().header(&format!("X-{}", id()), "1")),
        ("host", good.clone().header("Host", &id())),
        ("JSON string", verify(&json!({"subject": {"ID": id()}, "claims": {"NAME": NAME}}))),
        ("JSON number", verify(&json!({"subject": {"ID": number(&id())}, "claims": {"NAME": NAME}}))),
        ("claim", verify(&json!({"subject": {"NO": "N-0"}, "claims": {"ID": id()}}))),
        ("unknown member", verify(&json!({"subject": {"ID": id()}, "claims": {"NAME": NAME}, id(): 1}))),
        ("unknown item", verify(&json!({"subject": {id(): "1"}, "claims": {"NAME": NAME}}))),
        ("wrong place", verify(&json!({"subject": {"NO": id()}, "claims": {"NAME": NAME}}))),
        ("not JSON", verify(&json!(0)).bytes(format!("{{{}", id()))),
        ("batch", verify(&json!({"items": batch}))),
        (
            "cursor",
            Call::service(RESOURCE, "query", &json!({"filter": {"ID": id()}, "cursor": id()})).by("P1", "h-1", "C"),
        ),
        (
            "field",
            Call::service(RESOURCE, "query", &json!({"filter": {"ID": id()}, "fields": [id()]})).by("P1", "h-1", "C"),
        ),
        ("token form", Call::token(&format!("grant_type={}&client_id={}", id(), id()))),
    ]
}

/// The id as a JSON number, but for those that end in X.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

fn needles(people: &[String]) -> Vec<Vec<u8>> {
    let texts = people.iter().map(String::as_str).chain([NAME, MATTER]);
    texts
        .flat_map(|text| {
            let base64 = base64::prelude::BASE64_STANDARD_NO_PAD.encode(text);
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [text.as_bytes().to_vec(), base64.into_bytes(), utf16]
        })
        .collect()
}

#[test]
fn an_identity_that_enters_anywhere_is_written_nowhere() {
    let mut seed = Seed::fresh("canaries");
    let mut city = City::small();
    let known: Vec<String> = (0..3).map(|_| identifiers::citizen(&mut seed)).collect();
    let records = city.records.get_mut(RESOURCE).unwrap();
    for (at, id) in known.iter().enumerate() {
        let mut record = person(id, at + 20);
        record.iter_mut().find(|(code, _)| code == "NAME").unwrap().1 = json!(NAME).to_string();
        records.push(record);
    }
    let broken = identifiers::citizen(&mut seed);
    let (failing, stored) = (broken.clone(), city.clone());
    let provider = Provider::start(move |question| {
        if String::from_utf8_lossy(&question.body).contains(&failing) {
            let text = format!("ORA-00001: {failing} {NAME}");
            return Reply::Http(
                500,
                vec![("X-Error", failing.clone()), ("Content-Type", "text/plain".into())],
                text.into_bytes(),
            );
        }
        standard(&stored, question)
    });
    let settings = vec![("log.level", "debug".into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = site.identity("ask");

    let used = std::cell::RefCell::new(Vec::new());
    let next = std::cell::RefCell::new(seed);
    let fresh = || {
        let id = identifiers::citizen(&mut next.borrow_mut());
        used.borrow_mut().push(id.clone());
        id
    };
    let mut refusals = BTreeMap::new();
    for (what, call) in calls(&city, &fresh) {
        send(&site, &ask, what, &call, &mut refusals);
    }
    for id in known.iter().chain([&broken]) {
        let query = Call::service(RESOURCE, "query", &json!({"filter": {"ID": id}})).by("P1", "h-1", MATTER);
        send(&site, &ask, "a query", &query, &mut refusals);
    }
    let mut people = used.into_inner();
    people.extend(known);
    people.push(broken);
    // The last outcome records follow the answers.
    clock::pass(Duration::from_millis(300));
    let mut written = Exchange::files_below(&site.ledger());
    written.push(("stdout and stderr".into(), site.process.printed().into_bytes()));
    written.push(("/metrics".into(), site.ops("/metrics").1.into_bytes()));
    written.push(("/readyz".into(), site.ops("/readyz?verbose").1.into_bytes()));
    written.extend(refusals.into_iter().map(|(what, text)| (what.into(), text)));
    let needles = needles(&people);
    for (path, bytes) in &written {
        let hit = needles.iter().find(|needle| contains(bytes, needle));
        assert!(hit.is_none(), "{} holds {:?}", path.display(), String::from_utf8_lossy(hit.unwrap()));
    }
    assert!(contains(&written[0].1, &written[0].1[..1]), "the search finds what is there");
    let records = sluice_tests::ledger::records(&site.ledger());
    let subjects: u64 = records.values().filter_map(|(_, record)| record["subjects"]["total"].as_u64()).sum();
    assert!(subjects >= 104, "subjects are recorded under their pseudonyms: {subjects}");
}

fn send(site: &Site, identity: &Identity, what: &'static str, call: &Call, refusals: &mut BTreeMap<String, Vec<u8>>) {
    let answer = site.send(identity, call);
    if answer.status != 200 {
        refusals.insert(
            format!("{what}: answer {}", answer.status),
            format!("{:?}{}", answer.headers, answer.text()).into_bytes(),
        );
    }
}

/// Looks for the first byte, then for the rest: the files are megabytes of zeros.
fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

//! What an operator reads of an answer that was refused: the item and the place that the binding declares, and the rule;
//! the caller reads less, and nobody a value.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::clock;
use sluice_tests::passing::Passing;
use sluice_tests::provider::{Provider, Reply};
use sluice_tests::site::Site;

use super::called::{call, city, serve};
use super::problem;

const CANARY: &str = "PROVIDER-TEXT-CANARY";

const BINDING: &str = r#"
breaker = { failures = 1000, open_ms = 1000 }
[rest.query]
method = "POST"
path = "/ask"
body = '{"by":{key.*}}'
records = "/data/list"
fields = { ID = "id", NAME = "/person/name", STATE = "state" }
codes = { STATE = { A = "active" } }
as_of = "/data/date"
success = { all = [{ pointer = "/head/code", equals = ["0"] }, { pointer = "/head/done", exists = true }] }
"#;

/// What an answer's body is, with `@` for the id asked for, and what is told of it.
const ROWS: [(&str, &str, &str); 8] = [
    (
        r#"{"data":{"list":[{"id":"@","state":"A"}]},"head":{"code":0,"done":1}}"#,
        "item NAME at /data/list/*/person/name",
        "an item is missing",
    ),
    (
        r#"{"data":{"list":[{"id":"@","person":{"name":["CANARY"]},"state":"A"}]},"head":{"code":0,"done":1}}"#,
        "item NAME at /data/list/*/person/name",
        "not a scalar",
    ),
    (
        r#"{"data":{"list":[{"id":"@","person":{"name":77001},"state":"A"}]},"head":{"code":0,"done":1}}"#,
        "item NAME at /data/list/*/person/name",
        "wrong type",
    ),
    (
        r#"{"data":{"list":[{"id":"@","person":{"name":"x"},"state":"CANARY"}]},"head":{"code":0,"done":1}}"#,
        "item STATE at /data/list/*/state",
        "unknown code",
    ),
    (
        r#"{"data":{"list":[{"id":"430689198503120011","person":{"name":"CANARY"},"state":"A"}]},"head":{"code":0,"done":1}}"#,
        "item ID at /data/list/*/id",
        "not asked for",
    ),
    (r#"{"data":{"list":[]},"head":{"code":"CANARY"}}"#, "at /head/code, /head/done", "success condition"),
    (r#"{"data":{"list":"CANARY"},"head":{"code":0,"done":1}}"#, "at /data/list", "holds no records"),
    (r#"{"data":{"list":[],"date":"CANARY"},"head":{"code":0,"done":1}}"#, "at /data/date", "date of the data"),
];

#[test]
fn a_bad_answer_is_told_by_item_place_and_rule_and_without_a_value() {
    let city = City::small();
    let body = Arc::new(Mutex::new(String::new()));
    let script = Arc::clone(&body);
    let provider = Provider::start(move |_| Reply::Json(script.lock().unwrap().clone()));
    let binding = format!("[[rest]]\nresource = \"{RESOURCE}\"\nbase_url = \"{}\"{BINDING}", provider.url());
    let site = Site::dock(&city, &binding, &[]);
    let mut connection = site.connect(&site.identity("ask"));
    for (template, place, rule) in ROWS {
        *body.lock().unwrap() = template.replace('@', &city.id(0)).replace("CANARY", CANARY);
        for call in [city.good_query_of(&["NAME", "STATE"]), city.good_verify_of(&["NAME", "STATE"])] {
            // A comparison says of a value that it cannot read no more than that.
            if rule == "wrong type" && call.target.ends_with("/verify") {
                continue;
            }
            let before = site.process.printed().len();
            let answer = connection.send(&call).unwrap();
            problem::check(template, &answer, "provider.bad_answer");
            assert!(!answer.text().contains("/data") && !answer.text().contains(CANARY), "{}", answer.text());
            let id = answer.header("Exchange-Request-Id").unwrap();
            let told = clock::within(Duration::from_secs(5), "the log tells", || {
                let printed = site.process.printed();
                printed[before..].lines().find(|line| line.contains(id) && line.contains(place)).map(str::to_owned)
            });
            let line = told.unwrap_or_else(|late| panic!("{late}: {place}\n{}", site.process.printed()));
            assert!(line.contains(rule), "{rule}: {line}");
        }
    }
    let printed = site.process.printed() + &site.ops("/metrics").1;
    for value in [CANARY, "77001", city.id(0).as_str(), "430689198503120011"] {
        assert!(!printed.contains(value), "{value}: {printed}");
    }
}

#[test]
fn a_call_whose_answer_names_nobody_is_told_by_its_place() {
    let city = city();
    let provider = Passing::start(|conversation| {
        let _ = conversation.body()?;
        let head: &[(&str, &str)] = &[("Content-Type", "application/json"), ("X-Person", "PROVIDER-TEXT-CANARY")];
        conversation.answer(200, head, br#"{"found":[{"name":"PROVIDER-TEXT-CANARY"}]}"#)
    });
    let site = serve(&city, &provider, &[]);
    let mut connection = site.connect(&site.identity("ask"));
    let search =
        call("POST", "call/search").header("Content-Type", "application/json").bytes(br#"{"who":[]}"#.to_vec());
    for (call, place) in [(call("GET", "call/people/latest"), "header:x-person"), (search, "/found/*/id")] {
        let answer = connection.send(&call).unwrap();
        problem::check(place, &answer, "provider.bad_answer");
        let id = answer.header("Exchange-Request-Id").unwrap();
        let told = clock::within(Duration::from_secs(5), "the log tells", || {
            site.process.printed().lines().any(|line| line.contains(id) && line.contains(place)).then_some(())
        });
        told.unwrap_or_else(|late| panic!("{late}: {place}\n{}", site.process.printed()));
    }
    assert!(!site.process.printed().contains(CANARY));
}

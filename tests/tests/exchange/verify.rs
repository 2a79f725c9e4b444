//! Verification: what it answers, and that it never says more.

use serde_json::{Value, json};
use sluice_tests::city::City;
use sluice_tests::city::small::{RESOURCE, person};
use sluice_tests::client::{Answer, Call};
use sluice_tests::http2::Http2;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

/// The small city with one person of two records, and one whose values are odd.
fn city() -> City {
    let mut city = City::small();
    let twin = city.id(0);
    let odd = city.id(1);
    let records = city.records.get_mut(RESOURCE).unwrap();
    records.push(person(&twin, 7));
    let second = &mut records[1];
    *second = person(&odd, 1);
    for (code, raw) in second.iter_mut() {
        match code.as_str() {
            "NAME" => *raw = json!("买买提·样 例").to_string(),
            "BORN" => *raw = json!("20140520").to_string(),
            "SUM" => "118.520".clone_into(raw),
            "STATE" => "null".clone_into(raw),
            _ => {}
        }
    }
    city
}

fn site(city: &City) -> (Site, Provider) {
    let provider = Provider::of(city);
    (Site::serve(city, &provider.url(), &Changes::default()), provider)
}

fn verify(body: &Value) -> Call {
    Call::service(RESOURCE, "verify", body).by("P1", "h-1", "CASE-1")
}

#[test]
fn claims_are_compared_as_the_contract_says() {
    let city = city();
    let (site, _provider) = site(&city);
    let rows: &[(usize, Value, &str)] = &[
        (0, json!({"NAME": "样例0号·人"}), "match"),
        (0, json!({"NAME": "样例0号・人"}), "match"),
        (0, json!({"NAME": " 样例０号•人 "}), "match"),
        (0, json!({"NAME": "样例1号·人"}), "mismatch"),
        (0, json!({"NAME": "样例0号·人", "BORN": "1950-05-21"}), "mismatch"),
        (0, json!({"BORN": "1950/5/20"}), "match"),
        (0, json!({"SUM": "0"}), "match"),
        // Two records: the one with more matching claims decides.
        (0, json!({"NAME": "样例7号·人", "BORN": "1957-05-20"}), "match"),
        (0, json!({"NAME": "样例7号·人", "BORN": "1950-05-20"}), "mismatch"),
        (1, json!({"NAME": "买买提・样例"}), "match"),
        (1, json!({"BORN": "2014-05-20"}), "match"),
        (1, json!({"SUM": "118.52"}), "match"),
        (1, json!({"SUM": "118.521"}), "mismatch"),
        (1, json!({"STATE": "x"}), "indeterminate"),
        (1, json!({"STATE": "x", "SUM": "1"}), "mismatch"),
    ];
    let identity = site.identity("ask");
    let (mut first, mut second) = (site.connect(&identity), Http2::open(&identity, site.base));
    for (person, claims, result) in rows {
        let call = verify(&json!({"subject": {"ID": city.id(*person)}, "claims": claims}));
        for answer in [first.send(&call).unwrap(), second.send(&call)] {
            check(&format!("{person} {claims}"), &answer, result, claims);
        }
    }
    let stranger = sluice_tests::identifiers::citizen(&mut sluice_tests::seed::Seed::repeat(99));
    let answer = first.send(&verify(&json!({"subject": {"ID": stranger}, "claims": {"NAME": "x"}}))).unwrap();
    assert_eq!((&answer.json()["result"], &answer.json()["claims"]), (&json!("not_found"), &json!({})));
}

fn check(what: &str, answer: &Answer, result: &str, claims: &Value) {
    assert_eq!(answer.code(), "ok", "{what}: {}", answer.text());
    let verdict = answer.json();
    assert_eq!(verdict["result"], result, "{what}: {verdict}");
    assert_eq!(verdict["as_of"], "2026-11-01T09:00:00+08:00", "{what}");
    assert_eq!(answer.header("Exchange-As-Of"), Some("2026-11-01T09:00:00+08:00"), "{what}");
    let named = |object: &Value| object.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
    assert_eq!(named(&verdict["claims"]), named(claims), "{what}: {verdict}");
    assert!(answer.receipt().is_some(), "{what}");
}

#[test]
fn an_answer_never_holds_a_stored_value() {
    let city = city();
    let (site, _provider) = site(&city);
    let mut connection = site.connect(&site.identity("ask"));
    for person in 0..8 {
        for item in ["NAME", "BORN", "SUM", "STATE"] {
            let wrong = if item == "BORN" { "1901-01-01" } else { "1" };
            let body = json!({"subject": {"ID": city.id(person)}, "claims": {item: wrong}});
            let answer = connection.send(&verify(&body)).unwrap();
            assert_eq!(answer.code(), "ok", "{}", answer.text());
            let shown = format!("{:?}{}", answer.headers, answer.text());
            for stored in city.records_of(RESOURCE).iter().flatten().map(|(_, raw)| raw.trim_matches('"')) {
                // Short values such as `1` or `null` occur by chance.
                assert!(stored.len() < 6 || !shown.contains(stored), "{item} of {person}: {stored} in {shown}");
            }
        }
    }
}

#[test]
fn a_batch_is_answered_in_order_and_counted_one_by_one() {
    let city = city();
    let (site, _provider) = site(&city);
    let identity = site.identity("ask");
    let item = |person: usize, name: &str| json!({"subject": {"ID": city.id(person)}, "claims": {"NAME": name}});
    let items: Vec<Value> = (0..100)
        .map(|at| item(2 + at % 6, &format!("样例{}号·人", if at % 3 == 0 { 2 + at % 6 } else { 9 })))
        .collect();
    let answer = site.send(&identity, &verify(&json!({"items": items})));
    assert_eq!(answer.code(), "ok", "{}", answer.text());
    let results = answer.json();
    let results: Vec<&str> =
        results["results"].as_array().unwrap().iter().map(|result| result["result"].as_str().unwrap()).collect();
    let expected: Vec<&str> = (0..100).map(|at| if at % 3 == 0 { "match" } else { "mismatch" }).collect();
    assert_eq!(results, expected);
    let record = sluice_tests::ledger::show(&site.ledger(), answer.receipt().unwrap().index);
    assert_eq!(record["record"]["units"], 100, "{record}");
    // Six people, each found by a search for any of them.
    assert_eq!(record["record"]["subjects"]["total"], 6, "{record}");
    let rows = [
        ("none", json!({"items": []})),
        ("too many", json!({"items": vec![item(0, "x"); 101]})),
        ("no list", json!({"items": {}})),
        ("beside others", json!({"items": [item(0, "x")], "claims": {"NAME": "x"}})),
        ("one is wrong", json!({"items": [item(0, "x"), {"subject": {"ID": "1"}, "claims": {"NAME": "x"}}]})),
    ];
    for (what, body) in rows {
        problem::check(what, &site.send(&identity, &verify(&body)), "request.schema");
    }
}

#[test]
fn what_is_not_a_verification_is_refused_without_an_echo() {
    let city = city();
    let (site, provider) = site(&city);
    let mut connection = site.connect(&site.identity("ask"));
    let id = city.id(0);
    let wrong_check = format!("{}{}", &id[..17], if id.ends_with('1') { '2' } else { '1' });
    let schema = "request.schema";
    let rows: Vec<(&str, String)> = vec![
        (schema, json!({"subject": {"ID": wrong_check}, "claims": {"NAME": "x"}}).to_string()),
        (schema, json!({"subject": {"ID": &id[..15]}, "claims": {"NAME": "x"}}).to_string()),
        (schema, json!({"subject": {"ID": 430_689_198_503_120_011_u64}, "claims": {"NAME": "x"}}).to_string()),
        (schema, json!({"subject": {"ID": id, "NO": "N-0"}, "claims": {"NAME": "x"}}).to_string()),
        (schema, json!({"subject": {"NAME": "x"}, "claims": {"NAME": "x"}}).to_string()),
        (schema, json!({"subject": {}, "claims": {"NAME": "x"}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {}}).to_string()),
        (schema, json!({"subject": {"ID": id}}).to_string()),
        (schema, json!({"claims": {"NAME": "x"}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {"CANARY_ITEM": "x"}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {"name": "x"}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {"NAME": null}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {"NAME": ["x"]}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {"SUM": "many"}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {"BORN": "2021-02-30"}}).to_string()),
        (schema, json!({"subject": {"ID": id}, "claims": {"NAME": "x"}, "CANARY_MEMBER": 1}).to_string()),
        (schema, format!(r#"{{"subject":{{"ID":"{id}"}},"subject":{{"ID":"{id}"}},"claims":{{"NAME":"x"}}}}"#)),
        (schema, format!(r#"{{"subject":{{"ID":"{id}"}},"claims":{{"NAME":"x","N\u0041ME":"y"}}}}"#)),
        (schema, "[]".to_owned()),
        ("request.malformed", String::new()),
        ("request.malformed", "{".to_owned()),
        ("request.malformed", "{}{}".to_owned()),
        ("request.malformed", "[".repeat(100_000)),
        ("request.malformed", r#"{"subject": NaN}"#.to_owned()),
    ];
    for (code, body) in rows {
        let what: String = body.chars().take(80).collect();
        let answer = connection.send(&verify(&Value::Null).bytes(body)).unwrap();
        problem::check(&what, &answer, code);
        for canary in [id.as_str(), &id[..15], wrong_check.as_str(), "CANARY_ITEM", "CANARY_MEMBER", "many"] {
            assert!(!answer.text().contains(canary), "{what}: {}", answer.text());
        }
    }
    let not_utf8 = connection.send(&verify(&Value::Null).bytes(*b"{\"subject\": \"\xff\"}")).unwrap();
    problem::check("not UTF-8", &not_utf8, "request.malformed");
    assert!(provider.questions().is_empty(), "no refused call reached the provider");
}

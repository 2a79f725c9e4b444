//! Queries: projection, digits, cursors.

use serde_json::{Value, json};
use sluice_tests::city::small::{RESOURCE, person};
use sluice_tests::city::{City, Grant, Resource};
use sluice_tests::client::{Answer, Call};
use sluice_tests::http2::Http2;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

/// A second resource of many records under one number, eight of them per chain.
const MANY: &str = "430689001/000002";

fn city() -> City {
    let mut city = City::small();
    city.resources.push(Resource { rows: Some(9), ..Resource::small(MANY) });
    city.grants.push(Grant { rows: Some(8), ..Grant::small("G-2000", MANY) });
    city.grants.push(Grant { party: "other".to_owned(), ..Grant::small("G-3000", MANY) });
    let id = city.id(0);
    let records = (0..12).map(|at| {
        let mut record = person(&id, at);
        record.iter_mut().find(|(code, _)| code == "NO").unwrap().1 = "\"N-all\"".to_owned();
        record
    });
    city.records.insert(MANY.to_owned(), records.collect());
    city
}

fn query(resource: &str, body: &Value) -> Call {
    Call::service(resource, "query", body).by("P1", "h-1", "CASE-1")
}

fn served() -> (City, Provider, Site) {
    let city = city();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    (city, provider, site)
}

#[test]
fn fields_are_those_asked_for_and_digits_those_of_the_provider() {
    let (city, provider, site) = served();
    let identity = site.identity("ask");
    let (mut first, mut second) = (site.connect(&identity), Http2::open(&identity, site.base));
    let id = city.id(2);
    let all = r#"{"records":[{"ID":"@","NO":"N-2","NAME":"样例2号·人","BORN":"1952-05-20","SUM":2000000.00,"STATE":"***"}],"next_cursor":null"#;
    let rows: &[(Value, String)] = &[
        (json!({"filter": {"ID": id}}), all.replace('@', &id)),
        (json!({"filter": {"ID": id}, "fields": null}), all.replace('@', &id)),
        (json!({"filter": {"ID": id}, "fields": ["SUM"]}), r#"{"records":[{"SUM":2000000.00}]"#.to_owned()),
        (json!({"filter": {"NO": "N-2"}, "fields": ["NAME"]}), r#"{"records":[{"NAME":"样例2号·人"}]"#.to_owned()),
        (json!({"filter": {"NO": "N-none"}, "fields": ["NAME"]}), r#"{"records":[],"next_cursor":null"#.to_owned()),
    ];
    for (body, expected) in rows {
        let call = query(RESOURCE, body);
        for answer in [first.send(&call).unwrap(), second.send(&call)] {
            assert_eq!(answer.code(), "ok", "{body}: {}", answer.text());
            assert_eq!(answer.header("Content-Type"), Some("application/json"), "{body}");
            assert!(answer.text().starts_with(expected), "{body}: {} is not {expected}", answer.text());
            assert_eq!(answer.json()["as_of"], "2026-11-01T09:00:00+08:00");
        }
    }
    // What is not granted or asked for is not even fetched, except keys to check the answer by.
    let asked: Vec<Value> = provider.questions().iter().map(|question| question.json()["fields"].clone()).collect();
    assert!(asked.iter().any(|fields| fields.as_array().is_some_and(|fields| fields.len() <= 2)), "{asked:?}");
}

#[test]
fn a_chain_of_cursors_gives_the_granted_rows_once_and_no_more() {
    let (_, _provider, site) = served();
    let mut connection = site.connect(&site.identity("ask"));
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    for _ in 0..20 {
        let answer = connection
            .send(&query(MANY, &json!({"filter": {"NO": "N-all"}, "fields": ["BORN"], "limit": 3, "cursor": cursor})))
            .unwrap();
        assert_eq!(answer.code(), "ok", "{}", answer.text());
        let page = answer.json();
        seen.extend(
            page["records"].as_array().unwrap().iter().map(|record| record["BORN"].as_str().unwrap().to_owned()),
        );
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, (50..58).map(|year| format!("19{year}-05-20")).collect::<Vec<_>>());
    let most = connection.send(&query(MANY, &json!({"filter": {"NO": "N-all"}, "limit": 100}))).unwrap();
    assert_eq!(most.json()["records"].as_array().map(Vec::len), Some(8), "limit is lowered to rows_per_call");
}

#[test]
fn a_cursor_serves_only_the_query_that_it_came_from() {
    let (_, _provider, site) = served();
    let ask = |party: &str, body: &Value, purpose: &str| {
        site.send(&site.identity(party), &query(MANY, body).header("Exchange-Purpose", purpose))
    };
    let own = json!({"filter": {"NO": "N-all"}, "fields": ["BORN"], "limit": 3});
    let with = |body: &Value, cursor: &Value| {
        let mut body = body.clone();
        body["cursor"] = cursor.clone();
        body
    };
    let cursor = ask("ask", &own, "P1").json()["next_cursor"].clone();
    assert!(cursor.is_string());
    let other_limit =
        ask("ask", &with(&json!({"filter": {"NO": "N-all"}, "fields": ["BORN"], "limit": 2}), &cursor), "P1");
    assert_eq!(other_limit.code(), "ok", "{}", other_limit.text());
    let mut changed = cursor.as_str().unwrap().to_owned();
    let last = changed.pop().unwrap();
    changed.insert(0, last);
    let rows = [
        ("another party's", ask("other", &with(&own, &cursor), "P1")),
        ("other fields", ask("ask", &with(&json!({"filter": {"NO": "N-all"}, "fields": ["SUM"]}), &cursor), "P1")),
        ("another filter", ask("ask", &with(&json!({"filter": {"NO": "N-0"}, "fields": ["BORN"]}), &cursor), "P1")),
        ("changed", ask("ask", &with(&own, &json!(changed)), "P1")),
        ("cut", ask("ask", &with(&own, &json!(&changed[1..])), "P1")),
        ("made up", ask("ask", &with(&own, &json!("3")), "P1")),
        ("empty", ask("ask", &with(&own, &json!("")), "P1")),
        ("a number", ask("ask", &with(&own, &json!(3)), "P1")),
    ];
    for (what, answer) in rows {
        problem::check(what, &answer, "request.cursor");
    }
}

#[test]
fn what_is_not_a_query_is_refused() {
    let (city, provider, site) = served();
    let mut connection = site.connect(&site.identity("ask"));
    let id = city.id(0);
    let rows = [
        json!({}),
        json!({"filter": {}}),
        json!({"filter": null}),
        json!({"filter": {"NAME": "x"}}),
        json!({"filter": {"ID": id, "NO": "N-0"}}),
        json!({"filter": {"ID": 1}}),
        json!({"filter": {"ID": id}, "fields": []}),
        json!({"filter": {"ID": id}, "fields": "NAME"}),
        json!({"filter": {"ID": id}, "fields": ["NAME", "NAME"]}),
        json!({"filter": {"ID": id}, "fields": ["nothing"]}),
        json!({"filter": {"ID": id}, "limit": 0}),
        json!({"filter": {"ID": id}, "limit": -1}),
        json!({"filter": {"ID": id}, "limit": 1.5}),
        json!({"filter": {"ID": id}, "limit": "3"}),
        json!({"filter": {"ID": id}, "limit": 4_294_967_296_u64}),
        json!({"filter": {"ID": id}, "sort": "NAME"}),
        json!([]),
        json!("x"),
    ];
    for body in rows {
        let answer: Answer = connection.send(&query(RESOURCE, &body)).unwrap();
        problem::check(&body.to_string(), &answer, "request.schema");
        assert!(!answer.text().contains(&id), "{}", answer.text());
    }
    assert!(provider.questions().is_empty());
}

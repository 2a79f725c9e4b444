//! The catalogue as a department's engineer reads it: entries with rights and next steps, and an
//! interface description whose examples work when they are sent.

use serde_json::{Value, json};
use sluice_tests::binary::workspace;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{City, Grant, Resource};
use sluice_tests::client::{Answer, Call, Connection};
use sluice_tests::demo::Demo;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

const OPEN: &str = "430689001/000002";
const CLOSED: &str = "430689001/000003";
const UNGRANTED: &str = "430689001/000004";
const BY_SUBJECT: &str = "430689001/000005";

fn city() -> City {
    let mut city = City::small();
    city.resources.push(Resource { share: "unconditional", matter: false, ..Resource::small(OPEN) });
    let law = Some("《样例法》第一条".to_owned());
    city.resources.push(Resource {
        share: "not_shared",
        modes: Vec::new(),
        legal_basis: law,
        ..Resource::small(CLOSED)
    });
    city.resources.push(Resource::small(UNGRANTED));
    city.resources.push(Resource { by_subject: true, ..Resource::small(BY_SUBJECT) });
    city.grants[0].clear_level = 2;
    city.grants[0].per_day = Some(5);
    city.grants.push(Grant { modes: vec!["query"], ..Grant::small("G-2000", BY_SUBJECT) });
    for code in [OPEN, UNGRANTED, BY_SUBJECT] {
        let records = city.records[RESOURCE].clone();
        city.records.insert(code.to_owned(), records);
    }
    city
}

fn served() -> (City, Provider, Site) {
    let city = city();
    let provider = Provider::of(&city);
    let changes = Changes { settings: vec![("limits.per_day", 9.into())], ..Changes::default() };
    let site = Site::serve(&city, &provider.url(), &changes);
    (city, provider, site)
}

pub(crate) fn entry(connection: &mut Connection, code: &str) -> Value {
    let answer = connection.send(&Call::get(&format!("/v1/resources/{code}"))).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn right<'v>(entry: &'v Value, mode: &str) -> &'v Value {
    entry["rights"].as_array().unwrap().iter().find(|right| right["mode"] == mode).unwrap()
}

#[test]
fn entry_says_what_the_party_may_do_and_why_not() {
    let (city, _provider, site) = served();
    let mut ask = site.connect(&site.identity("ask"));
    let mut other = site.connect(&site.identity("other"));
    for (by_ask, code, mode, may, refusal) in [
        (true, RESOURCE, "verify", true, Value::Null),
        (true, RESOURCE, "query", true, Value::Null),
        (true, RESOURCE, "push", false, json!("mode.not_offered")),
        (true, OPEN, "query", true, Value::Null),
        (true, CLOSED, "query", false, json!("share.not_shared")),
        (true, UNGRANTED, "query", false, json!("grant.required")),
        (true, BY_SUBJECT, "verify", false, json!("grant.mode_not_granted")),
        (false, RESOURCE, "query", false, json!("grant.required")),
        (false, OPEN, "verify", true, Value::Null),
    ] {
        let entry = entry(if by_ask { &mut ask } else { &mut other }, code);
        let right = right(&entry, mode);
        assert_eq!((&right["may"], &right["code"]), (&may.into(), &refusal), "{code} {mode} {by_ask}");
        assert_eq!(right["why"].is_string(), !may, "{right}");
        assert_eq!(right["path"].is_string(), may, "{right}");
    }
    let granted = entry(&mut ask, RESOURCE);
    assert_eq!(right(&granted, "query")["purposes"], json!(["P1"]));
    assert_eq!(granted["grants"][0]["days_left"], 1);
    assert_eq!(granted["grants"][0]["limits"]["left_today"], 5);
    let item = |code: &str| granted["items"].as_array().unwrap().iter().find(|item| item["code"] == code).unwrap();
    assert_eq!((&item("BORN")["masked"], &item("BORN")["sample"]), (&json!(true), &json!("1900-**-**")));
    assert_eq!((&item("NAME")["masked"], &item("NAME")["sample"]), (&json!(false), &json!("样例人")));
    assert_eq!(ask.send(&city.good_call()).unwrap().code(), "ok");
    assert_eq!(entry(&mut ask, RESOURCE)["grants"][0]["limits"]["left_today"], 4);
    assert_eq!(entry(&mut other, UNGRANTED)["items"][0]["sample"], Value::Null);
    // Only by citizen id: the other key set is not offered for calls.
    assert_eq!(right(&entry(&mut ask, BY_SUBJECT), "query")["key_sets"], json!([["ID"]]));
    assert_eq!(entry(&mut ask, OPEN)["limits"]["left_today"], 9);
}

#[test]
fn next_step_is_in_the_callers_language() {
    let (_, _provider, site) = served();
    let ask = site.identity("ask");
    let get = |code: &str, lang: &str| {
        let answer = site.send(&ask, &Call::get(&format!("/v1/resources/{code}")).header("Accept-Language", lang));
        assert_eq!(answer.header("Content-Language"), Some(lang));
        answer.json()["next_step"].as_str().unwrap().to_owned()
    };
    for code in [RESOURCE, OPEN, CLOSED, UNGRANTED] {
        // Names of departments stay as they are registered.
        assert!(get(code, "en").starts_with(|first: char| first.is_ascii_uppercase()), "{code}");
        assert!(!get(code, "zh-CN").starts_with(|first: char| first.is_ascii()), "{code}");
    }
    assert!(get(RESOURCE, "en").contains("verify, query"));
    assert!(get(BY_SUBJECT, "en").contains("(modes: query)"));
}

#[test]
fn what_a_caller_holds_is_confirmed_without_being_sent_again() {
    let (city, _provider, site) = served();
    let mut ask = site.connect(&site.identity("ask"));
    for target in [
        "/v1/resources".to_owned(),
        format!("/v1/resources/{RESOURCE}"),
        format!("/v1/resources/{RESOURCE}/openapi.json"),
    ] {
        let first = ask.send(&Call::get(&target)).unwrap();
        let tag = first.header("ETag").unwrap().to_owned();
        for held in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = ask.send(&Call::get(&target).header("If-None-Match", &held)).unwrap();
            assert_eq!((again.status, again.body.len()), (304, 0), "{target} {held}");
            assert_eq!(again.header("ETag"), Some(tag.as_str()));
        }
        let other = ask.send(&Call::get(&target).header("If-None-Match", "\"other\"")).unwrap();
        assert_eq!((other.status, other.body), (200, first.body), "{target}");
    }
    let target = format!("/v1/resources/{RESOURCE}");
    let tag = ask.send(&Call::get(&target)).unwrap().header("ETag").unwrap().to_owned();
    assert_eq!(ask.send(&city.good_call()).unwrap().code(), "ok");
    assert_eq!(ask.send(&Call::get(&target).header("If-None-Match", &tag)).unwrap().status, 200, "less is left today");
}

#[test]
fn filters_that_cannot_be_read_name_the_parameter() {
    let (_, _provider, site) = served();
    let mut ask = site.connect(&site.identity("ask"));
    let mut get = |query: &str| -> Answer { ask.send(&Call::get(&format!("/v1/resources?{query}"))).unwrap() };
    for (query, code, names) in [
        ("share_type=secret", "request.schema", "share_type"),
        ("share_type=", "request.schema", "share_type"),
        ("mode=Query", "request.schema", "mode"),
        ("mode=query&mode=verify", "request.schema", "mode"),
        ("limit=0", "request.schema", "limit"),
        ("limit=201", "request.schema", "limit"),
        ("limit=%2B1", "request.schema", "limit"),
        ("limit=1e1", "request.schema", "limit"),
        ("limit=99999999999999999999", "request.schema", "limit"),
        ("query=a&query=b", "request.schema", "query"),
        ("cursor=%25", "request.cursor", ""),
        ("colour=red", "request.schema", "share_type"),
    ] {
        let answer = get(query);
        assert_eq!(answer.code(), code, "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(names), "{query}: {}", answer.text());
    }
    for (query, count) in [
        ("", 5),
        ("query=", 5),
        ("share_type=conditional", 3),
        ("mode=verify&limit=200", 4),
        ("query=430689001/000003", 1),
    ] {
        assert_eq!(get(query).json()["resources"].as_array().unwrap().len(), count, "{query}");
    }
}

pub(crate) fn document(connection: &mut Connection, code: &str) -> Value {
    let answer = connection.send(&Call::get(&format!("/v1/resources/{code}/openapi.json"))).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A validator of one schema of a document, whose references lead into the document.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let mut root =
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"] });
    root["allOf"] = json!([schema]);
    jsonschema::validator_for(&root).unwrap_or_else(|error| panic!("{error}"))
}

/// Sends every example of an operation and holds the answer against the document.
fn send_examples(connection: &mut Connection, document: &Value, path: &str) -> Vec<(u16, String)> {
    let operation = &document["paths"][path]["post"];
    let media = &operation["requestBody"]["content"]["application/json"];
    let request = validator(document, &media["schema"]);
    let mut seen = Vec::new();
    for (name, example) in media["examples"].as_object().unwrap() {
        let body = &example["value"];
        assert!(request.is_valid(body), "{path} {name}: {body}");
        let mut call = Call::post(path, body);
        for parameter in operation["parameters"].as_array().unwrap() {
            if let Some(value) = parameter["example"].as_str() {
                call = call.header(parameter["name"].as_str().unwrap(), value);
            }
        }
        let answer = connection.send(&call).unwrap();
        let described = &operation["responses"][answer.status.to_string()]["content"];
        let media = if answer.status == 200 { "application/json" } else { "application/problem+json" };
        let schema = &described[media]["schema"];
        assert!(schema.is_object(), "{path} {name}: {} is described: {}", answer.status, answer.text());
        let valid = validator(document, schema).is_valid(&answer.json());
        assert!(valid, "{path} {name}: {}", answer.text());
        seen.push((answer.status, answer.code()));
    }
    seen
}

/// The published schema of OpenAPI 3.1 documents.
pub(crate) fn openapi() -> jsonschema::Validator {
    let schema = std::fs::read_to_string(workspace().join("tests/schemas/openapi-3.1.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap()
}

/// A resource's description is valid, and what its examples meet is what it says they meet. Gives the code per path.
fn check_description(
    connection: &mut Connection,
    openapi: &jsonschema::Validator,
    code: &str,
) -> Vec<(String, String)> {
    let document = document(connection, code);
    let faults: Vec<String> =
        openapi.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{code}: {faults:#?}");
    let mut met = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let expected = operations["post"]["x-refused-with"].as_str().unwrap_or("ok");
        let seen = send_examples(connection, &document, path);
        let is_met = |code: &str| code == expected || (expected == "ok" && code.starts_with("limit."));
        assert!(!seen.is_empty() && seen.iter().all(|(_, code)| is_met(code)), "{path}: {expected}, {seen:?}");
        met.push((path.clone(), expected.to_owned()));
    }
    met
}

#[test]
fn interface_descriptions_are_valid_openapi_and_their_examples_work() {
    let (_, _provider, site) = served();
    let openapi = openapi();
    let mut ask = site.connect(&site.identity("ask"));
    for (code, verify, query) in [
        (RESOURCE, "ok", "ok"),
        (OPEN, "ok", "ok"),
        (UNGRANTED, "grant.required", "grant.required"),
        (BY_SUBJECT, "grant.mode_not_granted", "ok"),
    ] {
        let path = |mode: &str| format!("/v1/resources/{code}/{mode}");
        let expected = [(path("query"), query.to_owned()), (path("verify"), verify.to_owned())];
        assert_eq!(check_description(&mut ask, &openapi, code), expected);
    }
    assert!(check_description(&mut ask, &openapi, CLOSED).is_empty());
}

#[test]
fn every_resource_of_the_sample_city_is_described_as_it_behaves() {
    let city = City::embedded();
    let demo = Demo::embedded();
    let openapi = openapi();
    for party in ["mz", "rs", "town"] {
        let mut connection = demo.connect(&demo.identity(party));
        let met: Vec<_> = city
            .resources
            .iter()
            .flat_map(|resource| check_description(&mut connection, &openapi, &resource.code))
            .collect();
        assert!(met.iter().any(|(_, code)| code == "ok"), "{party}: {met:?}");
    }
}

#[test]
fn interface_descriptions_show_the_callers_rights() {
    let (_, _provider, site) = served();
    let mut ask = site.connect(&site.identity("ask"));
    let described = document(&mut ask, RESOURCE);
    let query = &described["paths"][format!("/v1/resources/{RESOURCE}/query")]["post"];
    let purpose = &query["parameters"].as_array().unwrap()[0];
    assert_eq!(purpose["schema"]["enum"], json!(["P1"]));
    let record = &query["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["records"]["items"];
    assert_eq!(record["properties"]["SUM"]["type"], json!(["string", "null"]), "a masked number is a text");
    assert_eq!(record["properties"]["NAME"]["type"], json!(["string", "null"]));
    let subject = document(&mut ask, BY_SUBJECT);
    let filter = &subject["paths"][format!("/v1/resources/{BY_SUBJECT}/query")]["post"]["requestBody"]["content"]["application/json"]
        ["schema"]["properties"]["filter"];
    assert_eq!(filter["required"], json!(["ID"]));
    assert_eq!(described["servers"][0]["url"], site.url());
    let unknown = ask.send(&Call::get("/v1/resources/430689001/999999/openapi.json")).unwrap();
    assert_eq!(unknown.code(), "resource.not_found");
    let posted = ask.send(&Call::post(&format!("/v1/resources/{RESOURCE}/openapi.json"), &json!({}))).unwrap();
    assert_eq!((posted.code().as_str(), posted.header("Allow")), ("request.method", Some("GET")));
}

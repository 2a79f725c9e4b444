//! Stand-ins over sockets: each style answers as its department's system would.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::support::{Process, http, output_until, sluice, start};

const RECORDS: &str = r#"[
  {"ID": "430689198503120011", "NAME": "张三丰", "SUM": 2000000.00, "STATE": "1"},
  {"ID": "430689198503120011", "NAME": "张三", "SUM": 0.0, "STATE": null},
  {"ID": "43068919900607002X", "NAME": "李四", "SUM": 12345678901234567890.10, "STATE": "0"}
]"#;

struct Running {
    process: Process,
    port: u16,
}

fn run(style: &str) -> Running {
    let item = |code: &str, kind: &str, length: u32| json!({ "code": code, "kind": kind, "length": length, "semantic": null, "key": code == "ID", "out": false });
    let mut items = vec![item("ID", "C", 18), item("NAME", "C", 50), item("SUM", "N", 20), item("STATE", "C", 1)];
    items[0]["semantic"] = json!("cn_id18");
    items[1]["semantic"] = json!("person_name");
    items.push(
        json!({ "code": "NAME_PPDDM", "kind": "C", "length": 1, "semantic": "match_code", "key": false, "out": true }),
    );
    let mut resource =
        json!({ "code": "101001/1", "style": style, "items": items, "key_sets": [["ID"]], "as_of": "2026-10-31" })
            .to_string();
    // Spliced as text, so that the digits reach the process as they are here.
    resource.truncate(resource.len() - 1);
    let specification = format!("{{\"resources\": [{resource}, \"records\": {}}}]}}", RECORDS.replace('\n', ""));

    let mut process = start(sluice().arg("stand-in"));
    writeln!(process.0.stdin.as_mut().unwrap(), "{specification}").unwrap();
    let line = output_until(&mut process, "port").expect("it listens");
    let port = serde_json::from_str::<Value>(&line).unwrap()["port"].as_u64().unwrap();
    Running { process, port: u16::try_from(port).unwrap() }
}

#[test]
fn standard_style_gives_records_with_their_digits() {
    let stand_in = run("standard");
    let ask = |filter: Value, fields: Value, offset: u32| {
        let body = json!({ "resource": "101001/1", "filter": filter, "fields": fields, "limit": 1, "offset": offset });
        http(stand_in.port, "POST", "/query", &body.to_string())
    };
    let id = json!({ "ID": "430689198503120011" });
    let rows = [
        (
            ask(id.clone(), json!(["SUM", "NAME"]), 0),
            r#"{"records":[{"NAME":"张三丰","SUM":2000000.00}],"as_of":"2026-10-31"}"#,
        ),
        (ask(id.clone(), json!(["STATE"]), 1), r#"{"records":[{"STATE":null}],"as_of":"2026-10-31"}"#),
        (ask(id, json!(["NAME"]), 2), r#"{"records":[],"as_of":"2026-10-31"}"#),
        (
            ask(json!({ "ID": "43068919900607002x" }), json!(["SUM"]), 0),
            r#"{"records":[{"SUM":12345678901234567890.10}],"as_of":"2026-10-31"}"#,
        ),
        (ask(json!({ "ID": "430689200002290143" }), json!(["NAME"]), 0), r#"{"records":[],"as_of":"2026-10-31"}"#),
    ];
    for ((status, body), expected) in rows {
        assert_eq!((status, body.as_str()), (200, expected));
    }
    let refused = [("/query", "{}"), ("/query", "no"), ("/verify", "{}")];
    for (path, body) in refused {
        assert_eq!(http(stand_in.port, "POST", path, body).0, 400, "{path} {body}");
    }
    let by_name = json!({ "resource": "101001/1", "filter": { "NAME": "李四" }, "fields": ["ID"], "limit": 1 });
    assert_eq!(http(stand_in.port, "POST", "/query", &by_name.to_string()).0, 400);
    assert_eq!(http(stand_in.port, "GET", "/query", "").0, 404);
}

#[test]
fn standard_style_compares_with_the_record_that_matches_most() {
    let stand_in = run("standard");
    let verify = |id: &str, claims: Value| {
        let body = json!({ "resource": "101001/1", "subject": { "ID": id }, "claims": claims });
        serde_json::from_str::<Value>(&http(stand_in.port, "POST", "/verify", &body.to_string()).1).unwrap()
    };
    let twice = verify("430689198503120011", json!({ "NAME": "张三", "STATE": "1" }));
    assert_eq!(
        twice["claims"],
        json!({ "NAME": "mismatch", "STATE": "match" }),
        "the first of two equally good records"
    );
    let second = verify("430689198503120011", json!({ "NAME": "张三", "SUM": "0" }));
    assert_eq!(second["claims"], json!({ "NAME": "match", "SUM": "match" }));
    let missing = verify("430689198503120011", json!({ "NAME": "张三", "SUM": "0", "STATE": "1" }));
    assert_eq!(missing["claims"]["STATE"], "indeterminate");
    assert_eq!(verify("430689200002290143", json!({ "NAME": "x" }))["result"], "not_found");
}

#[test]
fn envelope_style_has_names_and_codes_of_its_own() {
    let stand_in = run("envelope");
    let path = "/api/v2/zy101001_1/search";
    let search = |query: &str| http(stand_in.port, "GET", &format!("{path}?{query}"), "");
    let (status, found) = search("f00_id=430689198503120011&pageSize=1&start=0");
    assert_eq!(status, 200);
    assert!(found.contains(r#""f02_sum":2000000.00"#), "{found}");
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["code"], "00");
    assert_eq!(found["data"]["total"], 2);
    assert_eq!(found["data"]["rows"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"]["rows"][0]["f03_state"], "C1");
    assert!(found["data"]["rows"][0]["nbbz"].is_string(), "a column that nobody asked for");

    let codes = [
        ("f00_id=430689200002290143", "0404"),
        ("f00_id=", "9999"),
        ("", "9999"),
        ("f01_name=%E6%9D%8E%E5%9B%9B", "9999"),
        ("f00_id=1&other=2", "9999"),
        ("f00_id=1&pageSize=x", "9999"),
    ];
    for (query, code) in codes {
        let (status, body) = search(query);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["code"].as_str()), (200, Some(code)), "{query}");
        assert!(body["data"].is_null(), "{query}");
    }
    assert_eq!(
        http(stand_in.port, "POST", "/query", r#"{"resource":"101001/1","filter":{"ID":"1"},"fields":[],"limit":1}"#).0,
        400
    );
}

#[test]
fn compare_style_answers_codes_and_never_a_record() {
    let stand_in = run("compare");
    let compare = |id: &str, claims: Value| {
        let body = json!({ "FWBS": "101001/1", "HCTJ": { "ID": id }, "HCNR": claims });
        let (status, body) = http(stand_in.port, "POST", "/rkhc", &body.to_string());
        assert_eq!(status, 200);
        assert!(!body.contains("张三丰"), "{body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let rows = [
        ("430689198503120011", json!({ "NAME": "张三丰" }), "0000", Some("1")),
        ("430689198503120011", json!({ "NAME": "李四" }), "0000", Some("0")),
        ("430689198503120011", json!({}), "0000", None),
        ("430689200002290143", json!({ "NAME": "李四" }), "1001", None),
        ("", json!({ "NAME": "李四" }), "9001", None),
    ];
    for (id, claims, status, code) in rows {
        let answer = compare(id, claims);
        assert_eq!(answer["PACKAGEHEAD"]["FHDM"], status, "{id}");
        assert_eq!(answer["NAME_PPDDM"].as_str(), code, "{id}");
    }
    let state = compare("43068919900607002X", json!({ "STATE": "0" }));
    assert_eq!(state["STATE_PPDDM"], "1", "an item without a declared code item");
    assert_eq!(
        http(stand_in.port, "POST", "/query", r#"{"resource":"101001/1","filter":{"ID":"1"},"fields":[],"limit":1}"#).0,
        400
    );
}

#[test]
fn a_stand_in_ends_when_its_demo_is_gone() {
    let mut stand_in = run("standard");
    drop(stand_in.process.0.stdin.take());
    assert!(stand_in.process.0.wait().unwrap().success());
}

#[test]
fn a_stand_in_refuses_what_is_no_specification() {
    let mut process = start(sluice().arg("stand-in"));
    writeln!(process.0.stdin.as_mut().unwrap(), "{{\"resources\": 1}}").unwrap();
    assert_eq!(process.0.wait().unwrap().code(), Some(1));
}

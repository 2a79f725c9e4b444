//! Declared operations and sealed files as the catalogue tells of them: what this party may call, and how.

use serde_json::{Value, json};
use sluice_tests::client::{Call, Connection};
use sluice_tests::passing::Passing;

use super::called::{CALLED, city, serve};
use super::catalogue_reading::{document, entry, openapi};

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];

#[test]
fn an_entry_lists_operations_with_what_a_call_would_meet() {
    let city = city();
    let provider = Passing::start(|conversation| conversation.answer(200, JSON, b"{}"));
    let site = serve(&city, &provider, &[]);
    let (mut ask, mut other) = (site.connect(&site.identity("ask")), site.connect(&site.identity("other")));
    let (granted, foreign) = (entry(&mut ask, CALLED), entry(&mut other, CALLED));
    for (id, path, code) in [
        ("read", "call/people/{id}", Value::Null),
        ("latest", "call/people/latest", Value::Null),
        ("secret", "call/secrets/{id}", json!("grant.field_not_granted")),
        ("unnamed", "call/unnamed/{id}", json!("grant.mode_not_granted")),
        ("write", "call/people/{id}", Value::Null),
        ("files", "files/{id}", Value::Null),
    ] {
        let of = |entry: &Value| -> Value {
            let operations = entry["operations"].as_array().unwrap();
            operations.iter().find(|operation| operation["id"] == id).unwrap().clone()
        };
        let told = of(&granted);
        assert_eq!(told["path"], format!("/v1/resources/{CALLED}/{path}"), "{id}");
        assert_eq!((&told["code"], &told["may"]), (&code, &code.is_null().into()), "{id}");
        assert_eq!(told["next_step"].is_string(), !code.is_null(), "{id}: {told}");
        assert_eq!(told["purposes"], if code.is_null() { json!(["P1"]) } else { json!([]) }, "{id}");
        assert_eq!((&of(&foreign)["code"], &of(&foreign)["may"]), (&json!("grant.required"), &json!(false)), "{id}");
    }
    let read = granted["operations"].as_array().unwrap().iter().find(|operation| operation["id"] == "read").unwrap();
    assert_eq!(
        (&read["method"], &read["query"], &read["items"]),
        (&json!("GET"), &json!(["year", "part"]), &json!(["ID", "NAME"]))
    );
}

/// Sends an operation with the examples of its parameters.
fn send(connection: &mut Connection, path: &str, method: &str, operation: &Value) -> (u16, String) {
    let mut call = Call { method: method.to_uppercase(), ..Call::get(path) };
    for parameter in operation["parameters"].as_array().unwrap() {
        let (name, value) = (parameter["name"].as_str().unwrap(), parameter["example"].as_str().unwrap());
        match parameter["in"].as_str() {
            Some("path") => call.target = call.target.replace(&format!("{{{name}}}"), value),
            Some("header") => call = call.header(name, value),
            _ => {}
        }
    }
    if method == "put" {
        call = call.header("Content-Type", "application/octet-stream").bytes(b"x".to_vec());
    }
    let answer = connection.send(&call).unwrap();
    (answer.status, answer.code())
}

#[test]
fn an_interface_description_has_the_operations_and_its_examples_meet_what_it_says() {
    let city = city();
    let owner = city.id(1);
    let provider = Passing::start(move |conversation| {
        let is_file = conversation.target().contains("/archive/");
        let kind = match (is_file, conversation.head.starts_with("PUT")) {
            (true, _) => "application/ofd",
            (_, true) => "application/octet-stream",
            _ => "application/json",
        };
        // The digest of "{}".
        let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let headers =
            [("Content-Type", kind), ("X-Person", owner.as_str()), ("X-Owner", owner.as_str()), ("X-Digest", digest)];
        conversation.body()?;
        conversation.answer(200, &headers, b"{}")
    });
    let site = serve(&city, &provider, &[]);
    let mut ask = site.connect(&site.identity("ask"));
    let described = document(&mut ask, CALLED);
    let faults: Vec<String> =
        openapi().iter_errors(&described).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut met = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // Only its engineer knows what stands in the bodies of a search.
            if path.contains("/call/search") || !(path.contains("/call/") || path.contains("/files/")) {
                continue;
            }
            let expected = operation["x-refused-with"].as_str().unwrap_or("ok").to_owned();
            let (status, code) = send(&mut ask, path, method, operation);
            assert_eq!(code, expected, "{method} {path}");
            let key = if status == 200 { "2XX".to_owned() } else { status.to_string() };
            assert!(operation["responses"][&key].is_object(), "{method} {path}: {key} is described");
            met.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    met.sort();
    assert_eq!(met, ["call.files", "call.latest", "call.read", "call.secret", "call.unnamed", "call.write"]);
    let search = &described["paths"][format!("/v1/resources/{CALLED}/call/search")]["post"];
    assert!(search["requestBody"]["content"]["application/json"].is_object());
    let not_found =
        &described["paths"][format!("/v1/resources/{CALLED}/call/people/{{id}}")]["get"]["responses"]["404"];
    assert!(not_found["description"].as_str().unwrap().contains("提供部门系统"), "{not_found}");
}

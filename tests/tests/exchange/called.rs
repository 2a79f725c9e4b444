//! A resource whose system is called: what the tests of calls, streams and files share.

use std::time::Duration;

use sluice_tests::city::{City, Grant, Resource};
use sluice_tests::client::{Answer, Call};
use sluice_tests::clock;
use sluice_tests::exchange::Exchange;
use sluice_tests::ledger;
use sluice_tests::passing::Passing;
use sluice_tests::site::{Changes, Site};
use toml::{Table, Value};

/// Its operations are called; it holds personal data.
pub(crate) const CALLED: &str = "430689001/000007";

pub(crate) const OPERATIONS: &str = r#"
[[operations]]
id = "read"
method = "GET"
path = "/people/{id}"
query = ["year", "part"]
items = ["ID", "NAME"]
subjects.request = [{ at = "path:id", item = "ID" }]
statuses = [404]

[[operations]]
id = "latest"
method = "GET"
path = "/people/latest"
items = ["NAME"]
subjects.response = [{ at = "header:X-Person", item = "ID" }]

[[operations]]
id = "secret"
method = "GET"
path = "/secrets/{id}"
items = ["STATE"]
subjects.request = [{ at = "path:id", item = "ID" }]

[[operations]]
id = "unnamed"
method = "GET"
path = "/unnamed/{id}"
items = ["NAME"]
subjects.request = [{ at = "path:id", item = "ID" }]

[[operations]]
id = "write"
method = "PUT"
path = "/people/{id}"
request_types = ["application/octet-stream"]
response_types = ["application/octet-stream"]
items = ["NAME"]
subjects.request = [{ at = "path:id", item = "ID" }]
request_bytes_max = 134217728
response_bytes_max = 134217728
times = { first_byte_ms = 2000, idle_ms = 2000, total_ms = 120000 }

[[operations]]
id = "search"
method = "POST"
path = "/search"
request_types = ["application/json"]
items = ["ID", "NAME"]
safe = true
subjects.request = [{ at = "/who/*/id", item = "ID" }]
subjects.response = [{ at = "/found/*/id", item = "ID" }]
request_bytes_max = 100000
"#;

/// The small city with a resource whose system is called.
pub(crate) fn city() -> City {
    let mut city = City::small();
    city.resources.push(Resource::small(CALLED));
    city.grants.push(Grant::small("G-7000", CALLED));
    city
}

/// Declares operations and files, and grants all but one of them.
pub(crate) fn declare(catalogue: &mut Table) {
    let operations: Table = OPERATIONS.parse().expect("TOML");
    for resource in catalogue["resources"].as_array_mut().into_iter().flatten().filter_map(Value::as_table_mut) {
        if resource["code"].as_str() == Some(CALLED) {
            resource.insert("operations".into(), operations["operations"].clone());
            resource.insert("files".into(), super::files::FILES.parse::<Table>().expect("TOML").into());
            resource.insert("modes".into(), Value::Array(vec!["query".into(), "call".into()]));
        }
    }
    let granted = ["read", "latest", "secret", "write", "search", "files"].map(Value::from).to_vec();
    for grant in catalogue["grants"].as_array_mut().into_iter().flatten().filter_map(Value::as_table_mut) {
        if grant["id"].as_str() == Some("G-7000") {
            grant.insert("operations".into(), granted.clone().into());
            grant.insert("modes".into(), Value::Array(vec!["query".into(), "call".into()]));
        }
    }
}

pub(crate) fn serve(city: &City, provider: &Passing, settings: &[(&'static str, Value)]) -> Site {
    let base = format!("{}/base", provider.url());
    Site::serve(city, &base, &Changes { settings: settings.to_vec(), catalogue: Some(declare), ..Changes::default() })
}

pub(crate) fn call(method: &str, path: &str) -> Call {
    let target = format!("/v1/resources/{CALLED}/{path}");
    Call { method: method.to_owned(), ..Call::get(&target) }.by("P1", "h-1", "CASE-1")
}

/// The outcome of an answer's access, once it is recorded.
pub(crate) fn outcome(site: &Exchange, answer: &Answer) -> serde_json::Value {
    let receipt = answer.receipt().expect("a receipt");
    let found = clock::within(Duration::from_secs(5), "the outcome is recorded", || {
        let records = ledger::records(&site.ledger());
        let access = records.get(&receipt.index)?.1.clone();
        records.values().map(|(_, record)| record.clone()).find(|record| {
            record["kind"] == "OUTCOME"
                && record["ref_ctr"] == access["ctr"]
                && record["worker"] == access["worker"]
                && record["boot_epoch"] == access["boot_epoch"]
        })
    });
    found.unwrap()
}

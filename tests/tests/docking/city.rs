//! What every docked server is asked, whatever it is.

use serde_json::{Value, json};
use sluice_tests::city::City;
use sluice_tests::city::small::{RESOURCE, person};
use sluice_tests::client::{Answer, Call};
use sluice_tests::docked::Server;
use sluice_tests::site::Site;

/// Records of one person beside the small city's own.
const RECORDS: usize = 7;

/// The small city, and the number under which one person stands several times.
pub(crate) fn city() -> City {
    let mut city = City::small();
    let id = city.id(0);
    let many = (0..RECORDS).map(|at| {
        let mut record = person(&id, at);
        "\"N-all\"".clone_into(&mut record.iter_mut().find(|(code, _)| code == "NO").unwrap().1);
        record
    });
    city.records.get_mut(RESOURCE).expect("the records").extend(many.collect::<Vec<_>>());
    city
}

/// The records as a JSON list of objects.
pub(crate) fn table(city: &City) -> String {
    let records: Vec<String> = city.records_of(RESOURCE).iter().map(sluice_tests::city::written_record).collect();
    format!("[{}]", records.join(","))
}

/// Queries, follows cursors, verifies, finds nothing, and meets the server's end.
pub(crate) fn is_docked(city: &City, mut server: Server, bindings: &str) {
    let site = Site::dock(city, bindings, &[]);
    let mut connection = site.connect(&site.identity("ask"));
    let mut ask = |mode: &str, body: Value| -> Answer {
        connection.send(&Call::service(RESOURCE, mode, &body).by("P1", "h-1", "CASE-1")).expect("an answer")
    };

    let found = ask("query", json!({"filter": {"ID": city.id(3)}}));
    assert_eq!(found.code(), "ok", "{}", found.text());
    let person = found.json()["records"][0].clone();
    for item in ["ID", "NO", "NAME", "BORN"] {
        assert_eq!(person[item], city.value(3, item), "{person}");
    }
    assert_eq!(person["SUM"].as_f64(), Some(3_000_000.0), "{person}");
    assert_eq!(person["STATE"], "***", "{person}");
    assert_eq!(found.json()["records"].as_array().map(Vec::len), Some(1));
    assert!(found.receipt().is_some());

    let nobody = ask("query", json!({"filter": {"NO": "N-nobody"}}));
    assert_eq!((nobody.code().as_str(), &nobody.json()["records"]), ("ok", &json!([])), "{}", nobody.text());

    let (mut born, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let body = json!({"filter": {"NO": "N-all"}, "fields": ["BORN"], "limit": 3, "cursor": cursor});
        let page = ask("query", body);
        assert_eq!(page.code(), "ok", "{}", page.text());
        born.extend(page.json()["records"].as_array().into_iter().flatten().map(|record| record["BORN"].to_string()));
        pages += 1;
        cursor = page.json()["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let expected: Vec<String> = (0..RECORDS).map(|at| format!("\"19{}-05-20\"", 50 + at)).collect();
    assert_eq!((born, pages), (expected, RECORDS.div_ceil(3)));

    let name = city.value(2, "NAME");
    for (claims, result) in [
        (json!({"NAME": name, "BORN": "1952-05-20", "SUM": "2000000"}), "match"),
        (json!({"NAME": "某人"}), "mismatch"),
    ] {
        let verified = ask("verify", json!({"subject": {"ID": city.id(2)}, "claims": claims}));
        assert_eq!(verified.json()["result"], result, "{}", verified.text());
    }
    let unknown = ask("verify", json!({"subject": {"NO": "N-nobody"}, "claims": {"NAME": name}}));
    assert_eq!(unknown.json()["result"], "not_found", "{}", unknown.text());

    let (_, metrics) = site.ops("/metrics");
    let target = server.url().replace("http://", "");
    for line in [
        format!("sluice_upstream_health{{upstream=\"{RESOURCE}\",target=\"{target}\",state=\"healthy\"}} 1"),
        format!("sluice_upstream_health{{upstream=\"{RESOURCE}\",target=\"{target}\",state=\"ejected\"}} 0"),
        format!("sluice_upstream_circuit_open{{upstream=\"{RESOURCE}\"}} 0"),
        format!("sluice_upstream_calls_in_flight{{upstream=\"{RESOURCE}\"}} 0"),
        format!("sluice_upstream_connects_total{{upstream=\"{RESOURCE}\",target=\"{target}\",result=\"failed\"}} 0"),
    ] {
        assert!(metrics.lines().any(|each| each == line), "{line} in {metrics}");
    }
    let connects =
        metrics.lines().find_map(|line| line.strip_prefix("sluice_upstream_connect_duration_seconds_count "));
    assert!(connects.is_some_and(|count| count != "0"), "{metrics}");

    server.kill();
    assert_eq!(ask("query", json!({"filter": {"ID": city.id(3)}})).code(), "provider.unreachable");
}

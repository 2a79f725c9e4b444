//! Departmental systems that are down, slow, wrong or hostile: a clear code, nothing passed on.

use std::time::Duration;

use serde_json::json;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::city::{City, Grant, Resource};
use sluice_tests::client::Call;
use sluice_tests::clock;
use sluice_tests::demo::Demo;
use sluice_tests::identifiers;
use sluice_tests::process::signal;
use sluice_tests::provider::{Provider, Question, Reply, standard};
use sluice_tests::seed::Seed;
use sluice_tests::site::{Changes, Site};

use super::problem;

const CANARY: &str = "PROVIDER-TEXT-CANARY";
const UNREACHABLE: &str = "provider.unreachable";
const TIMEOUT: &str = "provider.timeout";
const BAD: &str = "provider.bad_answer";

struct Row {
    what: &'static str,
    code: &'static str,
    reply: Box<dyn Fn(&str) -> Reply + Send + Sync>,
}

fn row(what: &'static str, code: &'static str, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Row {
    Row { what, code, reply: Box::new(reply) }
}

fn json_row(what: &'static str, code: &'static str, template: &'static str) -> Row {
    row(what, code, move |id| Reply::Json(template.replace('@', id)))
}

fn http(status: u16, kind: &'static str, body: &'static str) -> Reply {
    Reply::Http(status, vec![("Content-Type", kind.to_owned())], body.as_bytes().to_vec())
}

const GOOD: &str = r#"{"records":[{"ID":"@","NAME":"某人"}],"as_of":"2026-11-01"}"#;

/// `@` stands for the citizen id that was asked for.
#[expect(clippy::too_many_lines, reason = "rows of data")]
fn rows() -> Vec<Row> {
    let good = |id: &str| GOOD.replace('@', id).into_bytes();
    let framed = |id: &str, head: &str| [head.as_bytes(), GOOD.replace('@', id).as_bytes()].concat();
    vec![
        json_row("good", "ok", GOOD),
        json_row(
            "more members than asked for",
            "ok",
            r#"{"records":[{"ID":"@","NAME":"某人","OPERATOR":"PROVIDER-TEXT-CANARY","STATE":"PROVIDER-TEXT-CANARY"}],"x":1}"#,
        ),
        json_row("nothing found", "ok", r#"{"records":[]}"#),
        row("closes", UNREACHABLE, |_| Reply::Close),
        row("silent", TIMEOUT, |_| Reply::Later(Duration::from_secs(30), Box::new(Reply::Close))),
        row("cut off", BAD, move |id| {
            Reply::Bytes(framed(
                id,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n",
            ))
        }),
        row("not HTTP", BAD, |_| Reply::Bytes(b"PROVIDER-TEXT-CANARY\r\n\r\n".to_vec())),
        row("error with a text", BAD, |_| http(500, "text/html", "<h1>PROVIDER-TEXT-CANARY</h1>")),
        row("refuses us", BAD, |_| http(403, "application/json", r#"{"error":"PROVIDER-TEXT-CANARY"}"#)),
        row("busy", UNREACHABLE, |_| http(503, "text/plain", CANARY)),
        row("redirects", BAD, |_| {
            Reply::Http(302, vec![("Location", "http://127.0.0.1:1/PROVIDER-TEXT-CANARY".into())], Vec::new())
        }),
        row("partial", BAD, move |id| Reply::Http(206, vec![("Content-Type", "application/json".into())], good(id))),
        row("compressed", BAD, move |id| {
            let headers = vec![("Content-Type", "application/json".into()), ("Content-Encoding", "gzip".into())];
            Reply::Http(200, headers, GOOD.replace('@', id).into_bytes())
        }),
        row("another content type", BAD, |id| {
            Reply::Http(200, vec![("Content-Type", "text/html".into())], GOOD.replace('@', id).into_bytes())
        }),
        row("another charset", BAD, |id| {
            Reply::Http(
                200,
                vec![("Content-Type", "application/json; charset=gbk".into())],
                GOOD.replace('@', id).into_bytes(),
            )
        }),
        row("huge", BAD, |id| {
            Reply::Json(format!(r#"{{"records":[{{"ID":"{id}","NAME":"某人"}}],"pad":"{}"}}"#, "x".repeat(70_000)))
        }),
        json_row("empty", BAD, ""),
        json_row("not JSON", BAD, "PROVIDER-TEXT-CANARY"),
        json_row("two documents", BAD, r#"{"records":[{"ID":"@","NAME":"某人"}]}{"records":[]}"#),
        json_row("no records", BAD, r#"{"data":[{"ID":"@","NAME":"某人"}]}"#),
        json_row("records is no list", BAD, r#"{"records":{"ID":"@","NAME":"某人"}}"#),
        json_row("a record is no object", BAD, r#"{"records":["PROVIDER-TEXT-CANARY"]}"#),
        json_row(
            "another person's record",
            BAD,
            r#"{"records":[{"ID":"430689198503120011","NAME":"PROVIDER-TEXT-CANARY"}]}"#,
        ),
        json_row(
            "one of them another person's",
            BAD,
            r#"{"records":[{"ID":"@","NAME":"某人"},{"ID":"430689198503120011","NAME":"PROVIDER-TEXT-CANARY"}]}"#,
        ),
        json_row("an item is missing", BAD, r#"{"records":[{"ID":"@"}]}"#),
        json_row("the key is missing", BAD, r#"{"records":[{"NAME":"PROVIDER-TEXT-CANARY"}]}"#),
        json_row("an item twice", BAD, r#"{"records":[{"ID":"@","NAME":"某人","NAME":"PROVIDER-TEXT-CANARY"}]}"#),
        json_row(
            "an item twice, escaped",
            BAD,
            r#"{"records":[{"ID":"@","NAME":"某人","N\u0041ME":"PROVIDER-TEXT-CANARY"}]}"#,
        ),
        json_row("records twice", BAD, r#"{"records":[{"ID":"@","NAME":"某人"}],"records":[]}"#),
        json_row("a number for a text", BAD, r#"{"records":[{"ID":"@","NAME":12345}]}"#),
        json_row("an object for a text", BAD, r#"{"records":[{"ID":"@","NAME":{"x":"PROVIDER-TEXT-CANARY"}}]}"#),
        json_row("a list for a text", BAD, r#"{"records":[{"ID":"@","NAME":["PROVIDER-TEXT-CANARY"]}]}"#),
        row("not UTF-8", BAD, |id| {
            Reply::Http(
                200,
                vec![("Content-Type", "application/json".into())],
                [GOOD.replace('@', id).into_bytes(), vec![0xff]].concat(),
            )
        }),
        row("too deep", BAD, |_| Reply::Json(format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)))),
        row("interim answers without end", BAD, |_| {
            Reply::Bytes(b"HTTP/1.1 103 Early Hints\r\nX: PROVIDER-TEXT-CANARY\r\n\r\n".repeat(100))
        }),
        row("a head without end", BAD, |_| {
            Reply::Bytes(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", CANARY.repeat(10_000)).into_bytes())
        }),
        row("a length beside a coding", BAD, |id| {
            let body = GOOD.replace('@', id);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
            Reply::Bytes(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes())
        }),
        row("two lengths", BAD, move |id| {
            Reply::Bytes(framed(
                id,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\nContent-Length: 51\r\n\r\n",
            ))
        }),
    ]
}

#[test]
fn a_providers_fault_has_its_code_and_none_of_its_words() {
    let rows = std::sync::Arc::new(rows());
    let mut seed = Seed::fresh("people of faults");
    let people: Vec<String> = rows.iter().map(|_| identifiers::citizen(&mut seed)).collect();
    let (script, ids) = (rows.clone(), people.clone());
    let provider = Provider::start(move |question: &Question| {
        let body = String::from_utf8_lossy(&question.body).into_owned();
        let at = ids.iter().position(|id| body.contains(id.as_str())).expect("a known person");
        (script[at].reply)(&ids[at])
    });
    let city = City::small();
    let breaker = toml::Table::from_iter([("failures".to_owned(), 1000.into()), ("open_ms".to_owned(), 1000.into())]);
    let binding = vec![
        ("timeout_ms", 800.into()),
        ("connect_timeout_ms", 500.into()),
        ("body_bytes_max", 65_536.into()),
        ("breaker", breaker.into()),
    ];
    let site = Site::serve(&city, &provider.url(), &Changes { binding, ..Changes::default() });
    let mut connection = site.connect(&site.identity("ask"));
    for (row, id) in rows.iter().zip(&people) {
        let query =
            Call::service(RESOURCE, "query", &json!({"filter": {"ID": id}, "fields": ["NAME"]})).by("P1", "h-1", "C");
        let verify = Call::service(RESOURCE, "verify", &json!({"subject": {"ID": id}, "claims": {"NAME": "某人"}}))
            .by("P1", "h-1", "C");
        for (mode, call) in [("query", query), ("verify", verify)] {
            let what = format!("{}, {mode}", row.what);
            let answer = connection.send(&call).unwrap_or_else(|error| panic!("{what}: {error}"));
            // A verification shows nothing of a stored value: it may compare a number by its digits, and
            // say of what it cannot read that it cannot.
            let result = answer.json()["result"].as_str().unwrap_or_default().to_owned();
            let verdicts =
                if row.what == "a number for a text" { ["mismatch", "indeterminate"] } else { ["indeterminate"; 2] };
            let unreadable =
                mode == "verify" && row.what.ends_with("for a text") && verdicts.contains(&result.as_str());
            if row.code == "ok" || unreadable {
                assert_eq!(answer.code(), "ok", "{what}: {}", answer.text());
            } else {
                problem::check(&what, &answer, row.code);
                assert_eq!(answer.json()["origin"], "provider", "{what}");
            }
            let shown = format!("{:?}{}", answer.headers, answer.text());
            assert!(
                !shown.contains(CANARY) && !shown.contains(id.as_str()) && !shown.contains("12345"),
                "{what}: {shown}"
            );
            assert!(answer.receipt().is_some(), "{what}");
        }
    }
    let printed = site.process.printed() + &site.ops("/metrics").1;
    assert!(!printed.contains(CANARY), "{printed}");
}

#[test]
fn a_killed_departmental_system_is_unreachable_then_left_alone() {
    let city = City::small();
    let demo = Demo::of(&city);
    let identity = demo.identity("ask");
    assert_eq!(demo.send(&identity, &city.good_call()).code(), "ok");
    let (_, pid) =
        demo.stand_ins().into_iter().find(|(resources, _)| resources.iter().any(|code| code == RESOURCE)).unwrap();
    signal(pid, "KILL");
    let mut connection = demo.connect(&identity);
    problem::check("the first call after it", &connection.send(&city.good_call()).unwrap(), UNREACHABLE);
    let opened = clock::within(Duration::from_secs(10), "the circuit opens", || {
        let answer = connection.send(&city.good_call()).unwrap();
        assert!([UNREACHABLE, "provider.circuit_open"].contains(&answer.code().as_str()), "{}", answer.text());
        (answer.code() == "provider.circuit_open").then_some(answer)
    });
    let open = opened.unwrap();
    problem::check("left alone", &open, "provider.circuit_open");
    assert!(
        open.header("Retry-After").is_some_and(|after| after.parse::<u32>().is_ok_and(|seconds| seconds > 0)),
        "{:?}",
        open.headers
    );
    assert_eq!(demo.ops("/readyz").0, 200, "one department down is no fault of the exchange");
}

#[test]
fn a_provider_is_told_who_asks_and_why_not_who_is_asked_about_in_a_url() {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let answer = site.send(&site.identity("ask"), &city.good_call());
    let question = provider.questions().pop().unwrap();
    let head = question.head.to_ascii_lowercase();
    for line in [
        format!("x-request-id: {}", answer.header("Exchange-Request-Id").unwrap()),
        "x-exchange-department: ask".to_owned(),
        format!("x-exchange-resource: {RESOURCE}"),
        "accept: application/json".to_owned(),
    ] {
        assert!(head.contains(&line), "{line} in {head}");
    }
    assert!(!head.contains("authorization") && !head.contains(&city.id(0)), "{head}");
}

#[test]
fn what_is_not_shared_or_not_granted_never_reaches_a_provider() {
    let mut city = City::small();
    let refused = ["430689001/000002", "430689001/000003"];
    let records = city.records_of(RESOURCE).to_vec();
    for (code, share) in refused.iter().zip(["not_shared", "conditional"]) {
        let mut resource = Resource { share, ..Resource::small(code) };
        if share == "not_shared" {
            resource.modes.clear();
            resource.legal_basis = Some("《样例法》第一条".to_owned());
        }
        city.resources.push(resource);
        city.records.insert((*code).to_owned(), records.clone());
    }
    city.grants.push(Grant { state: "revoked".to_owned(), ..Grant::small("G-2000", refused[1]) });
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let identity = site.identity("ask");
    for (code, refusal) in refused.iter().zip(["share.not_shared", "grant.revoked"]) {
        for mode in ["verify", "query"] {
            let body = if mode == "query" {
                json!({"filter": {"ID": city.id(0)}})
            } else {
                json!({"subject": {"ID": city.id(0)}, "claims": {"NAME": "x"}})
            };
            let answer = site.send(&identity, &Call::service(code, mode, &body).by("P1", "h-1", "C"));
            problem::check(code, &answer, refusal);
            if refusal == "share.not_shared" {
                assert!(
                    answer.json()["rule"].as_str().is_some_and(|rule| rule.starts_with("D17-4")),
                    "{}",
                    answer.text()
                );
                assert!(answer.text().contains("《样例法》第一条"), "{}", answer.text());
            }
        }
    }
    assert!(provider.questions().is_empty(), "{:?}", provider.questions());
}

#[test]
fn a_provider_with_enough_in_hand_is_not_overrun() {
    let city = City::small();
    let slow = city.clone();
    let provider =
        Provider::start(move |question| Reply::Later(Duration::from_millis(1500), Box::new(standard(&slow, question))));
    let binding = vec![("concurrency", 1.into()), ("waiting_max", 0.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { binding, ..Changes::default() });
    let identity = site.identity("ask");
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| site.send(&identity, &city.good_call()));
        clock::within(Duration::from_secs(30), "the provider is asked", || (provider.waiting() == 1).then_some(()))
            .unwrap();
        let second = site.send(&identity, &city.good_call());
        (first.join().unwrap(), second)
    });
    assert_eq!(first.code(), "ok", "{}", first.text());
    problem::check("the second", &second, "provider.circuit_open");
    assert_eq!(second.json()["origin"], "provider");
    assert_eq!(second.header("Retry-After"), Some("1"));
    assert_eq!(provider.questions().len(), 1);
}

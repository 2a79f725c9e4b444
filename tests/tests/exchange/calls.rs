//! Calls of declared operations: what passes, what does not, and that nothing of it is held.

use serde_json::json;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::client::{Answer, Call};
use sluice_tests::exchange::Exchange;
use sluice_tests::http2::Http2;
use sluice_tests::ledger;
use sluice_tests::passing::Passing;

use super::called::{call, city, outcome, serve};
use super::problem;

#[test]
#[expect(clippy::too_many_lines, reason = "one exchange, looked at from both sides")]
fn a_call_passes_what_is_listed_and_nothing_else_in_either_direction() {
    let city = city();
    let provider = Passing::start(|conversation| {
        let answered = [
            ("Content-Type", "application/json; charset=UTF-8"),
            ("Set-Cookie", "session=1"),
            ("Server", "mz/1.0"),
            ("Location", "http://10.0.0.1/internal"),
            ("Exchange-Receipt", "origin=\"forged\", index=1, leaf=\"AAAA\""),
            ("Exchange-Request-Id", "forged"),
            ("Exchange-Masked", "NAME"),
            ("RateLimit", "\"second\";r=9;t=1"),
            ("Cache-Control", "public"),
            ("X-Internal", "10.0.0.1"),
            ("ETag", "\"v1\""),
            ("Connection", "x-internal, keep-alive"),
            ("Keep-Alive", "timeout=5"),
        ];
        conversation.answer(200, &answered, br#"{"id":"x"}"#)
    });
    // One worker, so that both connections share what it keeps open.
    let site = serve(&city, &provider, &[("data.workers", 1.into())]);
    let identity = site.identity("ask");
    let (mut first, mut second) = (site.connect(&identity), Http2::open(&identity, site.base));
    let target = format!("call/people/{}?year=2026&part=%E4%B8%80", city.id(0));
    let sent = call("GET", &target)
        .header("Accept-Language", "en")
        .header("Accept", "text/html")
        .header("Accept-Encoding", "gzip")
        .header("Cookie", "a=1")
        .header("X-Exchange-Department", "forged")
        .header("X-Request-Id", "forged-forged")
        .header("X-Forwarded-For", "1.2.3.4")
        .header("Range", "bytes=0-1")
        .header("If-Match", "\"v0\"")
        .header("Idempotency-Key", "k-1")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    for answer in [first.send(&sent).unwrap(), second.send(&sent)] {
        assert_eq!((answer.code().as_str(), answer.text().as_str()), ("ok", r#"{"id":"x"}"#), "{answer:?}");
        assert_eq!(answer.header("Content-Type"), Some("application/json; charset=utf-8"));
        assert_eq!(answer.header("Content-Length"), Some("10"));
        assert_eq!(answer.header("ETag"), Some("\"v1\""));
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        for absent in ["Set-Cookie", "Server", "Location", "X-Internal", "Keep-Alive", "Exchange-Masked"] {
            assert_eq!(answer.header(absent), None, "{absent}");
        }
        assert_ne!(answer.header("Exchange-Request-Id"), Some("forged"));
        assert_ne!(answer.header("RateLimit"), Some("\"second\";r=9;t=1"));
        let receipt = answer.receipt().unwrap();
        let access = ledger::show(&site.ledger(), receipt.index)["record"].clone();
        assert_eq!((access["operation"].as_str(), access["mode"].as_str()), (Some("read"), Some("call")));
        assert_eq!(access["path_template"], "/v1/resources/{code}/call/{path}");
        assert_eq!(access["subjects"]["total"], 1, "{access}");
        let ended = outcome(&site, &answer);
        assert_eq!((&ended["response_bytes"], &ended["http_status"]), (&json!(10), &json!(200)));
    }
    let heads = provider.heads();
    assert_eq!((heads.len(), provider.connections()), (2, 1), "whole answers leave the connection usable");
    for head in heads {
        let first = head.lines().next().unwrap();
        assert_eq!(first, format!("GET /base/people/{}?year=2026&part=%E4%B8%80 HTTP/1.1", city.id(0)));
        let mut names: Vec<String> =
            head.lines().filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase())).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "accept-encoding",
                "accept-language",
                "host",
                "traceparent",
                "via",
                "x-exchange-department",
                "x-exchange-resource",
                "x-request-id"
            ]
        );
        for line in ["accept: application/json", "accept-encoding: identity", "x-exchange-department: ask"] {
            assert!(head.lines().any(|known| known.eq_ignore_ascii_case(line)), "{line}: {head}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_not_declared_or_not_granted_never_reaches_the_provider() {
    let city = city();
    let provider = Passing::start(|conversation| conversation.answer(200, &[], b""));
    let site = serve(&city, &provider, &[]);
    let id = city.id(0);
    let json = |call: Call| call.header("Content-Type", "application/json");
    let rows = [
        ("undeclared path", call("GET", "call/nothing"), "request.not_found"),
        ("below a path", call("GET", &format!("call/people/{id}/more")), "request.not_found"),
        ("above a path", call("GET", "call/people"), "request.not_found"),
        ("another case", call("GET", &format!("call/People/{id}")), "request.not_found"),
        ("an encoded letter", call("GET", &format!("call/%70eople/{id}")), "request.not_found"),
        ("another method", call("DELETE", &format!("call/people/{id}")), "request.method"),
        ("an invented method", call("FETCH", &format!("call/people/{id}")), "request.method"),
        ("an encoded slash", call("GET", &format!("call/people%2F{id}")), "request.malformed"),
        ("a dot segment", call("GET", &format!("call/people/../people/{id}")), "request.malformed"),
        ("an encoded dot segment", call("GET", &format!("call/people/%2e%2e/{id}")), "request.malformed"),
        ("a double slash", call("GET", &format!("call//people/{id}")), "request.malformed"),
        ("a back slash", call("GET", &format!("call/people%5C{id}")), "request.malformed"),
        ("a path parameter", call("GET", &format!("call/people/{id};v=1")), "request.malformed"),
        ("a double encoding", call("GET", "call/people/%2541"), "request.malformed"),
        ("a slash at the end", call("GET", &format!("call/people/{id}/")), "request.malformed"),
        ("an undeclared parameter", call("GET", &format!("call/people/{id}?all=1")), "request.schema"),
        ("a repeated parameter", call("GET", &format!("call/people/{id}?year=1&year=2")), "request.schema"),
        ("an encoded parameter", call("GET", &format!("call/people/{id}?%79ear=1")), "request.schema"),
        ("an empty parameter", call("GET", &format!("call/people/{id}?year=1&&part=2")), "request.schema"),
        ("a bad encoding", call("GET", &format!("call/people/{id}?year=%zz")), "request.schema"),
        ("a wrong check digit", call("GET", "call/people/430689198503120012"), "request.schema"),
        ("a body of a GET", json(call("GET", &format!("call/people/{id}"))).bytes("{}"), "request.media_type"),
        ("another type", json(call("PUT", &format!("call/people/{id}"))).bytes("{}"), "request.media_type"),
        (
            "a compressed body",
            json(call("POST", "call/search")).header("Content-Encoding", "gzip").bytes("{}"),
            "request.media_type",
        ),
        ("not JSON", json(call("POST", "call/search")).bytes("{"), "request.malformed"),
        ("no place for people", json(call("POST", "call/search")).bytes(r#"{"who":1}"#), "request.schema"),
        ("a missing person", json(call("POST", "call/search")).bytes(r#"{"who":[{}]}"#), "request.schema"),
        (
            "a person twice",
            json(call("POST", "call/search")).bytes(format!(r#"{{"who":[{{"id":"{id}","id":"{id}"}}]}}"#)),
            "request.schema",
        ),
        ("a long body", json(call("POST", "call/search")).bytes(vec![b' '; 100_001]), "request.too_large"),
        ("an operation that is not granted", call("GET", &format!("call/unnamed/{id}")), "grant.mode_not_granted"),
        ("an item that is not clear", call("GET", &format!("call/secrets/{id}")), "grant.field_not_granted"),
        ("no handler", call("GET", &format!("call/people/{id}")).without("Exchange-Handler"), "handler.missing"),
        (
            "another purpose",
            call("GET", &format!("call/people/{id}")).header("Exchange-Purpose", "P2"),
            "grant.purpose_mismatch",
        ),
        (
            "a resource without calls",
            Call::get(&format!("/v1/resources/{RESOURCE}/call/x")).by("P1", "h-1", "C"),
            "mode.not_offered",
        ),
        (
            "an unknown resource",
            Call::get("/v1/resources/999999999/9/call/x").by("P1", "h-1", "C"),
            "resource.not_found",
        ),
    ];
    let identity = site.identity("ask");
    for (what, call, code) in &rows {
        let answer = site.send(&identity, call);
        problem::check(what, &answer, code);
        assert!(!answer.text().contains(&id), "{what}");
        assert_eq!(answer.receipt().is_some(), *code != "request.malformed" || *what == "not JSON", "{what}");
    }
    let refused = site.send(&site.identity("other"), &call("GET", &format!("call/people/{id}")));
    problem::check("no grant", &refused, "grant.required");
    let allow = site.send(&identity, &call("DELETE", &format!("call/people/{id}")));
    assert_eq!(allow.header("Allow"), Some("GET, PUT"));
    assert!(provider.heads().is_empty(), "{:?}", provider.heads());
    // HTTP/1.0 cannot tell a cut answer from a whole one.
    let mut old = site.connect(&identity);
    let wire =
        call("GET", &format!("call/people/{id}")).wire(&format!("127.0.0.1:{}", site.base), identity.token.as_deref());
    old.write(String::from_utf8(wire).unwrap().replace("HTTP/1.1", "HTTP/1.0").as_bytes()).unwrap();
    assert_eq!(old.read().unwrap().code(), "request.malformed");
}

#[test]
fn a_refused_call_with_a_body_does_not_disturb_the_next_one() {
    let city = city();
    let provider =
        Passing::start(|conversation| conversation.answer(200, &[("Content-Type", "application/json")], b"{}"));
    let site = serve(&city, &provider, &[]);
    let identity = site.identity("ask");
    let host = format!("127.0.0.1:{}", site.base);
    let refused = call("POST", "call/nothing").header("Content-Type", "application/json").bytes(vec![b'x'; 5000]);
    let good = call("GET", &format!("call/people/{}", city.id(0)));
    let token = identity.token.as_deref();
    let mut connection = site.connect(&identity);
    connection.write(&[refused.wire(&host, token), good.wire(&host, token)].concat()).unwrap();
    assert_eq!(connection.read().unwrap().code(), "request.not_found");
    assert_eq!(connection.read().unwrap().code(), "ok");
    assert_eq!(provider.heads().len(), 1);
}

#[test]
fn the_providers_own_errors_stay_with_it() {
    let city = city();
    let provider = Passing::start(|conversation| {
        let status: u16 = conversation.target().split("year=").nth(1).and_then(|year| year.parse().ok()).unwrap_or(200);
        let type_ = if status == 299 { "text/html" } else { "application/json" };
        let encoding = if status == 298 { ("Content-Encoding", "gzip") } else { ("X-None", "1") };
        conversation.answer(
            status,
            &[("Content-Type", type_), ("Location", "/x"), encoding],
            b"{\"error\":\"SECRET-TEXT\"}",
        )
    });
    let site = serve(&city, &provider, &[]);
    let mut connection = site.connect(&site.identity("ask"));
    for (status, code) in [
        (500, "provider.bad_answer"),
        (501, "provider.bad_answer"),
        (400, "provider.bad_answer"),
        (401, "provider.bad_answer"),
        (403, "provider.bad_answer"),
        (410, "provider.bad_answer"),
        (301, "provider.bad_answer"),
        (302, "provider.bad_answer"),
        (206, "provider.bad_answer"),
        (299, "provider.bad_answer"),
        (298, "provider.bad_answer"),
        (503, "provider.unreachable"),
    ] {
        let answer = connection.send(&call("GET", &format!("call/people/{}?year={status}", city.id(0)))).unwrap();
        problem::check(&status.to_string(), &answer, code);
        assert!(!answer.text().contains("SECRET-TEXT"), "{status}");
        assert!(answer.receipt().is_some(), "{status}");
        assert_eq!(outcome(&site, &answer)["origin_code"], code, "{status}");
        // A failure in between is forgiven, so that the circuit stays closed.
        assert_eq!(connection.send(&call("GET", &format!("call/people/{}", city.id(0)))).unwrap().code(), "ok");
    }
    let absent = connection.send(&call("GET", &format!("call/people/{}?year=404", city.id(0)))).unwrap();
    assert_eq!((absent.status, absent.body.len()), (404, 0), "a declared status without the provider's words");
    assert_eq!(absent.header("Content-Type"), None);
    assert!(absent.receipt().is_some());
}

#[test]
fn people_in_request_and_answer_are_on_record_before_the_answer_leaves() {
    let city = city();
    let ids: Vec<String> = (0..4).map(|at| city.id(at)).collect();
    let answers = ids.clone();
    let provider = Passing::start(move |conversation| {
        let asked = conversation.body()?;
        let json = [("Content-Type", "application/json"), ("X-Person", answers[3].as_str())];
        let body = match conversation.header("x-none").as_deref() {
            _ if conversation.target().ends_with("latest") => json!({}),
            _ if String::from_utf8_lossy(&asked).contains("missing") => json!({"found": [{"name": "x"}]}),
            _ if String::from_utf8_lossy(&asked).contains("large") => json!({"found": [], "x": "x".repeat(70_000)}),
            _ => json!({"found": [{"id": answers[0]}, {"id": answers[2]}, {"id": null}], "echo": asked.len()}),
        };
        conversation.answer(200, &json, body.to_string().as_bytes())
    });
    let site = serve(&city, &provider, &[("data.limits.answer_bytes_max", 65_536.into())]);
    let mut connection = site.connect(&site.identity("ask"));
    let search = |more: &str| {
        let body = json!({"who": [{"id": ids[0]}, {"id": ids[1]}], "more": more}).to_string();
        call("POST", "call/search").header("Content-Type", "application/json").bytes(body)
    };
    let answer = connection.send(&search("")).unwrap();
    assert_eq!(answer.code(), "ok", "{}", answer.text());
    let total = |answer: &Answer| {
        let records = ledger::records(&site.ledger());
        let access = &records[&answer.receipt().unwrap().index].1;
        let found: Vec<_> = records
            .iter()
            .filter(|(_, (_, record))| {
                record["kind"] == "SUBJECTS"
                    && record["ref_ctr"] == access["ctr"]
                    && record["worker"] == access["worker"]
            })
            .map(|(_, (_, record))| record["subjects"]["total"].as_u64().unwrap())
            .collect();
        (access["subjects"]["total"].as_u64().unwrap(), found)
    };
    assert_eq!(total(&answer), (2, vec![1]), "two people are named, one more is found");
    let digest = outcome(&site, &answer)["response_digest"].as_str().map(str::len);
    assert_eq!(digest, Some(64), "an answer that was read whole has a digest");
    assert_eq!(provider.heads().len(), 1);
    let latest = connection.send(&call("GET", "call/people/latest")).unwrap();
    assert_eq!((latest.code().as_str(), total(&latest)), ("ok", (0, vec![1])));
    for more in ["missing", "large"] {
        let refused = connection.send(&search(more)).unwrap();
        problem::check(more, &refused, "provider.bad_answer");
        assert_eq!(total(&refused).0, 2, "{more}");
    }
    for (path, bytes) in Exchange::files_below(&site.dir.join("ledger")) {
        for id in &ids {
            let found = bytes.windows(id.len()).any(|window| window == id.as_bytes());
            assert!(!found, "an identity stands in {}", path.display());
        }
    }
}

//! Framing: raw bytes of hostile callers. Each gets at most one answer and a close, and the provider
//! sees exactly what was authorised.

use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::client::Identity;
use sluice_tests::clock;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

/// What may come back: the code of the one answer, or a bare refusal of the HTTP library.
enum Expected {
    /// One answer with this code, then a close.
    Refused(&'static str),
    /// One answer with this status, ours or bare, then a close.
    Status(u16),
    /// A close, with or without a 4xx.
    Closed,
}
use Expected::{Closed, Refused, Status};

struct Head<'a> {
    site: &'a Site,
    token: &'a str,
    body: &'a str,
}

impl Head<'_> {
    /// A good request with lines replaced or added: `("Host", None)` removes a line.
    fn with(&self, request_line: &str, changes: &[(&str, Option<&str>)], more: &str) -> Vec<u8> {
        let host = format!("127.0.0.1:{}", self.site.base);
        let bearer = format!("Bearer {}", self.token);
        let length = self.body.len().to_string();
        let lines = [
            ("Host", host.as_str()),
            ("Authorization", &bearer),
            ("Content-Type", "application/json"),
            ("Exchange-Purpose", "P1"),
            ("Exchange-Handler", "h-1"),
            ("Exchange-Matter", "C"),
            ("Content-Length", &length),
        ];
        let mut head = format!("{request_line}\r\n");
        for (name, value) in lines {
            let value = changes.iter().find(|(changed, _)| *changed == name).map_or(Some(value), |(_, value)| *value);
            if let Some(value) = value {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        format!("{head}{more}\r\n").into_bytes()
    }

    fn post(&self, changes: &[(&str, Option<&str>)], more: &str) -> Vec<u8> {
        self.with(&format!("POST /v1/resources/{RESOURCE}/query HTTP/1.1"), changes, more)
    }

    fn target(&self, target: &str) -> Vec<u8> {
        self.with(&format!("POST {target} HTTP/1.1"), &[], "")
    }
}

/// Heads that must not pass; each is followed by a body and a second, good request.
#[expect(clippy::too_many_lines, reason = "rows of data")]
fn corpus(head: &Head<'_>) -> Vec<(String, Vec<u8>, Expected)> {
    let malformed = || Refused("request.malformed");
    let chunked = ("Content-Length", None);
    let service = format!("/v1/resources/{RESOURCE}/query");
    let post = |changes: &[(&str, Option<&str>)], more: &str| head.post(changes, more);
    let mut rows: Vec<(&str, Vec<u8>, Expected)> = vec![
        ("CL and TE", post(&[], "Transfer-Encoding: chunked\r\n"), malformed()),
        ("TE twice", post(&[chunked], "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), malformed()),
        ("TE list", post(&[chunked], "Transfer-Encoding: gzip, chunked\r\n"), malformed()),
        ("TE unknown", post(&[chunked], "Transfer-Encoding: identity\r\n"), Status(400)),
        ("TE cased and padded", post(&[chunked], "Transfer-Encoding: \tCHUNKED x\r\n"), Status(400)),
        ("TE with a space before the colon", post(&[], "Transfer-Encoding : chunked\r\n"), Status(400)),
        ("TE folded", post(&[chunked], "Transfer-Encoding:\r\n chunked\r\n"), Status(400)),
        ("CL twice, different", post(&[], "Content-Length: 1\r\n"), Status(400)),
        ("CL twice, the same", post(&[], &format!("Content-Length: {}\r\n", head.body.len())), malformed()),
        ("CL list", post(&[("Content-Length", Some("5, 5"))], ""), Status(400)),
        ("CL signed", post(&[("Content-Length", Some("+5"))], ""), Status(400)),
        ("CL negative", post(&[("Content-Length", Some("-1"))], ""), Status(400)),
        ("CL hexadecimal", post(&[("Content-Length", Some("0x10"))], ""), Status(400)),
        ("CL too large for a number", post(&[("Content-Length", Some("99999999999999999999"))], ""), Status(400)),
        (
            "HTTP/1.0 with TE",
            head.with(&format!("POST {service} HTTP/1.0"), &[chunked], "Transfer-Encoding: chunked\r\n"),
            Status(400),
        ),
        ("HTTP/0.9", b"GET /v1/resources\r\n".to_vec(), Closed),
        ("HTTP/3.0", head.with(&format!("POST {service} HTTP/3.0"), &[], ""), Closed),
        ("no Host", post(&[("Host", None)], ""), malformed()),
        ("two Hosts", post(&[], "Host: 127.0.0.1\r\n"), malformed()),
        ("absolute form of another host", head.target(&format!("https://evil.example{service}")), Status(400)),
        ("CONNECT", head.with("CONNECT evil.example:443 HTTP/1.1", &[], ""), Closed),
        ("TRACE", head.with("TRACE / HTTP/1.1", &[], ""), malformed()),
        ("Upgrade", post(&[], "Connection: upgrade\r\nUpgrade: websocket\r\n"), malformed()),
        (
            "h2c",
            post(&[], "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
            malformed(),
        ),
        ("Expect", post(&[], "Expect: 200-ok\r\n"), Closed),
        ("Authorization twice", post(&[], "Authorization: Bearer x\r\n"), malformed()),
        ("purpose twice", post(&[], "Exchange-Purpose: P2\r\n"), malformed()),
        ("purpose aliased", post(&[], "Exchange_Purpose: P2\r\n"), malformed()),
        ("content type twice", post(&[], "Content-Type: text/plain\r\n"), malformed()),
        ("control character", post(&[], "X-A: a\x01b\r\n"), Closed),
        ("NUL", post(&[], "X-A: a\0b\r\n"), Status(400)),
        ("bare CR", post(&[], "X-A: a\rX-B: b\r\n"), Status(400)),
        ("no colon", post(&[], "nonsense\r\n"), Status(400)),
        ("space before the first header", format!("POST {service} HTTP/1.1\r\n X: y\r\n\r\n").into_bytes(), Closed),
        ("h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Closed),
        ("not HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), Closed),
        (
            "long target",
            head.target(&format!("/v1/resources?query={}", "a".repeat(8000))),
            Refused("request.uri_too_long"),
        ),
        ("very long target", head.target(&format!("/{}", "a".repeat(70_000))), Status(414)),
        ("long header", post(&[], &format!("X-A: {}\r\n", "a".repeat(20_000))), Refused("request.headers_too_large")),
        ("very long header", post(&[], &format!("X-A: {}\r\n", "a".repeat(300_000))), Status(431)),
        ("many headers", post(&[], &"X-A: b\r\n".repeat(80)), Refused("request.headers_too_large")),
        ("very many headers", post(&[], &"X-A: b\r\n".repeat(2000)), Status(431)),
    ];
    for (what, target) in [
        ("encoded slash", "/v1/resources/430689001%2F000001/query"),
        ("encoded backslash", "/v1/resources/430689001%5c000001/query"),
        ("backslash", "/v1/resources\\430689001/000001/query"),
        ("NUL in the path", "/v1/resources/430689001/000001%00/query"),
        ("dot segments", "/v1/x/../resources/430689001/000001/query"),
        ("encoded dots", "/v1/%2e%2e/v1/resources/430689001/000001/query"),
        ("empty segment", "/v1//resources/430689001/000001/query"),
        ("path parameter", "/v1/resources;a=b/430689001/000001/query"),
        ("double encoding", "/v1/resources/430689001%252F000001/query"),
        ("overlong UTF-8", "/v1/resources/%c0%af/query"),
        ("broken escape", "/v1/resources/%zz/query"),
    ] {
        rows.push((what, head.target(target), malformed()));
    }
    rows.into_iter().map(|(what, bytes, expected)| (what.to_owned(), bytes, expected)).collect()
}

#[test]
fn a_malformed_request_gets_one_answer_and_a_close() {
    let city = City::small();
    let provider = Provider::of(&city);
    let site = Site::serve(&city, &provider.url(), &Changes::default());
    let ask = site.identity("ask");
    let body = String::from_utf8(city.good_call().body).unwrap();
    let head = Head { site: &site, token: ask.token.as_ref().unwrap(), body: &body };
    let good = [head.post(&[], ""), body.clone().into_bytes()].concat();
    let mut connection = site.connect(&ask);
    connection.write(&good).unwrap();
    assert_eq!(connection.read().unwrap().code(), "ok", "what the rows change is good");
    for (what, bytes, expected) in corpus(&head) {
        one_answer(&site, &ask, &what, &[bytes, body.clone().into_bytes(), good.clone()].concat(), &expected);
    }
    assert_eq!(provider.questions().len(), 1, "nothing but the good request reached the provider");
    assert_eq!(site.ops("/livez").0, 200);
}

fn one_answer(site: &Site, identity: &Identity, what: &str, bytes: &[u8], expected: &Expected) {
    let mut connection = site.connect(identity);
    let _ = connection.write(bytes);
    let answers = connection.read_to_close();
    match expected {
        Refused(code) => {
            assert_eq!(answers.len(), 1, "{what}: {answers:?}");
            problem::check(what, &answers[0], code);
        }
        Status(status) => {
            assert_eq!(answers.len(), 1, "{what}: {answers:?}");
            assert_eq!(answers[0].status, *status, "{what}: {answers:?}");
        }
        Closed => assert!(
            answers.len() <= 1 && answers.iter().all(|answer| (400..600).contains(&answer.status)),
            "{what}: {answers:?}"
        ),
    }
}

#[test]
fn bodies_are_read_as_they_are_framed() {
    let city = City::small();
    let provider = Provider::of(&city);
    let settings = vec![("data.timeouts.body_ms", 1000.into()), ("data.timeouts.head_ms", 1000.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = site.identity("ask");
    let body = String::from_utf8(city.good_call().body).unwrap();
    let head = Head { site: &site, token: ask.token.as_ref().unwrap(), body: &body };
    let chunked = head.post(&[("Content-Length", None)], "Transfer-Encoding: chunked\r\n");
    let (left, right) = body.split_at(body.len() / 2);
    let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
    let rows: Vec<(&str, String, &str)> = vec![
        ("one chunk", chunk(&body) + "0\r\n\r\n", "ok"),
        ("two chunks", chunk(left) + &chunk(right) + "0\r\n\r\n", "ok"),
        ("extension", format!("{:x};a=b\r\n{body}\r\n0\r\n\r\n", body.len()), "ok"),
        ("trailers", chunk(&body) + "0\r\nExchange-Purpose: P2\r\n\r\n", "ok"),
        ("bad size", format!("zz\r\n{body}\r\n0\r\n\r\n"), "request.malformed"),
        ("signed size", format!("+{:x}\r\n{body}\r\n0\r\n\r\n", body.len()), "request.malformed"),
        ("huge size", format!("ffffffffffffffffff\r\n{body}\r\n0\r\n\r\n"), "request.malformed"),
        ("no end of a chunk", format!("{:x}\r\n{body}0\r\n\r\n", body.len()), "request.malformed"),
        ("no end", chunk(left), "request.timeout"),
    ];
    for (what, framed, code) in &rows {
        let mut connection = site.connect(&ask);
        connection.write(&[chunked.clone(), framed.clone().into_bytes()].concat()).unwrap();
        let answer = connection.read().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.code(), *code, "{what}: {}", answer.text());
        assert!(*code == "ok" || connection.is_closed(), "{what}: a refused body closes the connection");
    }
    let mut pipelined = site.connect(&ask);
    let good = [head.post(&[], ""), body.clone().into_bytes()].concat();
    pipelined.write(&[good.clone(), good.clone()].concat()).unwrap();
    assert_eq!((pipelined.read().unwrap().code().as_str(), pipelined.read().unwrap().code().as_str()), ("ok", "ok"));
    let mut asked_first = site.connect(&ask);
    asked_first.write(&head.post(&[], "Expect: 100-continue\r\n")).unwrap();
    asked_first.write(body.as_bytes()).unwrap();
    assert_eq!(asked_first.read().unwrap().code(), "ok", "Expect: 100-continue is served");
    let unread =
        [head.post(&[("Exchange-Purpose", Some("NONE")), ("Content-Length", Some("400000"))], ""), vec![b' '; 100_000]]
            .concat();
    one_answer(&site, &ask, "a refused call with its body under way", &unread, &Refused("purpose.unknown"));
}

#[test]
fn silence_and_drips_are_cut_off() {
    let city = City::small();
    let provider = Provider::of(&city);
    let settings = vec![("data.timeouts.head_ms", 500.into()), ("data.limits.idle_s", 1.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = site.identity("ask");
    let mut silent = site.connect(&ask);
    let mut half = site.connect(&ask);
    half.write(b"GET /v1/resources HTTP/1.1\r\nHost: 127").unwrap();
    let mut idle = site.connect(&ask);
    assert_eq!(idle.send(&city.good_call()).unwrap().code(), "ok");
    let began = clock::now();
    assert!(silent.read_to_close().len() <= 1);
    assert!(half.read_to_close().len() <= 1);
    assert!(idle.is_closed());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

//! Framing over time: bodies in pieces, pipelined requests, silence. Single heads are in `corpus`.

use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::city::small::RESOURCE;
use sluice_tests::clock;
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

struct Head<'a> {
    site: &'a Site,
    token: &'a str,
    body: &'a str,
}

impl Head<'_> {
    /// A good request with lines replaced or added: `("Host", None)` removes a line.
    fn post(&self, changes: &[(&str, Option<&str>)], more: &str) -> Vec<u8> {
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
        let mut head = format!("POST /v1/resources/{RESOURCE}/query HTTP/1.1\r\n");
        for (name, value) in lines {
            let value = changes.iter().find(|(changed, _)| *changed == name).map_or(Some(value), |(_, value)| *value);
            if let Some(value) = value {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        format!("{head}{more}\r\n").into_bytes()
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
    let mut refused = site.connect(&ask);
    let _ = refused.write(&unread);
    let answers = refused.read_to_close();
    assert_eq!(answers.len(), 1, "{answers:?}");
    problem::check("a refused call with its body under way", &answers[0], "purpose.unknown");
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

//! How a call reaches a docked system: which of its instances, and with what proof of who asks.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hmac;
use sluice_tests::city::City;
use sluice_tests::client::{Answer, Call, Connection};
use sluice_tests::passing::{Conversation, Passing};
use sluice_tests::site::{Changes, Site};
use tempfile::TempDir;
use toml::{Table, Value};

use super::called::{CALLED, call, city, declare};
use super::problem;

const SECRET: &str = "between-us-0815";
const PASSED: [(&str, &str); 1] = [("Content-Type", "application/octet-stream")];

/// Answers with the number of bytes that came.
fn count(conversation: &mut Conversation) -> io::Result<()> {
    let body = conversation.body()?;
    let kind = if conversation.head.starts_with("GET") { "application/json" } else { "application/octet-stream" };
    conversation.answer(200, &[("Content-Type", kind)], body.len().to_string().as_bytes())
}

fn serve(city: &City, declare: fn(&mut Table), binding: Vec<(&'static str, Value)>) -> Site {
    Site::serve(city, "", &Changes { binding, catalogue: Some(declare), ..Changes::default() })
}

fn instances(ports: &[&str]) -> (&'static str, Value) {
    ("instances", Value::Array(ports.iter().map(|url| format!("{url}/base").into()).collect()))
}

/// A reference to the secret, in a file that lives as long as the folder.
fn reference(folder: &TempDir) -> String {
    let file = folder.path().join("secret.txt");
    std::fs::write(&file, SECRET).unwrap();
    format!("file:{}", file.display())
}

/// Nobody listens there.
fn nobody() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn read(city: &City) -> Call {
    call("GET", &format!("call/people/{}", city.id(0)))
}

fn write(city: &City, bytes: usize) -> Call {
    call("PUT", &format!("call/people/{}", city.id(0)))
        .header("Content-Type", "application/octet-stream")
        .bytes(vec![1; bytes])
}

fn send(connection: &mut Connection, call: &Call) -> Answer {
    connection.send(call).unwrap()
}

#[test]
fn a_call_of_which_nothing_left_is_made_at_another_instance() {
    let city = city();
    let (provider, nobody) = (Passing::start(count), nobody());
    let outlier = Table::from_iter([("failures".to_owned(), 1000.into())]);
    let site = serve(&city, declare, vec![instances(&[&nobody, &provider.url()]), ("outlier", outlier.into())]);
    let mut connection = site.connect(&site.identity("ask"));
    for bytes in [100_000, 7] {
        assert_eq!(send(&mut connection, &read(&city)).text(), "0");
        assert_eq!(send(&mut connection, &write(&city, bytes)).text(), bytes.to_string(), "whole, and once");
    }
    assert_eq!(provider.heads().len(), 4);
    let target = nobody.strip_prefix("http://").unwrap();
    let failed =
        format!("sluice_upstream_connects_total{{upstream=\"{CALLED}\",target=\"{target}\",result=\"failed\"}}");
    assert_eq!(site.metric(&failed), Some(2.0), "it was tried in its turn\n{}", site.ops("/metrics").1);
}

#[test]
fn a_call_that_may_have_arrived_is_made_once() {
    let city = city();
    let (cuts, serves) = (Passing::start(|conversation| conversation.cut()), Passing::start(count));
    let site = serve(&city, declare, vec![instances(&[&cuts.url(), &serves.url()])]);
    let mut connection = site.connect(&site.identity("ask"));
    for call in [read(&city), write(&city, 100_000)] {
        let (before, other) = (cuts.heads().len(), serves.heads().len());
        problem::check(&call.method, &send(&mut connection, &call), "provider.unreachable");
        assert_eq!((cuts.heads().len(), serves.heads().len()), (before + 1, other));
        assert_eq!(send(&mut connection, &call).code(), "ok", "the other's turn");
    }
}

#[test]
fn calls_carry_a_token_that_is_fetched_and_renewed() {
    let (city, folder) = (city(), tempfile::tempdir().unwrap());
    // Tokens up to this one were taken back.
    let revoked = Arc::new(AtomicUsize::new(0));
    let (issued, taken_back) = (AtomicUsize::new(0), Arc::clone(&revoked));
    let provider = Passing::start(move |conversation| {
        if conversation.target() == "/token" {
            let number = issued.fetch_add(1, Ordering::AcqRel) + 1;
            conversation.body()?;
            let token = format!("{{\"access_token\":\"t-{number}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}");
            return conversation.answer(200, &[("Content-Type", "application/json")], token.as_bytes());
        }
        let shown = conversation.header("authorization").unwrap_or_default();
        let number: usize = shown.strip_prefix("Bearer t-").and_then(|number| number.parse().ok()).unwrap_or(0);
        if number <= taken_back.load(Ordering::Acquire) {
            conversation.body()?;
            return conversation.answer(401, &[], b"");
        }
        count(conversation)
    });
    let auth = format!(
        "kind = 'oauth2'\ntoken_url = '{}/token'\nclient_id = 'sluice'\nclient_secret = '{}'",
        provider.url(),
        reference(&folder)
    );
    let auth: Table = auth.parse().unwrap();
    let site = serve(&city, declare, vec![instances(&[&provider.url()]), ("auth", auth.into())]);
    let mut connection = site.connect(&site.identity("ask"));
    let asked = || provider.heads().iter().filter(|head| head.starts_with("POST /token")).count();
    assert_eq!(send(&mut connection, &read(&city)).text(), "0");
    assert_eq!(send(&mut connection, &write(&city, 100_000)).text(), "100000");
    assert_eq!(asked(), 1, "a token is kept");
    revoked.store(1, Ordering::Release);
    assert_eq!(send(&mut connection, &read(&city)).code(), "ok", "sent once more with a fresh one");
    assert_eq!(asked(), 2);
    revoked.store(2, Ordering::Release);
    let refused = send(&mut connection, &write(&city, 100_000));
    problem::check("its body is gone", &refused, "provider.unreachable");
    assert_eq!(send(&mut connection, &write(&city, 100_000)).text(), "100000", "the next has a fresh one");
    assert_eq!(asked(), 3);
}

/// Without the operation whose body is passed on.
fn without_write(catalogue: &mut Table) {
    declare(catalogue);
    let is_write = |value: &Value| value.get("id").unwrap_or(value).as_str() == Some("write");
    for table in ["resources", "grants"] {
        for entry in catalogue[table].as_array_mut().into_iter().flatten() {
            if let Some(operations) = entry.get_mut("operations").and_then(Value::as_array_mut) {
                operations.retain(|operation| !is_write(operation));
            }
        }
    }
}

/// Checks a signature over method, path, query, nonce and, if it is `covered`, the body.
fn checked(is_covered: bool) -> impl Fn(&mut Conversation) -> io::Result<()> {
    move |conversation| {
        let body = conversation.body()?;
        let (target, sign) = conversation.target().split_once("sign=").unwrap_or_default();
        let (path, query) = target.trim_end_matches(['?', '&']).split_once('?').unwrap_or((target, ""));
        let method = conversation.head.split(' ').next().unwrap_or_default();
        let nonce = conversation.header("x-nonce").unwrap_or_default();
        let body = if is_covered { String::from_utf8_lossy(&body).into_owned() } else { String::new() };
        let text = format!("{method}|{}|{query}|{nonce}|{body}", path.trim_end_matches('?'));
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let expected = hmac::sign(&key, text.as_bytes());
        let expected = expected.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let status = if nonce.len() >= 16 && sign == expected { 200 } else { 403 };
        let kind = if method == "PUT" { PASSED } else { [("Content-Type", "application/json")] };
        conversation.answer(status, &kind, br#"{"found":[]}"#)
    }
}

#[test]
fn calls_are_signed_with_their_body_where_it_is_held() {
    let (city, folder) = (city(), tempfile::tempdir().unwrap());
    let auth = |body: &str| -> Value {
        let canonical = format!("{{method}}|{{path}}|{{query}}|{{nonce}}|{body}");
        let text = format!(
            "kind = 'hmac'\nalgorithm = 'sha256'\nsecret = '{}'\ncanonical = '{canonical}'\nput = {{ headers = {{ X-Nonce = '{{nonce}}' }}, query = {{ sign = '{{signature}}' }} }}",
            reference(&folder)
        );
        text.parse::<Table>().unwrap().into()
    };
    let search = call("POST", "call/search")
        .header("Content-Type", "application/json")
        .bytes(format!("{{\"who\":[{{\"id\":\"{}\"}}]}}", city.id(0)));
    let with_query = call("GET", &format!("call/people/{}?year=2026", city.id(0)));
    for (is_covered, text, declare) in
        [(true, "{body}", without_write as fn(&mut Table)), (false, "", declare as fn(&mut Table))]
    {
        let provider = Passing::start(checked(is_covered));
        let site = serve(&city, declare, vec![instances(&[&provider.url()]), ("auth", auth(text))]);
        let mut connection = site.connect(&site.identity("ask"));
        for call in [&search, &with_query, &read(&city)] {
            let answer = send(&mut connection, call);
            assert_eq!(answer.code(), "ok", "{is_covered} {}: {}", call.target, answer.text());
        }
        if !is_covered {
            assert_eq!(send(&mut connection, &write(&city, 100_000)).code(), "ok");
        }
    }
}

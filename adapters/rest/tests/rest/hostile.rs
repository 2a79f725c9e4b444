//! Whatever cannot be proven clean is refused, and nothing of it is passed on.

use sluice_contract::{BadAnswer, ProviderFault};
use sluice_domain::Mode;

use crate::provider::{Provider, Reply, json, with_head};
use crate::world::{attach, fetch};

const BINDING: &str = "body_bytes_max = 4096\ntimeout_ms = 5000\n[query]\nmethod = 'GET'\npath = '/p/{ID}'";

fn raw(text: &str) -> Reply {
    Reply::Last(text.as_bytes().to_vec())
}

async fn outcome(script: fn() -> Reply) -> Result<Option<Vec<String>>, ProviderFault> {
    let provider = Provider::start(move |_, _| script());
    let got = fetch(&*attach(provider.address, BINDING), Mode::Query, "43", &[0]).await;
    assert_eq!(provider.seen().len(), 1, "an answer is never followed by another request");
    got
}

#[tokio::test]
async fn answers_are_refused_with_a_reason_of_ours() {
    const JSON: &str = "content-type: application/json";
    let scripts: [(fn() -> Reply, BadAnswer); 14] = [
        (|| json(r#"[{"ID":"1"}][{"ID":"2"}]"#), BadAnswer::Trailing),
        (|| json(r#"[{"ID":"1","ID":"2"}]"#), BadAnswer::DuplicateMember),
        (|| json(r#"[{"id":"1"}]"#), BadAnswer::ItemMissing),
        (|| with_head("200 OK", JSON, b"[{\"ID\":\"\xc4\xe3\"}]"), BadAnswer::NotUtf8),
        (|| with_head("200 OK", "content-type: text/html", b"<p>43</p>"), BadAnswer::ContentType),
        (|| with_head("200 OK", "content-type: application/json;charset=gbk", b"[]"), BadAnswer::ContentType),
        (
            || with_head("200 OK", "content-type: application/json\r\ncontent-encoding: gzip", b"\x1f\x8b"),
            BadAnswer::ContentEncoding,
        ),
        (|| with_head("206 Partial Content", JSON, b"[]"), BadAnswer::ContentEncoding),
        (|| with_head("302 Found", "location: http://127.0.0.1:1/", b""), BadAnswer::Redirect),
        (|| with_head("500 Oops", JSON, br#"{"trace":"43"}"#), BadAnswer::Status),
        (|| with_head("404 Not Found", JSON, b"[]"), BadAnswer::Status),
        (|| with_head("200 OK", JSON, &[b' '; 5000]), BadAnswer::TooLarge),
        (
            || raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n[{\"ID\":\"1\"}]"),
            BadAnswer::Broken,
        ),
        (
            || {
                raw(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[]\r\n",
                )
            },
            BadAnswer::Broken,
        ),
    ];
    for (at, (script, expected)) in scripts.into_iter().enumerate() {
        assert_eq!(outcome(script).await, Err(ProviderFault::BadAnswer(expected)), "script {at}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_at_its_limit() {
    let endless = || {
        let chunk = format!("3e8\r\n{}\r\n", " ".repeat(1000)).repeat(100);
        raw(&format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"))
    };
    assert_eq!(outcome(endless).await, Err(BadAnswer::TooLarge.into()));
}

#[tokio::test]
async fn what_is_not_http_is_unreachable_or_refused() {
    for script in
        [(|| raw("SSH-2.0-x\r\n")) as fn() -> Reply, || raw("HTTP/1.1 200 OK\r\nbad header\r\n\r\n"), || raw("")]
    {
        let got = outcome(script).await;
        assert!(
            matches!(got, Err(ProviderFault::Unreachable | ProviderFault::BadAnswer(BadAnswer::Broken))),
            "{got:?}"
        );
    }
}

#[tokio::test]
async fn keys_that_could_change_the_path_are_never_sent() {
    let provider = Provider::start(|_, _| json("[]"));
    let adapter = attach(provider.address, BINDING);
    for id in ["..", "a/b", "a%2Fb", "a\r\nHost: x", "a?b", "a\\b"] {
        assert_eq!(fetch(&*adapter, Mode::Query, id, &[0]).await, Err(BadAnswer::NotAskable.into()), "{id:?}");
    }
    assert!(provider.seen().is_empty());
    assert_eq!(fetch(&*adapter, Mode::Query, "a b&c", &[0]).await, Ok(Some(vec![])));
    assert!(provider.seen()[0].starts_with("GET /api/p/a%20b%26c HTTP/1.1\r\n"));
}

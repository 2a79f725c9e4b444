//! What an answer is for the call, by its head and by what the binding declares of errors.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use sluice_contract::answer::{Received, read, receive};
use sluice_contract::{BadAnswer, Layout};

use crate::sample::{items, operation, resource};

const CALL: &str = "method = 'GET'\npath = '/x'\n";
const ERRORS: &str = "errors = [\n  { when = { pointer = '/code', equals = ['E503'] }, means = 'busy', retry_after_s = 5 },\n  { when = { status = [420] }, means = 'busy' },\n  { when = { all = [{ status = [500] }, { pointer = '/msg', equals = ['查无此人'] }] }, means = 'not_found' },\n  { when = { any = [{ header = 'X-Error', exists = true }, { pointer = '/code', equals = ['E1', 'E2'] }] }, means = 'retryable' },\n]\nrecords = '/l'\nsuccess = { pointer = '/code', not_equals = ['E9'] }\n";

fn layout(answer: &str) -> Layout {
    Layout::of_records(&operation(&format!("{CALL}{answer}")), &resource()).unwrap()
}

/// The answer in one word; that of a page is its first ID.
fn word(answer: &str, status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Result<String, BadAnswer> {
    let layout = layout(answer);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    match receive(&layout, status, &map, Bytes::copy_from_slice(body))? {
        Received::NotFound => Ok("not found".to_owned()),
        Received::Retryable => Ok("retryable".to_owned()),
        Received::Busy { retry_after_s } => Ok(format!("busy {retry_after_s}")),
        Received::Answer(page) => {
            let mut first = "none".to_owned();
            read(&[page], &layout, &items(&[0]), &mut |row| {
                first = row.cell(0).and_then(|cell| cell.as_text().map(Cow::into_owned)).unwrap_or_default();
                Ok(())
            })?;
            Ok(first)
        }
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn only_plain_answers_of_the_declared_kind_are_read() {
    let xml = "answer_type = 'xml'\nrecords = '/r/p'";
    let gbk = "charset = 'gb18030'";
    let json = &b"[{\"ID\":\"1\"}]"[..];
    for (answer, headers, body) in [
        ("", &[JSON][..], json),
        ("", &[("content-type", "Application/JSON; Charset=\"UTF-8\"")], json),
        ("", &[("content-type", "application/vnd.mz+json;v=1; charset=utf-8")], json),
        ("", &[JSON, ("content-encoding", "identity")], json),
        (gbk, &[JSON], json),
        (gbk, &[("content-type", "application/json;charset=GBK")], json),
        (gbk, &[("content-type", "application/json;charset=gb2312")], json),
        (xml, &[("content-type", "text/xml; charset=utf-8")], b"<r><p><ID>1</ID></p></r>"),
        (xml, &[("content-type", "application/soap+xml")], b"<r><p><ID>1</ID></p></r>"),
    ] {
        assert_eq!(word(answer, 200, headers, body).as_deref(), Ok("1"), "{answer} {headers:?}");
    }
    for (answer, headers, expected) in [
        ("", &[][..], BadAnswer::ContentType),
        ("", &[JSON, JSON], BadAnswer::ContentType),
        ("", &[("content-type", "text/html")], BadAnswer::ContentType),
        ("", &[("content-type", "application/json; charset=gbk")], BadAnswer::ContentType),
        ("", &[("content-type", "application/json; charset=utf-8; charset=gbk")], BadAnswer::ContentType),
        ("", &[("content-type", "application/jsonp")], BadAnswer::ContentType),
        ("", &[("content-type", "application/xml")], BadAnswer::ContentType),
        ("", &[JSON, ("content-encoding", "gzip")], BadAnswer::ContentEncoding),
        ("", &[JSON, ("content-encoding", "identity"), ("content-encoding", "br")], BadAnswer::ContentEncoding),
        ("", &[JSON, ("content-range", "bytes 0-1/2")], BadAnswer::ContentEncoding),
        (gbk, &[("content-type", "application/json; charset=utf-8")], BadAnswer::ContentType),
        (xml, &[JSON], BadAnswer::ContentType),
    ] {
        assert_eq!(word(answer, 200, headers, json), Err(expected), "{answer} {headers:?}");
    }
}

#[test]
fn statuses_are_judged_as_declared() {
    for (status, not_found, expected) in [
        (404, "[404]", Ok("not found")),
        (204, "[204]", Ok("not found")),
        (404, "[]", Err(BadAnswer::Status)),
        (401, "[]", Err(BadAnswer::Status)),
        (206, "[]", Err(BadAnswer::ContentEncoding)),
        (302, "[]", Err(BadAnswer::Redirect)),
        (304, "[]", Err(BadAnswer::Redirect)),
        (429, "[]", Ok("retryable")),
        (500, "[]", Err(BadAnswer::Status)),
        (502, "[]", Ok("retryable")),
        (503, "[]", Ok("retryable")),
        (504, "[]", Ok("retryable")),
    ] {
        let found = word(&format!("not_found_status = {not_found}"), status, &[JSON], b"[]");
        assert_eq!(found, expected.map(str::to_owned), "{status}");
    }
}

#[test]
fn errors_mean_what_the_binding_says() {
    for (status, headers, body, expected) in [
        (200, &[JSON][..], r#"{"code":"0","l":[{"ID":"7"}]}"#, Ok("7")),
        (200, &[JSON], r#"{"code":"E503"}"#, Ok("busy 5")),
        (503, &[JSON], r#"{"code":"E503"}"#, Ok("busy 5")),
        (420, &[("content-type", "text/html")], "<h1>", Ok("busy 1")),
        (500, &[JSON], r#"{"msg":"查无此人"}"#, Ok("not found")),
        (500, &[JSON], r#"{"msg":"other"}"#, Err(BadAnswer::Status)),
        (200, &[JSON], r#"{"msg":"查无此人","code":0,"l":[]}"#, Ok("none")),
        (200, &[JSON, ("x-error", "1")], r#"{"code":"0","l":[]}"#, Ok("retryable")),
        (400, &[JSON, ("x-error", "1")], "not json", Ok("retryable")),
        (200, &[JSON], r#"{"code":"E2"}"#, Ok("retryable")),
        (200, &[JSON], r#"{"code":"E9","l":[]}"#, Err(BadAnswer::NotSuccess)),
        (200, &[JSON], r#"{"l":[]}"#, Err(BadAnswer::NotSuccess)),
        (200, &[JSON], r#"{"code":"E503""#, Err(BadAnswer::NotJson)),
        (503, &[JSON], "gone", Ok("retryable")),
    ] {
        assert_eq!(word(ERRORS, status, headers, body.as_bytes()), expected.map(str::to_owned), "{status} {body}");
    }
}

#[test]
fn conditions_look_at_what_stands_there() {
    const THERE: &str = r#"{"a":0,"n":null,"o":{"x":1},"l":[]}"#;
    for (condition, holds) in [
        ("{ pointer = '/a', equals = [1, 0] }", true),
        ("{ pointer = '/a', equals = ['00'] }", false),
        ("{ pointer = '/a', not_equals = [1] }", true),
        ("{ pointer = '/a', not_equals = [0] }", false),
        ("{ pointer = '/z', not_equals = [0] }", false),
        ("{ pointer = '/n', not_equals = [0] }", false),
        ("{ pointer = '/n', equals = ['null'] }", true),
        ("{ pointer = '/a', exists = true }", true),
        ("{ pointer = '/o', exists = true }", true),
        ("{ pointer = '/n', exists = true }", false),
        ("{ pointer = '/z', exists = true }", false),
        ("{ pointer = '/n', absent = true }", true),
        ("{ pointer = '/z', absent = true }", true),
        ("{ pointer = '/o', absent = true }", false),
        ("{ pointer = '/o/x', equals = [1] }", true),
        ("{ status = [200, 202] }", true),
        ("{ status = [202] }", false),
        ("{ header = 'X-R', equals = ['ok'] }", true),
        ("{ header = 'x-r', not_equals = ['ok'] }", false),
        ("{ header = 'X-Two', equals = ['1'] }", false),
        ("{ header = 'X-Two', exists = true }", true),
        ("{ header = 'X-None', absent = true }", true),
        ("{ all = [{ pointer = '/a', exists = true }, { status = [200] }] }", true),
        ("{ all = [{ pointer = '/a', exists = true }, { status = [202] }] }", false),
        ("{ any = [{ status = [202] }, { all = [{ pointer = '/a', equals = [0] }] }] }", true),
        ("{ any = [{ status = [202] }, { pointer = '/z', exists = true }] }", false),
    ] {
        let headers = [JSON, ("x-r", "ok"), ("x-two", "1"), ("x-two", "2")];
        let found = word(&format!("records = '/l'\nsuccess = {condition}"), 200, &headers, THERE.as_bytes());
        let expected = if holds { Ok("none".to_owned()) } else { Err(BadAnswer::NotSuccess) };
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn answers_in_gb18030_are_read_and_foreign_bytes_refused() {
    let gbk = "charset = 'gb18030'";
    assert_eq!(word(gbk, 200, &[JSON], b"[{\"ID\":\"\xd5\xc5\x81\x30\x81\x31\"}]").as_deref(), Ok("张\u{81}"));
    for body in [&b"[{\"ID\":\"\xd5\"}]"[..], b"[{\"ID\":\"\xff\"}]", "[{\"ID\":\"张".as_bytes()] {
        let found = word(gbk, 200, &[JSON], body);
        assert!(matches!(found, Err(BadAnswer::Charset | BadAnswer::NotJson)), "{found:?}");
    }
    assert_eq!(word("", 200, &[JSON], b"[{\"ID\":\"\xd5\xc5\"}]"), Err(BadAnswer::NotUtf8));
}

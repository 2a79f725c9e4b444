//! More records than one answer holds, in each way in which providers page.

use std::fmt::Write as _;

use sluice_contract::{BadAnswer, ProviderFault};
use sluice_domain::Mode;

use crate::provider::{Provider, Reply, json, with_head};
use crate::world::{attach, fetch_page};

const RECORDS: usize = 7;

type Script = fn(usize, &str) -> Reply;
/// What it is, the paging, the answers, what it comes to, how many requests.
type Bad = (&'static str, &'static str, Script, BadAnswer, usize);

/// The records `from..to` as a list.
fn list(from: usize, to: usize) -> String {
    let mut text = String::from("[");
    for at in from..to.min(RECORDS) {
        let _ = write!(text, "{}{{\"ID\":\"43\",\"XM\":\"r{at}\"}}", if at > from { "," } else { "" });
    }
    text + "]"
}

/// A number in a request's target.
fn number(request: &str, name: &str) -> usize {
    let target = request.split(' ').nth(1).unwrap();
    let (_, query) = target.split_once('?').unwrap_or_default();
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    pair.unwrap_or_else(|| panic!("no {name} in {target}")).parse().unwrap()
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("\"{name}\"")).collect()
}

fn binding(paging: &str, query: &str) -> String {
    format!("[query]\nmethod = 'GET'\npath = '/p'\n{query}\nrecords = '/data'\npaging = {paging}")
}

/// What was asked, without the part that all requests have.
fn targets(provider: &Provider) -> Vec<String> {
    provider.seen().iter().map(|request| request.split(' ').nth(1).unwrap().replace("/api/p?id=43&", "")).collect()
}

#[tokio::test]
async fn each_style_gives_the_records_that_were_asked_for() {
    let rows: [(&str, &str, &str, Script, &[&str]); 5] = [
        (
            "offset",
            "{ style = 'offset', size_max = 3 }",
            "query = { id = '{ID}', n = '{limit}', o = '{offset}' }",
            |_, request| {
                let (count, from) = (number(request, "n"), number(request, "o"));
                assert!(count <= 3);
                json(&format!("{{\"data\":{}}}", list(from, from + count)))
            },
            &["n=3&o=2", "n=2&o=5"],
        ),
        (
            "page",
            "{ style = 'page', size_max = 3 }",
            "query = { id = '{ID}', p = '{page}', s = '{page_size}' }",
            |_, request| {
                let (page, size) = (number(request, "p"), number(request, "s"));
                json(&format!("{{\"data\":{}}}", list((page - 1) * size, page * size)))
            },
            &["p=1&s=3", "p=2&s=3", "p=3&s=3"],
        ),
        (
            "cursor",
            "{ style = 'cursor', next = '/next', size_max = 3 }",
            "query = { id = '{ID}', q = '{cursor}', n = '{limit}' }",
            |_, request| {
                let from = if request.contains("q=") { number(request, "q") } else { 0 };
                let to = from + number(request, "n");
                let next = if to < RECORDS { format!("\"{to}\"") } else { "null".to_owned() };
                json(&format!("{{\"data\":{},\"next\":{next}}}", list(from, to)))
            },
            &["n=3", "n=3&q=3", "n=1&q=6"],
        ),
        (
            "link",
            "'link'",
            "query = { id = '{ID}' }",
            |at, _| {
                let link = format!("link: </api/p?page={}>; rel=\"next\", </api/p?page=9>; rel=\"last\"\r\n", at + 1);
                let head = format!("{}content-type: application/json", if at < 3 { &link } else { "" });
                with_head("200 OK", &head, format!("{{\"data\":{}}}", list(at * 2, at * 2 + 2)).as_bytes())
            },
            &["/api/p?id=43", "/api/p?page=1", "/api/p?page=2", "/api/p?page=3"],
        ),
        (
            "next_url",
            "{ style = 'next_url', next = '/links/next' }",
            "query = { id = '{ID}' }",
            |at, request| {
                let host = request.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
                let next = format!("http://{host}/api/p/after?at={}", at + 1);
                json(&format!("{{\"data\":{},\"links\":{{\"next\":\"{next}\"}}}}", list(at * 2, at * 2 + 2)))
            },
            &["/api/p?id=43", "/api/p/after?at=1", "/api/p/after?at=2", "/api/p/after?at=3"],
        ),
    ];
    for (style, paging, query, script, asked) in rows {
        let provider = Provider::start(script);
        let adapter = attach(provider.address, &binding(paging, query));
        // Records 2 to 6 of 7: from within a page, over its end.
        let got = fetch_page(&*adapter, Mode::Query, "43", &[1], (5, 2)).await;
        assert_eq!(got, Ok(named(&["r2", "r3", "r4", "r5", "r6"])), "{style}");
        assert_eq!(targets(&provider), asked, "{style}");
    }
}

#[tokio::test]
async fn one_answer_that_is_enough_is_the_only_one() {
    let provider = Provider::start(|_, _| json(&format!("{{\"data\":{}}}", list(0, 3))));
    let query = "query = { id = '{ID}', n = '{limit}', o = '{offset}' }";
    let adapter = attach(provider.address, &binding("'offset'", query));
    assert_eq!(fetch_page(&*adapter, Mode::Query, "43", &[1], (3, 0)).await, Ok(named(&["r0", "r1", "r2"])));
    assert_eq!(fetch_page(&*adapter, Mode::Query, "43", &[1], (20, 0)).await, Ok(named(&["r0", "r1", "r2"])));
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn not_found_behind_the_last_page_is_its_end() {
    let provider = Provider::start(|at, _| match at {
        0 => json(&format!("{{\"data\":{}}}", list(0, 3))),
        _ => with_head("404 Not Found", "x: y", b""),
    });
    let paging = "{ style = 'page', size_max = 3 }\nnot_found_status = [404]";
    let adapter = attach(provider.address, &binding(paging, "query = { id = '{ID}', p = '{page}' }"));
    assert_eq!(fetch_page(&*adapter, Mode::Query, "43", &[1], (20, 0)).await, Ok(named(&["r0", "r1", "r2"])));
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn sequences_that_lead_nowhere_are_refused() {
    let rows: [Bad; 5] = [
        (
            "the same cursor again",
            "{ style = 'cursor', next = '/next' }",
            |_, _| json("{\"data\":[],\"next\":\"x\"}"),
            BadAnswer::Next,
            2,
        ),
        (
            "cursors without end",
            "{ style = 'cursor', next = '/next', pages_max = 4 }",
            |at, _| json(&format!("{{\"data\":[],\"next\":\"{at}\"}}")),
            BadAnswer::TooManyRecords,
            4,
        ),
        (
            "an address elsewhere",
            "{ style = 'next_url', next = '/next' }",
            |_, _| json("{\"data\":[],\"next\":\"http://169.254.169.254/api/p\"}"),
            BadAnswer::Next,
            1,
        ),
        (
            "an address above the base",
            "'link'",
            |_, _| {
                let head = "content-type: application/json\r\nlink: </admin>; rel=next";
                with_head("200 OK", head, b"{\"data\":[]}")
            },
            BadAnswer::Next,
            1,
        ),
        (
            "more bytes than one answer may have",
            "{ style = 'cursor', next = '/next' }",
            |at, _| json(&format!("{{\"data\":[],\"next\":\"{at}\",\"pad\":\"{}\"}}", "x".repeat(900))),
            BadAnswer::TooLarge,
            5,
        ),
    ];
    for (what, paging, script, bad, asked) in rows {
        let provider = Provider::start(script);
        let query = if paging.contains("cursor") {
            "query = { id = '{ID}', c = '{cursor}' }"
        } else {
            "query = { id = '{ID}' }"
        };
        let adapter = attach(provider.address, &format!("body_bytes_max = 4096\n{}", binding(paging, query)));
        let got = fetch_page(&*adapter, Mode::Query, "43", &[1], (20, 0)).await;
        assert_eq!((got, provider.seen().len()), (Err(bad.into()), asked), "{what}");
    }
}

#[tokio::test]
async fn a_later_page_that_fails_fails_the_whole() {
    let provider = Provider::start(|at, _| match at {
        0 => json(&format!("{{\"data\":{}}}", list(0, 3))),
        _ => Reply::Reset,
    });
    let paging = "{ style = 'offset', size_max = 3 }";
    let query = "query = { id = '{ID}', n = '{limit}', o = '{offset}' }";
    let adapter = attach(provider.address, &binding(paging, query));
    assert_eq!(fetch_page(&*adapter, Mode::Query, "43", &[1], (20, 0)).await, Err(ProviderFault::Unreachable));
}

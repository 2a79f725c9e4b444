//! Answers whose end is a matter of opinion, that never end, or that try to steer us: each is refused with a reason of
//! ours, and its connection is not used again.

use std::time::Duration;

use sluice_contract::{BadAnswer, ProviderFault};
use sluice_domain::Mode;

use crate::provider::{Provider, Reply};
use crate::world::{bind, fetch};

const BINDING: &str = "body_bytes_max = 4096\ntimeout_ms = 600\nconnect_timeout_ms = 600\nretries = 3\n[query]\nmethod = 'GET'\npath = '/p/{ID}'";

/// What it is, the answer, what it comes to.
type Row = (&'static str, fn() -> Reply, ProviderFault);

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

fn answer(head: &str, body: &str) -> Reply {
    Reply::Bytes(format!("{OK}{head}\r\n{body}").into_bytes())
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "rows of data")]
async fn hostile_answers_have_a_code_and_end_their_connection() {
    const BROKEN: ProviderFault = ProviderFault::BadAnswer(BadAnswer::Broken);
    let rows: [Row; 24] = [
        (
            "a length beside a coding",
            || answer("content-length: 2\r\ntransfer-encoding: chunked\r\n", "2\r\n[]\r\n0\r\n\r\n"),
            BROKEN,
        ),
        (
            "a coding beside a length",
            || answer("transfer-encoding: chunked\r\ncontent-length: 2\r\n", "2\r\n[]\r\n0\r\n\r\n"),
            BROKEN,
        ),
        ("a coding before chunked", || answer("transfer-encoding: gzip, chunked\r\n", "2\r\n[]\r\n0\r\n\r\n"), BROKEN),
        ("an unknown coding", || answer("transfer-encoding: x\r\n", "[]"), BROKEN),
        ("a coding in disguise", || answer("transfer-encoding: \x0bchunked\r\n", "2\r\n[]\r\n0\r\n\r\n"), BROKEN),
        ("equal lengths", || answer("content-length: 2\r\ncontent-length: 2\r\n", "[]"), BROKEN),
        ("two lengths", || answer("content-length: 2\r\ncontent-length: 3\r\n", "[]"), BROKEN),
        ("a signed length", || answer("content-length: +2\r\n", "[]"), BROKEN),
        (
            "a length that is too long",
            || answer("content-length: 3\r\nconnection: close\r\n", "[]"),
            ProviderFault::Timeout,
        ),
        ("a cut body", || Reply::Last(format!("{OK}content-length: 3\r\n\r\n[]").into_bytes()), BROKEN),
        ("a cut chunk", || Reply::Last(format!("{OK}transfer-encoding: chunked\r\n\r\n5\r\n[]").into_bytes()), BROKEN),
        (
            "no last chunk",
            || Reply::Last(format!("{OK}transfer-encoding: chunked\r\n\r\n2\r\n[]\r\n").into_bytes()),
            BROKEN,
        ),
        ("a chunk size that is none", || answer("transfer-encoding: chunked\r\n", "0x2\r\n[]\r\n0\r\n\r\n"), BROKEN),
        (
            "chunk extensions without end",
            || answer("transfer-encoding: chunked\r\n", &format!("2;{}", "x".repeat(100_000))),
            BROKEN,
        ),
        (
            "trailers without end",
            || answer("transfer-encoding: chunked\r\n", &format!("2\r\n[]\r\n0\r\n{}", "x: y\r\n".repeat(20_000))),
            BROKEN,
        ),
        ("interim answers without end", || Reply::Bytes(b"HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000)), BROKEN),
        ("a head without end", || answer(&format!("x: {}\r\n", "y".repeat(100_000)), ""), BROKEN),
        ("headers without end", || answer(&"x: y\r\n".repeat(500), "[]"), BROKEN),
        ("half a head", || Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()), BROKEN),
        (
            "a switch of protocols",
            || {
                Reply::Bytes(
                    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n".to_vec(),
                )
            },
            BROKEN,
        ),
        ("another protocol", || Reply::Bytes(b"SSH-2.0-x\r\n\r\n".to_vec()), BROKEN),
        ("another version", || Reply::Bytes(b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n[]".to_vec()), BROKEN),
        ("a drip-fed body", || answer("content-length: 100\r\n", "["), ProviderFault::Timeout),
        (
            "a body without end",
            || answer("transfer-encoding: chunked\r\n", &format!("3e8\r\n{}\r\n", " ".repeat(1000)).repeat(100)),
            ProviderFault::BadAnswer(BadAnswer::TooLarge),
        ),
    ];
    for (what, script, expected) in rows {
        let provider = Provider::start(move |_, _| script());
        let binding = bind(provider.address, BINDING);
        let adapter = binding.clone().attach();
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Err(expected), "{what}");
        assert_eq!(binding.standing().targets[0].connections, 0, "{what}: the connection is closed");
        assert_eq!(provider.seen().len(), 1, "{what}: nothing is sent again");
    }
}

#[tokio::test]
async fn what_a_provider_says_of_the_connection_does_not_change_the_answer() {
    for (head, expected) in [
        ("connection: keep-alive, content-length\r\ncontent-length: 2\r\n", Ok(Some(vec![]))),
        ("connection: close\r\ncontent-length: 2\r\n", Ok(Some(vec![]))),
        ("set-cookie: a=b\r\nlocation: /elsewhere\r\nrefresh: 0\r\ncontent-length: 2\r\n", Ok(Some(vec![]))),
        // A type that is for the next hop only is none for us.
        ("connection: content-type\r\ncontent-length: 2\r\n", Err(BadAnswer::ContentType.into())),
    ] {
        let head = head.to_owned();
        let provider = Provider::start(move |_, _| answer(&head, "[]"));
        let adapter = bind(provider.address, BINDING).attach();
        for _ in 0..2 {
            assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, expected);
        }
        let cookies = provider.seen().iter().filter(|request| request.to_ascii_lowercase().contains("cookie")).count();
        assert_eq!(cookies, 0);
    }
}

#[tokio::test]
async fn a_second_answer_behind_the_first_is_given_to_nobody() {
    let provider = Provider::start(|at, _| match at {
        0 => answer("content-length: 2\r\n", &format!("[]{OK}content-length: 18\r\n\r\n[{{\"ID\":\"smuggled\"}}]")),
        _ => answer("content-length: 2\r\n", "[]"),
    });
    let adapter = bind(provider.address, BINDING).attach();
    for _ in 0..2 {
        assert_eq!(fetch(&*adapter, Mode::Query, "43", &[0]).await, Ok(Some(vec![])));
        // What came too much must have arrived before the next question.
        tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
    }
}

//! Raw bytes against a real listener: framing has one meaning, or gets one refusal and a close.

use tokio::io::AsyncWriteExt;

use crate::site::{Site, read_answer, read_to_close};

/// What must come back: the start of the only answer's status line, and a word of its body.
async fn check(rows: &[(&str, &[u8], &str, &str)]) {
    let site = Site::start();
    for (rule, bytes, status, word) in rows {
        let answer = site.ask(bytes).await;
        let (version, rest) = answer.split_once(' ').expect(rule);
        assert!(version.starts_with("HTTP/1.") && rest.starts_with(status), "{rule}: {answer}");
        assert!(answer.contains(word), "{rule}: {answer}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{rule}: one answer, then a close: {answer}");
    }
}

#[tokio::test]
async fn a_request_has_one_framing_or_is_refused() {
    check(&[
        ("length before coding", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "TransferEncoding"),
        ("coding before length", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400", "TransferEncoding"),
        ("coding twice", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "TransferEncoding"),
        ("coding list", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400", "TransferEncoding"),
        ("equal lengths twice", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400", "ContentLength"),
        ("length with mixed case twice", b"POST /echo HTTP/1.1\r\nHost: localhost\r\ncontent-LENGTH: 3\r\nContent-Length: 3\r\n\r\nabc", "400", "ContentLength"),
        ("length on a bare line feed", b"POST /echo HTTP/1.1\nHost: localhost\nContent-Length: 3\nContent-Length: 3\n\nabc", "400", "ContentLength"),
    ])
    .await;
}

#[tokio::test]
async fn what_hyper_refuses_itself_is_bare_closed_and_counted() {
    let rows: &[(&str, &[u8], &str)] = &[
        (
            "different lengths",
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            "400",
        ),
        ("length is no number", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc", "400"),
        ("length is a list", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3, 3\r\n\r\nabc", "400"),
        (
            "coding without chunked",
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\nabc",
            "400",
        ),
        (
            "obscured coding",
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "coding in HTTP/1.0",
            b"POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        ("blank before the colon", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length : 3\r\n\r\nabc", "400"),
        ("folded header", b"GET /echo HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n", "400"),
        ("NUL in a value", b"GET /echo HTTP/1.1\r\nHost: localhost\r\nX-A: b\0c\r\n\r\n", "400"),
        ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"),
    ];
    let site = Site::start();
    for (rule, bytes, status) in rows {
        let answer = site.ask(bytes).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{rule}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{rule}: {answer}");
    }
    // Well above the buffer: just above it, the last read may still complete the head, and ours answers.
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {}\r\n\r\n", "a".repeat(300 * 1024));
    assert!(site.ask(large.as_bytes()).await.starts_with("HTTP/1.1 431"));
    site.wait_for(|now| (now.bare_malformed, now.bare_too_large) == (rows.len() as u64, 1)).await;
}

#[tokio::test]
async fn heads_of_another_shape_are_refused_and_closed() {
    check(&[
        ("no host", b"GET / HTTP/1.1\r\n\r\n", "400", "HostMissing"),
        ("no host in HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", "400", "HostMissing"),
        ("host twice", b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400", "HostRepeated"),
        ("target for another host", b"GET https://127.0.0.1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "400", "HostMismatch"),
        ("host of somebody else", b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "421", "request.misdirected"),
        ("connect", b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", "400", "MethodUnsupported"),
        ("trace", b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "400", "MethodUnsupported"),
        ("upgrade", b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "400", "UpgradeUnsupported"),
        ("expectation", b"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", "400", "ExpectUnsupported"),
        ("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "400", "BadRequestLine"),
        ("encoded slash", b"GET /a%2Fb HTTP/1.1\r\nHost: localhost\r\n\r\n", "400", "PathEncoding"),
        ("raw UTF-8 in the path", b"GET /\xe4\xb8\xad HTTP/1.1\r\nHost: localhost\r\n\r\n", "400", "PathEncoding"),
    ])
    .await;
}

#[tokio::test]
async fn a_refused_request_ends_the_connection_and_what_follows_is_not_read() {
    let second = "GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let rows = [
        format!("POST /a%2Fb HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc{second}"),
        format!(
            "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 46\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{second}"
        ),
        format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc{second}"),
        format!("GET /echo HTTP/1.1\r\n\r\n{second}"),
    ];
    let site = Site::start();
    for bytes in &rows {
        let answer = site.ask(bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{bytes}: {answer}");
        assert!(answer.contains("connection: close"), "{bytes}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{bytes}: {answer}");
        assert!(!answer.contains("second"), "{bytes}: {answer}");
    }
}

#[tokio::test]
async fn a_fault_is_found_in_a_later_request_too() {
    let fault = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";
    let firsts = [
        "GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nfirst",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n",
    ];
    let site = Site::start();
    for first in firsts {
        let mut stream = site.plain_client().await;
        for _ in 0..2 {
            stream.write_all(first.as_bytes()).await.unwrap();
            let answer = read_answer(&mut stream).await.expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("first"), "{first}: {answer}");
        }
        stream.write_all(fault.as_bytes()).await.unwrap();
        let answer = read_to_close(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("ContentLength"), "{first}: {answer}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let site = Site::start();
    let answer = site
        .ask(
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none!\r\n0\r\n\r\n\
              POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\nContent-Length:2\
              POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthree",
        )
        .await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    let (one, three) = (answer.find("one!").unwrap(), answer.find("three").unwrap());
    assert!(one < three, "{answer}");
}

/// Documented in `edge`: the parser takes a bare LF, and nobody behind us reads the sender's bytes.
#[tokio::test]
async fn bare_line_feeds_end_lines() {
    let site = Site::start();
    let answer = site.ask(b"GET /lf HTTP/1.1\nHost: localhost\nConnection: close\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("reached /lf"), "{answer}");
}

#[tokio::test]
async fn a_long_refused_upload_still_gets_its_answer() {
    let site = Site::start();
    let mut bytes = b"POST /a%2Fb HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + 400_000, b'x');
    let answer = site.ask(&bytes).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("PathEncoding"), "{answer}");
}

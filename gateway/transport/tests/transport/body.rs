//! Request bodies end in time and in size.

use std::time::Duration;

use sluice_transport::BodyLimits;
use tokio::io::AsyncWriteExt;

use crate::site::{Setup, Site, read_answer, read_to_close};

fn site(body: BodyLimits) -> Site {
    Site::with(Setup { body, ..Setup::default() })
}

#[tokio::test]
async fn a_body_larger_than_allowed_is_refused_at_the_boundary() {
    let site = site(BodyLimits { bytes_max: 8, ..BodyLimits::default() });
    let rows = [
        ("Content-Length: 8\r\n\r\n12345678", "200", "12345678"),
        ("Content-Length: 9\r\n\r\n123456789", "413", "request.too_large"),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n", "200", "12345678"),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n", "413", "request.too_large"),
        ("Content-Length: 0\r\n\r\n", "200", "content-length: 0"),
    ];
    for (rest, status, word) in rows {
        let answer =
            site.ask(format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{rest}").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(word), "{rest}: {answer}");
    }
}

#[tokio::test]
async fn a_body_announced_too_large_is_refused_before_it_is_sent() {
    let site = site(BodyLimits { bytes_max: 8, ..BodyLimits::default() });
    let answer =
        site.ask(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "no 100 before the refusal: {answer}");
}

#[tokio::test]
async fn a_caller_that_waits_for_continue_is_told_to() {
    let site = Site::start();
    let mut stream = site.plain_client().await;
    let head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    stream.write_all(head).await.unwrap();
    assert!(read_answer(&mut stream).await.unwrap().starts_with("HTTP/1.1 100"));
    stream.write_all(b"ok").await.unwrap();
    assert!(read_answer(&mut stream).await.unwrap().ends_with("ok"));
}

#[tokio::test]
async fn slow_and_broken_bodies_are_refused_and_closed() {
    let short = Duration::from_millis(100);
    let long = Duration::from_mins(1);
    let rows = [
        ("no more bytes", BodyLimits { idle: short, ..BodyLimits::default() }, "Content-Length: 3\r\n\r\na", "408"),
        (
            "total",
            BodyLimits { total: short, idle: long, ..BodyLimits::default() },
            "Content-Length: 3\r\n\r\na",
            "408",
        ),
        ("bad chunk size", BodyLimits::default(), "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", "400"),
        (
            "chunk size overflow",
            BodyLimits::default(),
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
            "400",
        ),
    ];
    for (rule, limits, rest, status) in rows {
        let answer = site(limits).ask(format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{rest}").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{rule}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{rule}: {answer}");
    }
}

#[tokio::test]
async fn a_body_below_the_average_rate_is_refused_though_it_never_pauses_long() {
    let limits = BodyLimits { idle: Duration::from_millis(200), rate_min: 1_000_000, ..BodyLimits::default() };
    let site = site(limits);
    let mut stream = site.plain_client().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n").await.unwrap();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    let mut all = Vec::new();
    let answer = async { tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut all).await.ok() };
    let writing = async {
        while writing.write_all(b"x").await.is_ok() && writing.flush().await.is_ok() {
            drip.tick().await;
        }
    };
    tokio::time::timeout(crate::site::PATIENCE, async { tokio::join!(answer, writing) }).await.unwrap();
    assert!(String::from_utf8_lossy(&all).starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn a_body_that_is_cut_off_gets_no_answer_of_success() {
    let site = Site::start();
    let mut stream = site.plain_client().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_to_close(&mut stream).await;
    assert!(!answer.contains("200"), "{answer}");
}

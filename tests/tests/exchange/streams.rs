//! Calls whose bodies pass through: large, slow, cut, in flat memory.

use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::client::{Call, Connection};
use sluice_tests::clock;
use sluice_tests::http2::Http2;
use sluice_tests::ledger;
use sluice_tests::passing::{Conversation, Passing};

use super::called::{call, city, outcome, serve};
use super::problem;

const MEBIBYTE: usize = 1024 * 1024;

/// Answers with as many bytes as it was sent.
fn echo(conversation: &mut Conversation) -> std::io::Result<()> {
    let mut count = 0;
    while let Some(piece) = conversation.piece()? {
        count += piece.len();
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {count}\r\n\r\n");
    conversation.write(head.as_bytes())?;
    let piece = vec![7; MEBIBYTE];
    let mut left = count;
    while left > 0 {
        let next = left.min(piece.len());
        conversation.write(&piece[..next])?;
        left -= next;
    }
    Ok(())
}

fn upload(city: &City, bytes: usize) -> Call {
    call("PUT", &format!("call/people/{}", city.id(0)))
        .header("Content-Type", "application/octet-stream")
        .bytes(vec![1; bytes])
}

#[test]
fn large_bodies_pass_both_ways_in_flat_memory() {
    let city = city();
    let provider = Passing::start(echo);
    let site = serve(&city, &provider, &[]);
    let identity = site.identity("ask");
    let (mut first, mut second) = (site.connect(&identity), Http2::open(&identity, site.base));
    let mut check = |bytes: usize, version: u8| {
        let call = upload(&city, bytes);
        let answer = if version == 1 { first.send(&call).unwrap() } else { second.send(&call) };
        assert_eq!((answer.code().as_str(), answer.body.len()), ("ok", bytes), "HTTP/{version}");
        assert!(answer.body.iter().all(|byte| *byte == 7));
        assert_eq!(outcome(&site, &answer)["response_bytes"], bytes);
    };
    check(MEBIBYTE, 1);
    check(MEBIBYTE, 2);
    let before = site.process.resident();
    check(64 * MEBIBYTE, 1);
    check(64 * MEBIBYTE, 2);
    let grown = site.process.resident().saturating_sub(before);
    assert!(grown < 16 * MEBIBYTE as u64, "memory grew by {grown} bytes");
    // A body without a length, in pieces of the caller's choice.
    let chunked = upload(&city, 0).header("Transfer-Encoding", "chunked");
    first.begin(&chunked).unwrap();
    for _ in 0..100 {
        first.write(b"a\r\n0123456789\r\n").unwrap();
    }
    first.write(b"0\r\nX-Trailer: 1\r\n\r\n").unwrap();
    let answer = first.read().unwrap();
    assert_eq!((answer.code().as_str(), answer.body.len()), ("ok", 1000));
    assert!(provider.heads().last().unwrap().to_ascii_lowercase().contains("transfer-encoding: chunked"));
    assert!(!provider.heads().iter().any(|head| head.to_ascii_lowercase().contains("trailer")));
}

/// What a count comes to rest at.
fn at_rest(mut count: impl FnMut() -> u64) -> u64 {
    let (mut last, mut same) = (0, 0);
    let rest = clock::within(Duration::from_secs(20), "the count comes to rest", || {
        let now = count();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (now > 0 && same > 50).then_some(now)
    });
    rest.unwrap()
}

#[test]
fn a_caller_that_does_not_read_holds_the_provider_back() {
    let city = city();
    let length = 96 * MEBIBYTE;
    let provider = Passing::start(move |conversation| {
        conversation.body()?;
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n");
        conversation.write(head.as_bytes())?;
        let piece = vec![7; MEBIBYTE];
        (0..length / MEBIBYTE).try_for_each(|_| conversation.write(&piece))
    });
    let site = serve(&city, &provider, &[]);
    let mut connection = site.connect(&site.identity("ask"));
    let before = site.process.resident();
    connection.begin(&upload(&city, 1)).unwrap();
    let written = at_rest(|| provider.written());
    assert!(written < length as u64 / 2, "the provider got rid of {written} bytes");
    assert!(site.process.resident() < before + 8 * MEBIBYTE as u64);
    let mut read = 0;
    while read < length {
        read += connection.some().unwrap().len();
    }
}

#[test]
fn a_provider_that_does_not_read_holds_the_caller_back() {
    let city = city();
    let provider = Passing::start(|conversation| {
        let mut count = 0;
        while let Some(piece) = conversation.piece()? {
            count += piece.len();
            if count == 1000 {
                // The first piece is read, then nothing for a moment: the caller must notice.
                clock::pass(Duration::from_millis(700));
            }
        }
        conversation.answer(200, &[("Content-Type", "application/octet-stream")], b"ok")
    });
    let site = serve(&city, &provider, &[]);
    let mut connection = site.connect(&site.identity("ask"));
    let length = 48 * MEBIBYTE;
    let before = site.process.resident();
    connection.begin(&upload(&city, 0).header("Content-Length", &length.to_string()).bytes(vec![1; 1000])).unwrap();
    let piece = vec![1; MEBIBYTE];
    let mut left = length - 1000;
    while left > 0 {
        let next = left.min(piece.len());
        connection.write(&piece[..next]).unwrap();
        left -= next;
        assert!(site.process.resident() < before + 12 * MEBIBYTE as u64, "the body is not held");
    }
    assert_eq!(connection.read().unwrap().text(), "ok");
}

#[test]
fn a_cut_answer_is_never_a_whole_one() {
    let city = city();
    let provider = Passing::start(|conversation| {
        let framing = match conversation.target().split("year=").nth(1) {
            Some("chunked") => "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
            Some("early") => "Content-Length: 100\r\n\r\n",
            Some("close") => "\r\n{\"a\":1}",
            Some("both") => "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            Some("twice") => "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            Some("fine") => {
                let trailers = "Transfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n2\r\n{}\r\n0\r\nX-Late: 1\r\n\r\n";
                return conversation
                    .write(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{trailers}").as_bytes());
            }
            _ => "Content-Length: 100\r\n\r\n{\"a\":",
        };
        conversation.write(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{framing}").as_bytes())?;
        conversation.cut()
    });
    let site = serve(&city, &provider, &[]);
    let identity = site.identity("ask");
    let get = |how: &str| call("GET", &format!("call/people/{}?year={how}", city.id(0)));
    for how in ["length", "chunked", "early"] {
        let mut connection = site.connect(&identity);
        let connections = provider.connections();
        assert!(connection.send(&get(how)).is_err(), "{how}: the connection ends before the answer does");
        assert_eq!(provider.connections(), connections + 1, "{how}: a cut connection is not used again");
        let recorded = clock::within(Duration::from_secs(5), "the outcome tells", || {
            let records = ledger::records(&site.ledger());
            let last = records.values().rev().map(|(_, record)| record).find(|record| record["kind"] == "OUTCOME")?;
            (last["aborted"] == true && last["origin_code"] == "provider.bad_answer").then_some(())
        });
        recorded.unwrap();
    }
    for how in ["close", "both", "twice"] {
        let answer = site.send(&identity, &get(how));
        problem::check(how, &answer, "provider.bad_answer");
    }
    let fine = site.send(&identity, &get("fine"));
    assert_eq!((fine.text().as_str(), fine.header("Trailer"), fine.header("X-Late")), ("{}", None, None));
}

#[test]
fn a_cut_or_slow_upload_is_aborted_at_the_provider() {
    let city = city();
    let provider = Passing::start(echo);
    let settings = [("data.timeouts.body_ms", 1_000.into())];
    let site = serve(&city, &provider, &settings);
    let identity = site.identity("ask");
    let begun = |connection: &mut Connection, length: usize| {
        let seen = provider.heads().len();
        connection.begin(&upload(&city, 0).header("Content-Length", &length.to_string()).bytes(vec![1; 1000])).unwrap();
        clock::within(Duration::from_secs(5), "the provider hears of it", || {
            (provider.heads().len() > seen).then_some(())
        })
        .unwrap();
    };
    let broken = |count: usize| {
        clock::within(Duration::from_secs(10), "the provider sees a cut", || {
            (provider.broken() == count).then_some(())
        })
        .unwrap();
    };
    let mut gone = site.connect(&identity);
    begun(&mut gone, 5000);
    drop(gone);
    broken(1);
    let mut slow = site.connect(&identity);
    begun(&mut slow, 5000);
    problem::check("slow", &slow.read().unwrap(), "request.timeout");
    broken(2);
    let mut long = site.connect(&identity);
    let chunked = upload(&city, 0).header("Transfer-Encoding", "chunked");
    long.begin(&chunked).unwrap();
    long.write(b"5\r\n01234\r\nzz\r\n").unwrap();
    let answer = long.read();
    assert!(answer.as_ref().map_or(true, |answer| answer.code() == "request.malformed"), "{answer:?}");
    broken(3);
    let announced = site.send(&identity, &upload(&city, 0).header("Content-Length", "134217729"));
    problem::check("announced", &announced, "request.too_large");
    // None of this was the provider's doing, so its circuit is closed.
    assert_eq!(site.send(&identity, &upload(&city, 10)).code(), "ok");
}

#[test]
fn a_silent_provider_is_left_after_its_time() {
    let city = city();
    let provider = Passing::start(|conversation| {
        conversation.body()?;
        if conversation.header("content-length").as_deref() == Some("1") {
            conversation
                .write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 9\r\n\r\nx")?;
        }
        clock::pass(Duration::from_secs(4));
        conversation.cut()
    });
    let site = serve(&city, &provider, &[]);
    let identity = site.identity("ask");
    let late = site.send(&identity, &upload(&city, 2));
    problem::check("no head", &late, "provider.timeout");
    assert!(site.connect(&identity).send(&upload(&city, 1)).is_err(), "a body that stops is cut off");
}

#[test]
fn a_stream_lasts_as_long_as_its_call_over_either_protocol() {
    let city = city();
    let provider = Passing::start(|conversation| {
        conversation.body()?;
        conversation
            .write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 11\r\n\r\n0")?;
        // Silent, then slow, and longer in all than the caller's body, a request and a stalled reader may take together.
        clock::pass(Duration::from_millis(1500));
        for _ in 0..10 {
            clock::pass(Duration::from_millis(300));
            conversation.write(b"1")?;
        }
        Ok(())
    });
    let settings = [
        ("data.timeouts.body_ms", 500.into()),
        ("data.timeouts.request_ms", 2_000.into()),
        ("data.timeouts.write_ms", 500.into()),
    ];
    let site = serve(&city, &provider, &settings);
    let identity = site.identity("ask");
    let (mut first, mut second) = (site.connect(&identity), Http2::open(&identity, site.base));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| first.send(&upload(&city, 1)).unwrap());
        assert_eq!(second.send(&upload(&city, 1)).text(), "01111111111", "HTTP/2");
        assert_eq!(first.join().unwrap().text(), "01111111111", "HTTP/1.1");
    });
}

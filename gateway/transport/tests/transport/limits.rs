//! Ports, slowness, numbers: every limit cuts or refuses, and says so in the metrics.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sluice_transport::edge::{AllowedHosts, EdgeLimits, EdgeRules};
use sluice_transport::{ConnectionLimits, StartError, Timeouts, Workers, WorkersSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::site::{PATIENCE, Setup, Shows, Site, read_answer, read_to_close};

const SHORT: Duration = Duration::from_millis(150);

fn site(timeouts: Timeouts) -> Site {
    Site::with(Setup { limits: ConnectionLimits { timeouts, ..ConnectionLimits::default() }, ..Setup::default() })
}

#[tokio::test]
async fn a_taken_port_is_refused_by_name() {
    let site = Site::start();
    let spec = |addr, workers| WorkersSpec {
        addr,
        workers,
        tls: site.swap.clone(),
        rules: EdgeRules { hosts: AllowedHosts::default(), limits: EdgeLimits::default() },
        limits: ConnectionLimits::default(),
    };
    let start = |spec| Workers::start(spec, |_| crate::site::nothing()).err().expect("is refused");
    let taken = start(spec(site.workers.addr(), 2));
    assert!(matches!(taken, StartError::Listen(_)));
    assert!(taken.to_string().contains(&format!("{} is already in use", site.workers.addr())), "{taken}");
    let foreign = start(spec(([203, 0, 113, 1], 8443).into(), 1));
    assert!(foreign.to_string().contains("203.0.113.1:8443"), "{foreign}");
    assert!(matches!(start(spec(([127, 0, 0, 1], 0).into(), 0)), StartError::Limits(_)));
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_cut() {
    let site = site(Timeouts { handshake: SHORT, ..Timeouts::default() });
    let mut stream = TcpStream::connect(site.workers.addr()).await.unwrap();
    let mut byte = [0; 1];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await.expect("is closed");
    assert!(matches!(read, Ok(0) | Err(_)));
    site.wait_for(|snapshot| snapshot.handshakes_failed[0] == 1).await;
}

#[tokio::test]
async fn silence_after_the_handshake_is_cut_in_both_protocols() {
    let site = site(Timeouts { head: SHORT, ..Timeouts::default() });
    for (cut, (alpn, bytes)) in [(&[][..], &b""[..]), (&["h2"], b""), (&["h2"], b"PRI * HT")].into_iter().enumerate() {
        let mut stream = site.connect(Shows::Good, alpn, "localhost").await.unwrap();
        stream.write_all(bytes).await.unwrap();
        read_to_close(&mut stream).await;
        site.wait_for(|snapshot| snapshot.cut_silent == cut as u64 + 1).await;
    }
}

#[tokio::test]
async fn a_head_that_drips_is_cut_and_the_first_request_is_not() {
    let site = site(Timeouts { head: SHORT, ..Timeouts::default() });
    let mut stream = site.plain_client().await;
    stream.write_all(b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut stream).await.unwrap().contains("reached /first"));
    stream.write_all(b"GET /second HTTP/1.1\r\nHost: loc").await.unwrap();
    assert_eq!(read_to_close(&mut stream).await, "");
    site.wait_for(|snapshot| snapshot.cut_slow_head == 1).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let site = site(Timeouts { idle: SHORT, head: SHORT, ..Timeouts::default() });
    let mut stream = site.plain_client().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_answer(&mut stream).await.unwrap();
    assert_eq!(read_to_close(&mut stream).await, "");
    site.wait_for(|snapshot| snapshot.closed_idle == 1 && snapshot.active_http1 == 0).await;
}

#[tokio::test]
async fn an_old_connection_is_closed_after_its_answer() {
    let site = site(Timeouts { age: SHORT, farewell: SHORT, ..Timeouts::default() });
    let mut stream = site.plain_client().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    site.gate.entered.acquire().await.unwrap().forget();
    let mut later = tokio::time::interval(SHORT * 3);
    later.tick().await;
    later.tick().await;
    site.gate.open.add_permits(1);
    let answer = read_to_close(&mut stream).await;
    assert!(answer.contains("waited") && answer.contains("connection: close"), "{answer}");
    site.wait_for(|snapshot| snapshot.closed_age == 1).await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut() {
    let site = site(Timeouts { write: SHORT, ..Timeouts::default() });
    let mut stream = site.plain_client().await;
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    site.wait_for(|snapshot| snapshot.cut_slow_reader == 1 && snapshot.active_http1 == 0).await;
}

#[tokio::test]
async fn more_requests_than_allowed_are_refused_as_overloaded() {
    let limits = ConnectionLimits { in_flight_max: 1, ..ConnectionLimits::default() };
    let site = Site::with(Setup { limits, ..Setup::default() });
    let mut waiting = site.plain_client().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    site.gate.entered.acquire().await.unwrap().forget();
    let mut other = site.plain_client().await;
    for (path, word) in [("/a", "exchange.overloaded"), ("/b%2F", "PathEncoding")] {
        other.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_answer(&mut other).await.unwrap();
        assert!(answer.contains(word), "{answer}");
    }
    site.gate.open.add_permits(1);
    assert!(read_answer(&mut waiting).await.unwrap().contains("waited"));
    assert!(site.ask(b"GET /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.contains("reached /c"));
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    let limits = ConnectionLimits { connections_max: 1, ..ConnectionLimits::default() };
    let site = Site::with(Setup { limits, ..Setup::default() });
    let first = site.plain_client().await;
    assert!(site.connect(Shows::Good, &[], "localhost").await.is_err());
    drop(first);
    site.wait_for(|snapshot| snapshot.active_http1 == 0 && snapshot.connections_refused == 1).await;
    assert!(site.connect(Shows::Good, &[], "localhost").await.is_ok());
}

#[tokio::test]
async fn a_panic_ends_one_connection_and_is_counted() {
    let site = Site::start();
    assert_eq!(site.ask(b"GET /panic HTTP/1.1\r\nHost: localhost\r\n\r\n").await, "");
    site.wait_for(|snapshot| snapshot.task_panics == 1 && snapshot.in_flight == 0).await;
    assert!(site.ask(b"GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.contains("reached /a"));
}

#[tokio::test]
async fn our_size_refusals_answer_before_those_of_hyper() {
    let site = Site::start();
    let long = "a".repeat(9 * 1024);
    let headers = "X-A: 1\r\n".repeat(70);
    let rows = [
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), "414", "request.uri_too_long"),
        (
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {long}\r\nX-B: {long}\r\n\r\n"),
            "431",
            "request.headers_too_large",
        ),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"), "431", "request.headers_too_large"),
    ];
    for (bytes, status, word) in rows {
        let answer = site.ask(bytes.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(word), "{answer}");
    }
}

/// Sends one HTTP/2 request and returns status and body.
async fn ask_h2(sender: &mut http2::SendRequest<Full<Bytes>>, path: &str, body: Bytes) -> hyper::Result<(u16, Bytes)> {
    let request = Request::post(format!("https://localhost{path}")).body(Full::new(body)).unwrap();
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

async fn connect_h2(site: &Site, tasks: &mut JoinSet<()>) -> http2::SendRequest<Full<Bytes>> {
    let stream = site.connect(Shows::Good, &["h2"], "localhost").await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tasks.spawn(async move {
        connection.await.ok();
    });
    sender
}

#[tokio::test]
async fn http2_serves_many_streams_with_bodies() {
    let site = Site::start();
    let mut tasks = JoinSet::new();
    let sender = connect_h2(&site, &mut tasks).await;
    let mut streams = JoinSet::new();
    for number in 0..50_usize {
        let mut sender = sender.clone();
        streams.spawn(async move {
            let body = Bytes::from(vec![b'0' + u8::try_from(number % 10).unwrap(); number * 1000]);
            (ask_h2(&mut sender, "/echo", body.clone()).await.unwrap(), body)
        });
    }
    while let Some(outcome) = streams.join_next().await {
        let ((status, answer), body) = outcome.unwrap();
        assert_eq!((status, answer), (200, body));
    }
    assert_eq!(site.snapshot().active_http2, 1);
}

#[tokio::test]
async fn a_refusal_in_http2_is_answered_and_ends_the_connection_in_order() {
    let site = Site::start();
    let mut tasks = JoinSet::new();
    let mut sender = connect_h2(&site, &mut tasks).await;
    let (status, answer) = ask_h2(&mut sender, "/a%2Fb", Bytes::new()).await.unwrap();
    assert_eq!(status, 400);
    assert_eq!(answer, "request.malformed PathEncoding");
    tokio::time::timeout(PATIENCE, tasks.join_next()).await.expect("the connection ends");
    assert!(ask_h2(&mut sender, "/a", Bytes::new()).await.is_err());
}

#[tokio::test]
async fn a_stream_whose_peer_takes_nothing_is_cut_and_its_connection_is_not() {
    let site = site(Timeouts { write: SHORT, ..Timeouts::default() });
    let mut tasks = JoinSet::new();
    let mut sender = connect_h2(&site, &mut tasks).await;
    let untaken = sender.send_request(Request::get("https://localhost/big").body(Full::default()).unwrap()).await;
    site.wait_for(|snapshot| snapshot.cut_slow_stream == 1 && snapshot.in_flight == 0).await;
    assert_eq!(ask_h2(&mut sender, "/a", Bytes::new()).await.unwrap().0, 200);
    assert!(untaken.unwrap().into_body().collect().await.is_err(), "a part is not taken for the whole");
}

#[tokio::test]
async fn a_stream_may_wait_for_its_answer_longer_than_its_peer_may_take() {
    let site = site(Timeouts { write: SHORT, ..Timeouts::default() });
    let mut tasks = JoinSet::new();
    let mut sender = connect_h2(&site, &mut tasks).await;
    let opened = async {
        site.gate.entered.acquire().await.unwrap().forget();
        let mut later = tokio::time::interval(SHORT * 3);
        later.tick().await;
        later.tick().await;
        site.gate.open.add_permits(1);
    };
    let (answer, ()) = tokio::join!(ask_h2(&mut sender, "/wait", Bytes::new()), opened);
    assert_eq!(answer.unwrap(), (200, Bytes::from_static(b"waited")));
    assert_eq!(site.snapshot().cut_slow_stream, 0);
}

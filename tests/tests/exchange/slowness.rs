//! Peers that take their time: every phase of a connection has an end, whoever is slow is counted by what they were slow
//! at, and nobody waits for them.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::client::{Call, Connection, Identity};
use sluice_tests::clock;
use sluice_tests::crowd::crowd;
use sluice_tests::frames::{END_STREAM, End, Frames, Kind, field, frame, head, request};
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

use super::problem;

/// A whole phase takes no longer here, with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two bytes of who drips.
const DRIP: Duration = Duration::from_millis(40);

struct Slow {
    what: &'static str,
    /// What counts it.
    metric: &'static str,
    /// Comes back when the gateway has ended it.
    run: fn(&Site, &Identity),
}

const TIMEOUT: &str = "sluice_tls_handshake_failures_total{reason=\"timeout\"}";
const SILENT: &str = "sluice_connections_ended_total{reason=\"silent\"}";
const HEAD: &str = "sluice_connections_ended_total{reason=\"slow_head\"}";
const IDLE: &str = "sluice_connections_ended_total{reason=\"idle\"}";
const STREAM: &str = "sluice_connections_ended_total{reason=\"slow_stream\"}";
const READER: &str = "sluice_connections_ended_total{reason=\"slow_reader\"}";

const SLOW: [Slow; 11] = [
    Slow { what: "no handshake", metric: TIMEOUT, run: |site, _| handshake(site, b"") },
    Slow {
        what: "a handshake that breaks off",
        metric: TIMEOUT,
        run: |site, _| handshake(site, b"\x16\x03\x01\x02\x00\x01"),
    },
    Slow { what: "silence after TLS", metric: SILENT, run: |site, ask| closed(&mut site.connect(ask)) },
    Slow {
        what: "silence after TLS, HTTP/2",
        metric: SILENT,
        run: |site, ask| closed(&mut Connection::with_alpn(ask, site.base, &[b"h2"]).unwrap()),
    },
    Slow {
        what: "a preface of HTTP/2 that breaks off",
        metric: SILENT,
        run: |site, ask| {
            let mut connection = Connection::with_alpn(ask, site.base, &[b"h2"]).unwrap();
            connection.write(b"PRI * HT").unwrap();
            closed(&mut connection);
        },
    },
    Slow {
        what: "a head that drips",
        metric: HEAD,
        run: |site, ask| drip(&mut site.connect(ask), b"GET /v1/resources HTTP/1.1\r\nHost: ", b"a"),
    },
    Slow {
        what: "a second head that drips",
        metric: HEAD,
        run: |site, ask| {
            let mut connection = site.connect(ask);
            connection.send(&Call::get("/v1/resources")).unwrap();
            drip(&mut connection, b"GET /v1/resources HTTP/1.1\r\nHost: ", b"a");
        },
    },
    Slow {
        what: "no second request",
        metric: IDLE,
        run: |site, ask| {
            let mut connection = site.connect(ask);
            connection.send(&Call::get("/v1/resources")).unwrap();
            closed(&mut connection);
        },
    },
    Slow {
        what: "no request, HTTP/2",
        metric: IDLE,
        run: |site, ask| assert!(Frames::open(ask, site.base).unwrap().ends()),
    },
    Slow { what: "a reader that does not read", metric: READER, run: unread },
    Slow { what: "an answer that finds no window, HTTP/2", metric: STREAM, run: windowless },
];

fn handshake(site: &Site, bytes: &[u8]) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, site.base)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0)), "closed without a word");
}

fn closed(connection: &mut Connection) {
    assert!(connection.read_to_close().is_empty(), "an answer to nothing");
}

fn drip(connection: &mut Connection, begin: &[u8], drop: &[u8]) {
    let mut written = connection.write(begin);
    while written.is_ok() {
        clock::pass(DRIP);
        written = connection.write(drop);
    }
}

/// Asks for more than all buffers hold and takes none of it.
fn unread(site: &Site, ask: &Identity) {
    let mut connection = site.connect(ask);
    let host = format!("127.0.0.1:{}", site.base);
    let many = Call::get("/v1/resources").wire(&host, ask.token.as_deref()).repeat(64);
    while connection.write(&many).is_ok() {}
}

/// Asks, and leaves no room for the answer.
fn windowless(site: &Site, ask: &Identity) {
    let mut frames = Frames::open(ask, site.base).unwrap();
    frames.write(&frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
    let mut block = request("GET", &format!("127.0.0.1:{}", site.base), "/v1/resources");
    block.extend(field("authorization", format!("Bearer {}", ask.token.as_deref().unwrap())));
    frames.write(&head(1, END_STREAM, &block)).unwrap();
    assert!(matches!(frames.end_of(1), End::Reset(_)));
}

#[test]
fn every_slow_peer_is_ended_and_counted_and_holds_up_nobody() {
    let city = City::small();
    let provider = Provider::of(&city);
    let settings = vec![
        ("data.timeouts.handshake_ms", 500.into()),
        ("data.timeouts.head_ms", 500.into()),
        ("data.timeouts.body_ms", 500.into()),
        ("data.timeouts.request_ms", 2000.into()),
        ("data.timeouts.write_ms", 500.into()),
        ("data.limits.idle_s", 1.into()),
        ("limits.per_second", 100_000.into()),
    ];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = site.identity("ask");
    for slow in &SLOW {
        let count = || site.metric(slow.metric).unwrap_or_else(|| panic!("no {}", slow.metric));
        let (before, began, over) = (count(), clock::now(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut connection = site.connect(&ask);
                while !over.load(Ordering::Acquire) {
                    assert_eq!(connection.send(&city.good_call()).unwrap().code(), "ok", "{}", slow.what);
                }
            });
            (slow.run)(&site, &ask);
            over.store(true, Ordering::Release);
        });
        assert!(began.elapsed() < PATIENCE, "{}: {:?}", slow.what, began.elapsed());
        let counted = clock::within(PATIENCE, slow.what, || (count() > before).then_some(()));
        assert!(counted.is_ok(), "{counted:?}\n{}", site.ops("/metrics").1);
    }
}

#[test]
fn a_body_that_drips_is_answered_and_ended() {
    let city = City::small();
    let provider = Provider::of(&city);
    let settings = vec![("data.timeouts.body_ms", 600.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = site.identity("ask");
    let mut connection = site.connect(&ask);
    let call = city.good_call().header("Content-Length", "5000").bytes(&b"{"[..]);
    connection.begin(&call).unwrap();
    drip_while_open(&mut connection);
    let answers = connection.read_to_close();
    assert_eq!(answers.len(), 1, "{answers:?}");
    problem::check("a body that drips", &answers[0], "request.timeout");
    assert!(provider.questions().is_empty());
    assert_eq!(site.send(&ask, &city.good_call()).code(), "ok");
}

/// Drips for longer than a body may take, and not so long that the gateway stops listening to what it throws away.
fn drip_while_open(connection: &mut Connection) {
    let began = clock::now();
    while began.elapsed() < Duration::from_millis(900) && connection.write(b" ").is_ok() {
        clock::pass(DRIP);
    }
}

#[test]
fn a_crowd_of_idle_connections_takes_memory_by_the_kilobyte_and_holds_up_nobody() {
    let seen = crowd(400).unwrap();
    println!("{seen}");
}

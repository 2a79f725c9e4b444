//! Floods of HTTP/2 frames: who sends them is ended or held back, memory stays bounded, and another department is
//! served meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sluice_tests::city::City;
use sluice_tests::client::{Connection, Identity};
use sluice_tests::clock;
use sluice_tests::frames::{END_HEADERS, END_STREAM, Kind, field, frame, greeting, indexed_field, request};
use sluice_tests::provider::Provider;
use sluice_tests::site::{Changes, Site};

/// How long each flood lasts, and each calm before it.
const LASTS: Duration = Duration::from_secs(1);
/// What floods may add to resident memory at any time: buffers of a few connections and the allocator's spare pages.
const GROWTH_MAX: u64 = 48 * 1024 * 1024;
/// On top of three times the calm p99: other tests, attackers and gateway share a machine of a few cores, and its
/// scheduler gives a thread several milliseconds at a time.
const NOISE: Duration = Duration::from_millis(40);
/// Bytes of a flood that are written at once.
const WRITE: usize = 32 * 1024;
/// Between two of those, and two connections: thousands of frames a moment from each attacker, and processors left
/// for everybody else, so that a late answer is the gateway's doing.
const PAUSE: Duration = Duration::from_millis(8);
/// Other tests run beside this one: the best of a few rounds is what the gateway can do.
const ROUNDS: usize = 3;

/// What becomes of whoever sends a flood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The gateway ends the connection for it, and counts that.
    Cut,
    /// It is lawful; the connection gets its turn among others, and no more.
    Turns,
}

/// First bytes of a connection, and one round with this stream number.
struct Flood {
    name: &'static str,
    end: End,
    greeting: Vec<u8>,
    round: Box<dyn Fn(u32) -> Vec<u8> + Sync>,
}

fn flood(name: &'static str, end: End, round: impl Fn(u32) -> Vec<u8> + Sync + 'static) -> Flood {
    Flood { name, end, greeting: greeting(&[]), round: Box::new(round) }
}

fn floods(host: &str) -> Vec<Flood> {
    let get = request("GET", host, "/v1/resources");
    let whole = END_HEADERS | END_STREAM;
    let head = |flags: u8| {
        let get = get.clone();
        move |stream: u32| frame(Kind::Headers, flags, stream, &get)
    };
    // 0xbe is the newest entry of the table: one byte each gives four thousand.
    let bomb = [get.clone(), indexed_field("x-bomb", &"a".repeat(4000)), vec![0xbe; 4000]].concat();
    let (opened, ended, unended) = (head(END_HEADERS), head(whole), head(END_STREAM));
    let (reset, empty, ours, late) = (ended.clone(), opened.clone(), opened.clone(), opened);
    vec![
        flood("rapid reset", End::Cut, move |stream| {
            [reset(stream), frame(Kind::Reset, 0, stream, &8_u32.to_be_bytes())].concat()
        }),
        flood("resets that we are made to send: windows of nothing", End::Cut, move |stream| {
            [ours(stream), frame(Kind::Window, 0, stream, &0_u32.to_be_bytes())].concat()
        }),
        flood("resets that we are made to send: DATA after its end", End::Cut, move |stream| {
            let (last, more) = (frame(Kind::Data, END_STREAM, stream, b""), frame(Kind::Data, 0, stream, b"x"));
            [late(stream), last, more].concat()
        }),
        flood("CONTINUATION without end", End::Cut, move |stream| {
            let more = frame(Kind::Continuation, 0, stream, &field("x-a", "b").repeat(10));
            [unended(stream), more.repeat(400)].concat()
        }),
        flood("empty CONTINUATION without end", End::Cut, {
            let unended = head(END_STREAM);
            move |stream| [unended(stream), frame(Kind::Continuation, 0, stream, b"").repeat(4000)].concat()
        }),
        flood("empty DATA", End::Cut, move |stream| {
            [empty(stream), frame(Kind::Data, 0, stream, b"").repeat(4000)].concat()
        }),
        flood("a header table bomb", End::Turns, move |stream| frame(Kind::Headers, whole, stream, &bomb)),
        flood("SETTINGS", End::Turns, |_| frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).repeat(100)),
        flood("PING", End::Turns, |_| frame(Kind::Ping, 0, 0, b"12345678").repeat(100)),
        flood("PRIORITY", End::Turns, |stream| frame(Kind::Priority, 0, stream, &[0, 0, 0, 0, 1]).repeat(100)),
        Flood { greeting: greeting(&[(4, 0)]), ..flood("requests whose answers find no window", End::Turns, ended) },
    ]
}

/// 99th percentile of ordinary calls, made for so long, and the most memory that the gateway had meanwhile.
fn p99(site: &Site, connection: &mut Connection, city: &City) -> (Duration, u64) {
    let (call, end) = (city.good_call(), clock::now() + LASTS);
    let (mut times, mut resident) = (Vec::new(), 0);
    while clock::now() < end {
        let began = clock::now();
        assert_eq!(connection.send(&call).unwrap().code(), "ok");
        times.push(began.elapsed());
        resident = resident.max(site.process.resident());
    }
    times.sort();
    (times[times.len() * 99 / 100], resident)
}

/// Sends a flood until told to stop; counts how often its connection was ended.
fn attack(site: &Site, identity: &Identity, flood: &Flood, reads: bool, (stop, ended): (&AtomicBool, &AtomicU64)) {
    let is_on = || !stop.load(Ordering::Acquire);
    while is_on() {
        clock::pass(PAUSE);
        let Ok(mut connection) = Connection::with_alpn(identity, site.base, &[b"h2"]) else { continue };
        let mut stream = 1;
        let mut next = || {
            let mut bytes = Vec::new();
            while bytes.len() < WRITE {
                bytes.extend((flood.round)(stream));
                stream += 2;
            }
            bytes
        };
        let mut sent = connection.write(&flood.greeting);
        while is_on() && sent.is_ok() {
            clock::pass(PAUSE);
            sent = connection.write(&next());
            if reads && sent.is_ok() {
                sent = connection.discard();
            }
        }
        ended.fetch_add(u64::from(sent.is_err()), Ordering::AcqRel);
    }
}

/// What is seen beside a flood by two attackers, one of whom reads what it is told; and how often they were ended.
fn beside(
    site: &Site,
    other: &Identity,
    flood: &Flood,
    look: impl FnOnce() -> (Duration, u64),
) -> (Duration, u64, u64) {
    let (stop, ended) = (AtomicBool::new(false), AtomicU64::new(0));
    let (during, resident) = std::thread::scope(|scope| {
        for reads in [true, false] {
            let told = (&stop, &ended);
            scope.spawn(move || attack(site, other, flood, reads, told));
        }
        let seen = look();
        stop.store(true, Ordering::Release);
        seen
    });
    (during, resident, ended.into_inner())
}

#[test]
fn a_flood_of_frames_fills_no_memory_and_holds_up_nobody_else() {
    let city = City::small();
    let provider = Provider::forgetful({
        let city = city.clone();
        move |question| sluice_tests::provider::standard(&city, question)
    });
    // One worker: attackers and the other department's calls meet on it for certain.
    let settings = vec![
        ("data.workers", 1.into()),
        ("data.timeouts.write_ms", 1000.into()),
        ("limits.per_second", 100_000.into()),
    ];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let (ask, other) = (site.identity("ask"), site.identity("other"));
    let host = format!("127.0.0.1:{}", site.base);
    let mut connection = site.connect(&ask);
    let (_, before) = p99(&site, &mut connection, &city);
    let cut = || site.metric("sluice_connections_ended_total{reason=\"http2_fault\"}").unwrap();
    let mut faults = Vec::new();
    for flood in &floods(&host) {
        let mut seen = String::new();
        let is_right = (0..ROUNDS).any(|_| {
            let (calm, _) = p99(&site, &mut connection, &city);
            let cut_before = cut();
            let (during, resident, ended) = beside(&site, &other, flood, || p99(&site, &mut connection, &city));
            let growth = resident.saturating_sub(before);
            seen = format!("p99 {during:?} beside {calm:?}, {} KiB more, ended {ended} times", growth / 1024);
            println!("{}: {seen}", flood.name);
            assert!(growth <= GROWTH_MAX, "{}: {seen}", flood.name);
            assert!(flood.end == End::Turns || (ended > 0 && cut() > cut_before), "{}: {seen}", flood.name);
            during <= calm * 3 + NOISE
        });
        if !is_right {
            faults.push(format!("{}: {seen}", flood.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(site.ops("/readyz").0, 200);
}

//! Three times as many calls as the gateway's processor can serve, by two departments, from clients who do not wait for
//! one answer before the next call comes up: how much of its best is still served, to whom, and how soon the rest is told.

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::city::small::RESOURCE;
use crate::city::{City, Grant};
use crate::client::{Call, Identity};
use crate::clock;
use crate::provider::{Provider, standard};
use crate::site::{Changes, Site};

/// Connections of both departments together; opened before the clock runs, so that no handshake counts.
const CONNECTIONS: usize = 480;
/// Offered load in multiples of what can be served.
const TIMES: f64 = 3.0;
/// The part of the served load that the small department asks for: its fair share among two.
const SMALL: f64 = 0.5;
/// How long a call waits in its client for a free connection before the client gives it up.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks of a client at how many calls have come up.
const TICK: Duration = Duration::from_millis(2);

/// What one department saw.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Calls that came up.
    pub offered: usize,
    /// Calls that were answered.
    pub served: usize,
    /// Calls that were told to come later, with how long that took.
    pub refused: Vec<Duration>,
    /// Calls that found no free connection in time.
    pub given_up: usize,
    /// Anything else.
    pub faults: Vec<String>,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Surge {
    /// Calls per second that are served when as many are asked as can be.
    pub capacity: f64,
    /// Of the large department, per second: offered and served.
    pub large: (f64, f64),
    /// Of the small department, per second: offered and served.
    pub small: (f64, f64),
    /// Median and 99th percentile of the time to a refusal, and how many per second.
    pub refusals: (Duration, Duration, f64),
    /// Growth of resident memory, bytes.
    pub growth: u64,
    /// Looks at the ops listener, and those without an answer.
    pub probes: (usize, usize),
}

impl Surge {
    /// Served under the surge, in parts of what is served at best.
    pub fn goodput(&self) -> f64 {
        (self.large.1 + self.small.1) / self.capacity
    }
}

impl fmt::Display for Surge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, p99, refused) = self.refusals;
        write!(
            f,
            "capacity {:.0}/s; offered {:.0}/s and {:.0}/s, served {:.0}/s and {:.0}/s: goodput {:.2}; {refused:.0} refusals/s \
             after {median:?} (99 %: {p99:?}); {} KiB more memory; {} of {} probes unanswered",
            self.capacity,
            self.large.0,
            self.small.0,
            self.large.1,
            self.small.1,
            self.goodput(),
            self.growth / 1024,
            self.probes.1,
            self.probes.0,
        )
    }
}

/// Measures for so long each what can be served and what becomes of three times as much.
///
/// # Errors
/// An answer that nobody should get, or no answer.
pub fn surge(each: Duration) -> Result<Surge, String> {
    let mut city = City::small();
    city.grants.push(Grant { party: "other".to_owned(), ..Grant::small("G-2000", RESOURCE) });
    let provider = {
        let city = city.clone();
        Provider::forgetful(move |question| standard(&city, question))
    };
    // One worker: the generator needs the rest of the machine.
    let settings = vec![
        ("data.workers", 1.into()),
        ("data.limits.in_flight_max", 64.into()),
        ("limits.per_second", 1_000_000.into()),
        ("limits.refusals_per_second", 50.into()),
    ];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (many, few) = (CONNECTIONS * 5 / 6, CONNECTIONS / 6);
    let large = Client::open(&runtime, &site, &site.identity("ask"), (many, &city.good_call()))?;
    let small = Client::open(&runtime, &site, &site.identity("other"), (few, &city.good_call()))?;
    // Warm, then the best that it can do: as many as there are places, without a pause.
    runtime.block_on(large.closed(24, each / 2));
    let (best, took) = runtime.block_on(large.closed(24, each));
    let capacity = per_second(best.served, took);
    let resident = site.process.resident();
    let over = AtomicBool::new(false);
    let (seen, probes) = std::thread::scope(|scope| {
        let probing = scope.spawn(|| probe(&site, &over));
        let seen = runtime.block_on(async {
            tokio::join!(large.open_loop(capacity * (TIMES - SMALL), each), small.open_loop(capacity * SMALL, each))
        });
        over.store(true, Ordering::Release);
        (seen, probing.join().unwrap_or_default())
    });
    let ((large, took), (small, _)) = seen;
    if let Some(fault) = large.faults.iter().chain(&small.faults).chain(&best.faults).next() {
        return Err(fault.clone());
    }
    let mut refused = [large.refused, small.refused].concat();
    refused.sort();
    let at = |percent: usize| refused.get(refused.len() * percent / 100).copied().unwrap_or_default();
    Ok(Surge {
        capacity,
        large: (per_second(large.offered, took), per_second(large.served, took)),
        small: (per_second(small.offered, took), per_second(small.served, took)),
        refusals: (at(50), at(99), per_second(refused.len(), took)),
        growth: site.process.resident().saturating_sub(resident),
        probes,
    })
}

fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

/// Looks at the ops listener until told to stop.
fn probe(site: &Site, over: &AtomicBool) -> (usize, usize) {
    let (mut looks, mut failed) = (0, 0);
    while !over.load(Ordering::Acquire) {
        looks += 1;
        failed += usize::from(site.ops("/livez").0 != 200);
        clock::pass(Duration::from_millis(50));
    }
    (looks, failed)
}

/// A department's connections.
struct Client {
    free: Arc<Mutex<Vec<TlsStream<TcpStream>>>>,
    request: Arc<Vec<u8>>,
}

/// Calls that have come up and wait for a connection.
#[derive(Default)]
struct Waiting {
    since: Mutex<VecDeque<Instant>>,
    tally: Mutex<Tally>,
}

impl Client {
    fn open(
        runtime: &Runtime,
        site: &Site,
        identity: &Identity,
        (count, call): (usize, &Call),
    ) -> Result<Self, String> {
        let tls = TlsConnector::from(identity.tls(&[b"http/1.1"]));
        let port = site.base;
        let dial = async {
            let mut free = Vec::new();
            for _ in 0..count {
                let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                tcp.set_nodelay(true)?;
                let name = ServerName::try_from("127.0.0.1").map_err(std::io::Error::other)?;
                let mut stream = tls.connect(name, tcp).await?;
                // Said something: it will not be taken for silent.
                let first =
                    Call::get("/v1/resources?limit=1").wire(&format!("127.0.0.1:{port}"), identity.token.as_deref());
                stream.write_all(&first).await?;
                answer(&mut stream).await?;
                free.push(stream);
            }
            Ok::<_, std::io::Error>(free)
        };
        let free = runtime.block_on(dial).map_err(|error| format!("connecting: {error}"))?;
        let request = call.wire(&format!("127.0.0.1:{port}"), identity.token.as_deref());
        Ok(Self { free: Arc::new(Mutex::new(free)), request: Arc::new(request) })
    }

    /// So many connections ask again as soon as they are answered.
    async fn closed(&self, connections: usize, time: Duration) -> (Tally, Duration) {
        let end = clock::now() + time;
        let waiting = Arc::new(Waiting::default());
        let mut asking = JoinSet::new();
        for _ in 0..connections {
            let Some(mut stream) = lock(&self.free).pop() else { break };
            let (waiting, request, free) = (waiting.clone(), self.request.clone(), self.free.clone());
            asking.spawn(async move {
                while clock::now() < end && ask(&mut stream, &request, &waiting.tally).await {}
                lock(&free).push(stream);
            });
        }
        while asking.join_next().await.is_some() {}
        (std::mem::take(&mut *lock(&waiting.tally)), time)
    }

    /// Calls come up at a rate, whatever becomes of those before.
    async fn open_loop(&self, rate: f64, time: Duration) -> (Tally, Duration) {
        let (began, waiting) = (clock::now(), Arc::new(Waiting::default()));
        let (come, over) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(false)));
        let mut asking = JoinSet::new();
        let streams = std::mem::take(&mut *lock(&self.free));
        let count = streams.len();
        for mut stream in streams {
            let (waiting, request, free) = (waiting.clone(), self.request.clone(), self.free.clone());
            let (come, over) = (come.clone(), over.clone());
            asking.spawn(async move {
                while let Ok(permit) = come.acquire().await {
                    permit.forget();
                    if over.load(Ordering::Acquire) {
                        break;
                    }
                    let Some(since) = lock(&waiting.since).pop_front() else { continue };
                    if since.elapsed() > PATIENCE {
                        lock(&waiting.tally).given_up += 1;
                    } else if !ask(&mut stream, &request, &waiting.tally).await {
                        break;
                    }
                }
                lock(&free).push(stream);
            });
        }
        let mut ticks = tokio::time::interval(TICK);
        let mut offered = 0;
        while began.elapsed() < time {
            ticks.tick().await;
            let due = whole(rate * began.elapsed().as_secs_f64());
            lock(&waiting.since).extend(std::iter::repeat_n(clock::now(), due.saturating_sub(offered)));
            come.add_permits(due.saturating_sub(offered));
            offered = due.max(offered);
        }
        let took = began.elapsed();
        // What is answered later does not count.
        let mut tally = std::mem::take(&mut *lock(&waiting.tally));
        tally.offered = offered;
        over.store(true, Ordering::Release);
        come.add_permits(count);
        while asking.join_next().await.is_some() {}
        tally.faults.append(&mut lock(&waiting.tally).faults);
        (tally, took)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls, never negative")]
fn whole(count: f64) -> usize {
    count as usize
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call; whether the connection goes on.
async fn ask(stream: &mut TlsStream<TcpStream>, request: &[u8], tally: &Mutex<Tally>) -> bool {
    let asked = clock::now();
    let answered = async {
        stream.write_all(request).await?;
        answer(stream).await
    };
    let outcome = answered.await;
    let mut tally = lock(tally);
    match outcome {
        Ok((200, _)) => tally.served += 1,
        Ok((503, head)) if head.contains("retry-after: ") => tally.refused.push(asked.elapsed()),
        Ok((status, head)) => tally.faults.push(format!("{status}: {head}")),
        Err(error) => {
            tally.faults.push(format!("a connection ended: {error}"));
            return false;
        }
    }
    true
}

/// Status and head of one answer, read to its end.
async fn answer(stream: &mut TlsStream<TcpStream>) -> std::io::Result<(u16, String)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
    while bytes.len() < head + length {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, text))
}

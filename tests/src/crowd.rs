//! Departments that keep connections open and say nothing: what each costs in memory, and that ordinary calls go on.

use std::fmt;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::city::City;
use crate::client::{Call, Connection};
use crate::clock;
use crate::provider::{Provider, standard};
use crate::site::{Changes, Site};

/// Threads that open connections.
const OPENERS: usize = 8;
/// What an idle connection may cost: TLS with its buffers, the parser's buffer, a task. Without optimisation tasks are
/// large: about 80 KB then.
const BYTES_MAX: u64 = 112 * 1024;
/// Ordinary calls while nobody else speaks.
const CALLS: usize = 500;
/// Longest 99th percentile of those.
const P99_MAX: Duration = Duration::from_millis(100);

/// What was seen.
#[derive(Debug, Clone)]
pub struct Crowd {
    connections: usize,
    each_bytes: u64,
    p99: Duration,
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, each_bytes, p99 } = self;
        write!(
            f,
            "{connections} idle connections: {each_bytes} bytes of memory each, 99th percentile of calls beside {p99:?}"
        )
    }
}

/// Opens so many connections, asks once on each, and leaves them open.
///
/// # Errors
/// A connection was refused or ended, or an idle one costs too much.
pub fn crowd(count: usize) -> Result<Crowd, String> {
    let city = City::small();
    let provider = {
        let city = city.clone();
        Provider::forgetful(move |question| standard(&city, question))
    };
    let most = i64::try_from(2 * count).unwrap_or(i64::MAX);
    let settings = vec![("data.limits.connections_max", most.into()), ("data.limits.idle_s", 3600.into())];
    let site = Site::serve(&city, &provider.url(), &Changes { settings, ..Changes::default() });
    let ask = site.identity("ask");
    let mut ordinary = Connection::open(&ask, site.base).map_err(|error| error.to_string())?;
    let mut call = || ordinary.send(&city.good_call()).map_err(|error| error.to_string());
    for _ in 0..CALLS {
        call()?;
    }
    let before = site.process.resident();
    let (opened, kept) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let open_some = || -> Result<(), String> {
        let mut own = Vec::new();
        while opened.fetch_add(1, Ordering::AcqRel) < count {
            own.push(
                idle(&site, &ask).map_err(|error| format!("connection {}: {error}", opened.load(Ordering::Acquire)))?,
            );
        }
        kept.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
        Ok(())
    };
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..OPENERS).map(|_| scope.spawn(open_some)).collect();
        openers.into_iter().try_for_each(|opener| opener.join().map_err(|_| String::from("an opener broke off"))?)
    })?;
    let active = site.metric("sluice_connections_active{listener=\"data\",proto=\"http/1.1\"}").unwrap_or_default();
    let each_bytes = site.process.resident().saturating_sub(before) / count.max(1) as u64;
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let asked = clock::now();
        if call()?.status != 200 {
            return Err(String::from("an ordinary call was refused"));
        }
        times.push(asked.elapsed());
    }
    times.sort();
    let p99 = times[CALLS * 99 / 100];
    drop(kept);
    let seen = Crowd { connections: count, each_bytes, p99 };
    if active < f64::from(u32::try_from(count).unwrap_or(u32::MAX)) {
        return Err(format!("only {active} connections are open: {seen}"));
    }
    if each_bytes > BYTES_MAX || p99 > P99_MAX {
        return Err(seen.to_string());
    }
    Ok(seen)
}

/// A connection that has been served once. Only its socket is kept: thousands of clients shall fit beside the gateway.
fn idle(site: &Site, ask: &crate::client::Identity) -> std::io::Result<TcpStream> {
    let mut connection = Connection::open(ask, site.base)?;
    connection.send(&Call::get("/v1/resources?limit=1"))?;
    Ok(connection.into_socket())
}

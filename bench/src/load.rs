//! The load generator: a fixed number of mTLS connections, each asking again as soon as it was answered.
//!
//! One thread. Answers are checked, every one; the proxy's CPU time is read at both ends of the measured window.

mod answer;
mod channel;
mod requests;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::latency::Latencies;
use crate::statistics::float;
use crate::{clock, proc_cpu};
use answer::{Expectation, Inbox};
pub use channel::Target;
use channel::{Channel, Dialer};
pub use requests::Form;

/// A connection that failed so often has nothing more to say.
const FAULTS_PER_CONNECTION_MAX: u32 = 20;
/// Time for the answers under way when the window closes.
const GRACE: Duration = Duration::from_secs(2);
/// Time for all handshakes of a run.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A run of the generator.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    form: Form,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    connections: u32,
    /// Seconds before the measurement
    #[arg(long, default_value_t = 2.0)]
    warmup_s: f64,
    /// Seconds of measurement
    #[arg(long, default_value_t = 8.0)]
    duration_s: f64,
    /// Status that every answer must have
    #[arg(long, default_value_t = 200)]
    expect_status: u16,
    /// Body length that every answer must have
    #[arg(long, required_unless_present = "expect_contains")]
    expect_length: Option<usize>,
    /// Text that every body must contain
    #[arg(long)]
    expect_contains: Option<String>,
    /// Process of the proxy; with all its descendants its CPU time is measured; repeatable
    #[arg(long = "pid")]
    pids: Vec<u32>,
    /// Core that the proxy is pinned to
    #[arg(long, default_value_t = 0)]
    proxy_core: u32,
    /// Core that generator and upstream are pinned to
    #[arg(long, default_value_t = 1)]
    own_core: u32,
    /// Row of the report
    #[arg(long, default_value = "")]
    row: String,
    /// Round of the report
    #[arg(long, default_value_t = 1)]
    round: u32,
}

/// What one run measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// Row of the report.
    pub row: String,
    /// Round of the report.
    pub round: u32,
    /// TLS version and cipher suite.
    pub tls: String,
    /// Connections held open.
    pub connections: u32,
    /// Answers inside the window, right ones only.
    pub requests: u64,
    /// Length of the window, seconds.
    pub seconds: f64,
    /// Right answers per second.
    pub rps: f64,
    /// Median latency, microseconds.
    pub p50_us: f64,
    /// 99th percentile of latency, microseconds.
    pub p99_us: f64,
    /// Wrong answers, broken connections and answers that never came, over the whole run.
    pub errors: u64,
    /// The first of them.
    pub first_error: Option<String>,
    /// User and system time of all the proxy's processes, microseconds per request.
    pub cpu_us_per_request: Option<f64>,
    /// Share of the window in which the proxy's processes ran, in percent of one core.
    pub proxy_busy_percent: Option<f64>,
    /// Share in which the proxy's core worked for anybody.
    pub proxy_core_busy_percent: f64,
    /// Share in which the hypervisor kept the proxy's core.
    pub proxy_core_stolen_percent: f64,
    /// Share in which the generator's core worked.
    pub own_core_busy_percent: f64,
}

/// Runs the generator to its end, at most connect time-out, warm-up, duration and two seconds later.
///
/// # Errors
/// If files are unreadable, the gateway cannot be reached, or a measured process ended. Wrong answers are not an
/// error here: they are counted.
pub fn run(options: &Options) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start runtime")?;
    runtime.block_on(generate(options))
}

struct Shared {
    requests: Vec<Box<[u8]>>,
    expectation: Expectation,
    next: AtomicUsize,
    measuring: AtomicBool,
    ending: AtomicBool,
    // One thread drives every connection: the locks are never contended.
    latencies: Mutex<Latencies>,
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    count: u64,
    first: Option<String>,
}

impl Shared {
    fn fault(&self, error: &anyhow::Error) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.count += 1;
        faults.first.get_or_insert_with(|| format!("{error:#}"));
    }
}

async fn generate(options: &Options) -> anyhow::Result<Measured> {
    let host = format!("{}:{}", options.target.server_name, options.target.addr.port());
    let shared = Arc::new(Shared {
        requests: options.form.requests(&host)?,
        expectation: Expectation {
            status: options.expect_status,
            body_bytes: options.expect_length,
            contains: options.expect_contains.clone(),
        },
        next: AtomicUsize::new(0),
        measuring: AtomicBool::new(false),
        ending: AtomicBool::new(false),
        latencies: Mutex::new(Latencies::new()?),
        faults: Mutex::default(),
    });
    let dialer = Dialer::new(&options.target)?;
    let channels = tokio::time::timeout(CONNECT_TIMEOUT, dial_all(&dialer, options.connections))
        .await
        .context("handshakes took too long")??;
    let tls = channels.first().map(Channel::protection).unwrap_or_default();
    let mut tasks = JoinSet::new();
    for channel in channels {
        tasks.spawn(converse(Arc::clone(&shared), dialer.clone(), channel));
    }

    tokio::time::sleep(Duration::try_from_secs_f64(options.warmup_s)?).await;
    let before = Accounts::read(options)?;
    shared.measuring.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::try_from_secs_f64(options.duration_s)?).await;
    shared.measuring.store(false, Ordering::Relaxed);
    let after = Accounts::read(options)?;
    shared.ending.store(true, Ordering::Relaxed);
    let unanswered = finish(tasks).await;
    if unanswered > 0 {
        let mut faults = shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.count += unanswered;
        faults.first.get_or_insert_with(|| format!("no answer within {} s of the end", GRACE.as_secs()));
    }
    measured(options, &shared, tls, &before, &after)
}

async fn dial_all(dialer: &Dialer, connections: u32) -> anyhow::Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..connections {
        channels.push(dialer.dial().await?);
    }
    Ok(channels)
}

/// Waits for the answers under way; returns how many connections never got theirs.
async fn finish(mut tasks: JoinSet<()>) -> u64 {
    // Expiry leaves tasks in the set: they are counted and then aborted with it.
    let _ = tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    u64::try_from(tasks.len()).unwrap_or(u64::MAX)
}

/// One connection's life: asks until the end, reconnects after a fault, gives up after too many.
async fn converse(shared: Arc<Shared>, dialer: Dialer, mut channel: Channel) {
    let mut inbox = Inbox::default();
    let mut found_at = 0;
    for _ in 0..FAULTS_PER_CONNECTION_MAX {
        let Err(error) = ask_until_end(&shared, &mut channel, &mut inbox, &mut found_at).await else {
            return;
        };
        shared.fault(&error);
        match dialer.dial().await {
            Ok(fresh) => channel = fresh,
            Err(error) => return shared.fault(&error),
        }
    }
}

async fn ask_until_end(
    shared: &Shared,
    channel: &mut Channel,
    inbox: &mut Inbox,
    found_at: &mut usize,
) -> anyhow::Result<()> {
    while !shared.ending.load(Ordering::Relaxed) {
        let turn = shared.next.fetch_add(1, Ordering::Relaxed) % shared.requests.len();
        let request = shared.requests.get(turn).context("no request")?;
        inbox.clear();
        let begun = clock::monotonic();
        channel.send(request).await?;
        while inbox.answer()?.is_none() {
            channel.receive(inbox.buffer()).await?;
        }
        let took = begun.elapsed();
        let answer = inbox.answer()?.context("no answer")?;
        shared.expectation.check(&answer, found_at)?;
        if shared.measuring.load(Ordering::Relaxed) {
            shared.latencies.lock().unwrap_or_else(PoisonError::into_inner).record(took);
        }
    }
    Ok(())
}

/// The machine's accounts at one end of the window.
struct Accounts {
    at: std::time::Instant,
    proxy_us: u64,
    proxy_core: proc_cpu::CoreTicks,
    own_core: proc_cpu::CoreTicks,
}

impl Accounts {
    fn read(options: &Options) -> anyhow::Result<Self> {
        Ok(Self {
            proxy_us: proc_cpu::tree_cpu_us(&options.pids)?,
            proxy_core: proc_cpu::core_ticks(options.proxy_core)?,
            own_core: proc_cpu::core_ticks(options.own_core)?,
            at: clock::monotonic(),
        })
    }
}

fn measured(
    options: &Options,
    shared: &Shared,
    tls: String,
    before: &Accounts,
    after: &Accounts,
) -> anyhow::Result<Measured> {
    let latencies = shared.latencies.lock().unwrap_or_else(PoisonError::into_inner);
    let faults = shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
    let requests = latencies.count();
    let first_error = faults.first.clone();
    ensure!(requests > 0, "not one right answer: {}", first_error.as_deref().unwrap_or("none came in time"));
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let proxy_us = (!options.pids.is_empty()).then(|| float(after.proxy_us.saturating_sub(before.proxy_us)));
    let (proxy_core_busy_percent, proxy_core_stolen_percent) = after.proxy_core.since(before.proxy_core);
    Ok(Measured {
        row: options.row.clone(),
        round: options.round,
        tls,
        connections: options.connections,
        requests,
        seconds,
        rps: float(requests) / seconds,
        p50_us: latencies.percentile_us(50.0),
        p99_us: latencies.percentile_us(99.0),
        errors: faults.count,
        first_error,
        cpu_us_per_request: proxy_us.map(|us| us / float(requests)),
        proxy_busy_percent: proxy_us.map(|us| us / seconds / 10_000.0),
        proxy_core_busy_percent,
        proxy_core_stolen_percent,
        own_core_busy_percent: after.own_core.since(before.own_core).0,
    })
}

#[cfg(test)]
mod tests;

//! A running exchange: its workers, and the housekeeping beside them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use sluice_contract::Standing;
use sluice_domain::Day;
use sluice_ledger::{Ledger, State, Witnessing};
use sluice_transport::{
    DrainReport, Phase, PhaseFlag, StartError, WorkerContext, WorkerIx, Workers, WorkersSpec, clock,
};

use crate::cursor::Cursors;
use crate::epochs::{KeysAhead, TagKeys};
use crate::limit::Limiters;
use crate::record::Recorder;
use crate::reload::Control;
use crate::shared::{RefusalQuotas, Selections, Shared};
use crate::snapshot::Snapshot;
use crate::spool::Spool;
use crate::tally::Figures;
use crate::upkeep;
use crate::usage::Usage;
use crate::worker::Worker;

/// How often the fold over the ledger is brought up to date and saved.
const USAGE_EVERY: Duration = Duration::from_mins(10);
/// How often new keys of subject tags are looked for.
const KEYS_EVERY: Duration = Duration::from_mins(1);
/// The same while nothing is served for want of one.
const MISSING_KEY_EVERY: Duration = Duration::from_secs(5);
/// How often counted refusals are written.
const SUMMARY_EVERY: Duration = Duration::from_secs(1);

/// What a gateway is started from.
pub struct GatewayParts {
    /// The open ledger.
    pub ledger: Ledger,
    /// The first snapshot.
    pub snapshot: Snapshot,
    /// Keys of subject tags.
    pub tag_keys: TagKeys,
    /// The data listener.
    pub listener: WorkersSpec,
    /// File that remembers the fold over the ledger.
    pub usage_file: PathBuf,
}

/// Why a gateway did not start. Nothing is served then.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The listener or its workers.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The ledger could not be read back.
    #[error("the ledger cannot be read back: {0}")]
    Usage(#[from] sluice_ledger::ReadError),
    /// A thread could not be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// One check of `/readyz`.
#[derive(Debug, Clone)]
pub struct Check {
    /// Name, as `exclude` takes it.
    pub name: &'static str,
    /// Whether it holds.
    pub is_ready: bool,
    /// What stands there, for people.
    pub detail: String,
}

/// A running gateway.
pub struct Gateway {
    shared: Arc<Shared>,
    workers: Workers,
    keeper: Keeper,
}

impl Gateway {
    /// Counts earlier use from the ledger, binds the listener, starts the workers. Blocks on the disk.
    ///
    /// # Errors
    /// When the ledger cannot be read, the address is taken or a thread cannot be made.
    pub fn start(parts: GatewayParts) -> Result<Self, GatewayError> {
        let GatewayParts { ledger, snapshot, tag_keys, listener, usage_file } = parts;
        tag_keys.refresh(Day::at(clock::now_unix_s()));
        let mut usage = Usage::load(&usage_file, &ledger);
        usage.advance(&ledger)?;
        let (limiters, selections) = (Limiters::default(), Arc::<Selections>::default());
        usage.restore(&limiters, &selections);
        let spool = Spool::new(&snapshot.settings.spool_dir, snapshot.settings.spool_bytes_max);
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            refusals: RefusalQuotas::default(),
            cursors: Cursors::new(&tag_keys.derive(b"cursors v1")),
            spool: Arc::new(spool),
            tag_keys: Arc::new(tag_keys),
            tallies: Mutex::default(),
            is_closing: AtomicBool::new(false),
            limiters,
            selections,
            ledger,
        });
        let make = {
            let shared = Arc::clone(&shared);
            move |context: WorkerContext| make_worker(&shared, &context)
        };
        let workers = Workers::start(listener, make)?;
        let keeper = Keeper::start(usage, usage_file, Arc::clone(&shared))?;
        Ok(Self { shared, workers, keeper })
    }

    /// Address of the data listener.
    pub fn addr(&self) -> SocketAddr {
        self.workers.addr()
    }

    /// Phase that services and readiness see.
    pub fn phase(&self) -> PhaseFlag {
        self.workers.phase().clone()
    }

    /// What changes it while it runs.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.shared), self.workers.steering())
    }

    /// What is watched and counted; outlives the gateway's drain.
    pub fn watch(&self) -> Watch {
        Watch { shared: Arc::clone(&self.shared), phase: self.phase(), transport: self.workers.metrics().to_vec() }
    }

    /// Answers what was accepted, then stops the workers and the ledger: every accepted record is on
    /// disk and under a checkpoint when this returns. Blocks the thread.
    pub fn drain(self, deadline: Instant) -> DrainReport {
        self.shared.is_closing.store(true, Ordering::Relaxed);
        let report = self.workers.drain(deadline);
        self.keeper.finish();
        if let Err(closed) = self.shared.ledger.stop() {
            tracing::error!(%closed, "the ledger did not stop cleanly");
        }
        report
    }
}

fn make_worker(shared: &Arc<Shared>, context: &WorkerContext) -> Worker {
    let worker = u16::try_from(context.ix.0).unwrap_or(u16::MAX);
    let recorder = Recorder::new(&shared.ledger, worker, shared.snapshot.load().settings.witness_wait);
    if let Some(drive) = recorder.drive() {
        context.tracker.spawn_background(drive);
    }
    let tally = Arc::default();
    shared.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tally));
    let made = Worker::new(Arc::clone(shared), recorder, tally);
    let summaries = made.summaries.clone();
    let ledger = shared.ledger.clone();
    let recorder = made.recorder().clone();
    if context.ix == WorkerIx(0) {
        context.tracker.spawn_background(upkeep::keep(Arc::clone(shared), context.tracker.clone()));
    }
    let views = made.views();
    context.tracker.spawn_background(async move {
        let mut every = tokio::time::interval(SUMMARY_EVERY);
        loop {
            every.tick().await;
            summaries.write(&ledger, &recorder, clock::now_unix_s() - 1);
            // A worker without requests still lets go of a snapshot that was replaced.
            views.now();
        }
    });
    made
}

/// What operators watch.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
    phase: PhaseFlag,
    transport: Vec<Arc<sluice_transport::WorkerMetrics>>,
}

impl Watch {
    /// The checks of `/readyz`.
    pub fn checks(&self) -> Vec<Check> {
        let state = self.shared.ledger.state();
        let snapshot = self.shared.snapshot.load();
        let is_stale = snapshot.is_stale(clock::now_unix_s());
        let checks = vec![
            Check {
                name: "phase",
                is_ready: self.phase.get() == Phase::Serving,
                detail: String::from(if self.phase.get() == Phase::Serving { "serving" } else { "draining" }),
            },
            Check {
                name: "ledger",
                is_ready: matches!(state, State::Ok | State::Low),
                detail: ledger_detail(&self.shared.ledger, state),
            },
            Check {
                name: "policy",
                is_ready: !is_stale,
                detail: if is_stale {
                    String::from("stale: a revocation list is past its next update")
                } else {
                    format!("revision {}", snapshot.policy.revision())
                },
            },
        ];
        let subjects = subjects_check(&self.shared);
        checks.into_iter().chain([subjects]).chain(witness_check(&self.shared.ledger.witnessing())).collect()
    }

    /// Figures of all workers added up.
    pub(crate) fn figures(&self) -> Figures {
        let tallies = self.shared.tallies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut figures = Figures::default();
        for tally in &tallies {
            figures.add(&tally.snapshot());
        }
        figures
    }

    /// Figures of the ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// Counters of the transport, by worker.
    pub fn transport(&self) -> Vec<sluice_transport::Snapshot> {
        self.transport.iter().map(|metrics| metrics.snapshot()).collect()
    }

    /// How the keys of subject tags stand today.
    pub(crate) fn keys_ahead(&self) -> KeysAhead {
        self.shared.tag_keys.ahead(Day::at(clock::now_unix_s()))
    }

    /// How each docked provider stands, by the code of its resource.
    pub(crate) fn providers(&self) -> Vec<(String, Standing)> {
        let snapshot = self.shared.snapshot.load();
        let resources = snapshot.bindings.iter().flatten();
        resources.map(|binding| (binding.resource().to_string(), binding.standing())).collect()
    }

    /// When the first revocation list is due to be replaced, seconds since 1970.
    pub fn next_update_s(&self) -> Option<i64> {
        self.shared.snapshot.load().revocations.next_update_s()
    }

    /// Names the rules in force.
    pub fn revision(&self) -> String {
        self.shared.snapshot.load().policy.revision().to_owned()
    }
}

fn ledger_detail(ledger: &Ledger, state: State) -> String {
    let state = match state {
        State::Ok => "takes records",
        State::Low => "low: fewer spare segments than there should be, or little room on the disk",
        State::Closed => "closed: takes no records",
        State::Poisoned => "poisoned: a sync failed; restart after checking the disk",
    };
    let spares = ledger.metrics().spares;
    let room = ledger.room().map(|room| {
        let (days, mb) = (room.lasts.as_secs() / 86_400, room.free / 1_000_000);
        format!(", {mb} MB free: {days} days at the rate of the last minutes")
    });
    format!("{state}; {spares} spare segments{}", room.unwrap_or_default())
}

fn subjects_check(shared: &Shared) -> Check {
    let ahead = shared.tag_keys.ahead(Day::at(clock::now_unix_s()));
    let detail = match (ahead.has_current, ahead.missing_next) {
        (false, _) => String::from("no key of subject tags for this month"),
        (true, None) => String::from("keys of this month and the next"),
        (true, Some((epoch, days))) => format!("no key for {epoch} yet, which begins in {days} days"),
    };
    Check { name: "subjects", is_ready: ahead.has_current, detail }
}

/// Always holds: the ledger does not wait for witnesses, only resources that ask for their word do.
fn witness_check(witnessing: &Witnessing) -> Option<Check> {
    let troubled = witnessing.witnesses.iter().filter_map(|witness| {
        let trouble = witness.trouble.as_deref()?;
        Some(format!("; {}: {trouble}", witness.name))
    });
    let lag = if witnessing.lag.is_zero() { String::new() } else { format!(", {} s behind", witnessing.lag.as_secs()) };
    let detail = format!("{} records cosigned{lag}{}", witnessing.size, troubled.collect::<String>());
    (witnessing.quorum > 0).then_some(Check { name: "witnesses", is_ready: true, detail })
}

/// The thread that keeps the fold over the ledger up to date.
struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Keeper {
    fn start(usage: Usage, file: PathBuf, shared: Arc<Shared>) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let thread = std::thread::Builder::new().name("sluice-usage".into()).spawn({
            let stop = Arc::clone(&stop);
            move || keep(usage, &file, &shared, &stop)
        })?;
        Ok(Self { stop, thread })
    }

    fn finish(self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if self.thread.join().is_err() {
            tracing::error!("the usage thread panicked; the next start counts from the ledger");
        }
    }
}

fn keep(mut usage: Usage, file: &std::path::Path, shared: &Shared, stop: &(Mutex<bool>, Condvar)) {
    let mut saved_at = None::<Instant>;
    let mut is_last = false;
    loop {
        if is_last || saved_at.is_none_or(|saved| clock::now().duration_since(saved) >= USAGE_EVERY) {
            saved_at = Some(clock::now());
            let saved = usage
                .advance(&shared.ledger)
                .map_err(|error| error.to_string())
                .and_then(|()| usage.save(file).map_err(|error| error.to_string()));
            if let Err(error) = saved {
                tracing::warn!(%error, "the usage file was not written; a restart will count from the ledger");
            }
        }
        if is_last {
            return;
        }
        let again = if watch_keys(shared) { KEYS_EVERY } else { MISSING_KEY_EVERY };
        let guard = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = stop.1.wait_timeout_while(guard, again, |stopped| !*stopped);
        is_last = *waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Looks for keys that have come, and says aloud what will be missing soon. False if this month has none.
fn watch_keys(shared: &Shared) -> bool {
    let today = Day::at(clock::now_unix_s());
    shared.tag_keys.refresh(today);
    let ahead = shared.tag_keys.ahead(today);
    if !ahead.has_current {
        tracing::error!("no key of subject tags for this month: nothing is served");
    }
    let warning_days = shared.snapshot.load().settings.key_warning_days;
    if let Some((epoch, days)) = ahead.missing_next.filter(|(_, days)| *days <= warning_days) {
        tracing::error!(%epoch, days, "no key of subject tags for the next month: nothing will be served then");
    }
    ahead.has_current
}

//! A running exchange: its workers, and the housekeeping beside them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use sluice_ledger::{Ledger, State};
use sluice_transport::{DrainReport, Phase, PhaseFlag, StartError, WorkerContext, Workers, WorkersSpec, clock};

use crate::cursor::Cursors;
use crate::limit::Limiters;
use crate::record::Recorder;
use crate::settings::Settings;
use crate::shared::{RefusalQuotas, Selections, Shared};
use crate::snapshot::Snapshot;
use crate::subjects::TagKey;
use crate::tally::Figures;
use crate::usage::Usage;
use crate::worker::Worker;

/// How often the fold over the ledger is brought up to date and saved.
const USAGE_EVERY: Duration = Duration::from_mins(10);
/// How often counted refusals are written.
const SUMMARY_EVERY: Duration = Duration::from_secs(1);

/// What a gateway is started from.
pub struct GatewayParts {
    /// The open ledger.
    pub ledger: Ledger,
    /// The first snapshot.
    pub snapshot: Snapshot,
    /// Numbers from configuration.
    pub settings: Settings,
    /// Key of subject tags and cursors.
    pub tag_key: TagKey,
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
        let GatewayParts { ledger, snapshot, settings, tag_key, listener, usage_file } = parts;
        let mut usage = Usage::load(&usage_file, &ledger);
        usage.advance(&ledger)?;
        let (limiters, selections) = (Limiters::default(), Selections::default());
        usage.restore(&limiters, &selections);
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            refusals: RefusalQuotas::new(settings.refusals_per_second),
            cursors: Cursors::new(&tag_key.derive(b"cursors v1")),
            tag_key: Arc::new(tag_key),
            tallies: Mutex::default(),
            is_closing: AtomicBool::new(false),
            limiters,
            selections,
            settings,
            ledger,
        });
        let make = {
            let shared = Arc::clone(&shared);
            move |context: WorkerContext| make_worker(&shared, &context)
        };
        let workers = Workers::start(listener, make)?;
        let keeper = Keeper::start(usage, usage_file, shared.ledger.clone())?;
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
    let recorder = Recorder::new(&shared.ledger, worker);
    if let Some(drive) = recorder.drive() {
        context.tracker.spawn_background(drive);
    }
    let tally = Arc::default();
    shared.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tally));
    let made = Worker::new(Arc::clone(shared), recorder, tally);
    let summaries = made.summaries.clone();
    let ledger = shared.ledger.clone();
    let recorder = made.recorder().clone();
    context.tracker.spawn_background(async move {
        let mut every = tokio::time::interval(SUMMARY_EVERY);
        loop {
            every.tick().await;
            summaries.write(&ledger, &recorder, clock::now_unix_s() - 1);
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
        vec![
            Check {
                name: "phase",
                is_ready: self.phase.get() == Phase::Serving,
                detail: String::from(if self.phase.get() == Phase::Serving { "serving" } else { "draining" }),
            },
            Check {
                name: "ledger",
                is_ready: matches!(state, State::Ok | State::Low),
                detail: String::from(match state {
                    State::Ok => "ok",
                    State::Low => "low: fewer spare segments than there should be",
                    State::Closed => "closed: takes no records",
                    State::Poisoned => "poisoned: a sync failed; restart after checking the disk",
                }),
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
        ]
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

    /// Names the rules in force.
    pub fn revision(&self) -> String {
        self.shared.snapshot.load().policy.revision().to_owned()
    }
}

/// The thread that keeps the fold over the ledger up to date.
struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Keeper {
    fn start(usage: Usage, file: PathBuf, ledger: Ledger) -> std::io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let thread = std::thread::Builder::new().name("sluice-usage".into()).spawn({
            let stop = Arc::clone(&stop);
            move || keep(usage, &file, &ledger, &stop)
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

fn keep(mut usage: Usage, file: &std::path::Path, ledger: &Ledger, stop: &(Mutex<bool>, Condvar)) {
    let mut is_last = false;
    loop {
        let saved = usage
            .advance(ledger)
            .map_err(|error| error.to_string())
            .and_then(|()| usage.save(file).map_err(|error| error.to_string()));
        if let Err(error) = saved {
            tracing::warn!(%error, "the usage file was not written; a restart will count from the ledger");
        }
        if is_last {
            return;
        }
        let guard = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = stop.1.wait_timeout_while(guard, USAGE_EVERY, |stopped| !*stopped);
        is_last = *waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

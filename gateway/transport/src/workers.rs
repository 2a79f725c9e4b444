//! All workers of one listener: started together, drained together.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use thiserror::Error;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::edge::EdgeRules;
use crate::limits::{ConnectionLimits, LimitsError, within};
use crate::listen::{ListenError, listeners};
use crate::metrics::WorkerMetrics;
use crate::service::{PhaseFlag, Service, WorkerContext, WorkerIx};
use crate::tls::TlsSwap;
use crate::tracker::Tracker;
use crate::worker::{Remainder, Shared, Worker};

/// Connections that wait to be accepted, per worker.
const BACKLOG: i32 = 1024;
/// More threads than any machine has cores.
const WORKERS_MAX: usize = 256;

/// A listener to be started.
pub struct WorkersSpec {
    /// Address to listen on; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Workers: one per core that the gateway may use.
    pub workers: usize,
    /// TLS configuration of new connections.
    pub tls: TlsSwap,
    /// What a request head must keep.
    pub rules: EdgeRules,
    /// Limits of each worker's connections.
    pub limits: ConnectionLimits,
}

/// Why the workers did not start. Nothing runs then.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A limit is out of its range.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// A thread or its runtime could not be made.
    #[error("cannot start worker {}: {source}", worker.0)]
    Worker {
        /// Which one.
        worker: WorkerIx,
        /// The cause.
        source: io::Error,
    },
}

/// Running workers. Dropping this ends them at once, without a drain.
pub struct Workers {
    addr: SocketAddr,
    phase: PhaseFlag,
    drain: watch::Sender<Option<Instant>>,
    threads: Vec<JoinHandle<io::Result<Remainder>>>,
    metrics: Vec<Arc<WorkerMetrics>>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that were open at the deadline and cut.
    pub connections_cut: usize,
    /// Requests that were being answered at the deadline and lost.
    pub requests_cut: u64,
    /// Workers that had ended with an error or a panic.
    pub workers_failed: usize,
}

impl DrainReport {
    /// Whether every accepted request was answered.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl Workers {
    /// Binds the address and starts the workers; `make` is called once on each worker's thread.
    /// Returns when every worker accepts.
    ///
    /// # Errors
    /// If the address is taken, a limit is out of range, or a thread cannot be made.
    pub fn start<S: Service>(
        spec: WorkersSpec,
        make: impl Fn(WorkerContext) -> S + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        spec.limits.check()?;
        spec.rules.limits.check()?;
        within("workers", spec.workers, 1, WORKERS_MAX)?;
        let make = Arc::new(make);
        let sockets = listeners(spec.addr, spec.workers, BACKLOG)?;
        let addr = sockets.first().and_then(|socket| socket.local_addr().ok()).unwrap_or(spec.addr);
        let shared = Arc::new(Shared { rules: spec.rules, limits: spec.limits, tls: spec.tls });
        let (drain, watching) = watch::channel(None);
        let mut workers = Self { addr, phase: PhaseFlag::default(), drain, threads: Vec::new(), metrics: Vec::new() };
        let (ready, started) = sync_channel(spec.workers);
        for (ix, socket) in sockets.into_iter().enumerate() {
            let seat = Seat {
                ix: WorkerIx(ix),
                socket,
                shared: Arc::clone(&shared),
                drain: watching.clone(),
                phase: workers.phase.clone(),
                metrics: Arc::default(),
                ready: ready.clone(),
            };
            workers.metrics.push(Arc::clone(&seat.metrics));
            let make = Arc::clone(&make);
            let thread = std::thread::Builder::new()
                .name(format!("sluice-worker-{ix}"))
                .spawn(move || seat.run(&*make))
                .map_err(|source| StartError::Worker { worker: WorkerIx(ix), source })?;
            workers.threads.push(thread);
        }
        drop(ready);
        for _ in 0..spec.workers {
            let (worker, outcome) = started
                .recv()
                .unwrap_or_else(|_| (WorkerIx(0), Err(io::Error::other("the worker ended while it started"))));
            outcome.map_err(|source| StartError::Worker { worker, source })?;
        }
        Ok(workers)
    }

    /// The address that is listened on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The phase that services and readiness see.
    pub fn phase(&self) -> &PhaseFlag {
        &self.phase
    }

    /// The counters, by worker.
    pub fn metrics(&self) -> &[Arc<WorkerMetrics>] {
        &self.metrics
    }

    /// Stops accepting, answers what was accepted, closes every connection, and returns when all
    /// workers have ended: at the latest shortly after `deadline`, by force. Blocks the thread.
    pub fn drain(mut self, deadline: Instant) -> DrainReport {
        self.phase.announce_drain();
        self.drain.send_replace(Some(deadline));
        let mut report = DrainReport::default();
        for thread in std::mem::take(&mut self.threads) {
            match thread.join() {
                Ok(Ok(left)) => {
                    report.connections_cut += left.connections_cut;
                    report.requests_cut += left.requests_cut;
                }
                Ok(Err(_)) | Err(_) => report.workers_failed += 1,
            }
        }
        report
    }
}

/// What one worker's thread is given.
struct Seat {
    ix: WorkerIx,
    socket: TcpListener,
    shared: Arc<Shared>,
    drain: watch::Receiver<Option<Instant>>,
    phase: PhaseFlag,
    metrics: Arc<WorkerMetrics>,
    ready: SyncSender<(WorkerIx, io::Result<()>)>,
}

impl Seat {
    fn run<S: Service>(self, make: impl Fn(WorkerContext) -> S) -> io::Result<Remainder> {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let told = io::Error::new(error.kind(), error.to_string());
                self.ready.send((self.ix, Err(told))).ok();
                return Err(error);
            }
        };
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, async move {
            let context = WorkerContext {
                ix: self.ix,
                phase: self.phase,
                tracker: Tracker::new(Arc::clone(&self.metrics)),
                metrics: self.metrics,
            };
            let worker = Worker::new(&self.shared, make(context.clone()), context);
            self.ready.send((self.ix, Ok(()))).ok();
            // Whoever waits for the start must not wait for this worker's end.
            drop(self.ready);
            worker.run(self.socket, self.drain).await
        })
    }
}

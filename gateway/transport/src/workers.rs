//! All workers of one listener: started together, drained together.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
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
use crate::worker::{Edge, Orders, Remainder, Shared, Worker};

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
    shared: Arc<Shared>,
    orders: Arc<watch::Sender<Orders>>,
    threads: Vec<JoinHandle<io::Result<Remainder>>>,
    metrics: Vec<Arc<WorkerMetrics>>,
}

/// Changes running workers; outlives them without keeping them.
#[derive(Clone)]
pub struct Steering {
    shared: Arc<Shared>,
    orders: Weak<watch::Sender<Orders>>,
}

/// What running workers do from now on.
pub struct Change {
    /// What the next request's head must keep.
    pub rules: EdgeRules,
    /// Bounds from now on; times for the next connection.
    pub limits: ConnectionLimits,
    /// TLS of the next handshake, if it changed; a fresh [`crate::TlsMaterial::server_config`].
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether open connections end, each after the requests that were sent on it: their clients have
    /// to be verified again.
    pub renews_connections: bool,
}

/// The workers have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the gateway is stopping")]
pub struct Ended;

impl Steering {
    /// Applies a change to all workers; no connection is dropped by it.
    ///
    /// # Errors
    /// The workers have ended; nothing was changed.
    pub fn apply(&self, change: Change) -> Result<(), Ended> {
        let orders = self.orders.upgrade().ok_or(Ended)?;
        self.shared.edge.store(Arc::new(Edge { rules: change.rules, limits: change.limits }));
        if let Some(tls) = change.tls {
            self.shared.tls.replace(tls);
        }
        if change.renews_connections {
            orders.send_modify(|orders| orders.renewals += 1);
        }
        Ok(())
    }
}

impl Change {
    /// Whether the limits can be kept.
    ///
    /// # Errors
    /// The first that is out of its range.
    pub fn check(&self) -> Result<(), LimitsError> {
        self.limits.check()?;
        self.rules.limits.check()
    }
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
        let edge = ArcSwap::from_pointee(Edge { rules: spec.rules, limits: spec.limits });
        let shared = Arc::new(Shared { edge, tls: spec.tls });
        let (orders, watching) = watch::channel(Orders::default());
        let mut workers = Self {
            addr,
            phase: PhaseFlag::default(),
            shared: Arc::clone(&shared),
            orders: Arc::new(orders),
            threads: Vec::new(),
            metrics: Vec::new(),
        };
        let (ready, started) = sync_channel(spec.workers);
        for (ix, socket) in sockets.into_iter().enumerate() {
            let seat = Seat {
                ix: WorkerIx(ix),
                socket,
                shared: Arc::clone(&shared),
                orders: watching.clone(),
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

    /// What changes them while they run.
    pub fn steering(&self) -> Steering {
        Steering { shared: Arc::clone(&self.shared), orders: Arc::downgrade(&self.orders) }
    }

    /// The counters, by worker.
    pub fn metrics(&self) -> &[Arc<WorkerMetrics>] {
        &self.metrics
    }

    /// Stops accepting, answers what was accepted, closes every connection, and returns when all
    /// workers have ended: at the latest shortly after `deadline`, by force. Blocks the thread.
    pub fn drain(mut self, deadline: Instant) -> DrainReport {
        self.phase.announce_drain();
        self.orders.send_modify(|orders| orders.drain = Some(deadline));
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
    orders: watch::Receiver<Orders>,
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
            let worker = Worker::new(self.shared, make(context.clone()), context);
            self.ready.send((self.ix, Ok(()))).ok();
            // Whoever waits for the start must not wait for this worker's end.
            drop(self.ready);
            worker.run(self.socket, self.orders).await
        })
    }
}

//! One worker: accepts, and ends in order. What it does with a connection is in `serving`.

mod serving;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use foldhash::fast::RandomState;
use hyper::server::conn::http1;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout_at};

use crate::clock;
use crate::connection::Conn;
use crate::edge::EdgeRules;
use crate::limits::{ConnectionLimits, OVERLOADED_PER_SECOND_MAX, OVERLOADED_RETRY_S};
use crate::metrics::WorkerMetrics;
use crate::service::{Phase, PhaseFlag, Service, WorkerContext};
use crate::share::Places;
use crate::tls::TlsSwap;
use crate::tracker::Tracker;

/// First pause after an accept that failed for want of file descriptors or memory; it doubles.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest such pause.
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What all workers of a listener are given.
pub(crate) struct Shared {
    pub(crate) edge: ArcSwap<Edge>,
    pub(crate) tls: TlsSwap,
}

/// Rules and limits of a listener. Rules and bounds hold for the next request, times for the next connection.
pub(crate) struct Edge {
    pub(crate) rules: EdgeRules,
    pub(crate) limits: ConnectionLimits,
}

/// What workers are told while they run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Orders {
    /// Counts how often every connection was to end after its requests.
    pub(crate) renewals: u64,
    /// The drain has begun, with this deadline.
    pub(crate) drain: Option<Instant>,
}

/// One worker's state. Lives on its thread.
pub(crate) struct Worker<S> {
    pub(crate) service: Rc<S>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    shared: Arc<Shared>,
    places: Rc<Places>,
    phase: PhaseFlag,
    tracker: Tracker,
    http1: http1::Builder,
    renewals: Cell<u64>,
    open: RefCell<HashMap<u64, Rc<Conn>, RandomState>>,
    opened: Cell<u64>,
    /// Connections, handshakes included.
    connections: Cell<usize>,
}

/// What a worker left behind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Remainder {
    pub(crate) connections_cut: usize,
    pub(crate) requests_cut: u64,
}

impl<S: Service> Worker<S> {
    pub(crate) fn new(shared: Arc<Shared>, service: S, context: WorkerContext) -> Rc<Self> {
        Rc::new(Self {
            service: Rc::new(service),
            shared,
            places: Places::new(),
            phase: context.phase,
            tracker: context.tracker,
            metrics: context.metrics,
            http1: serving::http1_builder(),
            renewals: Cell::new(0),
            open: RefCell::default(),
            opened: Cell::new(0),
            connections: Cell::new(0),
        })
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.phase.get() == Phase::Draining
    }

    /// How long a connection that was sent away is not read again: as long as all connections of this worker together
    /// are sent away [`OVERLOADED_PER_SECOND_MAX`] times a second at most, and no longer than they are told to wait.
    pub(crate) fn overloaded_pause(&self) -> Duration {
        let connections = u32::try_from(self.connections.get()).unwrap_or(u32::MAX);
        let each = Duration::from_secs(1) / OVERLOADED_PER_SECOND_MAX;
        each.saturating_mul(connections).min(Duration::from_secs(OVERLOADED_RETRY_S.into()))
    }

    /// Rules and limits now.
    pub(crate) fn edge(&self) -> Guard<Arc<Edge>> {
        self.shared.edge.load()
    }

    /// Accepts until the orders give a deadline, then ends every connection, by force at the deadline.
    ///
    /// # Errors
    /// If the listener cannot be registered with the runtime.
    pub(crate) async fn run(
        self: Rc<Self>,
        listener: TcpListener,
        mut orders: watch::Receiver<Orders>,
    ) -> io::Result<Remainder> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let deadline = self.accept_until(&listener, &mut orders).await;
        self.accept_waiting(listener);
        self.finish_connections();
        let in_time = timeout_at(clock::timer_at(deadline), self.tracker.quiet()).await.is_ok();
        if in_time {
            return Ok(Remainder::default());
        }
        let left = Remainder { connections_cut: self.connections.get(), requests_cut: self.metrics.in_flight.get() };
        self.metrics.cut_forced.add(left.connections_cut as u64);
        Ok(left)
    }

    async fn accept_until(
        self: &Rc<Self>,
        listener: &tokio::net::TcpListener,
        orders: &mut watch::Receiver<Orders>,
    ) -> Instant {
        let mut pause = ACCEPT_PAUSE_MIN;
        loop {
            let accepted = tokio::select! {
                biased;
                change = orders.changed() => {
                    let told = *orders.borrow_and_update();
                    // The sender is gone only if the process drops its workers: stop at once.
                    if change.is_err() || told.drain.is_some() {
                        return told.drain.unwrap_or_else(clock::now);
                    }
                    if self.renewals.replace(told.renewals) != told.renewals {
                        self.finish_connections();
                    }
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let outcome = accepted.and_then(|(stream, addr)| self.admit(stream, addr));
            match outcome {
                Ok(()) => pause = ACCEPT_PAUSE_MIN,
                Err(error) if is_of_one_connection(&error) => self.metrics.accept_errors.add(1),
                Err(error) => {
                    self.metrics.accept_errors.add(1);
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections; trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                }
            }
        }
    }

    fn finish_connections(&self) {
        self.open.borrow().values().for_each(|conn| conn.finish());
    }

    /// Closing a listener resets what waits in its queue, so that is taken first.
    fn accept_waiting(self: &Rc<Self>, listener: tokio::net::TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, addr)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if stream.and_then(|stream| self.admit(stream, addr)).is_err() {
                self.metrics.accept_errors.add(1);
            }
        }
    }

    /// Serves a connection, or closes it at once where the worker has as many as it may.
    ///
    /// # Errors
    /// File descriptors run out: accepting has to pause.
    fn admit(self: &Rc<Self>, stream: TcpStream, addr: SocketAddr) -> io::Result<()> {
        self.metrics.accepted.add(1);
        let limits = &self.edge().limits;
        // The system gives the lowest free number, so a high one tells that few are left.
        if stream.as_raw_fd() >= limits.descriptors_max {
            self.metrics.connections_refused.add(1);
            return Err(io::Error::other("too few file descriptors are left"));
        }
        if self.connections.get() >= limits.connections_max {
            self.metrics.connections_refused.add(1);
            return Ok(());
        }
        let slot = Slot::take(self);
        self.tracker.spawn(async move { slot.0.serve(stream, addr).await });
        Ok(())
    }
}

/// A place among the worker's connections.
struct Slot<S: Service>(Rc<Worker<S>>);

impl<S: Service> Slot<S> {
    fn take(worker: &Rc<Worker<S>>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl<S: Service> Drop for Slot<S> {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get().saturating_sub(1));
    }
}

/// Errors of `accept` that say nothing about the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

//! One worker: accepts, shakes hands, serves, and ends in order.

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
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock;
use crate::connection::{Conn, Cut, drive};
use crate::edge::EdgeRules;
use crate::limits::{
    ConnectionLimits, HTTP1_BUFFER_BYTES, HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_HEADER_LIST_BYTES, HTTP2_LOCAL_RESETS,
    HTTP2_PENDING_RESETS, HTTP2_PIECE_BYTES, HTTP2_PING_INTERVAL, HTTP2_PING_TIMEOUT, HTTP2_STREAM_WINDOW_BYTES,
};
use crate::metrics::{HandshakeFailure, WorkerMetrics};
use crate::peer::{Peer, Protocol};
use crate::request::answer;
use crate::service::{Phase, PhaseFlag, Service, WorkerContext};
use crate::share::Places;
use crate::streams::Streams;
use crate::tls::TlsSwap;
use crate::tracker::Tracker;
use crate::wire::Wire;

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
            http1: http1_builder(),
            renewals: Cell::new(0),
            open: RefCell::default(),
            opened: Cell::new(0),
            connections: Cell::new(0),
        })
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.phase.get() == Phase::Draining
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

    async fn serve(self: &Rc<Self>, stream: TcpStream, addr: SocketAddr) {
        // An answer is one write; waiting for more would only delay it.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let (started, renewals) = (clock::now(), self.renewals.get());
        let edge = self.shared.edge.load_full();
        let handshake = TlsAcceptor::from(self.shared.tls.current()).accept(stream);
        let stream = match timeout(edge.limits.timeouts.handshake, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return self.metrics.handshake_failed(failure(&error)),
            Err(_) => return self.metrics.handshake_failed(HandshakeFailure::Timeout),
        };
        // Resumption does not verify the certificate again.
        let peer = peer_of(&stream, addr).filter(|peer| peer.is_current(clock::now_unix_s()));
        let Some(peer) = peer else {
            return self.metrics.handshake_failed(HandshakeFailure::CertificateExpired);
        };
        self.metrics.handshakes_ok.add(1);
        self.metrics.handshakes_resumed.add(u64::from(peer.tls_resumed));
        self.metrics.handshake.observe(clock::now().saturating_duration_since(started));
        let share = self.places.share(&self.service.party(&peer));
        let registered = Registered::new(self, Rc::new(Conn::new(peer, share)));
        // Whoever shook hands with an authority that is trusted no more is not served on.
        if self.is_draining() || self.renewals.get() != renewals {
            registered.conn.finish();
        }
        self.speak(stream, &registered.conn, &edge.limits).await;
    }

    async fn speak(self: &Rc<Self>, stream: TlsStream<TcpStream>, conn: &Rc<Conn>, limits: &ConnectionLimits) {
        let timeouts = &limits.timeouts;
        let io = TokioIo::new(Wire::new(stream, Rc::clone(conn), timeouts));
        let service = service_fn({
            let (worker, conn) = (Rc::clone(self), Rc::clone(conn));
            move |request| answer(&worker, &conn, request)
        });
        let end = match conn.peer.protocol {
            Protocol::Http1 => {
                let connection = self.http1.serve_connection(io, service);
                drive(connection, http1::Connection::graceful_shutdown, conn, timeouts).await
            }
            Protocol::Http2 => {
                let streams = Streams {
                    tracker: self.tracker.clone(),
                    conn: Rc::clone(conn),
                    write_max: timeouts.write,
                    metrics: Arc::clone(&self.metrics),
                };
                let connection = http2_builder(streams, limits).serve_connection(io, service);
                drive(connection, http2::Connection::graceful_shutdown, conn, timeouts).await
            }
        };
        self.count_end(end, conn);
    }

    fn count_end(&self, end: Option<hyper::Result<()>>, conn: &Conn) {
        let metrics = &self.metrics;
        match conn.why_cut() {
            Some(Cut::Silent) => metrics.cut_silent.add(1),
            Some(Cut::SlowHead) => metrics.cut_slow_head.add(1),
            Some(Cut::SlowReader) => metrics.cut_slow_reader.add(1),
            Some(Cut::Forced) => metrics.cut_forced.add(1),
            Some(Cut::Idle) => metrics.closed_idle.add(1),
            Some(Cut::Age) => metrics.closed_age.add(1),
            None => {}
        }
        if let Some(Err(error)) = end
            && error.is_parse()
        {
            let count = if error.is_parse_too_large() { &metrics.bare_too_large } else { &metrics.bare_malformed };
            count.add(1);
        }
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

/// A connection that drain can find.
struct Registered<'a, S: Service> {
    worker: &'a Worker<S>,
    conn: Rc<Conn>,
    id: u64,
}

impl<'a, S: Service> Registered<'a, S> {
    fn new(worker: &'a Worker<S>, conn: Rc<Conn>) -> Self {
        let id = worker.opened.get();
        worker.opened.set(id + 1);
        worker.open.borrow_mut().insert(id, Rc::clone(&conn));
        let registered = Self { worker, conn, id };
        registered.active().add(1);
        registered
    }

    fn active(&self) -> &crate::metrics::Number {
        match self.conn.peer.protocol {
            Protocol::Http1 => &self.worker.metrics.active_http1,
            Protocol::Http2 => &self.worker.metrics.active_http2,
        }
    }
}

impl<S: Service> Drop for Registered<'_, S> {
    fn drop(&mut self) {
        self.worker.open.borrow_mut().remove(&self.id);
        self.active().sub(1);
    }
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // `max_headers` keeps hyper's default, HTTP1_HEADERS: setting it costs a copy per head.
    builder
        .timer(TokioTimer::new())
        // See `wire`: slow heads and silence are ours.
        .header_read_timeout(None)
        .max_buf_size(HTTP1_BUFFER_BYTES)
        .half_close(false);
    builder
}

fn http2_builder(streams: Streams, limits: &ConnectionLimits) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(HTTP2_HEADER_LIST_BYTES)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS)
        .max_local_error_reset_streams(HTTP2_LOCAL_RESETS)
        .max_send_buf_size(HTTP2_PIECE_BYTES)
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT);
    builder
}

/// Errors of `accept` that say nothing about the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn peer_of(stream: &TlsStream<TcpStream>, addr: SocketAddr) -> Option<Peer> {
    let (_, tls) = stream.get_ref();
    let certificate = tls.peer_certificates()?.first()?;
    let mut peer = Peer::from_certificate(certificate, addr).ok()?;
    peer.sni = tls.server_name().map(|name| name.to_ascii_lowercase().into());
    peer.tls_resumed = tls.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    if tls.alpn_protocol() == Some(b"h2") {
        peer.protocol = Protocol::Http2;
    }
    Some(peer)
}

fn failure(error: &io::Error) -> HandshakeFailure {
    use rustls::{CertificateError, Error};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::NoCertificatesPresented) => HandshakeFailure::NoCertificate,
        Some(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => HandshakeFailure::CertificateExpired,
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            HandshakeFailure::CertificateUntrusted
        }
        Some(Error::InvalidCertificate(_)) => HandshakeFailure::CertificateOther,
        Some(Error::PeerIncompatible(_)) => HandshakeFailure::Incompatible,
        Some(_) => HandshakeFailure::Protocol,
        None => HandshakeFailure::Aborted,
    }
}

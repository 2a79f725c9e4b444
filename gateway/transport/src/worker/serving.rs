//! One connection of a worker: handshake, protocol, and what its end is counted as.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock;
use crate::connection::{Conn, Cut, drive};
use crate::limits::{
    ConnectionLimits, HTTP1_BUFFER_BYTES, HTTP2_CONNECTION_WINDOW_BYTES, HTTP2_HEADER_LIST_BYTES, HTTP2_LOCAL_RESETS,
    HTTP2_PENDING_RESETS, HTTP2_PIECE_BYTES, HTTP2_PING_INTERVAL, HTTP2_PING_TIMEOUT, HTTP2_STREAM_WINDOW_BYTES,
};
use crate::metrics::{HandshakeFailure, Number};
use crate::peer::{Peer, Protocol};
use crate::request::answer;
use crate::service::Service;
use crate::streams::Streams;
use crate::wire::Wire;

use super::Worker;

impl<S: Service> Worker<S> {
    /// From handshake to close.
    pub(super) async fn serve(self: &Rc<Self>, stream: TcpStream, addr: SocketAddr) {
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
        match end {
            Some(Err(error)) if error.is_parse_too_large() => metrics.bare_too_large.add(1),
            Some(Err(error)) if error.is_parse() => metrics.bare_malformed.add(1),
            Some(Err(error)) if breaks_http2(&error) => metrics.cut_http2.add(1),
            _ => {}
        }
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

    fn active(&self) -> &Number {
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

pub(super) fn http1_builder() -> http1::Builder {
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

/// Whether the HTTP/2 library ended the connection because of what the peer sent.
fn breaks_http2(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_go_away() && cause.is_library())
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

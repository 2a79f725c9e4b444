//! A small HTTP/1.1 server: the ops listener, the demo's departmental systems, a witness.
//!
//! Its callers are few and mostly programs on the same machine, but every connection, head and body still has a limit
//! (law 6), so that none of them can hold the process.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A complete answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// How long accepting pauses after it failed, as it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Largest request head: the longest a caller of ours sends has well under 2 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Limits of one such server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections at once; further ones wait in the accept queue.
    pub(crate) connections_max: usize,
    /// Largest request body, in bytes.
    pub(crate) body_bytes_max: usize,
    /// Longest wait for a head, which is also how long an idle connection is kept.
    pub(crate) idle: Duration,
    /// Longest wait for a body.
    pub(crate) body: Duration,
}

/// Serves until the future is dropped, which also drops every connection.
pub(crate) async fn serve<A>(listener: TcpListener, answer: A, bounds: Bounds) -> Infallible
where
    A: Fn(Request<Bytes>) -> Answer + Send + Sync + 'static,
{
    serve_over(listener, None, answer, bounds).await
}

/// The same, over TLS if there is an acceptor.
pub(crate) async fn serve_over<A>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answer: A,
    bounds: Bounds,
) -> Infallible
where
    A: Fn(Request<Bytes>) -> Answer + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= bounds.connections_max {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer fits into one segment; waiting for more to send would only delay it.
                let _ = stream.set_nodelay(true);
                let (answer, tls) = (Arc::clone(&answer), tls.clone());
                connections.spawn(async move {
                    let Some(tls) = tls else { return connection(stream, answer, bounds).await };
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                        connection(stream, answer, bounds).await;
                    }
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection<S, A>(stream: S, answer: Arc<A>, bounds: Bounds)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Request<Bytes>) -> Answer + Send + Sync + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let answer = Arc::clone(&answer);
        async move { Ok::<_, Infallible>(read_and_answer(request, &*answer, bounds).await) }
    });
    // A peer that breaks off has no one left to tell.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.idle)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn read_and_answer<A>(request: Request<Incoming>, answer: &A, bounds: Bounds) -> Answer
where
    A: Fn(Request<Bytes>) -> Answer,
{
    let (head, body) = request.into_parts();
    let body = Limited::new(body, bounds.body_bytes_max).collect();
    match tokio::time::timeout(bounds.body, body).await {
        Ok(Ok(body)) => answer(Request::from_parts(head, body.to_bytes())),
        Ok(Err(_)) => text(StatusCode::PAYLOAD_TOO_LARGE, "body too large or broken off\n"),
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "body too slow\n"),
    }
}

/// A plain-text answer.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, "text/plain; charset=utf-8", body)
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, "application/json", body)
}

/// An answer of any content type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    answer
}

//! One request: counted, checked against the edge rules, handed to the service.

use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, Response, request};
use hyper::body::Incoming;
use sluice_domain::{Code, Fact, Fault, Refusal};

use crate::body;
use crate::connection::Conn;
use crate::edge::{self, Head};
use crate::limits::OVERLOADED_RETRY_S;
use crate::metrics::WorkerMetrics;
use crate::outgoing::Outgoing;
use crate::peer::Protocol;
use crate::service::Service;
use crate::share::Place;
use crate::worker::Worker;

/// A request that is being answered; ends when the answer's body is dropped.
pub(crate) struct Flight {
    conn: Rc<Conn>,
    metrics: Arc<WorkerMetrics>,
    /// Its place among the requests in work; a refused one has none.
    place: Option<Place>,
}

impl Flight {
    fn begin(conn: &Rc<Conn>, metrics: &Arc<WorkerMetrics>) -> Self {
        conn.begin_request();
        metrics.requests.add(1);
        metrics.in_flight.add(1);
        Self { conn: Rc::clone(conn), metrics: Arc::clone(metrics), place: None }
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.place = None;
        self.metrics.in_flight.sub(1);
        self.conn.end_request();
    }
}

/// Judges the head at once, before hyper reads on, and answers when polled.
pub(crate) fn answer<S: Service>(
    worker: &Rc<Worker<S>>,
    conn: &Rc<Conn>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Outgoing<S::Body>>, Infallible>> + use<S> {
    let mut flight = Flight::begin(conn, &worker.metrics);
    let admitted = admit(worker, conn, &request).map(|place| flight.place = Some(place));
    let (worker, conn) = (Rc::clone(worker), Rc::clone(conn));
    async move {
        let (service, peer) = (Rc::clone(&worker.service), Rc::clone(&conn.peer));
        let mut response = match admitted {
            Ok(()) => service.call(request, peer).await,
            Err(refusal) => {
                worker.metrics.refused(refusal.code);
                let (head, unread) = request.into_parts();
                // A busy worker keeps the connections of those it sends away: new handshakes would cost more.
                if refusal.code != Code::ExchangeOverloaded || !is_passed_over(&conn, &head, unread).await {
                    conn.finish();
                } else if conn.peer.protocol == Protocol::Http1 {
                    conn.pause(worker.overloaded_pause());
                }
                service.refuse(&head, peer, refusal).await
            }
        };
        Ok(match conn.peer.protocol {
            Protocol::Http1 => {
                if worker.is_draining() || conn.is_finishing() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response.map(|body| Outgoing::whole(body, flight))
            }
            Protocol::Http2 => response.map(|body| Outgoing::in_pieces(body, flight)),
        })
    }
}

/// Whether a connection can go on although nobody wants this request's body. A stream of HTTP/2 ends by
/// itself; a caller that waits for 100 (Continue) is not asked for its body.
async fn is_passed_over(conn: &Conn, head: &request::Parts, body: Incoming) -> bool {
    let waits = head.headers.contains_key(EXPECT);
    conn.peer.protocol == Protocol::Http2 || (!waits && body::pass_over(body).await.is_ok())
}

/// Framing first, so that a sender of ambiguous heads is told so even under load.
fn admit<S: Service>(worker: &Worker<S>, conn: &Conn, request: &Request<Incoming>) -> Result<Place, Refusal> {
    let raw = conn.judge_head(request.method(), request.headers());
    raw.map_err(|fault: Fault| Refusal::fault(Code::RequestMalformed, fault))?;
    let head = Head {
        method: request.method(),
        uri: request.uri(),
        version: request.version(),
        headers: request.headers(),
        sni: conn.peer.sni.as_deref(),
    };
    let edge = worker.edge();
    edge::check(&head, &edge.rules)?;
    // A worker that drains says so to everyone, however busy it is.
    if worker.is_draining() {
        return Ok(conn.share.take_any());
    }
    let overloaded = || Refusal::new(Code::ExchangeOverloaded).with(Fact::RetryAfterS(OVERLOADED_RETRY_S));
    conn.share.take(edge.limits.in_flight_max).ok_or_else(overloaded)
}

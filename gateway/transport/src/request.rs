//! One request: counted, checked against the edge rules, handed to the service.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use sluice_domain::{Code, Fact, Fault, Refusal};

use crate::connection::Conn;
use crate::edge::{self, Head};
use crate::metrics::WorkerMetrics;
use crate::outgoing::Outgoing;
use crate::peer::Protocol;
use crate::service::Service;
use crate::worker::Worker;

/// Seconds after which an overloaded worker is worth another try.
const OVERLOADED_RETRY_S: u32 = 1;

/// A request that is being answered; ends when the answer's body is dropped.
pub(crate) struct Flight {
    conn: Rc<Conn>,
    in_flight: Rc<InFlight>,
}

/// Requests in flight on one worker, in all and by client certificate.
pub(crate) struct InFlight {
    metrics: Arc<WorkerMetrics>,
    by_peer: RefCell<HashMap<[u8; 32], usize, RandomState>>,
}

/// One client may hold this part of a worker's requests, so that a slow or hostile one cannot shut out the others.
const PEER_PART: usize = 8;
/// And at least so many, however small the worker's maximum is.
const PEER_MIN: usize = 32;

impl InFlight {
    pub(crate) fn new(metrics: Arc<WorkerMetrics>) -> Self {
        Self { metrics, by_peer: RefCell::default() }
    }

    fn enter(&self, fingerprint: &[u8; 32]) {
        self.metrics.requests.add(1);
        self.metrics.in_flight.add(1);
        *self.by_peer.borrow_mut().entry(*fingerprint).or_default() += 1;
    }

    fn leave(&self, fingerprint: &[u8; 32]) {
        self.metrics.in_flight.sub(1);
        let mut by_peer = self.by_peer.borrow_mut();
        if let Some(count) = by_peer.get_mut(fingerprint) {
            *count -= 1;
            // Clients without a request are forgotten: the map is bounded by the requests in flight.
            if *count == 0 {
                by_peer.remove(fingerprint);
            }
        }
    }

    fn is_full(&self, fingerprint: &[u8; 32], max: usize) -> bool {
        let of_peer = self.by_peer.borrow().get(fingerprint).copied().unwrap_or_default();
        self.metrics.in_flight.get() > max as u64 || of_peer > (max / PEER_PART).max(PEER_MIN)
    }
}

impl Flight {
    fn begin(conn: &Rc<Conn>, in_flight: &Rc<InFlight>) -> Self {
        conn.begin_request();
        in_flight.enter(&conn.peer.fingerprint);
        Self { conn: Rc::clone(conn), in_flight: Rc::clone(in_flight) }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.in_flight.leave(&self.conn.peer.fingerprint);
        self.conn.end_request();
    }
}

/// Judges the head at once, before hyper reads on, and answers when polled.
pub(crate) fn answer<S: Service>(
    worker: &Rc<Worker<S>>,
    conn: &Rc<Conn>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Outgoing<S::Body>>, Infallible>> + use<S> {
    let flight = Flight::begin(conn, &worker.in_flight);
    let admitted = admit(worker, conn, &request);
    let (worker, conn) = (Rc::clone(worker), Rc::clone(conn));
    async move {
        let (service, peer) = (Rc::clone(&worker.service), Rc::clone(&conn.peer));
        let mut response = match admitted {
            Ok(()) => service.call(request, peer).await,
            Err(refusal) => {
                worker.metrics.refused(refusal.code);
                if refusal.code != Code::ExchangeOverloaded {
                    conn.finish();
                }
                let (head, _unread) = request.into_parts();
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

/// Framing first, so that a sender of ambiguous heads is told so even under load.
fn admit<S: Service>(worker: &Worker<S>, conn: &Conn, request: &Request<Incoming>) -> Result<(), Refusal> {
    let raw = conn.judge_head(request.method(), request.headers());
    raw.map_err(|fault: Fault| Refusal::fault(Code::RequestMalformed, fault))?;
    let head = Head {
        method: request.method(),
        uri: request.uri(),
        version: request.version(),
        headers: request.headers(),
        sni: conn.peer.sni.as_deref(),
    };
    edge::check(&head, &worker.rules)?;
    if worker.in_flight.is_full(&conn.peer.fingerprint, worker.limits.in_flight_max) {
        return Err(Refusal::new(Code::ExchangeOverloaded).with(Fact::RetryAfterS(OVERLOADED_RETRY_S)));
    }
    Ok(())
}

//! One request: counted, checked against the edge rules, handed to the service.

use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;

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

/// Requests in flight on one worker.
pub(crate) struct InFlight(pub(crate) std::sync::Arc<WorkerMetrics>);

impl Flight {
    fn begin(conn: &Rc<Conn>, in_flight: &Rc<InFlight>) -> Self {
        conn.begin_request();
        in_flight.0.requests.add(1);
        in_flight.0.in_flight.add(1);
        Self { conn: Rc::clone(conn), in_flight: Rc::clone(in_flight) }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.in_flight.0.in_flight.sub(1);
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
    if worker.metrics.in_flight.get() > worker.limits.in_flight_max as u64 {
        return Err(Refusal::new(Code::ExchangeOverloaded).with(Fact::RetryAfterS(OVERLOADED_RETRY_S)));
    }
    Ok(())
}

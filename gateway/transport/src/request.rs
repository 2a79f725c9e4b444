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
use crate::outgoing::Outgoing;
use crate::peer::Protocol;
use crate::service::Service;
use crate::worker::Worker;

/// Seconds after which an overloaded worker is worth another try.
const OVERLOADED_RETRY_S: u32 = 1;

/// A request that is being answered; ends when the answer's body is dropped.
pub(crate) struct Flight(Rc<Conn>);

impl Flight {
    fn begin(conn: &Rc<Conn>) -> Self {
        conn.begin_request();
        Self(Rc::clone(conn))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// Judges the head at once, before hyper reads on, and answers when polled.
pub(crate) fn answer<S: Service>(
    worker: &Rc<Worker<S>>,
    conn: &Rc<Conn>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Outgoing<S::Body>>, Infallible>> + use<S> {
    let flight = Flight::begin(conn);
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
    if conn.is_worker_full(worker.limits.in_flight_max) {
        return Err(Refusal::new(Code::ExchangeOverloaded).with(Fact::RetryAfterS(OVERLOADED_RETRY_S)));
    }
    Ok(())
}

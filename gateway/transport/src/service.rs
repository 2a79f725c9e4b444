//! The seam between this crate and what answers requests.

use std::error::Error;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Request, Response, request};
use http_body::Body;
use hyper::body::Incoming;
use sluice_domain::Refusal;

use crate::metrics::WorkerMetrics;
use crate::peer::Peer;
use crate::tracker::Tracker;

/// Position of a worker, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerIx(pub usize);

/// What answers requests on one worker. Made on the worker's thread and never leaves it.
pub trait Service: 'static {
    /// Body of an answer. Its error cuts the answer off so that the caller sees it: the connection is closed, or the
    /// stream reset.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + 'static;

    /// Key of the party behind a certificate: its connections share one part of the worker's places.
    /// Asked once for each connection; certificates of nobody known have one key in common.
    fn party(&self, peer: &Peer) -> Box<str>;

    /// Answers a request that passed the edge rules. Dropped if the caller goes away.
    fn call(self: Rc<Self>, request: Request<Incoming>, peer: Rc<Peer>) -> impl Future<Output = Response<Self::Body>>;

    /// Words a refusal of the edge, and records it where it must be recorded.
    fn refuse(
        self: Rc<Self>,
        head: &request::Parts,
        peer: Rc<Peer>,
        refusal: Refusal,
    ) -> impl Future<Output = Response<Self::Body>>;
}

/// What a service may use of its worker.
#[derive(Clone)]
pub struct WorkerContext {
    /// Which worker.
    pub ix: WorkerIx,
    /// Whether the process is going down.
    pub phase: PhaseFlag,
    /// Spawns tasks on this worker.
    pub tracker: Tracker,
    /// Counters of this worker.
    pub metrics: Arc<WorkerMetrics>,
}

/// Whether new work is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Normal operation.
    Serving,
    /// The process is going down: what arrives is answered, and every answer ends its connection.
    Draining,
}

/// The phase of all workers.
#[derive(Debug, Clone, Default)]
pub struct PhaseFlag(Arc<AtomicBool>);

impl PhaseFlag {
    /// The phase now.
    pub fn get(&self) -> Phase {
        if self.0.load(Ordering::Relaxed) { Phase::Draining } else { Phase::Serving }
    }

    /// Announces the drain before it begins, so that readiness and late requests can say so.
    pub fn announce_drain(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

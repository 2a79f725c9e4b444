//! How many requests a worker has in work, in all and by client certificate: one client may hold a
//! part of them, so that a slow or hostile one cannot shut out the others.
//!
//! A connection looks its client up once; after that a request counts without a look at the map.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::metrics::WorkerMetrics;

/// The part of a worker's requests that one client may hold.
const PEER_PART: usize = 8;
/// And at least so many, however small the worker's maximum is.
const PEER_MIN: usize = 32;

type Counts = RefCell<HashMap<[u8; 32], Rc<Cell<usize>>, RandomState>>;

/// Requests in flight on one worker.
pub(crate) struct InFlight {
    metrics: Arc<WorkerMetrics>,
    /// Clients with a connection, by fingerprint.
    by_peer: Counts,
}

impl InFlight {
    pub(crate) fn new(metrics: Arc<WorkerMetrics>) -> Self {
        Self { metrics, by_peer: RefCell::default() }
    }

    /// The client's count, which all its connections share.
    pub(crate) fn of_peer(self: &Rc<Self>, fingerprint: [u8; 32]) -> OfPeer {
        let count = Rc::clone(self.by_peer.borrow_mut().entry(fingerprint).or_default());
        OfPeer { worker: Rc::clone(self), fingerprint, count }
    }
}

/// Requests in flight of one client, as one of its connections sees them.
pub(crate) struct OfPeer {
    worker: Rc<InFlight>,
    fingerprint: [u8; 32],
    count: Rc<Cell<usize>>,
}

impl OfPeer {
    pub(crate) fn enter(&self) {
        self.worker.metrics.requests.add(1);
        self.worker.metrics.in_flight.add(1);
        self.count.set(self.count.get() + 1);
    }

    pub(crate) fn leave(&self) {
        self.worker.metrics.in_flight.sub(1);
        self.count.set(self.count.get().saturating_sub(1));
    }

    /// Whether the worker has more than `max` in work, or this client more than its part of them.
    pub(crate) fn is_full(&self, max: usize) -> bool {
        self.worker.metrics.in_flight.get() > max as u64 || self.count.get() > (max / PEER_PART).max(PEER_MIN)
    }
}

impl Drop for OfPeer {
    /// The last connection of a client takes its entry along: the map is bounded by the connections.
    fn drop(&mut self) {
        if Rc::strong_count(&self.count) == 2 {
            self.worker.by_peer.borrow_mut().remove(&self.fingerprint);
        }
    }
}

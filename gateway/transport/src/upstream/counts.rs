//! What pools count. Each pool writes its own block, as workers do; readers add up the blocks of an endpoint.

use crate::metrics::{Histogram, HistogramSnapshot, Number};

/// Counters of one worker's pool to one endpoint.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connects_ok: Number,
    pub(super) connects_failed: Number,
    pub(super) connect: Histogram,
    pub(super) open: Number,
    pub(super) idle: Number,
    pub(super) reused: Number,
    pub(super) retries: Number,
}

/// The counters of an endpoint at a moment, all workers added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolSnapshot {
    /// Connections made.
    pub connects_ok: u64,
    /// Connections that failed.
    pub connects_failed: u64,
    /// Duration of successful connects, TLS included.
    pub connect: HistogramSnapshot,
    /// Open connections.
    pub open: u64,
    /// Of those, idle.
    pub idle: u64,
    /// Requests sent over a connection that had served before.
    pub reused: u64,
    /// Requests sent a second time because the first never left.
    pub retries: u64,
}

impl PoolSnapshot {
    pub(super) fn add(&mut self, counts: &Counts) {
        self.connects_ok += counts.connects_ok.get();
        self.connects_failed += counts.connects_failed.get();
        self.connect.add(&counts.connect.snapshot());
        self.open += counts.open.get();
        self.idle += counts.idle.get();
        self.reused += counts.reused.get();
        self.retries += counts.retries.get();
    }
}

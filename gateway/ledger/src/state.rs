//! Whether the ledger takes records, and the figures that operators watch.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::as_us;

/// Why a record was not made durable. Nothing may be disclosed on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// More records wait than the configured backlog allows. Later ones may succeed.
    #[error("too many records wait for the disk")]
    Backlog,
    /// No spare segment is ready. Later records may succeed.
    #[error("no spare segment is ready")]
    NoSpare,
    /// A write failed; the ledger stays closed until restarted.
    #[error("a write to the log failed")]
    WriteFailed,
    /// A sync failed; the ledger stays closed until restarted.
    #[error("a sync of the log failed")]
    Poisoned,
    /// Durable, and not cosigned by enough witnesses in time. Others are not concerned.
    #[error("witnesses did not cosign in time")]
    Unwitnessed,
    /// The ledger was stopped.
    #[error("the ledger is stopped")]
    Stopped,
    /// The closure wrote nothing, more than 65,519 bytes, or changed bytes that were there.
    #[error("the record is empty, too long or malformed")]
    BadRecord,
}

/// What `/readyz` says of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Two spare segments or more.
    Ok,
    /// Serves, with fewer spares than it should have.
    Low,
    /// Takes no records.
    Closed,
    /// Takes no records, because a sync failed; needs a restart.
    Poisoned,
}

/// The state as one atomic byte, read on every append. Poison and write failure never clear.
#[derive(Default)]
pub(crate) struct Gate(AtomicU8);

const OPEN: u8 = 0;
const NO_SPARE: u8 = 1;
const STOPPED: u8 = 2;
const WRITE_FAILED: u8 = 3;
const POISONED: u8 = 4;

impl Gate {
    pub(crate) fn check(&self) -> Result<(), Closed> {
        match self.0.load(Ordering::Acquire) {
            OPEN => Ok(()),
            NO_SPARE => Err(Closed::NoSpare),
            WRITE_FAILED => Err(Closed::WriteFailed),
            POISONED => Err(Closed::Poisoned),
            _ => Err(Closed::Stopped),
        }
    }

    /// Closes for a reason; a worse one is never replaced.
    pub(crate) fn close(&self, why: Closed) {
        let code = match why {
            Closed::NoSpare => NO_SPARE,
            Closed::WriteFailed => WRITE_FAILED,
            Closed::Poisoned => POISONED,
            Closed::Stopped => STOPPED,
            Closed::Backlog | Closed::BadRecord | Closed::Unwitnessed => return,
        };
        self.0.fetch_max(code, Ordering::AcqRel);
    }

    /// A spare segment is there again.
    pub(crate) fn spare_came(&self) {
        let _other_state = self.0.compare_exchange(NO_SPARE, OPEN, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Upper bounds of the fsync histogram in microseconds; a last bucket takes the rest.
pub const FSYNC_BOUNDS_US: [u64; 10] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000];

/// Counters, written by the writer and the background threads only.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) write_errors: AtomicU64,
    pub(crate) spares: AtomicU32,
    pub(crate) last_checkpoint_us: AtomicU64,
    pub(crate) checkpoint_errors: AtomicU64,
    fsync_last_us: AtomicU64,
    fsync_sum_us: AtomicU64,
    fsync_buckets: [AtomicU64; FSYNC_BOUNDS_US.len() + 1],
}

impl Counters {
    pub(crate) fn synced(&self, took: Duration) {
        let took = as_us(took);
        self.fsync_last_us.store(took, Ordering::Relaxed);
        self.fsync_sum_us.fetch_add(took, Ordering::Relaxed);
        let bucket = FSYNC_BOUNDS_US.partition_point(|bound| *bound < took);
        if let Some(count) = self.fsync_buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self, queue_depth: u64) -> Metrics {
        let mut fsync_counts = [0; FSYNC_BOUNDS_US.len() + 1];
        for (count, counter) in fsync_counts.iter_mut().zip(&self.fsync_buckets) {
            *count = counter.load(Ordering::Relaxed);
        }
        Metrics {
            records: self.records.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            write_errors: self.write_errors.load(Ordering::Relaxed),
            spares: self.spares.load(Ordering::Relaxed),
            last_checkpoint_us: self.last_checkpoint_us.load(Ordering::Relaxed),
            checkpoint_errors: self.checkpoint_errors.load(Ordering::Relaxed),
            queue_depth,
            fsync_last_us: self.fsync_last_us.load(Ordering::Relaxed),
            fsync_sum_us: self.fsync_sum_us.load(Ordering::Relaxed),
            fsync_counts,
        }
    }
}

/// Figures since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Records made durable.
    pub records: u64,
    /// Group commits.
    pub batches: u64,
    /// Bytes of frames written.
    pub bytes: u64,
    /// Failed writes and syncs.
    pub write_errors: u64,
    /// Spare segments ready.
    pub spares: u32,
    /// When the last checkpoint was stored, microseconds since 1970; 0 for never.
    pub last_checkpoint_us: u64,
    /// Checkpoints or tiles that could not be stored.
    pub checkpoint_errors: u64,
    /// Records handed over and not yet durable.
    pub queue_depth: u64,
    /// Duration of the last fdatasync in microseconds.
    pub fsync_last_us: u64,
    /// Sum of all durations.
    pub fsync_sum_us: u64,
    /// fdatasync calls per bucket of `FSYNC_BOUNDS_US`, not cumulative; the last counts the slower ones.
    pub fsync_counts: [u64; FSYNC_BOUNDS_US.len() + 1],
}

/// Locks a mutex of plain data. A thread that panicked while holding it left the data as it was.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

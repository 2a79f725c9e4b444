//! What the workers, the writer and the background threads of one open ledger share.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::task::Waker;
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::archive::{Marks, ReadError};
use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::lane::{Backlog, CONTROL_WORKER, Lane, Urgency};
use crate::note::Signer;
use crate::proof::TileSource;
use crate::record::RequestKey;
use crate::room::RoomWatch;
use crate::salt::SaltKey;
use crate::state::{Counters, Gate, lock};
use crate::storage::{Storage, StorageFile};
use crate::tiles::Tiles;
use crate::tree::TreeHead;
use crate::witness::{Rounds, Tree};

/// The writer is at work and looks at the lanes before it sleeps.
const BUSY: u8 = 0;
/// It sleeps for a moment; only a record that somebody waits for wakes it.
const LIGHT: u8 = 1;
/// It sleeps until any record comes.
const DEEP: u8 = 2;

/// Intervals and sizes that stay the same while the ledger is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) commit_window: Duration,
    pub(crate) checkpoint_every: Duration,
    pub(crate) heartbeat_every: Duration,
    pub(crate) segment_bytes: u64,
}

/// A zero-filled segment, open.
pub(crate) struct Spare {
    pub(crate) number: u32,
    pub(crate) file: Box<dyn StorageFile>,
}

/// Spares in ascending order, and the number of the next to make.
pub(crate) struct Spares {
    pub(crate) ready: Vec<Spare>,
    pub(crate) next_number: u32,
}

/// Leaves that are durable and not yet in tiles, with the head that includes them.
pub(crate) struct Harvest {
    pub(crate) leaves: Vec<Hash>,
    pub(crate) head: TreeHead,
}

/// Lanes by worker; a taken lane has a living appender.
#[derive(Default)]
pub(crate) struct Registry {
    lanes: Vec<(Arc<Lane>, bool)>,
    is_ended: bool,
}

/// See the module.
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) node: u16,
    pub(crate) salt: SaltKey,
    pub(crate) signer: Signer,
    pub(crate) pace: Pace,
    pub(crate) backlog: Backlog,
    pub(crate) gate: Gate,
    pub(crate) counters: Counters,
    pub(crate) room: RoomWatch,
    pub(crate) marks: Marks,
    pub(crate) durable_size: AtomicU64,
    pub(crate) covered_size: AtomicU64,
    pub(crate) harvest: Mutex<Harvest>,
    pub(crate) tiles: Mutex<Tiles>,
    pub(crate) checkpoint: Mutex<Option<Arc<Checkpoint>>>,
    pub(crate) covered_wakers: Mutex<Vec<Waker>>,
    pub(crate) rounds: Rounds,
    pub(crate) spares: Mutex<Spares>,
    /// Signalled when a spare was taken, a spare was made, or the ledger stops.
    pub(crate) spares_changed: Condvar,
    /// Guards nothing but the sleep of the keeper.
    pub(crate) keeper_sleep: Mutex<()>,
    pub(crate) keeper_wake: Condvar,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) lanes_version: AtomicU64,
    /// Control records are appended one at a time.
    pub(crate) control_turn: Mutex<Vec<u8>>,
    pub(crate) control: Arc<Lane>,
    pub(crate) is_stopping: AtomicBool,
    pub(crate) is_writer_done: AtomicBool,
    pub(crate) writer: OnceLock<Thread>,
    pub(crate) writer_phase: AtomicU8,
    pub(crate) started: Instant,
    /// Held, never read: dropping it releases the lock on the directory.
    pub(crate) _lock: Box<dyn StorageFile>,
}

impl Shared {
    pub(crate) fn key(&self, worker: u16, ctr: u64) -> RequestKey {
        RequestKey { boot_epoch: self.salt.epoch(), node: self.node, worker, ctr }
    }

    /// Wakes the writer if it sleeps and the record is a reason to.
    pub(crate) fn wake_writer(&self, urgency: Urgency) {
        let phase = self.writer_phase.load(Ordering::SeqCst);
        let is_reason = phase == DEEP || phase == LIGHT && urgency == Urgency::Gating;
        if is_reason && self.writer_phase.swap(BUSY, Ordering::SeqCst) != BUSY {
            self.unpark_writer();
        }
    }

    pub(crate) fn unpark_writer(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Sleeps as the writer. `is_needed` is asked again after the phase is visible, so no wake-up is lost.
    pub(crate) fn sleep_as_writer(&self, until: Option<Duration>, is_needed: impl Fn() -> bool) {
        let phase = if until.is_some() { LIGHT } else { DEEP };
        self.writer_phase.store(phase, Ordering::SeqCst);
        if !is_needed() && !self.is_stopping.load(Ordering::SeqCst) {
            match until {
                Some(timeout) => std::thread::park_timeout(timeout),
                None => std::thread::park(),
            }
        }
        self.writer_phase.store(BUSY, Ordering::SeqCst);
    }

    /// Takes the lane of a worker; `None` if it has a living appender, is the control lane's, or all is over.
    pub(crate) fn claim(&self, worker: u16) -> Option<Arc<Lane>> {
        let mut registry = lock(&self.registry);
        if registry.is_ended || worker == CONTROL_WORKER {
            return None;
        }
        if let Some((lane, is_taken)) = registry.lanes.iter_mut().find(|(lane, _)| lane.worker == worker) {
            return (!std::mem::replace(is_taken, true)).then(|| Arc::clone(lane));
        }
        let lane = Arc::new(Lane::new(worker));
        registry.lanes.push((Arc::clone(&lane), true));
        self.lanes_version.fetch_add(1, Ordering::SeqCst);
        Some(lane)
    }

    pub(crate) fn release(&self, worker: u16) {
        let mut registry = lock(&self.registry);
        if let Some((_, is_taken)) = registry.lanes.iter_mut().find(|(lane, _)| lane.worker == worker) {
            *is_taken = false;
        }
    }

    /// All lanes; with `end`, no further ones can be claimed.
    pub(crate) fn lanes(&self, end: bool) -> Vec<Arc<Lane>> {
        let mut registry = lock(&self.registry);
        registry.is_ended |= end;
        let workers = registry.lanes.iter().map(|(lane, _)| Arc::clone(lane));
        std::iter::once(Arc::clone(&self.control)).chain(workers).collect()
    }

    pub(crate) fn stop_requested(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Microseconds since this open, for the ledger's own records.
    pub(crate) fn mono_us(&self) -> u64 {
        crate::clock::as_us(crate::clock::now().duration_since(self.started))
    }

    /// Whether a stored checkpoint covers the record.
    pub(crate) fn is_covered(&self, index: u64) -> bool {
        index < self.covered_size.load(Ordering::Acquire)
    }

    /// Wakes the keeper before its next tick.
    pub(crate) fn wake_keeper(&self) {
        let _guard = lock(&self.keeper_sleep);
        self.keeper_wake.notify_all();
    }
}

impl Tree for Shared {
    fn extension(&self, old: u64, head: &TreeHead) -> Result<Vec<Hash>, ReadError> {
        let source = TileSource { disk: &*self.storage, marks: &self.marks, repairs: true };
        source.extension(&lock(&self.tiles), old, head)
    }
}

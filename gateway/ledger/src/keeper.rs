//! The background thread that folds durable leaves into tiles, signs a checkpoint each second, keeps what witnesses
//! make of it, and notes silence and clock jumps. No request ever waits for it, but those that wait for witnesses.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::checkpoint::Checkpoint;
use crate::clock;
use crate::control;
use crate::hash::Hash;
use crate::record::{Clock, Head, Heartbeat};
use crate::shared::{Harvest, Shared};
use crate::spares;
use crate::state::lock;
use crate::tiles::{self, TileId};
use crate::tree::TreeHead;

/// Least time between two checkpoints, also when answers wait for them to be witnessed.
const DEMANDED_EVERY: Duration = Duration::from_millis(20);
/// How long a stop waits for its last checkpoint to be witnessed.
const LAST_WORD: Duration = Duration::from_secs(2);
/// One witnessed checkpoint of each minute is kept.
const HISTORY_EVERY_US: u64 = 60_000_000;
/// The wall clock may drift this much between two ticks before it counts as a jump.
const CLOCK_JUMP_MIN: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    harvested: Harvest,
    /// Partial tiles on disk, to be removed when wider ones stand.
    partials: Vec<(TileId, usize)>,
    active_at: Instant,
    active_size: u64,
    clock_offset_us: i128,
    signed_at: Instant,
    cosigned_at: Instant,
    history_minute: u64,
    /// The last checkpoint could not be stored: then nobody's hurry makes another one sooner.
    is_failing: bool,
}

impl Keeper {
    /// `head` is where the tiles stand.
    pub(crate) fn new(shared: Arc<Shared>, head: TreeHead) -> Self {
        let (now, active_size) = (clock::now(), head.size);
        let clock_offset_us = clock_offset_us(&shared);
        let harvested = Harvest { leaves: Vec::new(), head };
        let partials = tiles::partial_ids(shared.covered_size.load(Ordering::Acquire));
        Self {
            shared,
            harvested,
            partials,
            active_at: now,
            active_size,
            clock_offset_us,
            signed_at: now,
            cosigned_at: now,
            history_minute: 0,
            is_failing: false,
        }
    }

    /// Runs until the writer is done; the last checkpoint covers the last record.
    pub(crate) fn run(mut self) {
        loop {
            let is_last = self.sleep();
            self.signed_at = clock::now();
            self.harvest();
            self.sign();
            if is_last {
                self.shared.rounds.finish(self.harvested.head.size, LAST_WORD);
                self.store_witnessed();
                return;
            }
            self.watch_clock();
            self.watch_silence();
            crate::inbox::empty(&self.shared);
        }
    }

    /// Sleeps one tick, or less if a checkpoint is waited for. True if the writer is done.
    fn sleep(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        loop {
            let covered = shared.covered_size.load(Ordering::Acquire);
            let is_hurried = !self.is_failing && shared.rounds.is_demanded(covered);
            let is_due = clock::now() >= self.cosigned_at + shared.pace.checkpoint_every;
            if is_due || !is_hurried {
                self.store_witnessed();
            }
            let guard = lock(&shared.keeper_sleep);
            if shared.is_writer_done.load(Ordering::SeqCst) {
                return true;
            }
            let is_hurried = !self.is_failing && shared.rounds.is_demanded(covered);
            let interval = if is_hurried { DEMANDED_EVERY } else { shared.pace.checkpoint_every };
            let left = (self.signed_at + interval).checked_duration_since(clock::now());
            let Some(left) = left.filter(|left| !left.is_zero()) else {
                return false;
            };
            drop(shared.keeper_wake.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Stores the newest checkpoint that a quorum cosigned: as such, and in place of the plain one if it is that.
    fn store_witnessed(&mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(witnessed) = shared.rounds.take_witnessed() else {
            return;
        };
        self.cosigned_at = clock::now();
        let disk = &*shared.storage;
        self.note_error(witnessed.store_witnessed(disk));
        let is_newest = shared.covered_size.load(Ordering::Acquire) == witnessed.head().size;
        if is_newest {
            self.note_error(witnessed.store(disk));
        }
        let minute = clock::wall_us() / HISTORY_EVERY_US;
        if minute != self.history_minute {
            self.history_minute = minute;
            self.note_error(witnessed.store_history(disk));
        }
        if is_newest {
            *lock(&shared.checkpoint) = Some(witnessed);
        }
    }

    /// Takes what became durable and folds it into the tiles.
    fn harvest(&mut self) {
        {
            let mut harvest = lock(&self.shared.harvest);
            self.harvested.leaves.clear();
            std::mem::swap(&mut harvest.leaves, &mut self.harvested.leaves);
            self.harvested.head = harvest.head;
        }
        let shared = Arc::clone(&self.shared);
        let mut tiles = lock(&shared.tiles);
        for leaf in &self.harvested.leaves {
            let stored = tiles.push(*leaf, |id, hashes| tiles::write(&*shared.storage, id, hashes));
            self.note_error(stored);
        }
    }

    fn note_error(&self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.shared.counters.checkpoint_errors.fetch_add(1, Ordering::Relaxed);
            tracing::error!(error = %error, "a tile or checkpoint could not be stored");
        }
    }

    /// Signs and stores a checkpoint if the log grew.
    fn sign(&mut self) {
        let head = self.harvested.head;
        if head.size == self.shared.covered_size.load(Ordering::Acquire) {
            return;
        }
        if lock(&self.shared.tiles).head().ok() != Some(head) {
            // Two computations of one root differ: memory is damaged, and nothing may be signed any more.
            self.shared.gate.close(crate::state::Closed::Poisoned);
            tracing::error!("the tree in memory disagrees with itself: no checkpoint is signed");
            return;
        }
        self.store_partials();
        let checkpoint = Arc::new(Checkpoint::sign(&self.shared.signer, head));
        // The witnesses may begin: every record under it is durable, whatever becomes of the file.
        self.shared.rounds.offer(&checkpoint);
        let stored = checkpoint.store(&*self.shared.storage).or_else(|_| {
            // A full disk: the room that was kept for this moment is used.
            spares::give_up_reserve(&*self.shared.storage)?;
            checkpoint.store(&*self.shared.storage)
        });
        self.is_failing = stored.is_err();
        if let Err(error) = stored {
            self.note_error(Err(error));
            return;
        }
        *lock(&self.shared.checkpoint) = Some(checkpoint);
        self.shared.counters.last_checkpoint_us.store(clock::wall_us(), Ordering::Relaxed);
        self.shared.covered_size.store(head.size, Ordering::Release);
        let wakers = std::mem::take(&mut *lock(&self.shared.covered_wakers));
        for waker in wakers {
            waker.wake();
        }
    }

    /// Writes the partial tiles of the checkpoint to come, and removes those of the last one.
    fn store_partials(&mut self) {
        let shared = Arc::clone(&self.shared);
        let rows: Vec<(TileId, Vec<Hash>)> =
            lock(&shared.tiles).partials().map(|(id, row)| (id, row.to_vec())).collect();
        let stale = std::mem::take(&mut self.partials);
        for (id, row) in &rows {
            if !stale.contains(&(*id, row.len())) {
                self.note_error(tiles::write_partial(&*shared.storage, *id, row));
            }
            self.partials.push((*id, row.len()));
        }
        for (id, width) in stale.iter().filter(|old| !self.partials.contains(old)) {
            self.note_error(shared.storage.remove(&tiles::partial_path(*id, *width)));
        }
    }

    fn watch_silence(&mut self) {
        let size = self.shared.durable_size.load(Ordering::Acquire);
        if size != self.active_size {
            (self.active_at, self.active_size) = (clock::now(), size);
        } else if clock::now().duration_since(self.active_at) >= self.shared.pace.heartbeat_every {
            self.active_at = clock::now();
            control::append_unattended(&self.shared, |head, out| {
                Heartbeat { head, size }.encode_into(out);
            });
        }
    }

    fn watch_clock(&mut self) {
        let offset_us = clock_offset_us(&self.shared);
        let jump_us = offset_us - self.clock_offset_us;
        if jump_us.unsigned_abs() < CLOCK_JUMP_MIN.as_micros() {
            return;
        }
        self.clock_offset_us = offset_us;
        control::append_unattended(&self.shared, |head: Head, out: &mut Vec<u8>| {
            let expected_us = u64::try_from(i128::from(head.wall_us) - jump_us).unwrap_or(0);
            Clock { head, expected_us }.encode_into(out);
        });
    }
}

/// Wall clock minus monotonic clock.
fn clock_offset_us(shared: &Shared) -> i128 {
    i128::from(clock::wall_us()) - i128::from(shared.mono_us())
}

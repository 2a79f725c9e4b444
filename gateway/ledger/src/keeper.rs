//! The background threads. The keeper folds durable leaves into tiles, signs a checkpoint each second, and notes
//! silence and clock jumps. The quartermaster keeps spare segments. Neither is ever waited for by a request.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::checkpoint::Checkpoint;
use crate::clock;
use crate::control;
use crate::hash::Hash;
use crate::record::{Clock, Head, Heartbeat};
use crate::segment;
use crate::shared::{Harvest, Shared, Spare};
use crate::state::lock;
use crate::tiles::{self, TileId};
use crate::tree::TreeHead;

/// Zero-filled segments to have in store; fewer means the state is low.
pub(crate) const SPARES_WANTED: usize = 2;
/// A spare that could not be made is tried again after this time.
const SPARE_RETRY: Duration = Duration::from_secs(5);
/// The wall clock may drift this much between two ticks before it counts as a jump.
const CLOCK_JUMP_MIN: Duration = Duration::from_secs(1);

/// Keeps `SPARES_WANTED` spares until the ledger stops.
pub(crate) fn keep_spares(shared: &Shared) {
    let mut spares = lock(&shared.spares);
    while !shared.stop_requested() {
        if spares.ready.len() >= SPARES_WANTED {
            spares = shared.spares_changed.wait(spares).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let number = spares.next_number;
        drop(spares);
        let path = segment::path(number);
        let made = segment::create_spare(&*shared.storage, number, shared.pace.segment_bytes);
        let made = made.and_then(|()| shared.storage.open(&path, true));
        spares = lock(&shared.spares);
        match made {
            Ok(file) => {
                spares.ready.push(Spare { number, file });
                spares.next_number = number + 1;
                shared.counters.spares.store(u32::try_from(spares.ready.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
                shared.gate.spare_came();
                shared.spares_changed.notify_all();
            }
            Err(error) => {
                tracing::error!(error = %error, "a spare segment could not be made");
                let waited = shared.spares_changed.wait_timeout(spares, SPARE_RETRY);
                spares = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

/// See the module.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    harvested: Harvest,
    /// Partial tiles on disk, to be removed when wider ones stand.
    partials: Vec<(TileId, usize)>,
    active_at: Instant,
    active_size: u64,
    clock_offset_us: i128,
}

impl Keeper {
    /// `head` is where the tiles stand.
    pub(crate) fn new(shared: Arc<Shared>, head: TreeHead) -> Self {
        let (active_at, active_size) = (clock::now(), head.size);
        let clock_offset_us = clock_offset_us(&shared);
        let harvested = Harvest { leaves: Vec::new(), head };
        let partials = tiles::partial_ids(shared.covered_size.load(Ordering::Acquire));
        Self { shared, harvested, partials, active_at, active_size, clock_offset_us }
    }

    /// Runs until the writer is done; the last checkpoint covers the last record.
    pub(crate) fn run(mut self) {
        loop {
            let is_last = self.sleep();
            self.harvest();
            self.sign();
            if is_last {
                return;
            }
            self.watch_clock();
            self.watch_silence();
        }
    }

    /// Sleeps one tick. True if the writer is done.
    fn sleep(&self) -> bool {
        let due = clock::now() + self.shared.pace.checkpoint_every;
        let mut guard = lock(&self.shared.keeper_sleep);
        while !self.shared.is_writer_done.load(Ordering::SeqCst) {
            let Some(left) = due.checked_duration_since(clock::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            guard = self.shared.keeper_wake.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
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
        let checkpoint = Checkpoint::sign(&self.shared.signer, head);
        if let Err(error) = checkpoint.store(&*self.shared.storage) {
            self.note_error(Err(error));
            return;
        }
        *lock(&self.shared.checkpoint) = Some(Arc::new(checkpoint));
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

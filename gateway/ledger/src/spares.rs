//! The background thread that looks ahead: it keeps zero-filled segments, so that a full disk is known long before a
//! commit meets it, keeps some room for checkpoints, and watches how long the disk will do.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::control;
use crate::record::{Notice, NoticeKind};
use crate::room::{LOOK_EVERY, Rate, TILE_BYTES_PER_RECORD};
use crate::segment;
use crate::shared::{Shared, Spare, Spares};
use crate::state::lock;
use crate::storage::Storage;

/// Zero-filled segments to have in store; fewer means the state is low.
pub(crate) const SPARES_WANTED: usize = 2;
/// A spare that could not be made is tried again after this time.
const SPARE_RETRY: Duration = Duration::from_secs(5);
/// Room kept for checkpoints and tiles on a disk that is full otherwise.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: usize = 1 << 20;

/// Runs until the ledger stops.
pub(crate) fn keep_spares(shared: &Shared) {
    let mut foresight = Foresight::new(shared);
    let mut spares = lock(&shared.spares);
    while !shared.stop_requested() {
        if foresight.is_due(&spares) {
            spares = foresight.make_spare(spares);
            continue;
        }
        drop(spares);
        foresight.look();
        spares = lock(&shared.spares);
        if shared.stop_requested() || foresight.is_due(&spares) {
            continue;
        }
        spares = shared.spares_changed.wait_timeout(spares, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
    }
}

struct Foresight<'s> {
    shared: &'s Shared,
    rate: Rate,
    looked_at: Option<Instant>,
    has_reserve: bool,
    /// No spare is tried before.
    retry_at: Instant,
    has_failed: bool,
    is_low: bool,
}

impl<'s> Foresight<'s> {
    fn new(shared: &'s Shared) -> Self {
        Self {
            shared,
            rate: Rate::new(used(shared)),
            looked_at: None,
            has_reserve: false,
            retry_at: clock::now(),
            has_failed: false,
            is_low: false,
        }
    }

    /// Whether a spare is to be made now.
    fn is_due(&self, spares: &Spares) -> bool {
        spares.ready.len() < SPARES_WANTED && clock::now() >= self.retry_at
    }

    /// Makes a spare, without the lock while it writes.
    fn make_spare<'g>(&mut self, spares: MutexGuard<'g, Spares>) -> MutexGuard<'g, Spares>
    where
        's: 'g,
    {
        let shared = self.shared;
        let number = spares.next_number;
        drop(spares);
        let made = segment::create_spare(&*shared.storage, number, shared.pace.segment_bytes);
        let made = made.and_then(|()| shared.storage.open(&segment::path(number), true));
        let mut spares = lock(&shared.spares);
        match made {
            Ok(file) => {
                spares.ready.push(Spare { number, file });
                spares.next_number = number + 1;
                shared.counters.spares.store(u32::try_from(spares.ready.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
                shared.gate.spare_came();
                shared.spares_changed.notify_all();
                self.has_failed = false;
            }
            Err(error) => {
                tracing::error!(error = %error, "a spare segment could not be made");
                self.has_failed = true;
                self.retry_at = clock::now() + SPARE_RETRY;
            }
        }
        spares
    }

    /// Looks at the disk from time to time, and records what gets scarce.
    fn look(&mut self) {
        let shared = self.shared;
        if self.looked_at.is_none_or(|at| clock::now().duration_since(at) >= LOOK_EVERY) {
            self.looked_at = Some(clock::now());
            match shared.storage.space() {
                Ok(Some(space)) => self.rate.note(&shared.room, space, used(shared)),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the room on the ledger's disk is not known"),
            }
            if !self.has_reserve && !self.has_failed && !shared.room.is_low() {
                self.has_reserve = keep_reserve(&*shared.storage).is_ok();
            }
        }
        let is_low = self.has_failed || shared.room.is_low();
        if is_low != std::mem::replace(&mut self.is_low, is_low) {
            // What was kept for a full disk may have been used meanwhile.
            self.has_reserve &= is_low;
            self.tell(is_low);
        }
    }

    /// An ADMIN record, and a line for the operator.
    fn tell(&self, is_low: bool) {
        let reason = match (is_low, self.has_failed) {
            (true, true) => "a spare segment could not be made",
            (true, false) => "little room on the disk",
            (false, _) => "there is room again",
        };
        let action = if is_low { "ledger.low" } else { "ledger.low_over" };
        if is_low {
            tracing::error!("LOW: {reason}");
        } else {
            tracing::warn!("{reason}");
        }
        control::append_unattended(self.shared, |head, out| {
            Notice { kind: NoticeKind::Admin, head, actor: "ledger", action, object: "", reason, data: &[] }
                .encode_into(out);
        });
    }
}

/// Bytes that this process has used so far.
fn used(shared: &Shared) -> u64 {
    let records = shared.counters.records.load(Ordering::Relaxed);
    shared.counters.bytes.load(Ordering::Relaxed) + records.saturating_mul(TILE_BYTES_PER_RECORD)
}

/// Makes the reserve unless it is there.
fn keep_reserve(disk: &dyn Storage) -> io::Result<()> {
    let bytes = match disk.open(RESERVE, false) {
        Ok(file) => file.len()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    if bytes == RESERVE_BYTES as u64 {
        return Ok(());
    }
    let written = disk.create(RESERVE).and_then(|file| file.write_at(&vec![0; RESERVE_BYTES], 0));
    written.inspect_err(|_| {
        if let Err(error) = disk.remove(RESERVE) {
            tracing::warn!(%error, "a half-made reserve was not removed");
        }
    })
}

/// Frees the reserve: a checkpoint could not be stored.
pub(crate) fn give_up_reserve(disk: &dyn Storage) -> io::Result<()> {
    disk.remove(RESERVE)
}

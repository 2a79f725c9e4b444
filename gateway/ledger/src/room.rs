//! Room: how much of the disk is left, how fast it is used, for how long that will do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;
use crate::storage::Space;

/// How often the room is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Low under this part of the disk, or under this time at the current rate; left again only some way above.
const LOW_PERCENT: u64 = 10;
const LOW_TIME_S: u64 = 30 * 60;
const LEAVE_PERCENT: u64 = 11;
const LEAVE_TIME_S: u64 = 40 * 60;
/// The rate is an average over about this time.
const RATE_OVER: Duration = Duration::from_mins(10);
/// What a record takes beside its frame: its hash in the tiles, and its part of the hashes above.
pub(crate) const TILE_BYTES_PER_RECORD: u64 = 33;
/// Told where nothing is used, so that the figure stays one.
const FOR_EVER_S: u64 = 100 * 365 * 86_400;

/// Room on the ledger's disk, as `/readyz?verbose` and the metrics tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes of the whole disk.
    pub total: u64,
    /// Bytes that the ledger writes in a day at its rate of the last minutes.
    pub per_day: u64,
    /// How long the free bytes last at that rate; a hundred years if nothing is written.
    pub lasts: Duration,
}

/// What was seen last; written by one thread, read by anybody.
#[derive(Default)]
pub(crate) struct RoomWatch {
    is_known: AtomicBool,
    is_low: AtomicBool,
    free: AtomicU64,
    total: AtomicU64,
    per_day: AtomicU64,
    lasts_s: AtomicU64,
}

impl RoomWatch {
    pub(crate) fn room(&self) -> Option<Room> {
        let of = |value: &AtomicU64| value.load(Ordering::Relaxed);
        self.is_known.load(Ordering::Acquire).then(|| Room {
            free: of(&self.free),
            total: of(&self.total),
            per_day: of(&self.per_day),
            lasts: Duration::from_secs(of(&self.lasts_s)),
        })
    }

    /// Whether there is too little.
    pub(crate) fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Acquire)
    }
}

/// Estimates the rate from the bytes that were written so far.
pub(crate) struct Rate {
    at: Instant,
    written: u64,
    per_day: u64,
}

impl Rate {
    pub(crate) fn new(written: u64) -> Self {
        Self { at: clock::now(), written, per_day: 0 }
    }

    /// Notes what was seen now.
    pub(crate) fn note(&mut self, watch: &RoomWatch, space: Space, written: u64) {
        let now = clock::now();
        let passed = now.duration_since(self.at);
        let current = per_day(written.saturating_sub(self.written), passed);
        self.per_day = blended(self.per_day, current, passed);
        (self.at, self.written) = (now, written);
        let lasts_s = lasts_s(space.free, self.per_day);
        let was_low = watch.is_low();
        watch.is_low.store(is_low(space, lasts_s, was_low), Ordering::Release);
        watch.free.store(space.free, Ordering::Relaxed);
        watch.total.store(space.total, Ordering::Relaxed);
        watch.per_day.store(self.per_day, Ordering::Relaxed);
        watch.lasts_s.store(lasts_s, Ordering::Relaxed);
        watch.is_known.store(true, Ordering::Release);
    }
}

fn per_day(bytes: u64, passed: Duration) -> u64 {
    let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(86_400_000) / millis
}

/// The old rate and the new one, by the time that passed between them.
fn blended(old: u64, new: u64, passed: Duration) -> u64 {
    let (passed, over) = (passed.as_millis(), RATE_OVER.as_millis());
    let blended = (u128::from(old) * over + u128::from(new) * passed) / (over + passed).max(1);
    u64::try_from(blended).unwrap_or(u64::MAX)
}

fn lasts_s(free: u64, per_day: u64) -> u64 {
    let lasts = u128::from(free) * 86_400 / u128::from(per_day.max(1));
    u64::try_from(lasts).unwrap_or(u64::MAX).min(FOR_EVER_S)
}

fn is_low(space: Space, lasts_s: u64, was_low: bool) -> bool {
    let (percent, time_s) = if was_low { (LEAVE_PERCENT, LEAVE_TIME_S) } else { (LOW_PERCENT, LOW_TIME_S) };
    u128::from(space.free) * 100 < u128::from(space.total) * u128::from(percent) || lasts_s < time_s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_low_by_its_share_or_by_the_time_it_lasts() {
        const GB: u64 = 1 << 30;
        let rows = [
            (50 * GB, 100 * GB, GB, false, false),
            (9 * GB, 100 * GB, 0, false, true),
            (10 * GB, 100 * GB, 0, false, false),
            (10 * GB, 100 * GB, 0, true, true),
            (11 * GB, 100 * GB, 0, true, false),
            (50 * GB, 100 * GB, 50 * GB * 48, false, false),
            (50 * GB, 100 * GB, 51 * GB * 48, false, true),
            (50 * GB, 100 * GB, 40 * GB * 48, true, true),
            (0, 0, 0, false, true),
        ];
        for (free, total, per_day, was_low, expected) in rows {
            let space = Space { free, total };
            assert_eq!(is_low(space, lasts_s(free, per_day), was_low), expected, "{free} of {total}, {per_day} a day");
        }
    }

    #[test]
    fn a_steady_rate_is_found_and_a_burst_is_spread() {
        let step = Duration::from_secs(5);
        let steady = per_day(1_000_000, step);
        assert_eq!(steady, 17_280_000_000);
        let found = (0..1_000).fold(0, |rate, _| blended(rate, steady, step));
        assert!(found > steady / 100 * 99, "{found} of {steady}");
        assert!(blended(0, steady, step) < steady / 100);
        assert_eq!(lasts_s(steady, steady), 86_400);
        assert_eq!(lasts_s(1, 0), 86_400.min(FOR_EVER_S));
        assert_eq!(lasts_s(u64::MAX, 0), FOR_EVER_S);
    }
}

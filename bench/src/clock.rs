//! The one place of the bench that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time, for durations only.
#[expect(clippy::disallowed_methods, reason = "the one home of the monotonic clock in this crate")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Seconds since the Unix epoch; 0 if the machine's clock stands before it.
#[expect(clippy::disallowed_methods, reason = "the one home of the wall clock in this crate")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

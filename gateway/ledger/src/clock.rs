//! The one place where this crate reads time: time stamps of frames, the commit window, heartbeats.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970; 0 if the clock stands before.
pub(crate) fn wall_us() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the home of the wall clock in this crate")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, as_us)
}

/// A time that never goes back.
#[expect(clippy::disallowed_methods, reason = "the home of the monotonic clock in this crate")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Microseconds, saturating.
pub(crate) fn as_us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

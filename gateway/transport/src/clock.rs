//! The one place where this process reads a clock, so that everything else takes time as an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time.
#[expect(clippy::disallowed_methods, reason = "the one home of the monotonic clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Wall-clock microseconds since 1970-01-01T00:00:00Z; 0 if the clock stands before that.
pub fn now_unix_us() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}

/// Wall-clock seconds since 1970-01-01T00:00:00Z; 0 if the clock stands before that.
pub fn now_unix_s() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// The same instant for the runtime's timers.
pub(crate) fn timer_at(instant: Instant) -> tokio::time::Instant {
    tokio::time::Instant::from_std(instant)
}

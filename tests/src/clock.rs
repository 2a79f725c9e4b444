//! The one place where tests look at the time: waits end with a condition, and fail at a deadline.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The time.
pub fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the home of the clock for tests")]
    Instant::now()
}

/// Looks at the condition until it gives a value.
///
/// # Errors
/// `what` did not come true in time.
pub fn within<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> Result<T, String> {
    let end = now() + limit;
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if now() > end {
            return Err(format!("not within {limit:?}: {what}"));
        }
        #[expect(clippy::disallowed_methods, reason = "the one wait, on a condition with a deadline")]
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Lets time pass where the time itself is the condition, such as a limit's second.
pub fn pass(time: Duration) {
    let end = now() + time;
    let passed = within(time + Duration::from_mins(1), "time passes", || (now() >= end).then_some(()));
    assert!(passed.is_ok());
}

/// A day of Asia/Shanghai, `2026-11-22`, so many days from today.
pub fn day(from_today: i64) -> String {
    let eight_hours_east = TimeZone::fixed(Offset::constant(8));
    let today = Timestamp::now().to_zoned(eight_hours_east).date();
    today.saturating_add(jiff::Span::new().days(from_today)).to_string()
}

/// Seconds since 1970.
pub fn unix_s() -> i64 {
    Timestamp::now().as_second()
}

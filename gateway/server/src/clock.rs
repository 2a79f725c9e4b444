//! The one place of this process that reads a clock; everything else gets the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Seconds since 1970-01-01T00:00:00Z; 0 on a machine whose clock stands before that.
#[expect(clippy::disallowed_methods, reason = "the home of the process's clock")]
pub(crate) fn now_unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// An instant as RFC 3339 with Shanghai's offset, such as `2026-11-22T09:00:00+08:00`.
pub(crate) fn shanghai(unix_s: i64) -> String {
    let instant = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    // Asia/Shanghai has had this one offset since 1992, so no time-zone data is needed.
    instant.to_zoned(TimeZone::fixed(Offset::constant(8))).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_with_shanghais_offset() {
        assert_eq!(shanghai(1_795_309_200), "2026-11-22T09:00:00+08:00");
    }
}

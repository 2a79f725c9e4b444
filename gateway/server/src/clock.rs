//! The one place of this process that reads a clock; everything else gets the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
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

/// Seconds since 1970 of a date, which begins in Shanghai at midnight, or of an RFC 3339 time.
pub(crate) fn parse_shanghai(text: &str) -> Option<i64> {
    if text.len() == "2026-11-22".len() {
        let midnight = text.parse::<Date>().ok()?.to_zoned(TimeZone::fixed(Offset::constant(8))).ok()?;
        return Some(midnight.timestamp().as_second());
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Months from January 1970 to an instant, in Shanghai.
pub(crate) fn month_number(unix_s: i64) -> u16 {
    let instant = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = instant.to_zoned(TimeZone::fixed(Offset::constant(8))).date();
    u16::try_from((i32::from(date.year()) - 1970) * 12 + i32::from(date.month()) - 1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_with_shanghais_offset() {
        assert_eq!(shanghai(1_795_309_200), "2026-11-22T09:00:00+08:00");
    }

    #[test]
    fn dates_begin_in_shanghai_and_times_have_their_offset() {
        for (text, expected) in [
            ("2026-11-22", Some(1_795_276_800)),
            ("2026-11-22T09:00:00+08:00", Some(1_795_309_200)),
            ("2026-11-22T01:00:00Z", Some(1_795_309_200)),
            ("2026-11-22T09:00:00", None),
            ("2026-13-01", None),
            ("yesterday", None),
        ] {
            assert_eq!(parse_shanghai(text), expected, "{text}");
        }
        assert_eq!(month_number(1_795_309_200), (2026 - 1970) * 12 + 10);
    }
}

//! Days as the regulation counts them: civil days in Asia/Shanghai, which has had one fixed offset
//! (+08:00) since 1992, so no time-zone data is needed.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

const SHANGHAI_OFFSET_S: i64 = 8 * 3600;
const DAY_S: i64 = 86_400;

/// A civil day in Asia/Shanghai, counted from 1970-01-01. Written `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i32);

/// A text that is not a civil day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a day: write YYYY-MM-DD")]
pub struct DayError;

impl Day {
    /// The day that holds this instant (seconds since 1970-01-01T00:00:00Z).
    pub fn at(unix_s: i64) -> Self {
        let days = unix_s.saturating_add(SHANGHAI_OFFSET_S).div_euclid(DAY_S);
        Self(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// Parses `YYYY-MM-DD`.
    ///
    /// # Errors
    /// When the text is not a day of the calendar.
    pub fn parse(text: &str) -> Result<Self, DayError> {
        if text.len() != 10 {
            return Err(DayError);
        }
        let date: Date = text.parse().map_err(|_| DayError)?;
        let epoch = Date::constant(1970, 1, 1);
        let days = epoch.until((jiff::Unit::Day, date)).map_err(|_| DayError)?.get_days();
        Ok(Self(days))
    }

    /// First second of the day, since 1970-01-01T00:00:00Z.
    pub fn start_unix_s(self) -> i64 {
        i64::from(self.0) * DAY_S - SHANGHAI_OFFSET_S
    }

    /// First second of the next day, since 1970-01-01T00:00:00Z.
    pub fn end_unix_s(self) -> i64 {
        self.start_unix_s() + DAY_S
    }

    /// Days since 1970-01-01.
    pub fn number(self) -> i32 {
        self.0
    }

    /// The day before this one; `None` where the calendar ends (year −9999).
    pub fn before(self) -> Option<Self> {
        self.plus(-1)
    }

    /// The day after this one; `None` where the calendar ends (year 9999).
    pub fn after(self) -> Option<Self> {
        self.plus(1)
    }

    /// This many days later, or earlier where negative; `None` beyond the calendar's years −9999 to 9999.
    pub fn plus(self, days: i32) -> Option<Self> {
        let day = Self(self.0.checked_add(days)?);
        day.date().map(|_| day)
    }

    /// The civil date; `None` beyond the calendar's years −9999 to 9999.
    pub(crate) fn date(self) -> Option<Date> {
        Date::constant(1970, 1, 1).checked_add(jiff::Span::new().try_days(self.0).ok()?).ok()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{date}"),
            None => f.write_str("beyond the calendar"),
        }
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;
    fn try_from(text: String) -> Result<Self, DayError> {
        Self::parse(&text)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_start_at_midnight_in_shanghai() {
        for (unix_s, text) in [
            (0, "1970-01-01"),
            (-28_800, "1970-01-01"),
            (-28_801, "1969-12-31"),
            (1_795_363_199, "2026-11-22"),
            (1_795_363_200, "2026-11-23"),
            (951_753_600, "2000-02-29"),
        ] {
            assert_eq!(Day::at(unix_s).to_string(), text, "{unix_s}");
            assert_eq!(Day::parse(text).unwrap(), Day::at(unix_s));
        }
    }

    #[test]
    fn texts_that_are_no_day_are_refused() {
        for text in ["", "2026-02-29", "2026-13-01", "20260101", "2026-01-01T00:00:00", "2026-1-1"] {
            assert_eq!(Day::parse(text), Err(DayError), "{text}");
        }
    }
}

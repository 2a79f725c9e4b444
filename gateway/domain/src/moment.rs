//! Dates and times as departmental systems write them, read into one form for comparing.
//!
//! Days are civil days in Asia/Shanghai: a time with another offset is converted first, because
//! `2014-05-19T16:00:00Z` is how many a system writes 20 May.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

use crate::folding::{is_blank, nfkc};

/// Offset of Asia/Shanghai in minutes.
const SHANGHAI_OFFSET_MIN: i32 = 8 * 60;

/// Years before this stand for "unknown" in departmental data.
const YEAR_MIN: i16 = 1_000;

/// A day, with the time of day where one was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The civil day.
    pub(crate) date: Date,
    /// Time of day; `None` where only the day was written.
    pub(crate) time: Option<Time>,
}

impl Moment {
    /// Reads `2014-05-20`, `20140520`, `2014/5/20`, `2014.5.20`, `2014年5月20日`, each with or without a
    /// time and an offset. `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The way almost all are written, read without looking at it more than once.
        if let Some(date) = plain_day(text) {
            return Some(Self { date, time: None });
        }
        let text = nfkc(text);
        let mut rest = Rest(text.trim_matches(is_blank));
        let (date, needs_gap) = rest.date()?;
        if rest.0.is_empty() {
            return Some(Self { date, time: None });
        }
        let gap = rest.skip(|c| is_blank(c) || matches!(c, 'T' | 't'));
        if needs_gap && !gap {
            return None;
        }
        let time = rest.time()?;
        let offset_min = rest.offset_min()?;
        if !rest.0.is_empty() {
            return None;
        }
        let shift = SHANGHAI_OFFSET_MIN - offset_min;
        let local = DateTime::from_parts(date, time).checked_add(Span::new().minutes(shift)).ok()?;
        Some(Self { date: local.date(), time: Some(local.time()) })
    }
}

/// Writes a date or time of a departmental system as RFC 3339 in Asia/Shanghai; a day begins at midnight. `None` for
/// a text that is neither.
pub fn rfc3339(text: &str) -> Option<String> {
    let moment = Moment::parse(text)?;
    let time = moment.time.unwrap_or_else(Time::midnight);
    Some(format!("{}T{:02}:{:02}:{:02}+08:00", moment.date, time.hour(), time.minute(), time.second()))
}

/// Whether the text is a date or a time.
pub fn is_moment(text: &str) -> bool {
    Moment::parse(text).is_some()
}

/// `2014-05-20` and nothing else.
fn plain_day(text: &str) -> Option<Date> {
    let [millennium, century, decade, year, b'-', month @ .., b'-', ten, day] = text.as_bytes() else { return None };
    let [month_ten, month] = month else { return None };
    let number = |digits: [&u8; 2]| {
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| i8::try_from(byte - b'0').ok()).flatten();
        Some(digit(digits[0])? * 10 + digit(digits[1])?)
    };
    let year = i16::from(number([millennium, century])?) * 100 + i16::from(number([decade, year])?);
    let date = Date::new(year, number([month_ten, month])?, number([ten, day])?).ok()?;
    (year >= YEAR_MIN).then_some(date)
}

/// What is left to read.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn run(&self) -> usize {
        self.0.bytes().take_while(u8::is_ascii_digit).count()
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<i16> {
        let count = self.run().min(most);
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        if count < least { None } else { digits.parse().ok() }
    }

    fn take(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn take_after_blanks(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.trim_start_matches(is_blank).strip_prefix(expected)?;
        Some(())
    }

    fn skip(&mut self, unwanted: impl Fn(char) -> bool) -> bool {
        let before = self.0.len();
        self.0 = self.0.trim_start_matches(unwanted);
        self.0.len() < before
    }

    /// The date, and whether a time must stand apart from it.
    fn date(&mut self) -> Option<(Date, bool)> {
        let run = self.run();
        let year = self.digits(4, 4)?;
        let compact = matches!(run, 8 | 12 | 14);
        let (month, day, needs_gap) = if compact {
            (self.digits(2, 2)?, self.digits(2, 2)?, run == 8)
        } else {
            self.skip(is_blank);
            let mark = self.0.chars().next().filter(|c| matches!(c, '-' | '/' | '.' | '年'))?;
            let month = self.part_after(mark)?;
            let day = self.part_after(if mark == '年' { '月' } else { mark })?;
            let day_mark = mark == '年' && self.take_after_blanks('日').is_some();
            (month, day, !day_mark)
        };
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        (year >= YEAR_MIN).then_some((date, needs_gap))
    }

    fn part_after(&mut self, mark: char) -> Option<i16> {
        self.take_after_blanks(mark)?;
        self.skip(is_blank);
        self.digits(1, 2)
    }

    fn time(&mut self) -> Option<Time> {
        let compact = matches!(self.run(), 4 | 6);
        let hour = self.digits(1, 2)?;
        if !compact {
            self.take(':')?;
        }
        let minute = self.digits(2, 2)?;
        let has_second = if compact { self.run() == 2 } else { self.take(':').is_some() };
        let second = if has_second { self.digits(2, 2)? } else { 0 };
        let nanosecond = if has_second && self.take('.').is_some() { self.fraction()? } else { 0 };
        let small = |part: i16| i8::try_from(part).ok();
        Time::new(small(hour)?, small(minute)?, small(second)?, nanosecond).ok()
    }

    /// A fraction of a second in nanoseconds; further digits are dropped.
    fn fraction(&mut self) -> Option<i32> {
        let (digits, rest) = self.0.split_at_checked(self.run())?;
        self.0 = rest;
        if digits.is_empty() {
            return None;
        }
        let nine = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
        Some(nine.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')))
    }

    /// `Z` or `±HH:MM` in minutes; Shanghai's where none is written.
    fn offset_min(&mut self) -> Option<i32> {
        if self.take('Z').or_else(|| self.take('z')).is_some() {
            return Some(0);
        }
        let sign = match self.0.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return Some(SHANGHAI_OFFSET_MIN),
        };
        self.0 = self.0.get(1..)?;
        let hours = self.digits(2, 2)?;
        self.skip(|c| c == ':');
        let minutes = if self.0.is_empty() { 0 } else { self.digits(2, 2)? };
        (hours <= 18 && minutes < 60).then_some(sign * (i32::from(hours) * 60 + i32::from(minutes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Moment::parse(text).map(|moment| match moment.time {
            Some(time) => format!("{} {time}", moment.date),
            None => moment.date.to_string(),
        })
    }

    #[test]
    fn every_way_of_writing_a_day_is_read() {
        for text in [
            "2014-05-20",
            "20140520",
            "2014/5/20",
            "2014.05.20",
            "2014年5月20日",
            "２０１４－０５－２０",
            " 2014 年 5 月 20 日 ",
            "2014年05月20",
        ] {
            assert_eq!(read(text).as_deref(), Some("2014-05-20"), "{text}");
        }
    }

    #[test]
    fn times_are_read_in_shanghai() {
        for (text, moment) in [
            ("2014-05-20T08:30:15", "2014-05-20 08:30:15"),
            ("2014-05-20 08:30", "2014-05-20 08:30:00"),
            ("20140520083015", "2014-05-20 08:30:15"),
            ("20140520T083015", "2014-05-20 08:30:15"),
            ("2014年5月20日8:30", "2014-05-20 08:30:00"),
            ("2014-05-19T16:00:00Z", "2014-05-20 00:00:00"),
            ("2014-05-20T08:30:15.250+08:00", "2014-05-20 08:30:15.25"),
            ("2014-05-20T08:30:15+0800", "2014-05-20 08:30:15"),
            ("2014-05-20T23:30:00-01:00", "2014-05-21 08:30:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(moment), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_day_are_not_read() {
        for text in [
            "",
            "2014",
            "2014-05",
            "2014-13-01",
            "2014-02-30",
            "0001-01-01",
            "2014-05/20",
            "20-05-2014",
            "2014-05-2008:30",
            "2014-05-20T25:00",
            "2014-05-20T08:30:15+99:00",
            "2014-05-20 x",
            "201405201",
            "2014-05-20T",
            "长期",
            "2014-05-20T08:30:15.",
            "1985-**-**",
            "９９９９９９９９",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

//! Working days (工作日) as the General Office of the State Council arranges them year by year: Monday to Friday
//! without the days off, and the weekend days that are worked instead.
//!
//! The arrangement of a year is published in the autumn before it. Until then a deadline that crosses into the year
//! is computed from weekends and statutory days alone and says that it is *provisional*: fail closed, but say so. The
//! calendar is data, so that a city loads the new year without a new program.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use crate::day::Day;

#[cfg(test)]
mod tests;

/// The calendar this program was made with: 2024 to 2026 as published, 2027 by its statutory days.
pub const BUNDLED: &str = include_str!("../data/working_days.json");

const SCHEMA: &str = "cn-workcalendar/1";

/// Statutory days that fall on the same date every year (全国年节及纪念日放假办法, 2024 revision); 春节, 清明, 端午 and
/// 中秋 follow the sun and the moon and are known only for years that a calendar names.
const FIXED: [(i8, i8); 6] = [(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)];

/// The working days of the years it names; any other year is provisional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i16, Year>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Year {
    published: bool,
    off: BTreeSet<Day>,
    work: BTreeSet<Day>,
}

/// A day by which something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// The last day, up to its end in Asia/Shanghai (民法典 article 203).
    pub day: Day,
    /// Whether a day was counted whose year is not published yet.
    pub provisional: bool,
}

/// What is wrong with a calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Not the JSON form of this schema.
    #[error("not a working-day calendar: {0}")]
    Form(String),
    /// Of another schema or time zone.
    #[error("the calendar is of {found}, and only {wanted} is read")]
    Schema {
        /// What it says.
        found: String,
        /// What is read.
        wanted: &'static str,
    },
    /// A year that is no number.
    #[error("{0} is not a year")]
    Year(String),
    /// A day in the list of another year.
    #[error("{day} does not lie in {year}")]
    Misplaced {
        /// The day.
        day: Day,
        /// The year whose list holds it.
        year: i16,
    },
    /// A day both off and worked.
    #[error("{0} is both off and worked")]
    Both(Day),
    /// A make-up working day that is no weekend day, so it would change nothing.
    #[error("{0} is worked anyway: it is no weekend day")]
    Needless(Day),
    /// A published year whose working days do not come to the number it states.
    #[error("{year} has {counted} working days, but says {stated}")]
    Count {
        /// The year.
        year: i16,
        /// Working days by its lists.
        counted: u16,
        /// Working days it states.
        stated: u16,
    },
    /// A published year that would become provisional again.
    #[error("{0} is published already; it cannot become provisional")]
    Withdrawn(i16),
}

/// A day that no calendar holds: before the year −9999 or after 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline lies beyond the calendar")]
pub struct BeyondCalendar;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    timezone: String,
    #[serde(default, rename = "rule")]
    _rule: String,
    years: BTreeMap<String, YearFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YearFile {
    status: Status,
    #[serde(default, rename = "source")]
    _source: Vec<String>,
    #[serde(default)]
    workdays: Option<u16>,
    off: Vec<Named>,
    work: Vec<Named>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Status {
    Published,
    Provisional,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    date: Day,
    #[serde(rename = "name")]
    _name: String,
}

impl Calendar {
    /// Reads the JSON form `cn-workcalendar/1`.
    ///
    /// # Errors
    /// When it is not of that form, or contradicts itself: a day in the wrong year, off and worked at once, or another
    /// number of working days than it states.
    pub fn read(json: &str) -> Result<Self, CalendarError> {
        let file: File = serde_json::from_str(json).map_err(|fault| CalendarError::Form(fault.to_string()))?;
        for (found, wanted) in [(file.schema, SCHEMA), (file.timezone, "Asia/Shanghai")] {
            if found != wanted {
                return Err(CalendarError::Schema { found, wanted });
            }
        }
        let mut years = BTreeMap::new();
        for (name, written) in file.years {
            let number = name.parse().map_err(|_| CalendarError::Year(name))?;
            years.insert(number, Year::read(number, written)?);
        }
        Ok(Self { years })
    }

    /// This calendar with the years of a newer one, which replace the same years of this one.
    ///
    /// # Errors
    /// When a published year would become provisional.
    pub fn updated(mut self, newer: Self) -> Result<Self, CalendarError> {
        for (number, year) in newer.years {
            if !year.published && self.is_published(number) {
                return Err(CalendarError::Withdrawn(number));
            }
            self.years.insert(number, year);
        }
        Ok(self)
    }

    /// The last year whose arrangement is published, to warn in time; `None` if none is.
    pub fn published_until(&self) -> Option<i16> {
        self.years.iter().rev().find(|(_, year)| year.published).map(|(number, _)| *number)
    }

    /// Whether the day is a working day; days beyond the calendar are not.
    pub fn is_working(&self, day: Day) -> bool {
        let Some(date) = day.date() else { return false };
        let weekday = !is_weekend(date);
        match self.years.get(&date.year()) {
            Some(year) => year.work.contains(&day) || weekday && !year.off.contains(&day),
            None => weekday && !FIXED.contains(&(date.month(), date.day())),
        }
    }

    /// The day by which something with so many working days is due. The day of receipt is not counted (民法典 article
    /// 201); with no working days it is that very day.
    ///
    /// # Errors
    /// When the day lies beyond the calendar.
    pub fn due(&self, received: Day, workdays: u16) -> Result<Due, BeyondCalendar> {
        let mut due = Due { day: received, provisional: false };
        let mut left = workdays;
        while left > 0 {
            due.day = due.day.after().ok_or(BeyondCalendar)?;
            due.provisional |= due.day.date().is_none_or(|date| !self.is_published(date.year()));
            left -= u16::from(self.is_working(due.day));
        }
        Ok(due)
    }

    /// The working day so many working days before a day; with none, the day itself.
    ///
    /// # Errors
    /// When the day lies beyond the calendar.
    pub fn before(&self, day: Day, workdays: u16) -> Result<Day, BeyondCalendar> {
        let mut earlier = day;
        let mut left = workdays;
        while left > 0 {
            earlier = earlier.before().ok_or(BeyondCalendar)?;
            left -= u16::from(self.is_working(earlier));
        }
        Ok(earlier)
    }

    /// Working days after the first day, up to and with the last; none where the last is not later.
    pub fn between(&self, first: Day, last: Day) -> u16 {
        let later = std::iter::successors(first.after(), |day| day.after()).take_while(|day| *day <= last);
        let count = later.filter(|day| self.is_working(*day)).count();
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    fn is_published(&self, year: i16) -> bool {
        self.years.get(&year).is_some_and(|year| year.published)
    }
}

impl Year {
    fn read(number: i16, written: YearFile) -> Result<Self, CalendarError> {
        let days = |named: Vec<Named>| named.into_iter().map(|named| named.date).collect::<BTreeSet<_>>();
        let year =
            Self { published: written.status == Status::Published, off: days(written.off), work: days(written.work) };
        for day in year.off.union(&year.work) {
            if day.date().is_none_or(|date| date.year() != number) {
                return Err(CalendarError::Misplaced { day: *day, year: number });
            }
        }
        if let Some(day) = year.off.intersection(&year.work).next() {
            return Err(CalendarError::Both(*day));
        }
        if let Some(day) = year.work.iter().find(|day| !day.date().is_some_and(is_weekend)) {
            return Err(CalendarError::Needless(*day));
        }
        let counted = year.working_days(number);
        match written.workdays {
            Some(stated) if stated != counted => Err(CalendarError::Count { year: number, counted, stated }),
            _ => Ok(year),
        }
    }

    fn working_days(&self, number: i16) -> u16 {
        let first = Date::new(number, 1, 1).into_iter();
        let days = first.flat_map(|first| first.series(jiff::Span::new().days(1)));
        let weekdays = days.take_while(|date| date.year() == number).filter(|date| !is_weekend(*date)).count();
        let off = self.off.iter().filter(|day| !day.date().is_some_and(is_weekend)).count();
        u16::try_from(weekdays + self.work.len() - off).unwrap_or(u16::MAX)
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

//! The clock of one matter: from the day of receipt to the due day.

use serde::{Deserialize, Serialize};

use super::{Measured, Profile, ProfileRef, Supplement};
use crate::day::Day;
use crate::working_days::{BeyondCalendar, Calendar, Due};

/// The clock of one matter. It runs, or stands still while a supplement is awaited (X07); what was told to a party
/// is never shortened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    profile: ProfileRef,
    measured: Measured,
    received_on: Day,
    counted_from: Day,
    workdays: u16,
    due: Due,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped_on: Option<Day>,
    supplement_asked: bool,
    extended: bool,
}

/// How a matter stands with its deadline on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Waits for a supplement.
    Stopped,
    /// Working days left; none on the due day.
    Left(u16),
    /// Working days since the due day.
    Overdue(u16),
}

/// Who is told that a matter is overdue; nobody is granted anything by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// The chief data officer of the party that is late (D06-3).
    ChiefDataOfficer,
    /// The authority as well (D06-1).
    Authority,
}

/// Why a clock does not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// No calendar holds the day.
    #[error(transparent)]
    Beyond(#[from] BeyondCalendar),
    /// The profile knows no extension, or it was used.
    #[error("the deadline cannot be extended")]
    NotExtendable,
    /// More days than the profile allows.
    #[error("the deadline can be extended by {most} working days at most")]
    TooLong {
        /// The most it allows.
        most: u16,
    },
}

impl Clock {
    /// Starts the clock on the day of receipt.
    ///
    /// # Errors
    /// When the deadline lies beyond the calendar.
    pub fn start(
        profile: &Profile,
        measured: Measured,
        received_on: Day,
        calendar: &Calendar,
    ) -> Result<Self, BeyondCalendar> {
        let workdays = profile.term(measured).workdays;
        Ok(Self {
            profile: profile.key(),
            measured,
            received_on,
            counted_from: received_on,
            workdays,
            due: calendar.due(received_on, workdays)?,
            stopped_on: None,
            supplement_asked: false,
            extended: false,
        })
    }

    /// The profile it runs under.
    pub fn profile(&self) -> &ProfileRef {
        &self.profile
    }

    /// The day the exchange received the matter; a submission counts on the day of Asia/Shanghai, weekends included.
    pub fn received_on(&self) -> Day {
        self.received_on
    }

    /// When it is due; while it stands still, when it was due.
    pub fn due(&self) -> Due {
        self.due
    }

    /// Asks for a supplement. The clock stops the first time, if the notice comes in time; later and second requests
    /// leave it running (X07). Tells whether it stopped.
    ///
    /// # Errors
    /// When the last day for the notice lies beyond the calendar.
    pub fn ask_supplement(
        &mut self,
        profile: &Profile,
        today: Day,
        calendar: &Calendar,
    ) -> Result<bool, BeyondCalendar> {
        let last = match &profile.terms.supplement_notice {
            Some(term) => calendar.due(self.received_on, term.workdays)?.day.min(self.due.day),
            None => self.due.day,
        };
        if self.stopped_on.is_none() && !self.supplement_asked && today <= last {
            self.stopped_on = Some(today);
        }
        self.supplement_asked = true;
        Ok(self.stopped_on.is_some())
    }

    /// The file is complete: a stopped clock runs again, the day of receipt not counted.
    ///
    /// # Errors
    /// When the deadline lies beyond the calendar.
    pub fn resume(&mut self, profile: &Profile, today: Day, calendar: &Calendar) -> Result<(), BeyondCalendar> {
        let Some(stopped_on) = self.stopped_on else { return Ok(()) };
        let workdays = match profile.supplement {
            Supplement::Restart => self.workdays,
            Supplement::Pause => self.workdays.saturating_sub(calendar.between(self.counted_from, stopped_on)).max(1),
        };
        let due = calendar.due(today, workdays)?;
        (self.counted_from, self.workdays, self.stopped_on) = (today, workdays, None);
        self.due = later(self.due, due);
        Ok(())
    }

    /// Extends a review once, which the authority consented to.
    ///
    /// # Errors
    /// When the profile does not allow it, or not by so much, or it was extended before.
    pub fn extend(&mut self, profile: &Profile, workdays: u16, calendar: &Calendar) -> Result<(), ClockError> {
        let most = match (&profile.terms.extension, self.extended, self.measured) {
            (Some(term), false, Measured::Review) => term.workdays,
            _ => return Err(ClockError::NotExtendable),
        };
        if workdays > most {
            return Err(ClockError::TooLong { most });
        }
        let total = self.workdays.saturating_add(workdays);
        self.due = later(self.due, calendar.due(self.counted_from, total)?);
        (self.workdays, self.extended) = (total, true);
        Ok(())
    }

    /// Counts again after a calendar was loaded. A due day that was told is never moved forward.
    ///
    /// # Errors
    /// When the deadline lies beyond the calendar.
    pub fn recount(&mut self, calendar: &Calendar) -> Result<(), BeyondCalendar> {
        self.due = later(self.due, calendar.due(self.counted_from, self.workdays)?);
        Ok(())
    }

    /// How the matter stands on a day.
    pub fn progress(&self, today: Day, calendar: &Calendar) -> Progress {
        if self.stopped_on.is_some() {
            Progress::Stopped
        } else if today <= self.due.day {
            Progress::Left(calendar.between(today, self.due.day))
        } else {
            Progress::Overdue(calendar.between(self.due.day, today))
        }
    }

    /// Whether the due day is over; a derived fact, never a state.
    pub fn is_overdue(&self, today: Day) -> bool {
        self.stopped_on.is_none() && today > self.due.day
    }

    /// The days on which the reviewer is reminded, ascending.
    ///
    /// # Errors
    /// When a day lies beyond the calendar.
    pub fn reminders(&self, profile: &Profile, calendar: &Calendar) -> Result<Vec<Day>, BeyondCalendar> {
        let days = profile.reminders.iter().map(|before| calendar.before(self.due.day, *before));
        let mut days = days.collect::<Result<Vec<_>, _>>()?;
        days.retain(|day| *day >= self.received_on);
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    /// Who is told on this day that the matter is overdue.
    pub fn escalation(&self, profile: &Profile, today: Day, calendar: &Calendar) -> Option<Escalation> {
        let late = self.is_overdue(today).then(|| calendar.between(self.due.day, today))?;
        Some(if late > profile.authority_after { Escalation::Authority } else { Escalation::ChiefDataOfficer })
    }
}

/// The later day; whether it is provisional goes by the newer count.
fn later(told: Due, counted: Due) -> Due {
    Due { day: told.day.max(counted.day), provisional: counted.provisional }
}

//! Epochs of subject tags, and where their keys come from: a master key of which each month's is derived, or a key
//! file for each month, so that destroying one file makes the tags of its month unsearchable for ever.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_domain::Day;

use crate::subjects::TagKey;

/// A month of Asia/Shanghai, counted from January 1970. Written `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u16);

impl Epoch {
    /// Reads `2026-11`.
    pub fn parse(text: &str) -> Option<Self> {
        Day::parse(&format!("{text}-01")).ok().map(Self::of).filter(|epoch| epoch.to_string() == text)
    }

    /// The month of a day.
    pub fn of(day: Day) -> Self {
        let text = day.to_string();
        let year = text.get(..4).and_then(|year| year.parse::<u16>().ok()).unwrap_or(1970);
        let month = text.get(5..7).and_then(|month| month.parse::<u16>().ok()).unwrap_or(1);
        Self(year.saturating_sub(1970).saturating_mul(12).saturating_add(month.saturating_sub(1)))
    }

    /// So many months later.
    #[must_use]
    pub fn after(self, months: u16) -> Self {
        Self(self.0.saturating_add(months))
    }

    /// Months since January 1970, as records carry it.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Name of its key file.
    pub fn file_name(self) -> String {
        format!("{self}.key")
    }

    /// Days from a day to the first of this month; 0 once it has begun.
    fn days_from(self, today: Day) -> u32 {
        let first = Day::parse(&format!("{self}-01")).map_or(today, |day| day);
        u32::try_from(first.number().saturating_sub(today.number())).unwrap_or(0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", 1970 + self.0 / 12, self.0 % 12 + 1)
    }
}

type Read = Box<dyn Fn(Epoch) -> Option<TagKey> + Send + Sync>;

/// The keys of subject tags.
pub struct TagKeys {
    master: Option<Arc<TagKey>>,
    read: Option<Read>,
    /// Those of this month and the next; no others are held.
    held: Mutex<BTreeMap<Epoch, Arc<TagKey>>>,
}

/// How the keys stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeysAhead {
    /// This month has a key; without it nothing is served.
    pub(crate) has_current: bool,
    /// The next month has none, and begins in so many days.
    pub(crate) missing_next: Option<(Epoch, u32)>,
}

impl TagKeys {
    /// Every month's key is derived from one master.
    pub fn of_master(master: TagKey) -> Self {
        Self { master: Some(Arc::new(master)), read: None, held: Mutex::default() }
    }

    /// Each month has a key of its own, which `read` looks for; nothing is read before `refresh`.
    pub fn monthly(read: impl Fn(Epoch) -> Option<TagKey> + Send + Sync + 'static) -> Self {
        Self { master: None, read: Some(Box::new(read)), held: Mutex::default() }
    }

    /// Looks for the keys of this month and the next, and lets go of the others. Reads the disk: not on a worker.
    pub fn refresh(&self, today: Day) {
        let Some(read) = &self.read else { return };
        let (current, next) = (Epoch::of(today), Epoch::of(today).after(1));
        let found: Vec<(Epoch, TagKey)> =
            [current, next].into_iter().filter_map(|epoch| Some((epoch, read(epoch)?))).collect();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clear();
        held.extend(found.into_iter().map(|(epoch, key)| (epoch, Arc::new(key))));
    }

    /// The key of a month; `None` if it has none, or is none of those that are held.
    pub(crate) fn of(&self, epoch: Epoch) -> Option<Arc<TagKey>> {
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&epoch).cloned();
        self.master.clone().or_else(held)
    }

    /// A secret for something beside tags. Of monthly keys none would last, so it is made for this process alone.
    pub(crate) fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        self.master.as_ref().map_or_else(|| TagKey::throw_away().derive(purpose), |master| master.derive(purpose))
    }

    /// How they stand on a day.
    pub(crate) fn ahead(&self, today: Day) -> KeysAhead {
        let next = Epoch::of(today).after(1);
        let missing_next = self.of(next).is_none().then(|| (next, next.days_from(today)));
        KeysAhead { has_current: self.of(Epoch::of(today)).is_some(), missing_next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_as_it_is_written() {
        for text in ["1970-01", "2026-11", "2026-12", "2099-02"] {
            assert_eq!(Epoch::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Epoch::parse("2026-12").unwrap().after(1).file_name(), "2027-01.key");
        for text in ["2026-13", "2026-1", "2026", "2026-11-01", "x", "1969-12"] {
            assert_eq!(Epoch::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_missing_key_of_the_next_month_is_told_with_its_days() {
        let november = Epoch::parse("2026-11").unwrap();
        let keys = TagKeys::monthly(move |epoch| if epoch == november { TagKey::new(&[1; 32]) } else { None });
        let day = |text: &str| Day::parse(text).unwrap();
        keys.refresh(day("2026-11-22"));
        let told = keys.ahead(day("2026-11-22"));
        assert_eq!(told, KeysAhead { has_current: true, missing_next: Some((november.after(1), 9)) });
        assert!(!keys.ahead(day("2026-12-01")).has_current);
        let master = TagKeys::of_master(TagKey::new(&[1; 32]).unwrap());
        assert_eq!(master.ahead(day("2026-12-01")), KeysAhead { has_current: true, missing_next: None });
    }
}

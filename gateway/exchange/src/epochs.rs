//! Epochs of subject tags, and where their keys come from: a master key of which each month's is derived, or a key of
//! its own for each month, so that destroying one makes the tags of its month unsearchable for ever.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
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

    /// The month of a number, as records carry it.
    pub fn numbered(number: u16) -> Self {
        Self(number)
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

/// Why a key could not be looked for: a sentence without anything secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Where months have keys of their own.
pub trait KeySource: Send + Sync {
    /// The key of a month; `None` if there is none, or no longer. May block, within seconds.
    ///
    /// # Errors
    /// It cannot be told now whether there is one.
    fn read(&self, epoch: Epoch) -> Result<Option<TagKey>, Unavailable>;
}

/// The keys of subject tags.
pub struct TagKeys {
    master: Option<Arc<TagKey>>,
    source: Option<Box<dyn KeySource>>,
    /// Those of this month and the next; no others are held.
    held: Mutex<BTreeMap<Epoch, Arc<TagKey>>>,
    /// Counts how often a key came or went: workers look here before they lock.
    changes: AtomicU64,
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
        Self { master: Some(Arc::new(master)), source: None, held: Mutex::default(), changes: AtomicU64::new(0) }
    }

    /// Each month has a key of its own; nothing is read before `refresh`.
    pub fn monthly(source: impl KeySource + 'static) -> Self {
        Self { master: None, source: Some(Box::new(source)), held: Mutex::default(), changes: AtomicU64::new(0) }
    }

    /// Looks for the keys of this month and the next, and lets go of the others. A key that is held stays as it is while
    /// nobody says that it is gone. Reads the disk or asks a service: not on a worker.
    pub fn refresh(&self, today: Day) {
        let Some(source) = &self.source else { return };
        let current = Epoch::of(today);
        let wanted = [current, current.after(1)];
        let read = wanted.map(|epoch| (epoch, source.read(epoch)));
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before: Vec<Epoch> = held.keys().copied().collect();
        held.retain(|epoch, _| wanted.contains(epoch));
        for (epoch, read) in read {
            match read {
                Ok(Some(key)) => drop(held.entry(epoch).or_insert_with(|| Arc::new(key))),
                Ok(None) => drop(held.remove(&epoch)),
                Err(why) => tracing::error!(%epoch, "key of subject tags: {why}"),
            }
        }
        if !held.keys().eq(&before) {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }

    /// How often a key has come or gone.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
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
    use std::sync::atomic::AtomicU8;

    use super::*;

    const THERE: u8 = 0;
    const GONE: u8 = 1;
    const SILENT: u8 = 2;

    /// A key for one month, until it is gone or nobody tells.
    struct OneMonth {
        epoch: Epoch,
        is_there: AtomicU8,
    }

    impl KeySource for Arc<OneMonth> {
        fn read(&self, epoch: Epoch) -> Result<Option<TagKey>, Unavailable> {
            match self.is_there.load(Ordering::SeqCst) {
                THERE if epoch == self.epoch => Ok(TagKey::new(&[1; 32])),
                SILENT => Err(Unavailable("nobody answers".to_owned())),
                _ => Ok(None),
            }
        }
    }

    #[test]
    fn a_key_is_held_while_nobody_tells_and_let_go_once_it_is_gone_or_over() {
        let november = Epoch::parse("2026-11").unwrap();
        let source = Arc::new(OneMonth { epoch: november, is_there: AtomicU8::new(SILENT) });
        let keys = TagKeys::monthly(Arc::clone(&source));
        let has_key = |state, today: &str| {
            source.is_there.store(state, Ordering::SeqCst);
            keys.refresh(Day::parse(today).unwrap());
            keys.of(november).is_some()
        };
        assert!(!has_key(SILENT, "2026-10-31"), "nobody ever told");
        assert!(has_key(THERE, "2026-10-31"), "fetched ahead");
        assert!(has_key(SILENT, "2026-11-30"), "an outage");
        assert!(!has_key(GONE, "2026-11-30"), "destroyed");
        assert!(has_key(THERE, "2026-11-30"));
        assert!(!has_key(SILENT, "2026-12-01"), "its month is over");
    }

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
        let keys = TagKeys::monthly(Arc::new(OneMonth { epoch: november, is_there: AtomicU8::new(THERE) }));
        let day = |text: &str| Day::parse(text).unwrap();
        keys.refresh(day("2026-11-22"));
        let told = keys.ahead(day("2026-11-22"));
        assert_eq!(told, KeysAhead { has_current: true, missing_next: Some((november.after(1), 9)) });
        assert!(!keys.ahead(day("2026-12-01")).has_current);
        let master = TagKeys::of_master(TagKey::new(&[1; 32]).unwrap());
        assert_eq!(master.ahead(day("2026-12-01")), KeysAhead { has_current: true, missing_next: None });
    }
}

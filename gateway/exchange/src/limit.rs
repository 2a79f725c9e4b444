//! How much: rates and daily quotas by grant, and the quota of refusals by system.
//!
//! The counters live outside the snapshot, by grant, so that a reload never resets them; workers
//! share them as atomics and never exceed a limit, whatever races. What a day has used survives a
//! restart because it is counted again from the ledger (see [`crate::usage`]).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use sluice_domain::{Code, Day, Fact, Fault, Limits, Refusal};

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// What is limited: a grant, or a party's use of an unconditional resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum LimitKey {
    /// A grant's id.
    Grant(String),
    /// Party key and catalogue code.
    Open(String, String),
}

/// One rate, replaced when its size changes.
struct Rate {
    per_second: NonZeroU32,
    bucket: Bucket,
}

impl Rate {
    fn new(per_second: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second);
        Self { per_second, bucket: RateLimiter::direct(quota).with_middleware() }
    }
}

/// Counters of one [`LimitKey`].
pub(crate) struct Counter {
    rate: Option<Rate>,
    day: Arc<DayCount>,
}

/// Calls of one day: the day's number in the upper half, the count in the lower, so that both
/// change together.
#[derive(Default)]
pub(crate) struct DayCount(AtomicU64);

const COUNT_BITS: u32 = 32;

impl DayCount {
    fn unpack(packed: u64) -> (u32, u32) {
        let count = u32::try_from(packed & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        (u32::try_from(packed >> COUNT_BITS).unwrap_or(u32::MAX), count)
    }

    fn number(day: Day) -> u32 {
        u32::try_from(day.number()).unwrap_or(0)
    }

    /// Takes `units` if the day's `limit` allows it; gives what is left.
    fn take(&self, today: Day, units: u32, limit: Option<u32>) -> Result<u32, u32> {
        let limit = limit.unwrap_or(u32::MAX);
        let today = Self::number(today);
        let mut packed = self.0.load(Ordering::Relaxed);
        loop {
            let (day, count) = Self::unpack(packed);
            // A call that began before midnight counts for the new day once that has begun: turning the
            // counter back would forget what the new day has used.
            let today = today.max(day);
            let used = if day == today { count } else { 0 };
            let Some(after) = used.checked_add(units).filter(|after| *after <= limit) else {
                return Err(limit.saturating_sub(used));
            };
            let next = (u64::from(today) << COUNT_BITS) | u64::from(after);
            match self.0.compare_exchange_weak(packed, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(limit - after),
                Err(actual) => packed = actual,
            }
        }
    }

    fn give_back(&self, today: Day, units: u32) {
        let today = Self::number(today);
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |packed| {
            let (day, count) = Self::unpack(packed);
            (day == today).then(|| (u64::from(day) << COUNT_BITS) | u64::from(count.saturating_sub(units)))
        });
    }

    /// Calls of the day so far.
    fn used(&self, today: Day) -> u32 {
        let (day, count) = Self::unpack(self.0.load(Ordering::Relaxed));
        if day == Self::number(today) { count } else { 0 }
    }

    fn is_of(&self, today: Day) -> bool {
        Self::unpack(self.0.load(Ordering::Relaxed)).0 == Self::number(today)
    }

    /// Adds what a restart found in the ledger.
    fn restore(&self, day: Day, units: u32) {
        let _ = self.take(day, units, None);
    }
}

/// Where a call stands against its limits, for the response headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// Bucket size and what is left in it.
    pub(crate) second: Option<(u32, u32)>,
    /// Day's quota, what is left, and seconds until midnight.
    pub(crate) day: Option<(u32, u32, u32)>,
}

/// A refusal by a limit, with the standing to show beside it.
pub(crate) struct Exceeded {
    pub(crate) refusal: Refusal,
    pub(crate) standing: Standing,
}

impl Counter {
    /// Takes `units` calls, all or none.
    pub(crate) fn take(&self, limits: &Limits, units: u32, now_s: i64) -> Result<Standing, Box<Exceeded>> {
        let today = Day::at(now_s);
        let reset_s = u32::try_from(today.end_unix_s() - now_s).unwrap_or(1).max(1);
        let mut standing = Standing::default();
        if let (Some(rate), Some(units)) = (&self.rate, NonZeroU32::new(units)) {
            let (size, taken) = (rate.per_second.get(), rate.take(units));
            standing.second = Some((size, taken.unwrap_or(0)));
            if let Err(excess) = taken {
                let refusal = match excess {
                    Excess::Until(wait_s) => Refusal::new(Code::LimitRate).with(Fact::RetryAfterS(wait_s)),
                    Excess::Forever => Refusal::fault(Code::LimitRate, Fault::BatchAboveRate),
                };
                let refusal = refusal.with(Fact::Limit(size.into()));
                return Err(Box::new(Exceeded { refusal, standing }));
            }
        }
        match self.day.take(today, units, limits.per_day) {
            Ok(left) => {
                standing.day = limits.per_day.map(|limit| (limit, left, reset_s));
                Ok(standing)
            }
            Err(left) => {
                let limit = limits.per_day.unwrap_or_default();
                standing.day = Some((limit, left, reset_s));
                let refusal =
                    Refusal::new(Code::LimitQuota).with(Fact::Limit(limit.into())).with(Fact::RetryAfterS(reset_s));
                Err(Box::new(Exceeded { refusal, standing }))
            }
        }
    }

    /// Gives a day's calls back that were not served because their record could not be made durable.
    pub(crate) fn give_back(&self, units: u32, now_s: i64) {
        self.day.give_back(Day::at(now_s), units);
    }
}

/// Why a rate has no calls to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    /// It is worth trying again after so many whole seconds.
    Until(u32),
    /// More are wanted than it ever holds: no wait helps.
    Forever,
}

impl Rate {
    /// What is left.
    fn take(&self, units: NonZeroU32) -> Result<u32, Excess> {
        match self.bucket.check_n(units) {
            Ok(Ok(state)) => Ok(state.remaining_burst_capacity()),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(Excess::Until(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)))
            }
            Err(_) => Err(Excess::Forever),
        }
    }
}

/// Every counter of the node. The lock is taken when a worker meets a grant for the first time
/// under a snapshot, never on the way of a call after that.
#[derive(Default)]
pub(crate) struct Limiters {
    counters: Mutex<HashMap<LimitKey, Arc<Counter>, RandomState>>,
}

impl Limiters {
    /// The counter for a key, with a bucket of the given size.
    pub(crate) fn counter(&self, key: LimitKey, per_second: Option<u32>) -> Arc<Counter> {
        let per_second = per_second.and_then(NonZeroU32::new);
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counters.get(&key);
        if let Some(known) = known.filter(|known| known.rate.as_ref().map(|rate| rate.per_second) == per_second) {
            return known.clone();
        }
        let day = known.map(|known| known.day.clone()).unwrap_or_default();
        let counter = Arc::new(Counter { rate: per_second.map(Rate::new), day });
        counters.insert(key, counter.clone());
        counter
    }

    /// Calls of the day so far, for readers of the catalogue.
    pub(crate) fn used(&self, key: &LimitKey, today: Day) -> u32 {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.get(key).map_or(0, |counter| counter.day.used(today))
    }

    /// Forgets counters whose grant or party is there no more, unless they hold today's use: what is
    /// declared, and a day, bound the map over any number of reloads.
    pub(crate) fn keep(&self, today: Day, is_declared: impl Fn(&LimitKey) -> bool) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.retain(|key, counter| is_declared(key) || counter.day.is_of(today));
    }

    /// Adds the calls of a day that the ledger remembers.
    pub(crate) fn restore(&self, key: LimitKey, day: Day, units: u32) {
        self.counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key)
            .or_insert_with(|| Arc::new(Counter { rate: None, day: Arc::default() }))
            .day
            .restore(day, units);
    }
}

/// The quota of individually recorded refusals, by system.
pub(crate) struct RefusalQuota {
    rate: Rate,
}

impl RefusalQuota {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { rate: Rate::new(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN)) }
    }

    /// Refusals per second.
    pub(crate) fn per_second(&self) -> u32 {
        self.rate.per_second.get()
    }

    /// Takes one refusal.
    ///
    /// # Errors
    /// `limit.refusals` when this second's are used up.
    pub(crate) fn take(&self) -> Result<(), Refusal> {
        self.rate.take(NonZeroU32::MIN).map(drop).map_err(|excess| {
            let refusal = Refusal::new(Code::LimitRefusals).with(Fact::Limit(self.per_second().into()));
            match excess {
                Excess::Until(wait_s) => refusal.with(Fact::RetryAfterS(wait_s)),
                Excess::Forever => refusal,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_S: i64 = 1_795_320_000;

    fn limits(per_second: Option<u32>, per_day: Option<u32>) -> Limits {
        Limits { per_second, per_day, rows_per_call: None }
    }

    fn counter(limits: &Limits) -> Arc<Counter> {
        Limiters::default().counter(LimitKey::Grant("G-1".into()), limits.per_second)
    }

    fn code(outcome: Result<Standing, Box<Exceeded>>) -> Result<Standing, Code> {
        outcome.map_err(|exceeded| exceeded.refusal.code)
    }

    #[test]
    fn a_day_has_its_quota_and_the_next_day_a_new_one() {
        let limits = limits(None, Some(3));
        let counter = counter(&limits);
        let left = |outcome: Result<Standing, Code>| outcome.map(|standing| standing.day.map(|(_, left, _)| left));
        assert_eq!(left(code(counter.take(&limits, 2, NOON_S))), Ok(Some(1)));
        assert_eq!(left(code(counter.take(&limits, 2, NOON_S))), Err(Code::LimitQuota), "all or none");
        assert_eq!(left(code(counter.take(&limits, 1, NOON_S))), Ok(Some(0)));
        assert_eq!(left(code(counter.take(&limits, 1, NOON_S))), Err(Code::LimitQuota));
        assert_eq!(left(code(counter.take(&limits, 1, NOON_S + 86_400))), Ok(Some(2)));
    }

    #[test]
    fn a_refused_rate_spends_nothing_of_the_day_and_is_told_first() {
        let limits = limits(Some(2), Some(2));
        let counter = counter(&limits);
        assert!(counter.take(&limits, 2, NOON_S).is_ok());
        assert_eq!(code(counter.take(&limits, 1, NOON_S)), Err(Code::LimitRate));
        assert_eq!(DayCount::unpack(counter.day.0.load(Ordering::Relaxed)).1, 2);
    }

    #[test]
    fn a_call_that_straddles_midnight_does_not_reset_the_new_day() {
        let limits = limits(None, Some(3));
        let counter = counter(&limits);
        let midnight_s = Day::at(NOON_S).end_unix_s();
        for _ in 0..3 {
            assert!(counter.take(&limits, 1, midnight_s).is_ok());
        }
        assert_eq!(code(counter.take(&limits, 1, midnight_s - 1)), Err(Code::LimitQuota));
        assert_eq!(code(counter.take(&limits, 1, midnight_s)), Err(Code::LimitQuota));
        counter.give_back(1, midnight_s);
        assert!(counter.take(&limits, 1, midnight_s).is_ok());
    }

    #[test]
    fn a_batch_larger_than_the_bucket_never_passes_and_is_told_so() {
        let limits = limits(Some(5), None);
        let exceeded = counter(&limits).take(&limits, 6, NOON_S).err().unwrap();
        assert_eq!(exceeded.refusal.code, Code::LimitRate);
        assert_eq!(exceeded.refusal.facts(), [Fact::Fault(Fault::BatchAboveRate), Fact::Limit(5)]);
    }

    #[test]
    fn a_counter_is_forgotten_when_neither_its_grant_nor_its_day_is_left() {
        let limiters = Limiters::default();
        let today = Day::at(NOON_S);
        let limits = limits(None, Some(9));
        assert!(limiters.counter(LimitKey::Grant("G-used".into()), None).take(&limits, 1, NOON_S).is_ok());
        limiters.counter(LimitKey::Grant("G-idle".into()), None);
        limiters.counter(LimitKey::Grant("G-kept".into()), None);
        let left = |limiters: &Limiters| {
            let mut left: Vec<LimitKey> = limiters.counters.lock().unwrap().keys().cloned().collect();
            left.sort();
            left
        };
        let is_kept = |key: &LimitKey| *key == LimitKey::Grant("G-kept".into());
        limiters.keep(today, is_kept);
        assert_eq!(left(&limiters), ["G-kept", "G-used"].map(|id| LimitKey::Grant(id.into())));
        limiters.keep(Day::at(NOON_S + 86_400), is_kept);
        assert_eq!(left(&limiters), [LimitKey::Grant("G-kept".into())]);
    }

    #[test]
    fn racing_workers_never_exceed_the_quota() {
        let limits = limits(None, Some(1_000));
        let counter = counter(&limits);
        let taken: u32 = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..500).filter(|_| counter.take(&limits, 1, NOON_S).is_ok()).count()))
                .collect();
            workers.into_iter().map(|worker| u32::try_from(worker.join().unwrap()).unwrap()).sum()
        });
        assert_eq!(taken, 1_000);
    }

    #[test]
    fn a_changed_rate_keeps_the_day_and_a_restored_day_counts() {
        let limiters = Limiters::default();
        let key = || LimitKey::Open("mz".into(), "101001001/000001".into());
        limiters.restore(key(), Day::at(NOON_S), 9);
        let limits = limits(Some(50), Some(10));
        let first = limiters.counter(key(), Some(50));
        assert!(first.take(&limits, 1, NOON_S).is_ok());
        assert_eq!(limiters.used(&key(), Day::at(NOON_S)), 10);
        assert_eq!(limiters.used(&key(), Day::at(NOON_S + 86_400)), 0);
        assert_eq!(code(limiters.counter(key(), Some(60)).take(&limits, 1, NOON_S)), Err(Code::LimitQuota));
    }

    #[test]
    fn refusals_beyond_the_quota_are_refused_briefly() {
        let quota = RefusalQuota::new(3);
        let refused = (0..10).filter(|_| quota.take().is_err()).count();
        assert_eq!(refused, 7);
        assert_eq!(quota.take().unwrap_err().retry_after_s(), Some(1));
    }
}

//! Leaves a failing provider alone: after some failures in a row no call is tried for a while, then
//! one probes.
//!
//! Shared by all workers, so it is atomics only; time is an argument (milliseconds of any monotonic
//! clock that starts above zero).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A circuit breaker.
#[derive(Debug)]
pub struct Breaker {
    failures_max: u32,
    open_ms: u64,
    failures: AtomicU32,
    /// 0 while closed; else the time from which one call may probe.
    open_until_ms: AtomicU64,
}

/// Whether a call may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admittance {
    /// Closed: go on.
    Free,
    /// Open long enough: this one call finds out. Unless it reports, another may after the same time.
    Probe,
    /// Open.
    Refused {
        /// Whole seconds until a probe is due, at least 1.
        retry_after_s: u32,
    },
}

impl Breaker {
    /// Opens after `failures_max` failures in a row (at least 1) for `open_ms`.
    pub fn new(failures_max: u32, open_ms: u64) -> Self {
        Self {
            failures_max: failures_max.max(1),
            open_ms,
            failures: AtomicU32::new(0),
            open_until_ms: AtomicU64::new(0),
        }
    }

    /// Whole seconds to wait if the circuit is open, without claiming a probe: to refuse before a
    /// call queues.
    pub fn refuses(&self, now_ms: u64) -> Option<u32> {
        let wait_ms = self.open_until_ms.load(Ordering::Acquire).checked_sub(now_ms).filter(|wait_ms| *wait_ms > 0)?;
        Some(whole_seconds(wait_ms))
    }

    /// Asks before a call.
    pub fn admit(&self, now_ms: u64) -> Admittance {
        let until = self.open_until_ms.load(Ordering::Acquire);
        if until == 0 {
            return Admittance::Free;
        }
        if now_ms < until {
            return Self::refused(until - now_ms);
        }
        let next = now_ms.saturating_add(self.open_ms).max(1);
        match self.open_until_ms.compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Admittance::Probe,
            Err(0) => Admittance::Free,
            Err(other) => Self::refused(other.saturating_sub(now_ms)),
        }
    }

    fn refused(wait_ms: u64) -> Admittance {
        Admittance::Refused { retry_after_s: whole_seconds(wait_ms) }
    }

    /// The provider answered: closes.
    pub fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.open_until_ms.load(Ordering::Relaxed) != 0 {
            self.open_until_ms.store(0, Ordering::Release);
        }
    }

    /// The provider failed: opens after enough of them.
    pub fn failed(&self, now_ms: u64) {
        let before =
            self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count.saturating_add(1)));
        if before.unwrap_or(u32::MAX).saturating_add(1) >= self.failures_max {
            self.open_until_ms.store(now_ms.saturating_add(self.open_ms).max(1), Ordering::Release);
        }
    }

    /// Whether calls are refused or probing, for metrics.
    pub fn is_open(&self) -> bool {
        self.open_until_ms.load(Ordering::Relaxed) != 0
    }
}

fn whole_seconds(wait_ms: u64) -> u32 {
    u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_and_one_probe_closes() {
        let breaker = Breaker::new(3, 2_500);
        breaker.failed(10);
        breaker.failed(11);
        breaker.succeeded();
        breaker.failed(12);
        breaker.failed(13);
        assert_eq!(breaker.admit(14), Admittance::Free);
        breaker.failed(14);
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(15), Admittance::Refused { retry_after_s: 3 });
        assert_eq!(breaker.admit(2_513), Admittance::Refused { retry_after_s: 1 });
        assert_eq!((breaker.refuses(14), breaker.refuses(2_513), breaker.refuses(2_514)), (Some(3), Some(1), None));
        assert_eq!(breaker.admit(2_514), Admittance::Probe);
        assert_eq!(breaker.admit(2_514), Admittance::Refused { retry_after_s: 3 });
        breaker.failed(2_600);
        assert_eq!(breaker.admit(5_099), Admittance::Refused { retry_after_s: 1 });
        assert_eq!(breaker.admit(5_100), Admittance::Probe);
        breaker.succeeded();
        assert_eq!(breaker.admit(5_101), Admittance::Free);
        breaker.failed(5_102);
        assert_eq!(breaker.admit(5_103), Admittance::Free);
    }

    #[test]
    fn a_probe_that_never_reports_is_followed_by_another() {
        let breaker = Breaker::new(1, 100);
        breaker.failed(1);
        assert_eq!(breaker.admit(101), Admittance::Probe);
        assert_eq!(breaker.admit(200), Admittance::Refused { retry_after_s: 1 });
        assert_eq!(breaker.admit(201), Admittance::Probe);
    }
}

//! Percentiles of durations.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

use crate::statistics::float;

/// Longest duration that is told apart: a minute. Longer ones count as a minute.
const LONGEST_NS: u64 = 60_000_000_000;
/// Three digits: percentiles are exact to 0.1 %.
const DIGITS: u8 = 3;

/// Durations seen so far; constant memory however many.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// An empty set.
    ///
    /// # Errors
    /// Never in practice: only if the histogram's bounds were wrong.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).context("histogram of latencies")?))
    }

    /// Adds one duration.
    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many durations were added.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration that `percent` of all do not exceed, in microseconds; 0 if there is none.
    pub fn percentile_us(&self, percent: f64) -> f64 {
        float(self.0.value_at_percentile(percent)) / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Latencies;

    #[test]
    fn percentiles_are_in_microseconds_and_within_a_thousandth() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.percentile_us(50.0).abs() < f64::EPSILON, "nothing recorded is 0");
        for us in 1..=1_000 {
            latencies.record(Duration::from_micros(us));
        }
        latencies.record(Duration::from_hours(1));
        assert_eq!(latencies.count(), 1_001);
        let check = |percent: f64, expected: f64| {
            let got = latencies.percentile_us(percent);
            assert!((got - expected).abs() <= expected / 1_000.0, "p{percent}: {got}, expected {expected}");
        };
        check(50.0, 501.0);
        check(99.0, 991.0);
        check(100.0, 60_000_000.0);
    }
}

//! What a worker has counted. Each worker owns its tally; a scrape takes the lock for the time of a copy,
//! so requests of different workers never meet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;

/// Upper bounds of the duration histograms in microseconds: OpenTelemetry's, and three below for a gateway.
pub(crate) const DURATION_BOUNDS_US: [u64; 17] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000,
    5_000_000, 7_500_000, 10_000_000,
];

/// A duration histogram.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    /// Observations per bucket, not cumulative; the last takes the rest.
    pub counts: [u64; DURATION_BOUNDS_US.len() + 1],
    /// Sum of all durations in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    fn observe(&mut self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = DURATION_BOUNDS_US.partition_point(|bound| *bound < took_us);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_us = self.sum_us.saturating_add(took_us);
    }

    fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| *ours += theirs);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }
}

/// Labels of a counted request, bounded by routes, known methods, codes and the party register.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestLabels {
    /// Path template, or empty for paths that name nothing.
    pub route: &'static str,
    /// HTTP method, or `other`.
    pub method: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Stable code of a refusal, or `ok`.
    pub outcome: &'static str,
    /// Key of the calling party, or empty.
    pub party: String,
}

/// Figures of one worker, or of all added up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// Answered requests.
    pub requests: HashMap<RequestLabels, u64, RandomState>,
    /// From the first byte of the head to the end of the answer's body.
    pub duration: Histogram,
    /// The same without the wait for the provider.
    pub overhead: Histogram,
    /// The wait for the provider.
    pub upstream: Histogram,
    /// Verified tokens found in the cache, not found, and remembered.
    pub token_cache: (u64, u64, u64),
    /// Answers whose caller went away.
    pub aborted: u64,
    /// Values given out masked, by resource.
    pub masked: HashMap<String, u64, RandomState>,
}

impl Figures {
    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (labels, count) in &other.requests {
            *self.requests.entry(labels.clone()).or_default() += count;
        }
        self.duration.add(&other.duration);
        self.overhead.add(&other.overhead);
        self.upstream.add(&other.upstream);
        self.token_cache.0 += other.token_cache.0;
        self.token_cache.1 += other.token_cache.1;
        self.token_cache.2 += other.token_cache.2;
        self.aborted += other.aborted;
        for (resource, count) in &other.masked {
            *self.masked.entry(resource.clone()).or_default() += count;
        }
    }
}

/// A worker's own figures.
#[derive(Default)]
pub(crate) struct Tally(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    figures: Figures,
    /// What was counted last, with a count that `figures` lack: requests come in runs of one kind, and finding
    /// their place each time would cost a hash and a copy of the labels.
    recent: Option<(RequestLabels, u64)>,
}

impl Counted {
    fn request(&mut self, answered: &Answered<'_>) {
        if let Some((labels, count)) = &mut self.recent
            && labels.are_of(answered)
        {
            *count += 1;
            return;
        }
        self.settle();
        self.recent = Some((RequestLabels::of(answered), 1));
    }

    fn settle(&mut self) {
        if let Some((labels, count)) = self.recent.take() {
            *self.figures.requests.entry(labels).or_default() += count;
        }
    }
}

impl RequestLabels {
    fn of(answered: &Answered<'_>) -> Self {
        Self {
            route: answered.route,
            method: answered.method,
            status: answered.status,
            outcome: answered.outcome,
            party: answered.party.to_owned(),
        }
    }

    fn are_of(&self, answered: &Answered<'_>) -> bool {
        self.status == answered.status
            && self.party == answered.party
            && (self.route, self.method, self.outcome) == (answered.route, answered.method, answered.outcome)
    }
}

/// One answered request.
pub(crate) struct Answered<'a> {
    pub(crate) route: &'static str,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
    pub(crate) outcome: &'static str,
    pub(crate) party: &'a str,
    pub(crate) took: Duration,
    pub(crate) upstream: Duration,
    pub(crate) aborted: bool,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, answered: &Answered<'_>, token_cache: (u64, u64, u64)) {
        let mut counted = self.lock();
        counted.request(answered);
        let figures = &mut counted.figures;
        figures.duration.observe(answered.took);
        figures.overhead.observe(answered.took.saturating_sub(answered.upstream));
        if !answered.upstream.is_zero() {
            figures.upstream.observe(answered.upstream);
        }
        figures.token_cache = token_cache;
        figures.aborted += u64::from(answered.aborted);
    }

    /// Counts values of a resource of the catalogue that were given out masked.
    pub(crate) fn count_masked(&self, resource: &str, values: u64) {
        let masked = &mut self.lock().figures.masked;
        match masked.get_mut(resource) {
            Some(count) => *count += values,
            None => {
                masked.insert(resource.to_owned(), values);
            }
        }
    }

    pub(crate) fn snapshot(&self) -> Figures {
        let mut counted = self.lock();
        counted.settle();
        counted.figures.clone()
    }
}

//! How a provider stands, as operators see it: counts and states, never an answer or a secret.

use std::pin::Pin;

/// What a binding does beside calls, such as looking whether instances live. It runs on a worker's thread and ends by
/// itself when nobody else holds the binding any more.
pub type Upkeep = Pin<Box<dyn Future<Output = ()>>>;

/// How a provider stands at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether calls are refused because it failed repeatedly.
    pub is_circuit_open: bool,
    /// Calls under way, all workers together.
    pub calls: u64,
    /// Its instances, in the order of the declaration.
    pub targets: Vec<Target>,
}

/// One instance of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host and port, as declared.
    pub name: String,
    /// Whether it is asked.
    pub state: TargetState,
    /// Open connections, all workers together.
    pub connections: u64,
    /// Of those, idle.
    pub idle: u64,
    /// Connections made.
    pub connects: u64,
    /// Connections that failed.
    pub connects_failed: u64,
    /// How long connecting took, TLS included.
    pub connecting: Durations,
}

/// Whether an instance is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// It is.
    Healthy,
    /// Not for a while: its answers failed.
    Ejected,
    /// Not until it answers probes again.
    Unhealthy,
}

impl TargetState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Ejected, Self::Unhealthy];

    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Ejected => "ejected",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// Durations in buckets, not cumulative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    /// Upper bounds in microseconds.
    pub bounds_us: &'static [u64],
    /// Observations per bucket; one more holds the rest.
    pub counts: Vec<u64>,
    /// Sum of all observations in microseconds.
    pub sum_us: u64,
}

impl Durations {
    /// Adds others with the same bounds.
    pub fn add(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| *ours += theirs);
        self.sum_us += other.sum_us;
    }
}

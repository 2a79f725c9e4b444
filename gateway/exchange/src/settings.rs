//! Numbers from configuration that the exchange obeys.

use std::time::Duration;

use sluice_transport::BodyLimits;

/// What the exchange needs to know of the configuration; the rest belongs to other crates.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Node number, in every record.
    pub node: u16,
    /// Longest time for a whole request.
    pub request_max: Duration,
    /// Bounds of a request body.
    pub body: BodyLimits,
    /// Records in one answer and its chain, where rights say nothing.
    pub rows_max: u32,
    /// Verified tokens that a worker remembers.
    pub token_cache_entries: usize,
    /// Refusals of one system that are recorded one by one each second.
    pub refusals_per_second: u32,
    /// Calls to a provider that one batch makes at a time.
    pub batch_parallel: usize,
}

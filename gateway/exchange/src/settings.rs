//! Numbers from configuration that the exchange obeys.

use std::path::PathBuf;
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
    /// So many days before a month begins, its missing key of subject tags is told as an alarm.
    pub key_warning_days: u32,
    /// How long an answer waits for witnesses, where its resource wants their word.
    pub witness_wait: Duration,
    /// Calls to a provider that one batch makes at a time.
    pub batch_parallel: usize,
    /// Bytes of a provider's answer that are held while it is checked.
    pub answer_bytes_max: usize,
    /// Folder of sealed files under way; it exists.
    pub spool_dir: PathBuf,
    /// Bytes of all of them together.
    pub spool_bytes_max: u64,
}

//! How a ledger is opened; checked before anything is touched.

use std::path::PathBuf;
use std::time::Duration;

use crate::note::{VerifierKey, is_name};
use crate::recovery::OpenError;

/// Smallest segment: the largest record must fit its half.
const SEGMENT_BYTES_MIN: u64 = 256 * 1024;
/// How to open a ledger.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory; made if missing.
    pub dir: PathBuf,
    /// Name of the log, for ever: a C2SP key name without white space or `+`, such as `gw.example/audit/node-1`.
    pub origin: String,
    /// Node number in request keys.
    pub node: u16,
    /// Size of new segments: a multiple of 4,096, at least 256 KiB. Default 8 MiB.
    pub segment_bytes: u64,
    /// Under load the next commit begins at most this long after the last one began, sooner with few callers.
    /// Default 4 ms, which a provider's answer hides; zero turns it off.
    pub commit_window: Duration,
    /// Interval of checkpoints while the log grows. Default 1 s.
    pub checkpoint_every: Duration,
    /// A HEARTBEAT is written after this much silence. Default 60 s.
    pub heartbeat_every: Duration,
    /// Who vouches for the log's keys: `keys/manifest.note` must then be there and be signed by it. Default none.
    pub root: Option<VerifierKey>,
    /// Records of one worker that may wait for the disk. Default 8,192.
    pub backlog_records: u32,
}

impl Options {
    /// Defaults for a directory and an origin.
    pub fn new(dir: impl Into<PathBuf>, origin: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            origin: origin.into(),
            node: 1,
            segment_bytes: 8 << 20,
            commit_window: Duration::from_millis(4),
            checkpoint_every: Duration::from_secs(1),
            heartbeat_every: Duration::from_mins(1),
            root: None,
            backlog_records: 8_192,
        }
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !is_name(&self.origin) {
            return Err(OpenError::Options("origin must be a name without white space or `+`"));
        }
        if self.segment_bytes < SEGMENT_BYTES_MIN || !self.segment_bytes.is_multiple_of(4_096) {
            return Err(OpenError::Options("segment size must be a multiple of 4096 and at least 256 KiB"));
        }
        if self.backlog_records == 0 || self.checkpoint_every.is_zero() || self.heartbeat_every.is_zero() {
            return Err(OpenError::Options("backlog and intervals must not be zero"));
        }
        Ok(())
    }
}

//! QUERY records from outside the gateway's process: whoever searches for a person leaves a note in `inbox/`, the
//! gateway that holds the ledger records it within a second, and only then is there a result.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::control;
use crate::index::{Filter, Search, Take};
use crate::ledger::Ledger;
use crate::offline;
use crate::options::Options;
use crate::record::{Kind, Notice, NoticeKind, Record};
use crate::recovery::OpenError;
use crate::shared::Shared;
use crate::state::Closed;
use crate::storage::{DirStorage, Storage, read_small};
use crate::tiles::write_file;

const FOLDER: &str = "inbox";
const SUFFIX: &str = ".json";
const NOTE_BYTES_MAX: u64 = 4_096;
/// Notes taken per tick of the keeper.
const NOTES_PER_TICK: usize = 16;
/// How long a gateway may take to record a note.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who searched for what, and why. It goes into the log as a QUERY record; never with a citizen's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryNote {
    /// Who searches.
    pub searcher: String,
    /// Stable name of the search, such as `subject.searched`.
    pub action: String,
    /// Unique id of this search.
    pub id: String,
    /// Reason and case.
    pub reason: String,
}

/// Why a search was not recorded; then there is no result.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The gateway that holds the ledger did not take the note.
    #[error("the gateway that holds the ledger did not record the search")]
    NotTaken,
    /// The ledger was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger takes no records.
    #[error("the search was not recorded: {0}")]
    Closed(#[from] Closed),
    /// The disk failed.
    #[error("ledger files: {0}")]
    Io(#[from] io::Error),
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] crate::archive::ReadError),
}

impl QueryNote {
    fn notice(&self, head: crate::record::Head) -> Notice<'_> {
        let (actor, action, object) = (self.searcher.as_str(), self.action.as_str(), self.id.as_str());
        Notice { kind: NoticeKind::Query, head, actor, action, object, reason: &self.reason, data: &[] }
    }
}

/// Records a search durably and gives its index: through the gateway that holds the ledger, or directly.
///
/// # Errors
/// `QueryError`; the search must then not go on.
pub fn record_query(dir: &Path, note: &QueryNote) -> Result<u64, QueryError> {
    let disk = DirStorage::new(dir);
    let ledger = offline::read(dir)?;
    if disk.is_locked("LOCK")? {
        return leave(&disk, dir, note);
    }
    let origin = read_small(&disk, "origin", NOTE_BYTES_MAX)?.unwrap_or_default();
    let mut options = Options::new(dir, String::from_utf8_lossy(&origin).trim_end());
    if let Some(bytes) = ledger.segment_bytes()? {
        options.segment_bytes = bytes;
    }
    let (ledger, _) = Ledger::open(&options)?;
    let record = ledger.append_blocking(|key, out| note.notice(ledger.head_of(key)).encode_into(out))?;
    ledger.stop()?;
    Ok(record.index())
}

fn leave(disk: &DirStorage, dir: &Path, note: &QueryNote) -> Result<u64, QueryError> {
    let filter = Filter { kind: Some(Kind::Query), ..Filter::default() };
    let search = Search { filter: &filter, from_index: 0, take: Take::Last(100), uses_index: false, threads: 1 };
    let path = format!("{FOLDER}/{}{SUFFIX}", note.id);
    let content = serde_json::to_vec(note).map_err(io::Error::other)?;
    write_file(disk, &path, &content)?;
    let due = clock::now() + PATIENCE;
    while clock::now() < due {
        std::thread::park_timeout(LOOK_EVERY);
        if disk.open(&path, false).is_ok() {
            continue;
        }
        // What is gone was recorded; the record itself says where.
        let (found, _) = search.run(&offline::read(dir)?, &mut |_| {})?;
        let is_ours = |record: Record<'_>| matches!(record, Record::Notice(notice) if notice.object == note.id);
        let ours = found.iter().rev().find(|leaf| leaf.record().is_ok_and(is_ours));
        return ours.map(|leaf| leaf.index).ok_or(QueryError::NotTaken);
    }
    disk.remove(&path)?;
    Err(QueryError::NotTaken)
}

/// Records the notes that were left, as the keeper does each second.
pub(crate) fn empty(shared: &Shared) {
    let disk = &*shared.storage;
    let names = disk.list(FOLDER).unwrap_or_default();
    for name in names.iter().filter(|name| name.ends_with(SUFFIX)).take(NOTES_PER_TICK) {
        let path = format!("{FOLDER}/{name}");
        let bytes = read_small(disk, &path, NOTE_BYTES_MAX).ok().flatten();
        let note = bytes.and_then(|bytes| serde_json::from_slice::<QueryNote>(&bytes).ok());
        let is_settled = note.as_ref().is_none_or(|note| {
            let head = |key| crate::record::Head { wall_us: clock::wall_us(), mono_us: shared.mono_us(), key };
            // The note is in the log before it is gone; a crash between can only record it twice.
            control::append(shared, |key, out| note.notice(head(key)).encode_into(out)).is_ok()
        });
        if note.is_none() {
            tracing::warn!(name, "a note in the ledger's inbox is no search");
        }
        if is_settled && let Err(error) = disk.remove(&path) {
            tracing::warn!(%error, "a note in the ledger's inbox was not removed");
        }
    }
}

//! The witness itself: what it knows of each log, and when it puts its name to more.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use crate::checkpoint::Checkpoint;
use crate::hash::{empty_root, sha256};
use crate::note::{Note, NoteError, VerifierKey};
use crate::state::lock;
use crate::storage::{DirStorage, Storage, StorageFile, read_small, replace};
use crate::tree::{TreeHead, verify_consistency};
use crate::witness::cosignature::{WitnessKey, WitnessSigner};
use crate::witness::request::{AddCheckpoint, Answer, BODY_BYTES_MAX};

const LOCK: &str = "LOCK";
/// A request's checkpoint and one line more.
const STORED_BYTES_MAX: u64 = BODY_BYTES_MAX as u64 + 1_024;

/// A log that a witness is told to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLog {
    /// Its name.
    pub origin: String,
    /// Keys that may sign its checkpoints: more than one while a key is rotated.
    pub keys: Vec<VerifierKey>,
}

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Another process has the folder.
    #[error("another process holds the LOCK of the witness's folder")]
    Locked,
    /// What it stored of a log is not what it would have stored.
    #[error(
        "what is stored of {origin} does not hold ({why}): a witness that forgets is none, restore the folder or retire the witness"
    )]
    Damaged {
        /// The log.
        origin: String,
        /// What is wrong.
        why: NoteError,
    },
    /// The disk failed.
    #[error("files of the witness: {0}")]
    Io(#[from] io::Error),
}

/// What is remembered of one log.
struct Watched {
    keys: Vec<VerifierKey>,
    head: TreeHead,
    file: String,
    /// A head could not be stored: what the disk holds is unknown, so nothing more is promised.
    is_broken: bool,
}

/// A witness of other nodes' ledgers. Calls for different logs do not wait for each other.
pub struct Witness {
    signer: WitnessSigner,
    storage: Box<dyn Storage>,
    logs: BTreeMap<String, Mutex<Watched>>,
    /// Held, never read: dropping it releases the folder.
    _lock: Box<dyn StorageFile>,
}

impl Witness {
    /// Opens the folder in which it remembers, made if missing, and takes it for itself.
    ///
    /// # Errors
    /// `WitnessError`.
    pub fn open(dir: &Path, signer: WitnessSigner, logs: Vec<KnownLog>) -> Result<Self, WitnessError> {
        Self::open_on(Box::new(DirStorage::new(dir)), signer, logs)
    }

    /// The same on another disk than the operating system's.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_on(
        storage: Box<dyn Storage>,
        signer: WitnessSigner,
        logs: Vec<KnownLog>,
    ) -> Result<Self, WitnessError> {
        storage.create_dir("")?;
        if let Err(error) = storage.open(LOCK, false) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error.into());
            }
            storage.create(LOCK)?;
        }
        let lock = storage.lock(LOCK)?.ok_or(WitnessError::Locked)?;
        // After the crash of a mere process a name can be visible that is not durable yet.
        storage.sync_dir("")?;
        let mut watched = BTreeMap::new();
        for KnownLog { origin, keys } in logs {
            let file = file_name(&origin);
            let head = stored_head(&*storage, &file, (&origin, &keys), signer.key())?;
            watched.insert(origin, Mutex::new(Watched { keys, head, file, is_broken: false }));
        }
        Ok(Self { signer, storage, logs: watched, _lock: lock })
    }

    /// Answers a request to `add-checkpoint`. Blocks on the disk: what it signs is stored before.
    pub fn add_checkpoint(&self, body: &[u8], now_s: u64) -> Answer {
        let Some(request) = AddCheckpoint::parse(body) else {
            return Answer::text(400, "not a request of tlog-witness\n");
        };
        let origin = Note::parse(request.note).ok().and_then(|note| note.text.lines().next());
        let Some(origin) = origin else {
            return Answer::text(400, "not a signed checkpoint\n");
        };
        let Some(watched) = self.logs.get(origin) else {
            return Answer::text(404, "this witness does not know the log\n");
        };
        self.consider(&request, &mut lock(watched), now_s)
    }

    /// Looks at a checkpoint of a known log. The lock on the log is held from the comparison to the disk.
    fn consider(&self, request: &AddCheckpoint<'_>, watched: &mut Watched, now_s: u64) -> Answer {
        let opened = watched.keys.iter().map(|key| Checkpoint::open(request.note, key));
        let checkpoint = match opened.reduce(|first, other| if first.is_ok() { first } else { other }) {
            Some(Ok(checkpoint)) => checkpoint,
            Some(Err(NoteError::Malformed)) => return Answer::text(400, "not a checkpoint\n"),
            _ => return Answer::text(403, "not signed by a key of the log\n"),
        };
        let head = *checkpoint.head();
        if request.old > head.size {
            return Answer::text(400, "the old size is larger than the checkpoint\n");
        }
        if watched.is_broken {
            return Answer::text(503, "the state of this log could not be stored; the witness must be restarted\n");
        }
        if request.old != watched.head.size {
            return Answer::size(watched.head.size);
        }
        if request.old == head.size && head.root != watched.head.root {
            tracing::error!(origin = checkpoint.origin(), size = head.size, "FORK: a second root for one size");
            return Answer::size(watched.head.size);
        }
        // From nothing on, anything is consistent; C2SP has no proof for it.
        if request.old > 0 && !verify_consistency(&watched.head, &head, &request.proof) {
            tracing::error!(
                origin = checkpoint.origin(),
                old = request.old,
                size = head.size,
                "no proof of consistency"
            );
            return Answer::text(422, "the proof does not lead from the old size to the checkpoint\n");
        }
        let line = self.signer.cosign(checkpoint.text(), now_s);
        let stored = format!("{}{line}", request.note);
        if let Err(error) = replace(&*self.storage, "", &watched.file, stored.as_bytes()) {
            watched.is_broken = true;
            tracing::error!(%error, origin = checkpoint.origin(), "a checkpoint could not be stored");
            return Answer::text(503, "the checkpoint could not be stored\n");
        }
        watched.head = head;
        Answer::text(200, line)
    }

    /// Size of the largest tree of each log that it has cosigned, by origin.
    pub fn sizes(&self) -> Vec<(&str, u64)> {
        self.logs.iter().map(|(origin, watched)| (origin.as_str(), lock(watched).head.size)).collect()
    }

    /// Its public key.
    pub fn key(&self) -> &WitnessKey {
        self.signer.key()
    }
}

/// Name of the file that remembers a log; origins may hold characters that file names cannot.
fn file_name(origin: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::from("log-");
    for byte in sha256(origin.as_bytes()).iter().take(16) {
        let _ = write!(name, "{byte:02x}");
    }
    name + ".note"
}

/// The head that was stored last; that of the empty tree if none was. What this witness signed itself it believes,
/// also after the log has another key.
fn stored_head(
    storage: &dyn Storage,
    file: &str,
    (origin, keys): (&str, &[VerifierKey]),
    own: &WitnessKey,
) -> Result<TreeHead, WitnessError> {
    let Some(bytes) = read_small(storage, file, STORED_BYTES_MAX)? else {
        return Ok(TreeHead { size: 0, root: empty_root() });
    };
    let note = String::from_utf8_lossy(&bytes);
    let of_own = own.cosigned_at(&note).and_then(|_| Checkpoint::of_text(&note, origin));
    let opened = keys.iter().fold(of_own, |found, key| found.or_else(|_| Checkpoint::open(&note, key)));
    opened.map(|checkpoint| *checkpoint.head()).map_err(|why| WitnessError::Damaged { origin: origin.to_owned(), why })
}

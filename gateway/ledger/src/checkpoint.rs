//! Checkpoints: the signed statement "this log, so many records, this root" (C2SP tlog-checkpoint).

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::note::{Note, NoteError, Signer, VerifierKey};
use crate::storage::{Storage, read_small, replace};
use crate::tree::TreeHead;
use crate::witness::parse_size;

/// File name within the ledger's directory.
pub(crate) const FILE: &str = "checkpoint";
/// The newest checkpoint that a quorum of witnesses cosigned; mostly the same as `checkpoint`.
pub(crate) const WITNESSED_FILE: &str = "witnessed";
/// Folder of one witnessed checkpoint a minute, named by size.
pub(crate) const HISTORY: &str = "ckpt";
/// Room for our signature and many cosignatures.
const NOTE_BYTES_MAX: u64 = 64 * 1024;

/// A checkpoint that was signed by this process or whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    note: String,
}

impl Checkpoint {
    pub(crate) fn sign(signer: &Signer, head: TreeHead) -> Self {
        let origin = signer.verifier().name().to_owned();
        let text = format!("{origin}\n{}\n{}\n", head.size, BASE64_STANDARD.encode(head.root));
        Self { note: signer.sign(&text), origin, head }
    }

    /// Checks a note's signature and reads it.
    ///
    /// # Errors
    /// The signature does not hold, or the text is no checkpoint of the key's origin.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        key.open(note)?;
        Self::of_text(note, key.name())
    }

    /// Reads a note whose signatures somebody has checked, or is about to check.
    pub(crate) fn of_text(note: &str, origin_wanted: &str) -> Result<Self, NoteError> {
        let text = Note::parse(note)?.text;
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        let (Some(origin), Some(size), Some(root)) = (origin, size, root) else {
            return Err(NoteError::Malformed);
        };
        let size = parse_size(size).ok_or(NoteError::Malformed)?;
        let root =
            BASE64_STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or(NoteError::Malformed)?;
        if origin != origin_wanted {
            return Err(NoteError::Malformed);
        }
        Ok(Self { origin: origin.to_owned(), head: TreeHead { size, root }, note: note.to_owned() })
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The signed note, as published.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What is signed.
    pub(crate) fn text(&self) -> &str {
        self.note.rfind("\n\n").and_then(|split| self.note.get(..=split)).unwrap_or_default()
    }

    /// The same with cosignature lines that were checked.
    pub(crate) fn cosigned(&self, lines: impl Iterator<Item = impl AsRef<str>>) -> Self {
        let mut note = self.note.clone();
        lines.for_each(|line| note.push_str(line.as_ref()));
        Self { note, ..self.clone() }
    }

    /// Replaces the ledger's `checkpoint` file durably.
    pub(crate) fn store(&self, storage: &dyn Storage) -> io::Result<()> {
        replace(storage, "", FILE, self.note.as_bytes())
    }

    /// Replaces the ledger's `witnessed` file durably.
    pub(crate) fn store_witnessed(&self, storage: &dyn Storage) -> io::Result<()> {
        replace(storage, "", WITNESSED_FILE, self.note.as_bytes())
    }

    /// Keeps it in the history of witnessed heads.
    pub(crate) fn store_history(&self, storage: &dyn Storage) -> io::Result<()> {
        replace(storage, HISTORY, &format!("{}.note", self.head.size), self.note.as_bytes())
    }
}

/// The note in the ledger's `checkpoint` file; `None` if there is none yet.
pub(crate) fn load_note(storage: &dyn Storage) -> io::Result<Option<String>> {
    load(storage, FILE)
}

/// The note in the ledger's `witnessed` file; `None` if no quorum has cosigned yet.
pub(crate) fn load_witnessed(storage: &dyn Storage) -> io::Result<Option<String>> {
    load(storage, WITNESSED_FILE)
}

fn load(storage: &dyn Storage, file: &str) -> io::Result<Option<String>> {
    let bytes = read_small(storage, file, NOTE_BYTES_MAX)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

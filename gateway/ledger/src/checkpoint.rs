//! Checkpoints: the signed statement "this log, so many records, this root" (C2SP tlog-checkpoint).

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::note::{NoteError, Signer, VerifierKey};
use crate::storage::{Storage, read_small, replace};
use crate::tree::TreeHead;

/// File name within the ledger's directory.
pub(crate) const FILE: &str = "checkpoint";
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
        let text = key.open(note)?;
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        let (Some(origin), Some(size), Some(root)) = (origin, size, root) else {
            return Err(NoteError::Malformed);
        };
        let is_plain_number = size == "0" || !size.starts_with(['0', '+']);
        let size = size.parse().ok().filter(|_| is_plain_number).ok_or(NoteError::Malformed)?;
        let root =
            BASE64_STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or(NoteError::Malformed)?;
        if origin != key.name() {
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

    /// Replaces the ledger's `checkpoint` file durably.
    pub(crate) fn store(&self, storage: &dyn Storage) -> io::Result<()> {
        replace(storage, "", FILE, self.note.as_bytes())
    }
}

/// The note in the ledger's `checkpoint` file; `None` if there is none yet.
pub(crate) fn load_note(storage: &dyn Storage) -> io::Result<Option<String>> {
    let bytes = read_small(storage, FILE, NOTE_BYTES_MAX)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

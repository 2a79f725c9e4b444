//! Which key must have signed a checkpoint, from what a verifier pinned and what the ledger's folder says.

use std::io;

use crate::checkpoint::Checkpoint;
use crate::keys::manifest::{Manifest, key_of_checkpoint, load};
use crate::note::{NoteError, VerifierKey};
use crate::storage::{Storage, read_small};

const KEY_FILE: &str = "keys/checkpoint.vkey";
const KEY_BYTES_MAX: u64 = 4_096;
const MANIFEST_FILE: &str = "keys/manifest.note";

/// Keys that checkpoints may be signed with.
pub(crate) struct TrustedKeys {
    current: VerifierKey,
    manifest: Option<Manifest>,
}

/// Why they are not known.
pub(crate) enum KeysFault {
    /// This file is missing, malformed, of another log, or not the root's.
    Untrusted(&'static str),
    /// This file could not be read.
    Io(&'static str, io::Error),
}

impl TrustedKeys {
    /// With a pinned key it alone counts; with a pinned root the list of keys must be there and be the root's; with
    /// neither, what the folder says, which proves consistency, not authorship.
    pub(crate) fn read(
        (key, root): (Option<&VerifierKey>, Option<&VerifierKey>),
        disk: &dyn Storage,
        origin: &str,
    ) -> Result<Self, KeysFault> {
        let bad = || KeysFault::Untrusted(MANIFEST_FILE);
        let note = load(disk).map_err(|error| KeysFault::Io(MANIFEST_FILE, error))?;
        let manifest = match (root, note) {
            (Some(_), None) => return Err(bad()),
            (Some(root), Some(note)) => Some(Manifest::open(&note, root).map_err(|_| bad())?),
            // A pinned key is the one that must have signed, whatever the folder's list says.
            (None, Some(note)) if key.is_none() => Some(Manifest::of_text(&note).map_err(|_| bad())?),
            (None, _) => None,
        };
        if manifest.as_ref().is_some_and(|manifest| manifest.origin() != origin) {
            return Err(bad());
        }
        let current = key.cloned().map_or_else(|| own_key(disk), Ok)?;
        Ok(Self { current, manifest })
    }

    /// A checkpoint signed by the key that had to sign it.
    pub(crate) fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        Checkpoint::open(note, key_of_checkpoint(self.manifest.as_ref(), &self.current, note)?)
    }
}

/// The key that the folder names as the ledger's own.
pub(crate) fn own_key(disk: &dyn Storage) -> Result<VerifierKey, KeysFault> {
    let bytes = read_small(disk, KEY_FILE, KEY_BYTES_MAX).map_err(|error| KeysFault::Io(KEY_FILE, error))?;
    let key = bytes.and_then(|bytes| VerifierKey::parse(&String::from_utf8_lossy(&bytes)).ok());
    key.ok_or(KeysFault::Untrusted(KEY_FILE))
}

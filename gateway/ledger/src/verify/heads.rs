//! The heads that the records must give: the ledger's own checkpoint, and those that were kept elsewhere.

use super::{Stop, Verification, stop, unreadable};
use crate::archive::ReadError;
use crate::checkpoint::{self, Checkpoint};
use crate::hash::Hash;
use crate::note::{NoteError, VerifierKey};
use crate::offline::own_key;
use crate::report::FaultKind;
use crate::storage::Storage;
use crate::tree::{Frontier, TreeHead};

/// A head, and the file that states it.
struct Stated {
    file: String,
    head: TreeHead,
    found: Option<Hash>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Heads {
    own: Option<TreeHead>,
    stated: Vec<Stated>,
}

impl Heads {
    /// Reads and checks the checkpoints; what they say of the records is checked at the end.
    pub(super) fn read(&mut self, given: &Verification, disk: &dyn Storage, origin: &str) -> Result<(), Stop> {
        let note = checkpoint::load_note(disk).map_err(unreadable(checkpoint::FILE))?;
        let is_needed = note.is_some() || !given.kept.is_empty();
        let key = match &given.key {
            Some(key) => key.clone(),
            None if !is_needed => return Ok(()),
            None => own_key(disk).map_err(|error| match error {
                ReadError::Io(_) => stop(FaultKind::Key, None, "keys/checkpoint.vkey", 0),
                _ => stop(FaultKind::Key, None, checkpoint::FILE, 0),
            })?,
        };
        if let Some(note) = note {
            self.own = Some(self.add(checkpoint::FILE, &note, &key, origin)?);
        }
        for (file, note) in &given.kept {
            self.add(file, note, &key, origin)?;
        }
        Ok(())
    }

    fn add(&mut self, file: &str, note: &str, key: &VerifierKey, origin: &str) -> Result<TreeHead, Stop> {
        let bad = |kind| stop(kind, None, file, 0);
        let checkpoint = Checkpoint::open(note, key).map_err(|error| match error {
            NoteError::BadSignature | NoteError::Unsigned => bad(FaultKind::CheckpointSignature),
            NoteError::Malformed | NoteError::BadKey => bad(FaultKind::CheckpointMalformed),
        })?;
        if checkpoint.origin() != origin {
            return Err(bad(FaultKind::CheckpointMalformed));
        }
        let head = *checkpoint.head();
        let found = (head.size == 0).then(|| Frontier::new().root());
        self.stated.push(Stated { file: file.to_owned(), head, found });
        Ok(head)
    }

    /// Head of the ledger's own checkpoint.
    pub(super) fn signed(&self) -> Option<TreeHead> {
        self.own
    }

    /// Sizes of all heads, ascending.
    pub(super) fn sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.stated.iter().map(|stated| stated.head.size).collect();
        sizes.sort_unstable();
        sizes
    }

    /// Takes roots that the records give.
    pub(super) fn note(&mut self, roots: &[TreeHead]) {
        for stated in &mut self.stated {
            let found = roots.iter().find(|root| root.size == stated.head.size);
            stated.found = stated.found.or(found.map(|head| head.root));
        }
    }

    /// Compares; `first` is the size of what was deleted before, `size` that of the log.
    pub(super) fn check(&self, first: TreeHead, size: u64, is_live: bool) -> Result<(), Stop> {
        if self.own.is_none() && size > 0 && !is_live {
            return Err(stop(FaultKind::CheckpointMissing, Some(0), checkpoint::FILE, 0));
        }
        for Stated { file, head, found } in &self.stated {
            if head.size > size {
                return Err(stop(FaultKind::Rollback, Some(size), file, 0));
            }
            let found = found.or((head.size == first.size).then_some(first.root));
            // What an older head says of deleted records can no longer be computed here.
            if head.size >= first.size && found != Some(head.root) {
                return Err(stop(FaultKind::Fork, None, file, 0));
            }
        }
        Ok(())
    }
}

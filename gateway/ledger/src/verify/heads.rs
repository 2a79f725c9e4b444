//! The heads that the records must give: the ledger's own checkpoint, the newest one that the pinned witnesses
//! cosigned, and those that were kept elsewhere.

use super::{Stop, Verification, stop, unreadable};
use crate::checkpoint::{self, WITNESSED_FILE};
use crate::hash::Hash;
use crate::keys::{KeysFault, TrustedKeys};
use crate::note::NoteError;
use crate::report::{FaultKind, Witnessed};
use crate::storage::Storage;
use crate::tree::{Frontier, TreeHead};
use crate::witness::Quorum;

/// How long records may wait for the witnesses before that is a fault: witnesses that are down for longer are one.
const UNWITNESSED_S_MAX: u64 = 300;

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
    witnessed: Option<Witnessed>,
    stated: Vec<Stated>,
}

impl Heads {
    /// Reads and checks the checkpoints; what they say of the records is checked at the end.
    pub(super) fn read(&mut self, given: &Verification, disk: &dyn Storage, origin: &str) -> Result<(), Stop> {
        let note = checkpoint::load_note(disk).map_err(unreadable(checkpoint::FILE))?;
        let witnessed = checkpoint::load_witnessed(disk).map_err(unreadable(WITNESSED_FILE))?;
        let is_needed = note.is_some() || witnessed.is_some() || !given.kept.is_empty();
        if !is_needed && given.witnesses.is_none() {
            return Ok(());
        }
        let keys = TrustedKeys::read((given.key.as_ref(), given.root.as_ref()), disk, origin);
        let keys = keys.map_err(|fault| match fault {
            KeysFault::Untrusted(file) => stop(FaultKind::Key, None, file, 0),
            KeysFault::Io(file, error) => unreadable(file)(error),
        })?;
        if let Some(note) = &note {
            self.own = Some(self.add(checkpoint::FILE, note, &keys, origin)?);
        }
        if let Some(note) = &witnessed {
            self.add(WITNESSED_FILE, note, &keys, origin)?;
        }
        if let Some(quorum) = &given.witnesses {
            self.witnessed = Some(newest_of(quorum, &[note, witnessed], &keys)?);
        }
        for (file, note) in &given.kept {
            self.add(file, note, &keys, origin)?;
        }
        Ok(())
    }

    fn add(&mut self, file: &str, note: &str, keys: &TrustedKeys, origin: &str) -> Result<TreeHead, Stop> {
        let bad = |kind| stop(kind, None, file, 0);
        let checkpoint = keys.open(note).map_err(|error| match error {
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

    /// What the pinned witnesses cosigned.
    pub(super) fn witnessed(&self) -> Option<Witnessed> {
        self.witnessed.clone()
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
    pub(super) fn check(&self, first: TreeHead, size: u64, (is_live, last_us): (bool, u64)) -> Result<(), Stop> {
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
        // Only records of the last moments may be without a witness.
        if let Some(Witnessed { size: covered, at_s, .. }) = &self.witnessed
            && *covered < size
            && last_us / 1_000_000 > at_s.saturating_add(UNWITNESSED_S_MAX)
        {
            return Err(stop(FaultKind::Unwitnessed, Some(*covered), WITNESSED_FILE, 0));
        }
        Ok(())
    }
}

/// The newest of these checkpoints that enough witnesses cosigned.
fn newest_of(quorum: &Quorum, notes: &[Option<String>], keys: &TrustedKeys) -> Result<Witnessed, Stop> {
    let witnessed = |note: &String| {
        let by: Vec<String> = quorum.check(note).ok()?.into_iter().map(str::to_owned).collect();
        let size = keys.open(note).ok()?.head().size;
        let at_s = quorum.keys().iter().filter_map(|key| key.cosigned_at(note).ok()).min().unwrap_or(0);
        Some(Witnessed { size, by, at_s })
    };
    let newest = notes.iter().flatten().filter_map(witnessed).max_by_key(|witnessed| witnessed.size);
    newest.ok_or_else(|| stop(FaultKind::Unwitnessed, Some(0), WITNESSED_FILE, 0))
}

//! The heads that the records must give: the ledger's own checkpoint, the newest one that the pinned witnesses
//! cosigned, and those that were kept elsewhere.

use super::{Stop, Verification, stop, unreadable};
use crate::checkpoint::{self, Checkpoint, WITNESSED_FILE};
use crate::hash::Hash;
use crate::keys::{Manifest, key_of_checkpoint, load};
use crate::note::{NoteError, VerifierKey};
use crate::offline::own_key;
use crate::report::{FaultKind, Witnessed};
use crate::storage::Storage;
use crate::tree::{Frontier, TreeHead};
use crate::witness::Quorum;

const KEY_FILE: &str = "keys/checkpoint.vkey";
const MANIFEST_FILE: &str = "keys/manifest.note";
/// How long records may wait for the witnesses before that is a fault: witnesses that are down for longer are one.
const UNWITNESSED_S_MAX: u64 = 300;

/// A head, and the file that states it.
struct Stated {
    file: String,
    head: TreeHead,
    found: Option<Hash>,
}

/// Keys that checkpoints may be signed with.
struct Keys {
    current: VerifierKey,
    manifest: Option<Manifest>,
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
        let keys = Keys::read(given, disk, origin)?;
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

    fn add(&mut self, file: &str, note: &str, keys: &Keys, origin: &str) -> Result<TreeHead, Stop> {
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

impl Keys {
    fn read(given: &Verification, disk: &dyn Storage, origin: &str) -> Result<Self, Stop> {
        let bad = |file: &str| stop(FaultKind::Key, None, file, 0);
        let note = load(disk).map_err(unreadable(MANIFEST_FILE))?;
        let manifest = match (&given.root, note) {
            (Some(_), None) => return Err(bad(MANIFEST_FILE)),
            (Some(root), Some(note)) => Some(Manifest::open(&note, root).map_err(|_| bad(MANIFEST_FILE))?),
            // A pinned key is the one that must have signed, whatever the folder's list says.
            (None, Some(note)) if given.key.is_none() => {
                Some(Manifest::of_text(&note).map_err(|_| bad(MANIFEST_FILE))?)
            }
            (None, _) => None,
        };
        if manifest.as_ref().is_some_and(|manifest| manifest.origin() != origin) {
            return Err(bad(MANIFEST_FILE));
        }
        let current = match &given.key {
            Some(key) => key.clone(),
            None => own_key(disk).map_err(|_| bad(KEY_FILE))?,
        };
        Ok(Self { current, manifest })
    }

    fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        Checkpoint::open(note, key_of_checkpoint(self.manifest.as_ref(), &self.current, note)?)
    }
}

/// The newest of these checkpoints that enough witnesses cosigned.
fn newest_of(quorum: &Quorum, notes: &[Option<String>], keys: &Keys) -> Result<Witnessed, Stop> {
    let witnessed = |note: &String| {
        let by: Vec<String> = quorum.check(note).ok()?.into_iter().map(str::to_owned).collect();
        let size = keys.open(note).ok()?.head().size;
        let at_s = quorum.keys.iter().filter_map(|key| key.cosigned_at(note).ok()).min().unwrap_or(0);
        Some(Witnessed { size, by, at_s })
    };
    let newest = notes.iter().flatten().filter_map(witnessed).max_by_key(|witnessed| witnessed.size);
    newest.ok_or_else(|| stop(FaultKind::Unwitnessed, Some(0), WITNESSED_FILE, 0))
}

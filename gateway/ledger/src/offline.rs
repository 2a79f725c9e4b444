//! Reading a ledger's directory without opening it for writing; also while a gateway runs on it.

use std::path::Path;

use crate::appender::Durable;
use crate::archive::{Leaf, Leaves, Marks, ReadError};
use crate::checkpoint::{self, Checkpoint};
use crate::hash::{Hash, empty_root};
use crate::keys::{KeysFault, TrustedKeys, own_key};
use crate::layout::listed;
use crate::note::{NoteError, VerifierKey};
use crate::proof::TileSource;
use crate::proof_file::Proof;
use crate::receipt::Receipt;
use crate::storage::{DirStorage, Storage, read_small};
use crate::tiles::{self, TILE_WIDTH, TileId, TileMissing, Tiles};
use crate::tree::TreeHead;
use crate::witness::Quorum;

const ORIGIN_BYTES_MAX: u64 = 4_096;

/// Who must have signed a checkpoint, as somebody got it from elsewhere; nothing of it has to be given.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    /// The log's key.
    pub key: Option<VerifierKey>,
    /// The root that vouches for the log's keys.
    pub root: Option<VerifierKey>,
    /// Witnesses, of whom enough must have cosigned.
    pub witnesses: Option<Quorum>,
}

/// A ledger's directory, read only.
pub struct Offline {
    disk: Box<dyn Storage>,
    marks: Marks,
}

/// Opens a ledger's directory for reading. Checks nothing; `verify` does.
///
/// # Errors
/// The directory cannot be read.
pub fn read(dir: &Path) -> Result<Offline, ReadError> {
    Offline::on(Box::new(DirStorage::new(dir)))
}

impl Offline {
    pub(crate) fn on(disk: Box<dyn Storage>) -> Result<Self, ReadError> {
        let marks = Marks::read(&*disk)?;
        Ok(Self { disk, marks })
    }

    /// One record.
    ///
    /// # Errors
    /// `ReadError`.
    pub fn leaf(&self, index: u64) -> Result<Leaf, ReadError> {
        self.marks.leaf(&*self.disk, index)
    }

    /// Records from an index on (or from the first that is still there), to the end of the log.
    ///
    /// # Errors
    /// `NoSuchIndex` if the log is empty, or the disk's.
    pub fn leaves(&self, from_index: u64) -> Result<Leaves<'_>, ReadError> {
        self.marks.leaves(&*self.disk, from_index.max(self.marks.first_index()), u64::MAX)
    }

    /// The ledger's own checkpoint key. Pin a copy obtained elsewhere where it matters.
    ///
    /// # Errors
    /// The key file is missing or malformed.
    pub fn verifier_key(&self) -> Result<VerifierKey, ReadError> {
        own_key(&*self.disk).map_err(ReadError::from)
    }

    /// First index that is still in the log; those before were deleted by order.
    pub fn first_index(&self) -> u64 {
        self.marks.first_index()
    }

    /// Receipt of a record under the checkpoint in the directory.
    ///
    /// # Errors
    /// `NotCovered` if the checkpoint does not cover the record, and the other read errors.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ReadError> {
        let leaf = self.leaf(index)?;
        let checkpoint = self.checkpoint_over(index, &Pins::default())?;
        let proof = self.inclusion(leaf.durable(), &checkpoint)?;
        Ok(Receipt::new(index, &leaf.bytes, &proof, &checkpoint))
    }

    /// Proof of a record for outsiders, under a checkpoint in the directory that has what `pins` ask for. Of a record that was deleted by order the proof holds no leaf: its hash is still in the tiles.
    ///
    /// # Errors
    /// `NotCovered` if no such checkpoint covers the record, `Untrusted`, and the other read errors.
    pub fn proof(&self, index: u64, pins: &Pins) -> Result<Proof, ReadError> {
        let checkpoint = self.checkpoint_over(index, pins)?;
        let (record, leaf) = if index < self.first_index() {
            (Durable::new(index, self.hash_in_tile(index)?), None)
        } else {
            let leaf = self.leaf(index)?;
            (leaf.durable(), Some(leaf.bytes))
        };
        let hashes = self.inclusion(record, &checkpoint)?;
        Ok(Proof { index, leaf, hashes, checkpoint: checkpoint.note().to_owned() })
    }

    fn checkpoint_over(&self, index: u64, pins: &Pins) -> Result<Checkpoint, ReadError> {
        let origin = read_small(self.disk(), "origin", ORIGIN_BYTES_MAX)?.unwrap_or_default();
        let origin = String::from_utf8_lossy(&origin);
        let keys = TrustedKeys::read((pins.key.as_ref(), pins.root.as_ref()), self.disk(), origin.trim_end())?;
        // A witnessed checkpoint says more than a newer one that is not.
        let notes = [checkpoint::load_witnessed(self.disk())?, checkpoint::load_note(self.disk())?];
        let is_enough = |note: &String| pins.witnesses.as_ref().is_none_or(|quorum| quorum.check(note).is_ok());
        let opened = notes.iter().flatten().filter(|note| is_enough(note)).map(|note| keys.open(note).map_err(invalid));
        let mut opened = opened.collect::<Result<Vec<_>, _>>()?.into_iter();
        opened.find(|checkpoint| checkpoint.head().size > index).ok_or(ReadError::NotCovered(index))
    }

    fn hash_in_tile(&self, index: u64) -> Result<Hash, ReadError> {
        let id = TileId { level: 0, number: index / TILE_WIDTH as u64 };
        let at = usize::try_from(index % TILE_WIDTH as u64).unwrap_or(usize::MAX);
        let row = tiles::read(&*self.disk, id)?;
        row.and_then(|row| row.get(at).copied()).ok_or_else(|| TileMissing(id).into())
    }

    fn inclusion(&self, record: Durable, checkpoint: &Checkpoint) -> Result<Vec<Hash>, ReadError> {
        let head = checkpoint.head();
        let source = TileSource { disk: &*self.disk, marks: &self.marks, repairs: false };
        let tail_from = head.size / TILE_WIDTH as u64 * TILE_WIDTH as u64;
        let tail = self.marks.leaf_hashes(&*self.disk, tail_from, head.size)?;
        let edge = Tiles::load(head.size, tail, |id| source.stored(id))?;
        source.inclusion(&edge, record, head)
    }

    /// Size and root of what is no longer there.
    pub(crate) fn first_head(&self) -> Result<TreeHead, ReadError> {
        let found = listed(&*self.disk).map_err(|(_, error)| error)?;
        let first = found.used.first().map(|(_, header)| header);
        let head = first.map(|header| TreeHead { size: header.first_leaf_index, root: header.prev_root });
        Ok(head.unwrap_or(TreeHead { size: 0, root: empty_root() }))
    }

    /// Size of the newest segment in use.
    pub(crate) fn segment_bytes(&self) -> Result<Option<u64>, ReadError> {
        let found = listed(&*self.disk).map_err(|(_, error)| error)?;
        Ok(found.used.last().map(|(_, header)| header.segment_bytes))
    }

    pub(crate) fn disk(&self) -> &dyn Storage {
        &*self.disk
    }
}

impl From<KeysFault> for ReadError {
    fn from(fault: KeysFault) -> Self {
        match fault {
            KeysFault::Untrusted(file) => Self::Untrusted(file),
            KeysFault::Io(_, error) => Self::Io(error),
        }
    }
}

pub(crate) fn invalid(error: NoteError) -> ReadError {
    ReadError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}

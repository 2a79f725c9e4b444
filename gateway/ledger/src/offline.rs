//! Reading a ledger's directory without opening it for writing; also while a gateway runs on it.

use std::path::Path;

use crate::archive::{Leaf, Leaves, Marks, ReadError};
use crate::checkpoint::{self, Checkpoint};
use crate::note::{NoteError, VerifierKey};
use crate::proof::TileSource;
use crate::receipt::Receipt;
use crate::storage::{DirStorage, Storage, read_small};
use crate::tiles::{TILE_WIDTH, Tiles};

const KEY: &str = "keys/checkpoint.vkey";
const KEY_BYTES_MAX: u64 = 4_096;

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
        own_key(&*self.disk)
    }

    /// Receipt of a record under the checkpoint in the directory.
    ///
    /// # Errors
    /// `NotCovered` if the checkpoint does not cover the record, and the other read errors.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ReadError> {
        let leaf = self.leaf(index)?;
        let (disk, key) = (&*self.disk, self.verifier_key()?);
        // A witnessed checkpoint says more than a newer one that is not.
        let notes = [checkpoint::load_witnessed(disk)?, checkpoint::load_note(disk)?].into_iter().flatten();
        let opened = notes.map(|note| Checkpoint::open(&note, &key).map_err(invalid));
        let opened = opened.collect::<Result<Vec<_>, _>>()?;
        let checkpoint = opened.into_iter().find(|checkpoint| checkpoint.head().size > index);
        let checkpoint = checkpoint.ok_or(ReadError::NotCovered(index))?;
        let head = checkpoint.head();
        let source = TileSource { disk: &*self.disk, marks: &self.marks, repairs: false };
        let tail_from = head.size / TILE_WIDTH as u64 * TILE_WIDTH as u64;
        let tail = self.marks.leaf_hashes(&*self.disk, tail_from, head.size)?;
        let edge = Tiles::load(head.size, tail, |id| source.stored(id))?;
        let proof = source.inclusion(&edge, leaf.durable(), head)?;
        Ok(Receipt::new(index, &leaf.bytes, &proof, &checkpoint))
    }
}

/// The key in `keys/checkpoint.vkey`.
pub(crate) fn own_key(disk: &dyn Storage) -> Result<VerifierKey, ReadError> {
    let bytes = read_small(disk, KEY, KEY_BYTES_MAX)?.ok_or_else(|| invalid(NoteError::BadKey))?;
    VerifierKey::parse(&String::from_utf8_lossy(&bytes)).map_err(invalid)
}

fn invalid(error: NoteError) -> ReadError {
    ReadError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}

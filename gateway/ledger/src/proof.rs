//! Proofs from tiles in memory and on disk; a tile that was lost or damaged is made again from the records.

use crate::appender::Durable;
use crate::archive::{Marks, ReadError};
use crate::hash::Hash;
use crate::storage::Storage;
use crate::tiles::{self, TILE_WIDTH, TileId, TileMissing, Tiles};
use crate::tree::{self, TreeHead};

impl From<TileMissing> for ReadError {
    fn from(missing: TileMissing) -> Self {
        Self::Damaged { index: missing.0.number.saturating_mul(TILE_WIDTH as u64), what: "a hash is in no tile" }
    }
}

/// Where full tiles come from.
#[derive(Clone, Copy)]
pub(crate) struct TileSource<'a> {
    pub(crate) disk: &'a dyn Storage,
    pub(crate) marks: &'a Marks,
    /// Tiles made again are written; not where the ledger is only read.
    pub(crate) repairs: bool,
}

impl TileSource<'_> {
    pub(crate) fn stored(&self, id: TileId) -> Result<Vec<Hash>, ReadError> {
        match tiles::read(self.disk, id)? {
            Some(hashes) => Ok(hashes),
            None => self.made(id),
        }
    }

    fn made(&self, id: TileId) -> Result<Vec<Hash>, ReadError> {
        let width = TILE_WIDTH as u64;
        let hashes = if id.level == 0 {
            self.marks.leaf_hashes(self.disk, id.number * width, (id.number + 1) * width)?
        } else {
            let below =
                (id.number * width..(id.number + 1) * width).map(|number| TileId { level: id.level - 1, number });
            below.map(|id| self.made(id).map(|hashes| tiles::subtree_root(&hashes))).collect::<Result<_, _>>()?
        };
        if hashes.len() != TILE_WIDTH {
            return Err(TileMissing(id).into());
        }
        if self.repairs {
            tiles::write(self.disk, id, &hashes)?;
        }
        Ok(hashes)
    }

    /// Inclusion proof of a record, checked. If the tiles on disk give a wrong one, it is computed from the records.
    pub(crate) fn inclusion(&self, edge: &Tiles, record: Durable, head: &TreeHead) -> Result<Vec<Hash>, ReadError> {
        for tile in [Self::stored, Self::made] {
            let node = |level, at| edge.node(level, at, |id| tile(self, id));
            let proof = tree::inclusion_proof(record.index(), head.size, node)?;
            if tree::verify_inclusion(record.index(), record.leaf_hash(), head.size, &head.root, &proof) {
                return Ok(proof);
            }
        }
        Err(ReadError::Damaged { index: record.index(), what: "the record does not give the root of the checkpoint" })
    }

    /// Consistency proof between two sizes.
    pub(crate) fn consistency(&self, edge: &Tiles, old: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        tree::consistency_proof(old, size, |level, at| edge.node(level, at, |id| self.stored(id)))
    }

    /// Consistency proof from `old` records to a head that is known to be right, checked. If the tiles on disk give
    /// a wrong one, it is computed from the records.
    pub(crate) fn extension(&self, edge: &Tiles, old: u64, head: &TreeHead) -> Result<Vec<Hash>, ReadError> {
        for tile in [Self::stored, Self::made] {
            let node = |level, at| edge.node(level, at, |id| tile(self, id));
            let proof = tree::consistency_proof(old, head.size, node)?;
            let before = TreeHead { size: old, root: tree::root(old, node)? };
            if tree::verify_consistency(&before, head, &proof) {
                return Ok(proof);
            }
        }
        Err(ReadError::Damaged { index: old, what: "the records do not give the root of the checkpoint" })
    }
}

//! The tree on disk as C2SP tlog-tiles: 256 hashes per full tile, under `tile/<level>/<number>`, and the partial
//! ones of the last checkpoint under `….p/<width>`. Tiles are derived from the segments: they are written without
//! sync, checked when used, and rebuilt if missing.

use std::io;

use crate::hash::Hash;
use crate::storage::{Storage, read_small};
use crate::tree::{self, Frontier, TreeHead};

/// Folder of the tiles.
pub(crate) const FOLDER: &str = "tile";
/// Hashes of a full tile.
pub(crate) const TILE_WIDTH: usize = 256;
const TILE_BYTES: usize = TILE_WIDTH * 32;
/// Levels of the tree that one level of tiles spans.
const TILE_HEIGHT: u8 = 8;

/// A full tile's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileId {
    pub(crate) level: u8,
    pub(crate) number: u64,
}

/// The right edge of the tree in memory: hashes of every level that do not fill a tile yet.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    size: u64,
    partial: Vec<Vec<Hash>>,
}

impl Tiles {
    /// Size and root, from the right edge alone.
    pub(crate) fn head(&self) -> Result<TreeHead, TileMissing> {
        let root = tree::root(self.size, |level, at| self.node(level, at, |id| Err(TileMissing(id))))?;
        Ok(TreeHead { size: self.size, root })
    }

    /// Adds a leaf hash; `on_full` gets each tile that this completes. The edge in memory stays right if it fails;
    /// its first error is returned.
    pub(crate) fn push<E>(
        &mut self,
        leaf: Hash,
        mut on_full: impl FnMut(TileId, &[Hash]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.size += 1;
        let (mut carried, mut result) = (leaf, Ok(()));
        for level in 0..TILE_HEIGHT {
            let Some(row) = self.row(level) else { break };
            row.push(carried);
            if row.len() < TILE_WIDTH {
                break;
            }
            carried = subtree_root(row);
            let number = (self.size >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1))) - 1;
            let Some(row) = self.row(level) else { break };
            let full = std::mem::take(row);
            let done = on_full(TileId { level, number }, &full);
            if let Some(row) = self.row(level) {
                *row = full;
                row.clear();
            }
            result = result.and(done);
        }
        result
    }

    fn row(&mut self, level: u8) -> Option<&mut Vec<Hash>> {
        let at = usize::from(level);
        if self.partial.len() <= at {
            self.partial.resize_with(at + 1, || Vec::with_capacity(TILE_WIDTH));
        }
        self.partial.get_mut(at)
    }

    /// Rows that do not fill a tile, with the position of the tile they begin.
    pub(crate) fn partials(&self) -> impl Iterator<Item = (TileId, &[Hash])> {
        let rows = self.partial.iter().zip(0_u8..).filter(|(row, _)| !row.is_empty());
        rows.map(|(row, level)| (TileId { level, number: full_tiles(self.size, level) }, row.as_slice()))
    }

    /// Hash of the complete subtree `[index·2^level, (index+1)·2^level)`; `tile` gets full tiles.
    pub(crate) fn node<E: From<TileMissing>>(
        &self,
        level: u8,
        index: u64,
        mut tile: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
    ) -> Result<Hash, E> {
        let (tile_level, rest) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let first = index << rest;
        let id = TileId { level: tile_level, number: first / TILE_WIDTH as u64 };
        let from = usize::try_from(first % TILE_WIDTH as u64).unwrap_or(0);
        let wanted = from..from + (1 << rest);
        if id.number < full_tiles(self.size, tile_level) {
            let hashes = tile(id)?;
            return hashes.get(wanted).map(subtree_root).ok_or_else(|| TileMissing(id).into());
        }
        let row = self.partial.get(usize::from(tile_level)).and_then(|row| row.get(wanted));
        row.map(subtree_root).ok_or_else(|| TileMissing(id).into())
    }

    /// The right edge of a tree whose full tiles `tile` can give and whose last leaves are `tail`
    /// (those from the last multiple of 256 on).
    pub(crate) fn load<E>(
        size: u64,
        tail: Vec<Hash>,
        mut tile: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
    ) -> Result<Self, E> {
        let mut partial = vec![tail];
        for level in 1..TILE_HEIGHT {
            let below = full_tiles(size, level - 1);
            if below == 0 {
                break;
            }
            let mut row = Vec::with_capacity(TILE_WIDTH);
            for number in below / TILE_WIDTH as u64 * TILE_WIDTH as u64..below {
                row.push(subtree_root(&tile(TileId { level: level - 1, number })?));
            }
            partial.push(row);
        }
        Ok(Self { size, partial })
    }
}

/// A hash that should be known is in no tile.
#[derive(Debug)]
pub(crate) struct TileMissing(pub(crate) TileId);

/// Full tiles of a level in a tree of `size` leaves.
pub(crate) fn full_tiles(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(TILE_HEIGHT) * (u32::from(level) + 1)).unwrap_or(0)
}

/// Partial tiles, with their widths, of a tree of `size` leaves.
pub(crate) fn partial_ids(size: u64) -> Vec<(TileId, usize)> {
    let ids = (0..TILE_HEIGHT).map(|level| {
        let row = size.checked_shr(u32::from(TILE_HEIGHT) * u32::from(level)).unwrap_or(0);
        let width = usize::try_from(row % TILE_WIDTH as u64).unwrap_or(0);
        (TileId { level, number: row / TILE_WIDTH as u64 }, width)
    });
    ids.filter(|(_, width)| *width > 0).collect()
}

/// Root over a power of two of hashes.
pub(crate) fn subtree_root(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root()
}

/// Reads a full tile; `None` if it is missing or has the wrong length.
pub(crate) fn read(storage: &dyn Storage, id: TileId) -> io::Result<Option<Vec<Hash>>> {
    let bytes = match read_small(storage, &path(id), TILE_BYTES as u64) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
        bytes => bytes?,
    };
    Ok(bytes.filter(|bytes| bytes.len() == TILE_BYTES).map(|bytes| bytes.as_chunks::<32>().0.to_vec()))
}

/// Reads a partial tile of that width.
pub(crate) fn read_partial(storage: &dyn Storage, id: TileId, width: usize) -> io::Result<Option<Vec<Hash>>> {
    let bytes = match read_small(storage, &partial_path(id, width), TILE_BYTES as u64) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
        bytes => bytes?,
    };
    Ok(bytes.filter(|bytes| bytes.len() == width * 32).map(|bytes| bytes.as_chunks::<32>().0.to_vec()))
}

/// Writes a tile. Not durable: it can be made again.
pub(crate) fn write(storage: &dyn Storage, id: TileId, hashes: &[Hash]) -> io::Result<()> {
    write_file(storage, &path(id), hashes.as_flattened())
}

/// Writes a partial tile under its width.
pub(crate) fn write_partial(storage: &dyn Storage, id: TileId, hashes: &[Hash]) -> io::Result<()> {
    write_file(storage, &partial_path(id, hashes.len()), hashes.as_flattened())
}

/// Writes a whole file under a name that appears only then.
pub(crate) fn write_file(storage: &dyn Storage, path: &str, content: &[u8]) -> io::Result<()> {
    if let Some((folder, _)) = path.rsplit_once('/') {
        storage.create_dir(folder)?;
    }
    let temporary = format!("{path}.tmp");
    storage.create(&temporary)?.write_at(content, 0)?;
    storage.rename(&temporary, path)
}

/// Path of a full tile.
pub(crate) fn path(id: TileId) -> String {
    number_path(&id.level.to_string(), id.number)
}

/// Path of a tile or bundle: three digits per part, all but the last with an `x` (C2SP tlog-tiles).
pub(crate) fn number_path(folder: &str, mut number: u64) -> String {
    let mut parts = format!("{:03}", number % 1000);
    while number >= 1000 {
        number /= 1000;
        parts = format!("x{:03}/{parts}", number % 1000);
    }
    format!("{FOLDER}/{folder}/{parts}")
}

/// Path of a partial tile.
pub(crate) fn partial_path(id: TileId, width: usize) -> String {
    format!("{}.p/{width}", path(id))
}

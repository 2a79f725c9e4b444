//! The right edge of the tree with its tiles, for readers: the frontier gives roots, the rows give tiles, and every
//! inner node is hashed once for both.

use std::io;

use crate::hash::Hash;
use crate::storage::Storage;
use crate::tiles::{self, TILE_WIDTH, TileId};
use crate::tree::{Frontier, TreeHead};

/// Levels of the tree in one level of tiles.
const TILE_HEIGHT: u8 = 8;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    frontier: Frontier,
    /// `rows[l]`: hashes of tile level `l` that do not fill a tile yet.
    rows: Vec<Vec<Hash>>,
}

impl Edge {
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds a leaf hash; `on_full` gets each tile that this completes, lower levels first. The edge stays right if it
    /// fails; its first error is returned.
    pub(crate) fn push<E>(
        &mut self,
        leaf: Hash,
        mut on_full: impl FnMut(TileId, &[Hash]) -> Result<(), E>,
    ) -> Result<(), E> {
        let rows = &mut self.rows;
        push_row(rows, 0, leaf);
        self.frontier.push_noting(leaf, |level, node| {
            if level.is_multiple_of(usize::from(TILE_HEIGHT)) {
                push_row(rows, level / usize::from(TILE_HEIGHT), *node);
            }
        });
        let mut result = Ok(());
        for (row, level) in self.rows.iter_mut().zip(0_u8..) {
            if row.len() < TILE_WIDTH {
                break;
            }
            let number = (self.frontier.size() >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1))) - 1;
            result = result.and(on_full(TileId { level, number }, row));
            row.clear();
        }
        result
    }

    /// Rows that do not fill a tile, with the tile that they begin.
    pub(crate) fn partials(&self) -> impl Iterator<Item = (TileId, &[Hash])> {
        let rows = self.rows.iter().zip(0_u8..).filter(|(row, _)| !row.is_empty());
        rows.map(|(row, level)| {
            (TileId { level, number: tiles::full_tiles(self.frontier.size(), level) }, row.as_slice())
        })
    }

    /// The edge at a head, from tiles on disk; `None` if they are not there or do not give the head's root, which
    /// alone makes them trustworthy. `signed` is the size whose partial tiles are on disk.
    pub(crate) fn load(disk: &dyn Storage, head: &TreeHead, signed: u64) -> io::Result<Option<Self>> {
        let mut rows = Vec::new();
        for level in 0_u8.. {
            let reached = head.size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
            if reached == 0 {
                break;
            }
            let Some(row) = load_row(disk, level, reached, signed)? else { return Ok(None) };
            rows.push(row);
        }
        let node = |level: u8, index: u64| {
            let rest = level % TILE_HEIGHT;
            let from = usize::try_from((index << rest) % TILE_WIDTH as u64).unwrap_or(usize::MAX);
            let row: Option<&Vec<Hash>> = rows.get(usize::from(level / TILE_HEIGHT));
            row.and_then(|row| row.get(from..from.checked_add(1 << rest)?)).map(tiles::subtree_root).ok_or(())
        };
        let Ok(frontier) = Frontier::from_nodes(head.size, node) else { return Ok(None) };
        Ok((frontier.root() == head.root).then_some(Self { frontier, rows }))
    }
}

fn push_row(rows: &mut Vec<Vec<Hash>>, level: usize, hash: Hash) {
    if rows.len() <= level {
        rows.resize_with(level + 1, || Vec::with_capacity(TILE_WIDTH));
    }
    if let Some(row) = rows.get_mut(level) {
        row.push(hash);
    }
}

/// The hashes of a level behind its last full tile: the beginning of what is now a full tile, or of the partial tile
/// of `signed` leaves, or made from the tiles below.
fn load_row(disk: &dyn Storage, level: u8, reached: u64, signed: u64) -> io::Result<Option<Vec<Hash>>> {
    let number = reached / TILE_WIDTH as u64;
    let width = usize::try_from(reached % TILE_WIDTH as u64).unwrap_or(0);
    if width == 0 {
        return Ok(Some(Vec::with_capacity(TILE_WIDTH)));
    }
    let id = TileId { level, number };
    let mut found = tiles::read(disk, id)?;
    if found.is_none() {
        let partial = tiles::partial_ids(signed).into_iter().find(|(at, stored)| *at == id && *stored >= width);
        if let Some((_, stored)) = partial {
            found = tiles::read_partial(disk, id, stored)?;
        }
    }
    if let Some(mut row) = found {
        row.truncate(width);
        return Ok(Some(row));
    }
    let Some(below) = level.checked_sub(1) else { return Ok(None) };
    let mut row = Vec::with_capacity(TILE_WIDTH);
    for number in number * TILE_WIDTH as u64..reached {
        let Some(tile) = tiles::read(disk, TileId { level: below, number })? else { return Ok(None) };
        row.push(tiles::subtree_root(&tile));
    }
    Ok(Some(row))
}

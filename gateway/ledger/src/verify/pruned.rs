//! Tiles of deleted records: no record can contradict them any more, but the tree above them can.

use super::{Stop, stop, unreadable};
use crate::edge::Edge;
use crate::hash::Hash;
use crate::report::FaultKind;
use crate::storage::Storage;
use crate::tiles::{self, TILE_WIDTH, TileId};

/// Checks every full tile before the edge against the level above it; gives how many are missing. Without them the
/// receipts of their records can no longer be proven, which is no fault.
pub(super) fn check_tiles(disk: &dyn Storage, edge: &Edge) -> Result<u64, Stop> {
    let mut missing = 0;
    for level in 0_u8.. {
        let full = tiles::full_tiles(edge.size(), level);
        if full == 0 {
            break;
        }
        let mut above: Option<(u64, Vec<Hash>)> = None;
        for number in 0..full {
            let (parent, at) = (number / TILE_WIDTH as u64, usize::try_from(number % TILE_WIDTH as u64).unwrap_or(0));
            if above.as_ref().is_none_or(|(known, _)| *known != parent) {
                above = Some((parent, row(disk, edge, TileId { level: level + 1, number: parent })?));
            }
            let path = tiles::path(TileId { level, number });
            let Some(stored) = tiles::read(disk, TileId { level, number }).map_err(unreadable(&path))? else {
                missing += 1;
                continue;
            };
            let expected = above.as_ref().and_then(|(_, row)| row.get(at));
            if expected.is_some_and(|expected| *expected != tiles::subtree_root(&stored)) {
                let index = (level == 0).then_some(number * TILE_WIDTH as u64);
                return Err(stop(FaultKind::Tile, index, path, 0));
            }
        }
    }
    Ok(missing)
}

/// The tile above, from the edge or, where it is full, from the disk; empty if it is missing.
fn row(disk: &dyn Storage, edge: &Edge, id: TileId) -> Result<Vec<Hash>, Stop> {
    if let Some((_, row)) = edge.partials().find(|(at, _)| *at == id) {
        return Ok(row.to_vec());
    }
    let path = tiles::path(id);
    Ok(tiles::read(disk, id).map_err(unreadable(&path))?.unwrap_or_default())
}

//! What a frame that does not hold means, and which record is the first that was changed.

use super::walk::{Part, Pass};
use super::{Stop, stop, unreadable};
use crate::chain::{Chain, ChainFault};
use crate::frame::{self, FrameFault, FrameHeader};
use crate::hash::Hash;
use crate::report::FaultKind;
use crate::tail;
use crate::tiles::{self, TILE_WIDTH, TileId};

impl Pass<'_> {
    /// Decides what the end of the valid frames means. True if the frame has become valid meanwhile.
    pub(super) fn settle_end(&mut self, part: &Part<'_>, offset: u64, fault: FrameFault) -> Result<bool, Stop> {
        let later = tail::later_frame(part.file, offset, self.at.batch_no).map_err(unreadable(part.path))?;
        let is_covered = self.walk.signed.is_some_and(|head| head.size > self.size());
        if later.is_some() || is_covered && fault != FrameFault::Blank {
            // A living gateway may have finished the batch between the two looks.
            let mut bytes = Vec::new();
            let again = frame::read(part.file, offset, part.end, &mut bytes).map_err(unreadable(part.path))?;
            if again.is_ok() {
                return Ok(true);
            }
            return Err(self.name_damage(part, offset, fault));
        }
        if !part.is_last && fault != FrameFault::Blank && offset < part.end {
            return Err(self.name_damage(part, offset, fault));
        }
        let residue = tail::last_nonzero(part.file, offset).map_err(unreadable(part.path))?;
        match residue {
            Some(_) if part.is_last && self.walk.is_live => Ok(false),
            Some(at) if fault == FrameFault::Blank => Err(self.at(FaultKind::Residue, part.path, at)),
            Some(_) => Err(self.at(FaultKind::UnfinishedBatch, part.path, offset)),
            None => Ok(false),
        }
    }

    /// A frame that should hold does not. If its header does, the tiles can tell which record was changed.
    fn name_damage(&mut self, part: &Part<'_>, offset: u64, fault: FrameFault) -> Stop {
        let kind = match fault {
            FrameFault::Blank | FrameFault::Header => {
                return self.at(FaultKind::FrameHeader, part.path, offset);
            }
            FrameFault::Body => FaultKind::FrameBody,
            FrameFault::Trailer => return self.at(FaultKind::FrameTrailer, part.path, offset),
        };
        let mut bytes = Vec::new();
        match frame::read_unchecked(part.file, offset, part.end, &mut bytes) {
            Ok(Some(header)) => stop(kind, Some(self.first_changed(&header, &bytes)), part.path, offset),
            _ => self.at(kind, part.path, offset),
        }
    }

    pub(super) fn blame(
        &mut self,
        fault: ChainFault,
        header: &FrameHeader,
        bytes: &[u8],
        (path, offset): (&str, u64),
    ) -> Stop {
        match fault {
            ChainFault::Sequence => self.at(FaultKind::Sequence, path, offset),
            ChainFault::PrevRoot => self.at(FaultKind::PrevRoot, path, offset),
            ChainFault::SaltKey => self.at(FaultKind::SaltKey, path, offset),
            ChainFault::Entries => self.at(FaultKind::Entries, path, offset),
            ChainFault::Root => stop(FaultKind::Root, Some(self.first_changed(header, bytes)), path, offset),
        }
    }

    /// First record of a frame whose hash differs from the tile's; the frame's first one if no tile tells.
    fn first_changed(&mut self, header: &FrameHeader, bytes: &[u8]) -> u64 {
        let hashes = Chain::hashes(bytes, header.boot_epoch, &mut self.salts).ok().flatten().unwrap_or_default();
        let mut known: Option<(u64, Vec<Hash>)> = None;
        for (hash, index) in hashes.iter().zip(header.first_index..) {
            let number = index / TILE_WIDTH as u64;
            if known.as_ref().is_none_or(|(tile, _)| *tile != number) {
                known = Some((number, self.leaf_tile(number)));
            }
            let at = usize::try_from(index % TILE_WIDTH as u64).unwrap_or(usize::MAX);
            let expected = known.as_ref().and_then(|(_, tile)| tile.get(at));
            if expected.is_some_and(|expected| expected != hash) {
                return index;
            }
        }
        header.first_index
    }

    /// Leaf hashes of a full tile, or of the checkpoint's partial one; empty if neither is there.
    fn leaf_tile(&self, number: u64) -> Vec<Hash> {
        let id = TileId { level: 0, number };
        let width = self.walk.signed.filter(|head| head.size / TILE_WIDTH as u64 == number);
        let width = width.and_then(|head| usize::try_from(head.size % TILE_WIDTH as u64).ok());
        let partial = || width.and_then(|width| tiles::read_partial(self.walk.disk, id, width).ok().flatten());
        tiles::read(self.walk.disk, id).ok().flatten().or_else(partial).unwrap_or_default()
    }
}

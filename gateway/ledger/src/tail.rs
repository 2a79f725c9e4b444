//! What stands behind the last valid frame: nothing, the remains of one unfinished batch, or something that an
//! unfinished batch cannot explain.

use std::io;

use crate::archive::{Marks, ReadError};
use crate::frame::{self, ALIGNMENT};
use crate::hash::{Hash, sha256};
use crate::layout::Segments;
use crate::recovery::{Log, OpenError};
use crate::segment::{self, FIRST_FRAME};
use crate::storage::{Storage, StorageFile};
use crate::tiles::TILE_WIDTH;
use crate::writer::BATCH_SPAN_MAX;

/// Bytes that were moved to quarantine at this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantined {
    /// Segment number.
    pub segment: u32,
    /// Where the bytes stood.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Hash,
}

/// Files are read in pieces of this size to look for bytes that are not zero.
const PIECE_BYTES: usize = 1 << 20;

/// Moves an unfinished batch to quarantine and zeroes its place. It can stand behind the last frame, or, if it was
/// the first of its segment, in the first unused one.
pub(crate) fn settle(
    disk: &dyn Storage,
    segments: &Segments,
    log: &Log,
    epoch: u32,
) -> Result<Vec<Quarantined>, OpenError> {
    let mut places = Vec::new();
    if let Some(active) = &log.active {
        places.push((active.number, active.offset, u64::MAX));
    }
    // Of an unused segment a crash can have left no more than its header and one batch.
    places.extend(segments.unused.iter().map(|number| (*number, 0, FIRST_FRAME + BATCH_SPAN_MAX)));
    let mut remains = Vec::new();
    for (number, offset, to) in places {
        let file = disk.open(&segment::path(number), true)?;
        let Some(last) = last_nonzero_before(&*file, offset, to)? else {
            continue;
        };
        if let Some(later) = later_frame(&*file, offset, log.chain.batch_no)? {
            let what = "a valid later batch stands behind a hole";
            return Err(OpenError::Corrupt { segment: number, offset: later, what });
        }
        remains.push((file, (number, offset, last + 1)));
    }
    // Only one batch is ever in flight, so at most one place can hold remains. Nothing was changed up to here.
    match remains.as_slice() {
        [] => Ok(Vec::new()),
        [(file, place)] => Ok(vec![move_to_quarantine(disk, &**file, *place, epoch)?]),
        [(_, (segment, offset, _)), ..] => {
            let what = "unfinished batches in more than one segment";
            Err(OpenError::Corrupt { segment: *segment, offset: *offset, what })
        }
    }
}

fn move_to_quarantine(
    disk: &dyn Storage,
    file: &dyn StorageFile,
    (number, from, to): (u32, u64, u64),
    epoch: u32,
) -> Result<Quarantined, OpenError> {
    let bytes = to - from;
    let mut remains = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    file.read_at(&mut remains, from)?;
    let copy = disk.create(&format!("quarantine/{number:08}-{from}-{epoch:010}.bin"))?;
    copy.write_at(&remains, 0)?;
    copy.sync()?;
    disk.sync_dir("quarantine")?;
    let sha256 = sha256(&remains);
    remains.fill(0);
    file.write_at(&remains, from)?;
    file.sync()?;
    Ok(Quarantined { segment: number, offset: from, bytes, sha256 })
}

/// Offset of the last byte at or after `from` that is not zero.
pub(crate) fn last_nonzero(file: &dyn StorageFile, from: u64) -> io::Result<Option<u64>> {
    last_nonzero_before(file, from, u64::MAX)
}

/// The same, without looking much further than `to`.
fn last_nonzero_before(file: &dyn StorageFile, from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut piece = vec![0; PIECE_BYTES];
    let (mut at, mut last) = (from, None);
    loop {
        let read = file.read_at(&mut piece, at)?;
        let bytes = piece.get(..read).unwrap_or_default();
        if let Some(position) = bytes.iter().rposition(|byte| *byte != 0) {
            last = Some(at + position as u64);
        }
        if read < PIECE_BYTES || at >= to {
            return Ok(last);
        }
        at += read as u64;
    }
}

/// Offset of a valid frame of a batch later than the one expected next.
pub(crate) fn later_frame(file: &dyn StorageFile, offset: u64, expected: u64) -> io::Result<Option<u64>> {
    let end = file.len()?;
    let mut bytes = Vec::new();
    let mut at = offset.max(FIRST_FRAME).next_multiple_of(ALIGNMENT as u64);
    while at < end {
        match frame::read(file, at, end, &mut bytes)? {
            Ok(header) if header.batch_no > expected => return Ok(Some(at)),
            _ => at += ALIGNMENT as u64,
        }
    }
    Ok(None)
}

/// Leaf hashes from the last multiple of 256 up to `size`; `None` if the records cannot be read.
pub(crate) fn leaf_hashes(disk: &dyn Storage, size: u64) -> io::Result<Option<Vec<Hash>>> {
    range(disk, size / TILE_WIDTH as u64 * TILE_WIDTH as u64, size)
}

/// Leaf hashes of the first `size` records; `None` if they cannot all be read.
pub(crate) fn all_leaf_hashes(disk: &dyn Storage, size: u64) -> io::Result<Option<Vec<Hash>>> {
    range(disk, 0, size)
}

fn range(disk: &dyn Storage, from: u64, to: u64) -> io::Result<Option<Vec<Hash>>> {
    match Marks::read(disk).map_err(ReadError::Io).and_then(|marks| marks.leaf_hashes(disk, from, to)) {
        Ok(hashes) => Ok(Some(hashes).filter(|hashes| hashes.len() as u64 == to - from)),
        Err(ReadError::Io(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

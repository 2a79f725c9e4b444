//! Segments: preallocated, zero-filled files of one size that hold the frames.
//!
//! A segment whose 4,096-byte header is all zero is a spare. Header layout, little-endian:
//! `magic[8] | version u16 | suite u16 | number u32 | first_leaf_index u64 | prev_root[32] | prev_end_offset u64 |
//! first_batch_no u64 | boot_epoch u32 | salt_key_id u32 | created_us u64 | segment_bytes u64 | origin_hash[32]`,
//! zeros, and in the last four bytes the CRC-32C of all before.

use std::io;

use crate::frame::Fields;
use crate::hash::{Hash, sha256};
use crate::storage::{Storage, StorageFile};

/// Bytes of a segment header; the first frame stands behind it.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 4_096;
/// Offset of the first frame.
pub(crate) const FIRST_FRAME: u64 = SEGMENT_HEADER_BYTES as u64;
/// Folder of the segments.
pub(crate) const FOLDER: &str = "seg";
const SUFFIX: &str = ".wal";
const MAGIC: [u8; 8] = *b"SLUICEWL";
const VERSION: u16 = 1;
/// Suite 1: SHA-256, HMAC-SHA-256, Ed25519.
const SUITE: u16 = 1;
/// Zeros are written in pieces of this size, so that a spare never holds the disk for long.
const ZERO_BYTES: usize = 1 << 20;

/// Header of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u32,
    /// Size of the tree before this segment.
    pub(crate) first_leaf_index: u64,
    /// Root of the tree before this segment.
    pub(crate) prev_root: Hash,
    /// Authoritative end of the frames of the segment before; 0 for the first one.
    pub(crate) prev_end_offset: u64,
    pub(crate) first_batch_no: u64,
    pub(crate) boot_epoch: u32,
    pub(crate) created_us: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) origin_hash: Hash,
}

/// What the first 4,096 bytes of a segment are.
pub(crate) enum SegmentStart {
    /// All zero: never used.
    Spare,
    /// A header that holds.
    Used(Box<SegmentHeader>),
    /// Neither.
    Damaged,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&SUITE.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first_leaf_index.to_le_bytes());
        bytes.extend_from_slice(&self.prev_root);
        bytes.extend_from_slice(&self.prev_end_offset.to_le_bytes());
        bytes.extend_from_slice(&self.first_batch_no.to_le_bytes());
        bytes.extend_from_slice(&self.boot_epoch.to_le_bytes());
        // One salt key per boot epoch; frames carry their own epoch, since a segment can outlive one.
        bytes.extend_from_slice(&self.boot_epoch.to_le_bytes());
        bytes.extend_from_slice(&self.created_us.to_le_bytes());
        bytes.extend_from_slice(&self.segment_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.origin_hash);
        bytes.resize(SEGMENT_HEADER_BYTES - 4, 0);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut fields = Fields(covered);
        if *fields.take()? != MAGIC || fields.u16()? != VERSION || fields.u16()? != SUITE {
            return None;
        }
        Some(Self {
            number: fields.u32()?,
            first_leaf_index: fields.u64()?,
            prev_root: *fields.take()?,
            prev_end_offset: fields.u64()?,
            first_batch_no: fields.u64()?,
            boot_epoch: {
                let epoch = fields.u32()?;
                fields.u32()?;
                epoch
            },
            created_us: fields.u64()?,
            segment_bytes: fields.u64()?,
            origin_hash: *fields.take()?,
        })
    }
}

/// Value of `origin_hash` for an origin.
pub(crate) fn origin_hash(origin: &str) -> Hash {
    sha256(origin.as_bytes())
}

/// Path of a segment.
pub(crate) fn path(number: u32) -> String {
    format!("{FOLDER}/{number:08}{SUFFIX}")
}

/// Numbers of all segments present, spares included, ascending.
pub(crate) fn list(storage: &dyn Storage) -> io::Result<Vec<u32>> {
    let names = storage.list(FOLDER)?;
    let mut numbers: Vec<u32> =
        names.iter().filter_map(|name| name.strip_suffix(SUFFIX)).filter_map(|stem| stem.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes spares that a crash left half made.
pub(crate) fn remove_half_made(storage: &dyn Storage) -> io::Result<()> {
    let half_made = format!("{SUFFIX}.tmp");
    for name in storage.list(FOLDER)?.iter().filter(|name| name.ends_with(&half_made)) {
        storage.remove(&format!("{FOLDER}/{name}"))?;
    }
    Ok(())
}

/// Reads the first 4,096 bytes.
pub(crate) fn read_start(file: &dyn StorageFile) -> io::Result<SegmentStart> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    file.read_at(&mut bytes, 0)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(SegmentStart::Spare);
    }
    Ok(SegmentHeader::decode(&bytes).map_or(SegmentStart::Damaged, |header| SegmentStart::Used(Box::new(header))))
}

/// Creates a spare: really written zeros, because unwritten extents would cost a journal commit per batch.
/// Its name and its zeros are durable when this returns.
pub(crate) fn create_spare(storage: &dyn Storage, number: u32, segment_bytes: u64) -> io::Result<()> {
    let temporary = format!("{}.tmp", path(number));
    write_spare(storage, number, segment_bytes).inspect_err(|_| {
        // On a full disk the half-made spare would take the space that checkpoints need.
        if let Err(error) = storage.remove(&temporary) {
            tracing::warn!(%error, "a half-made spare segment was not removed");
        }
    })
}

fn write_spare(storage: &dyn Storage, number: u32, segment_bytes: u64) -> io::Result<()> {
    let file = storage.create(&format!("{}.tmp", path(number)))?;
    let zeros = vec![0; ZERO_BYTES.min(usize::try_from(segment_bytes).unwrap_or(ZERO_BYTES))];
    let mut offset = 0;
    while offset < segment_bytes {
        let piece = usize::try_from(segment_bytes - offset).unwrap_or(usize::MAX).min(zeros.len());
        file.write_at(zeros.get(..piece).unwrap_or_default(), offset)?;
        offset += piece as u64;
    }
    file.sync()?;
    storage.rename(&format!("{}.tmp", path(number)), &path(number))?;
    storage.sync_dir(FOLDER)
}

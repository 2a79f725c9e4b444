//! Batch frames: one group commit is one frame, written with one call, valid as a whole or not at all.
//!
//! Layout, integers little-endian unless said otherwise, the whole padded with zeros to 64 bytes:
//! `magic u32 | batch_no u64 | first_index u64 | count u32 | body_len u32 | ts_us u64 | prev_root[32] |
//! root_after[32] | flags u32 | boot_epoch u32 | header_crc32c u32`, then the body, `count` times
//! `len u16 | salt_ctr u64 | cbor[len]`, then `body_crc32c u32 | magic u32 | batch_no u64`.
//! `salt_ctr` holds the worker in its upper 16 bits and the counter in its lower 48.

use std::io;

use crate::hash::Hash;
use crate::storage::StorageFile;

pub(crate) const HEADER_BYTES: usize = 112;
const TRAILER_BYTES: usize = 16;
/// Frames begin at multiples of this, so that a torn neighbour sector is recognised by position.
pub(crate) const ALIGNMENT: usize = 64;
const MAGIC: u32 = u32::from_le_bytes(*b"SLBF");
const TRAILER_MAGIC: u32 = u32::from_le_bytes(*b"SLBE");
const CTR_BITS: u32 = 48;

/// Header of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) batch_no: u64,
    pub(crate) first_index: u64,
    pub(crate) count: u32,
    pub(crate) body_len: u32,
    pub(crate) ts_us: u64,
    pub(crate) prev_root: Hash,
    pub(crate) root_after: Hash,
    pub(crate) boot_epoch: u32,
}

/// Why the bytes at an offset are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameFault {
    /// Zeros: nothing was written here.
    Blank,
    /// Header CRC or magic wrong, or its numbers reach beyond the file.
    Header,
    /// Body CRC wrong.
    Body,
    /// Trailer or padding wrong.
    Trailer,
}

impl FrameHeader {
    /// Bytes of the frame with padding.
    pub(crate) fn span(&self) -> u64 {
        span(self.body_len)
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields = MAGIC.to_le_bytes().into_iter().chain(self.batch_no.to_le_bytes());
        let fields = fields.chain(self.first_index.to_le_bytes()).chain(self.count.to_le_bytes());
        let fields = fields.chain(self.body_len.to_le_bytes()).chain(self.ts_us.to_le_bytes());
        let fields = fields.chain(self.prev_root).chain(self.root_after);
        let flags = 0_u32;
        let fields = fields.chain(flags.to_le_bytes()).chain(self.boot_epoch.to_le_bytes());
        for (byte, value) in bytes.iter_mut().zip(fields) {
            *byte = value;
        }
        if let Some((covered, crc)) = bytes.split_last_chunk_mut::<4>() {
            *crc = crc32c::crc32c(covered).to_le_bytes();
        }
        bytes
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut fields = Fields(covered);
        if fields.u32()? != MAGIC {
            return None;
        }
        let header = Self {
            batch_no: fields.u64()?,
            first_index: fields.u64()?,
            count: fields.u32()?,
            body_len: fields.u32()?,
            ts_us: fields.u64()?,
            prev_root: *fields.take()?,
            root_after: *fields.take()?,
            boot_epoch: {
                fields.u32()?;
                fields.u32()?
            },
        };
        Some(header)
    }
}

/// Bytes of a frame with a body of that length.
pub(crate) fn span(body_len: u32) -> u64 {
    (HEADER_BYTES as u64 + u64::from(body_len) + TRAILER_BYTES as u64).next_multiple_of(ALIGNMENT as u64)
}

/// Takes little-endian fields from the front of bytes.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(field)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(|bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn slice(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(field)
    }
}

/// Starts a frame in a reused buffer: room for the header, then push entries, then `finish`.
pub(crate) fn begin(frame: &mut Vec<u8>) {
    frame.clear();
    frame.resize(HEADER_BYTES, 0);
}

/// Adds one record.
pub(crate) fn push_entry(frame: &mut Vec<u8>, worker: u16, ctr: u64, cbor: &[u8]) {
    // The appender refuses longer records, so the length fits.
    let len = u16::try_from(cbor.len()).unwrap_or(u16::MAX);
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&pack_salt_ctr(worker, ctr).to_le_bytes());
    frame.extend_from_slice(cbor);
}

/// Body bytes so far.
pub(crate) fn body_len(frame: &[u8]) -> u32 {
    u32::try_from(frame.len().saturating_sub(HEADER_BYTES)).unwrap_or(u32::MAX)
}

/// Writes header, CRCs, trailer and padding.
pub(crate) fn finish(frame: &mut Vec<u8>, header: &FrameHeader) {
    let body_crc = crc32c::crc32c(frame.get(HEADER_BYTES..).unwrap_or_default());
    if let Some(place) = frame.first_chunk_mut() {
        *place = header.encode();
    }
    frame.extend_from_slice(&body_crc.to_le_bytes());
    frame.extend_from_slice(&TRAILER_MAGIC.to_le_bytes());
    frame.extend_from_slice(&header.batch_no.to_le_bytes());
    frame.resize(frame.len().next_multiple_of(ALIGNMENT), 0);
}

/// Reads only the header at an offset, for stepping over frames.
pub(crate) fn read_header(
    file: &dyn StorageFile,
    offset: u64,
    end: u64,
) -> io::Result<Result<FrameHeader, FrameFault>> {
    let mut bytes = [0; HEADER_BYTES];
    let read = file.read_at(&mut bytes, offset)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Err(FrameFault::Blank));
    }
    if read < HEADER_BYTES {
        return Ok(Err(FrameFault::Header));
    }
    Ok(FrameHeader::decode(&bytes).filter(|header| offset + header.span() <= end).ok_or(FrameFault::Header))
}

/// Reads and checks the frame at an offset; `frame` then holds header and body.
pub(crate) fn read(
    file: &dyn StorageFile,
    offset: u64,
    end: u64,
    frame: &mut Vec<u8>,
) -> io::Result<Result<FrameHeader, FrameFault>> {
    let header = match read_header(file, offset, end)? {
        Ok(header) => header,
        Err(fault) => return Ok(Err(fault)),
    };
    // The span was checked against the end of the file before this allocation.
    let Ok(span) = usize::try_from(header.span()) else {
        return Ok(Err(FrameFault::Header));
    };
    frame.clear();
    frame.resize(span, 0);
    if file.read_at(frame, offset)? < span {
        return Ok(Err(FrameFault::Trailer));
    }
    let body_end = HEADER_BYTES + header.body_len as usize;
    let (Some(covered), Some(tail)) = (frame.get(HEADER_BYTES..body_end), frame.get(body_end..)) else {
        return Ok(Err(FrameFault::Header));
    };
    let mut fields = Fields(tail);
    if fields.u32() != Some(crc32c::crc32c(covered)) {
        return Ok(Err(FrameFault::Body));
    }
    let trailer = (fields.u32(), fields.u64());
    if trailer != (Some(TRAILER_MAGIC), Some(header.batch_no)) || fields.0.iter().any(|byte| *byte != 0) {
        return Ok(Err(FrameFault::Trailer));
    }
    frame.truncate(body_end);
    Ok(Ok(header))
}

/// Reads header and body of a frame whose header holds, without checking body or trailer.
pub(crate) fn read_unchecked(
    file: &dyn StorageFile,
    offset: u64,
    end: u64,
    frame: &mut Vec<u8>,
) -> io::Result<Option<FrameHeader>> {
    let Ok(header) = read_header(file, offset, end)? else {
        return Ok(None);
    };
    frame.clear();
    frame.resize(HEADER_BYTES + header.body_len as usize, 0);
    file.read_at(frame, offset)?;
    Ok(Some(header))
}

/// One record within a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) worker: u16,
    pub(crate) ctr: u64,
    pub(crate) cbor: &'a [u8],
}

/// Records of a frame read by `read`; ends early if the body is not what the lengths say.
pub(crate) fn entries(frame: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut fields = Fields(frame.get(HEADER_BYTES..).unwrap_or_default());
    std::iter::from_fn(move || {
        let len = fields.u16()?;
        let (worker, ctr) = unpack_salt_ctr(fields.u64()?);
        Some(Entry { worker, ctr, cbor: fields.slice(usize::from(len))? })
    })
}

fn pack_salt_ctr(worker: u16, ctr: u64) -> u64 {
    u64::from(worker) << CTR_BITS | ctr & ((1 << CTR_BITS) - 1)
}

fn unpack_salt_ctr(packed: u64) -> (u16, u64) {
    (u16::try_from(packed >> CTR_BITS).unwrap_or(u16::MAX), packed & ((1 << CTR_BITS) - 1))
}

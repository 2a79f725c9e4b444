//! The sidecar of a sealed segment, `index/NNNNNNNN.idx`: `magic[8] | first_index u64 | records u64 | from_us u64 |
//! to_us u64 | end_root[32] | bytes u32 | bloom | crc32c u32`, integers little-endian. The root ties it to the
//! segment; whoever can write the folder can forge it, which is why it proves nothing.

use std::collections::HashSet;
use std::io;

use super::filter::{Field, Filter, terms};
use crate::frame::Fields;
use crate::hash::{Hash, sha256};
use crate::record::Record;
use crate::storage::{Storage, read_small};
use crate::tiles::write_file;

const MAGIC: [u8; 8] = *b"SLUICEI2";
/// Folder of the sidecars.
pub(crate) const FOLDER: &str = "index";
/// Bits per term and probes: one of a hundred segments is read for nothing.
const BITS_PER_TERM: usize = 10;
const PROBES: u64 = 7;
const BYTES_MAX: u64 = 64 << 20;

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sidecar {
    pub(super) first_index: u64,
    pub(super) records: u64,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    pub(super) end_root: Hash,
    bloom: Vec<u8>,
}

/// Collects the terms of a segment.
#[derive(Default)]
pub(super) struct Builder {
    seen: HashSet<Vec<u8>, foldhash::fast::FixedState>,
    scratch: Vec<u8>,
    span: Option<(u64, u64)>,
    records: u64,
}

impl Builder {
    pub(super) fn add(&mut self, record: &Record<'_>) {
        let at = record.head().wall_us;
        self.span = Some(self.span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        self.records += 1;
        let Self { seen, scratch, .. } = self;
        terms(record, &mut |field, value| {
            scratch.clear();
            scratch.push(field as u8);
            scratch.extend_from_slice(value);
            if !seen.contains(scratch) {
                seen.insert(scratch.clone());
            }
        });
    }

    pub(super) fn finish(self, first_index: u64, end_root: Hash) -> Sidecar {
        let (from_us, to_us) = self.span.unwrap_or_default();
        let mut bloom = vec![0; (self.seen.len() * BITS_PER_TERM).div_ceil(8).max(8)];
        for term in &self.seen {
            for bit in probes(term, bloom.len()) {
                if let Some(byte) = bloom.get_mut(bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
        Sidecar { first_index, records: self.records, from_us, to_us, end_root, bloom }
    }
}

impl Sidecar {
    /// Whether the segment can hold a match.
    pub(super) fn may_match(&self, filter: &Filter, groups: &[Vec<(Field, Vec<u8>)>]) -> bool {
        filter.from_us.is_none_or(|from| self.to_us >= from)
            && filter.until_us.is_none_or(|until| self.from_us < until)
            && groups.iter().all(|group| group.iter().any(|(field, value)| self.may_hold(*field, value)))
    }

    fn may_hold(&self, field: Field, value: &[u8]) -> bool {
        let term: Vec<u8> = std::iter::once(field as u8).chain(value.iter().copied()).collect();
        let is_set = |bit: usize| self.bloom.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
        probes(&term, self.bloom.len()).all(is_set)
    }

    /// Reads the sidecar of a segment; `None` if it is missing, damaged, or of another content.
    pub(super) fn load(disk: &dyn Storage, segment: u32, first_index: u64, end_root: &Hash) -> Option<Self> {
        let bytes = read_small(disk, &path(segment), BYTES_MAX).ok()??;
        let sidecar = Self::decode(&bytes)?;
        (sidecar.first_index == first_index && sidecar.end_root == *end_root).then_some(sidecar)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        let mut fields = Fields(covered);
        if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) || *fields.take()? != MAGIC {
            return None;
        }
        let (first_index, records, from_us, to_us) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        let end_root = *fields.take()?;
        let len = usize::try_from(fields.u32()?).ok()?;
        let bloom = fields.slice(len)?.to_vec();
        (!bloom.is_empty()).then_some(Self { first_index, records, from_us, to_us, end_root, bloom })
    }

    /// Writes it. Not durable: it can be made again.
    pub(super) fn store(&self, disk: &dyn Storage, segment: u32) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        for number in [self.first_index, self.records, self.from_us, self.to_us] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.end_root);
        bytes.extend_from_slice(&u32::try_from(self.bloom.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&self.bloom);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        write_file(disk, &path(segment), &bytes)
    }
}

/// Path of a segment's sidecar.
pub(crate) fn path(segment: u32) -> String {
    format!("{FOLDER}/{segment:08}.idx")
}

/// Bits of a term in a filter of so many bytes.
fn probes(term: &[u8], bytes: usize) -> impl Iterator<Item = usize> {
    let hash = sha256(term);
    let mut fields = Fields(&hash);
    let (first, step) = (fields.u64().unwrap_or(0), fields.u64().unwrap_or(0) | 1);
    let bits = (bytes as u64 * 8).max(1);
    (0..PROBES).map(move |probe| usize::try_from(first.wrapping_add(step.wrapping_mul(probe)) % bits).unwrap_or(0))
}

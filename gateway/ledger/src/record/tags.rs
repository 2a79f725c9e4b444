//! Pseudonyms of data subjects in a record: grouped by type, so that 4,000 of them fit one leaf.

use minicbor::Decoder;

use super::element::{DecodeError, Elements, Sink};

/// Tags that stand in the ACCESS record itself; further ones follow in SUBJECTS records.
pub const SUBJECTS_INLINE_MAX: usize = 16;
/// Tags of one SUBJECTS record: 64,000 B of the 65,535 B a leaf may have.
pub const SUBJECTS_PER_RECORD_MAX: usize = 4_000;

/// Keyed pseudonym of one identifier of a data subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectTag {
    /// What kind of identifier was tagged (citizen id, phone, account, certificate: the caller's numbers).
    pub id_type: u8,
    /// HMAC cut to 16 bytes.
    pub tag: [u8; 16],
}

/// Row 14.
#[derive(Debug, Clone, Copy)]
pub struct SubjectTags<'a> {
    /// Epoch of the tag key.
    pub key_epoch: u16,
    /// Subjects of the whole request, here and in continuation records.
    pub total: u32,
    /// 0 in ACCESS and OUTCOME, from 1 in continuation records.
    pub part: u32,
    /// The tags listed here.
    pub tags: TagList<'a>,
}

/// Tags to be written, or tags read back.
#[derive(Debug, Clone, Copy)]
pub enum TagList<'a> {
    /// Written grouped by type in order of first appearance; the order within a type is kept.
    Given(&'a [SubjectTag]),
    /// CBOR that was checked when it was read.
    Read(EncodedTags<'a>),
}

/// Groups `[type, bytes]` as they stand in a record, checked.
#[derive(Debug, Clone, Copy)]
pub struct EncodedTags<'a>(&'a [u8]);

impl TagList<'_> {
    /// Number of tags listed.
    pub fn len(&self) -> usize {
        match self {
            Self::Given(tags) => tags.len(),
            Self::Read(_) => self.iter().count(),
        }
    }

    /// No tag is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tags, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = SubjectTag> + '_ {
        let (given, read) = match self {
            Self::Given(tags) => (*tags, None),
            Self::Read(encoded) => (&[][..], Some(encoded.groups())),
        };
        let read = read.into_iter().flatten().flat_map(|(id_type, bytes)| {
            bytes.as_chunks::<16>().0.iter().map(move |tag| SubjectTag { id_type, tag: *tag })
        });
        given.iter().copied().chain(read)
    }

    fn encode(&self, sink: &mut Sink<'_>) {
        match self {
            Self::Read(encoded) => {
                sink.raw(encoded.0);
            }
            Self::Given(tags) => encode_groups(tags, sink),
        }
    }
}

impl<'a> EncodedTags<'a> {
    fn groups(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut decoder = Decoder::new(self.0);
        let groups = decoder.array().ok().flatten().unwrap_or(0);
        (0..groups).map_while(move |_| {
            decoder.array().ok()?;
            Some((decoder.u8().ok()?, decoder.bytes().ok()?))
        })
    }
}

impl<'a> SubjectTags<'a> {
    /// No subjects: for records that concern none.
    pub fn none() -> Self {
        Self { key_epoch: 0, total: 0, part: 0, tags: TagList::Given(&[]) }
    }

    pub(super) fn encode(&self, sink: &mut Sink<'_>) {
        sink.array(4).uint(self.key_epoch).uint(self.total).uint(self.part);
        self.tags.encode(sink);
    }

    pub(super) fn decode(elements: &mut Elements<'a>) -> Result<Self, DecodeError> {
        elements.group(4)?;
        let inner = elements.inner();
        let (key_epoch, total, part) = (inner.u16()?, inner.u32()?, inner.u32()?);
        let raw = elements.inner_raw()?;
        check_groups(raw)?;
        Ok(Self { key_epoch, total, part, tags: TagList::Read(EncodedTags(raw)) })
    }
}

fn encode_groups(tags: &[SubjectTag], sink: &mut Sink<'_>) {
    let first_of_type =
        |at: usize, tag: &SubjectTag| !tags.iter().take(at).any(|earlier| earlier.id_type == tag.id_type);
    // Types are few (four so far), so scanning once per type is cheaper than any table.
    let mut seen = [0_u64; 4];
    let mut groups = 0_u64;
    for tag in tags {
        let (word, bit) = (usize::from(tag.id_type >> 6), 1_u64 << (tag.id_type & 63));
        if let Some(bits) = seen.get_mut(word).filter(|bits| **bits & bit == 0) {
            *bits |= bit;
            groups += 1;
        }
    }
    sink.array(groups);
    let mut left = groups;
    for (at, leader) in tags.iter().enumerate() {
        if left == 0 {
            break;
        }
        if !first_of_type(at, leader) {
            continue;
        }
        left -= 1;
        let of_type = || tags.iter().filter(|tag| tag.id_type == leader.id_type);
        sink.array(2).uint(leader.id_type).bytes_len(16 * of_type().count() as u64);
        for tag in of_type() {
            sink.raw(&tag.tag);
        }
    }
}

fn check_groups(raw: &[u8]) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(raw);
    let groups = decoder.array()?.ok_or(DecodeError::Fault("tags of indefinite length"))?;
    for _ in 0..groups {
        if decoder.array()? != Some(2) {
            return Err(DecodeError::Fault("a group of tags is not a pair"));
        }
        decoder.u8()?;
        if decoder.bytes()?.len() % 16 != 0 {
            return Err(DecodeError::Fault("tags are not 16 bytes each"));
        }
    }
    Ok(())
}

//! Finding records again: a sparse index in memory from leaf index to frame, and steps over frames from there.

use std::io;
use std::sync::Mutex;

use crate::appender::Durable;
use crate::frame::{self, Entry, FrameFault, FrameHeader};
use crate::hash::{Hash, leaf_hash};
use crate::record::{Record, RecordError};
use crate::salt::{SALT_BYTES, SaltKeys};
use crate::segment::{self, FIRST_FRAME, SegmentStart};
use crate::state::lock;
use crate::storage::{Storage, StorageFile};

/// At most one mark per this many bytes: 24 B of memory for 256 KiB of log.
const MARK_EVERY_BYTES: u64 = 256 * 1024;

/// Position of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log is shorter.
    #[error("there is no record {0} in this log")]
    NoSuchIndex(u64),
    /// The bytes of the record are damaged; `verify` tells more.
    #[error("the log is damaged at record {index}: {what}")]
    Damaged {
        /// First index that cannot be read.
        index: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// No checkpoint covers the record yet.
    #[error("record {0} is not covered by a checkpoint yet")]
    NotCovered(u64),
    /// A file that says who signs is missing, malformed, or not signed by the pinned root.
    #[error("{0} is missing, malformed or not signed by the pinned key")]
    Untrusted(&'static str),
    /// The disk failed.
    #[error("reading the log: {0}")]
    Io(#[from] io::Error),
}

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Index in the log.
    pub index: u64,
    /// Salt and CBOR.
    pub bytes: Vec<u8>,
}

impl Leaf {
    /// The decoded record.
    ///
    /// # Errors
    /// The content is no record of a known version.
    pub fn record(&self) -> Result<Record<'_>, RecordError> {
        Record::decode(self.bytes.get(SALT_BYTES..).unwrap_or_default())
    }

    /// Index and leaf hash, as receipts carry them. A record that was read is durable.
    pub fn durable(&self) -> Durable {
        Durable::new(self.index, leaf_hash(&self.bytes))
    }
}

/// Reads frames of the log in order, over segment borders.
pub(crate) struct Walk<'s> {
    storage: &'s dyn Storage,
    file: Option<Box<dyn StorageFile>>,
    at: Place,
    end: u64,
    pub(crate) frame: Vec<u8>,
}

impl<'s> Walk<'s> {
    pub(crate) fn from(storage: &'s dyn Storage, at: Place) -> io::Result<Self> {
        let file = storage.open(&segment::path(at.segment), false)?;
        Ok(Self { storage, end: file.len()?, file: Some(file), at, frame: Vec::new() })
    }

    /// Header of the frame that stands here, without its body; moves to the next segment where one ends.
    fn peek(&mut self) -> io::Result<Result<FrameHeader, FrameFault>> {
        loop {
            let Some(file) = &self.file else {
                return Ok(Err(FrameFault::Blank));
            };
            match frame::read_header(&**file, self.at.offset, self.end)? {
                Err(FrameFault::Blank) => {}
                found => return Ok(found),
            }
            if !self.next_segment()? {
                return Ok(Err(FrameFault::Blank));
            }
        }
    }

    fn next_segment(&mut self) -> io::Result<bool> {
        let number = self.at.segment + 1;
        let file = match self.storage.open(&segment::path(number), false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        if !matches!(segment::read_start(&*file)?, SegmentStart::Used(_)) {
            return Ok(false);
        }
        self.end = file.len()?;
        self.file = Some(file);
        self.at = Place { segment: number, offset: FIRST_FRAME };
        Ok(true)
    }

    /// Reads the frame that holds `index`, stepping over earlier ones; `None` at the end of the log.
    pub(crate) fn seek(&mut self, index: u64) -> Result<Option<FrameHeader>, ReadError> {
        loop {
            let header = match self.peek()? {
                Ok(header) => header,
                Err(FrameFault::Blank) => return Ok(None),
                Err(_) => {
                    return Err(ReadError::Damaged { index, what: "frame header" });
                }
            };
            if index < header.first_index {
                return Err(ReadError::Damaged { index, what: "frames do not follow each other" });
            }
            if index - header.first_index >= u64::from(header.count) {
                self.at.offset += header.span();
                continue;
            }
            let Some(file) = &self.file else {
                return Ok(None);
            };
            return match frame::read(&**file, self.at.offset, self.end, &mut self.frame)? {
                Ok(header) => {
                    self.at.offset += header.span();
                    Ok(Some(header))
                }
                Err(_) => Err(ReadError::Damaged { index, what: "frame body" }),
            };
        }
    }
}

/// The sparse index. Reading borrows it together with the disk.
pub(crate) struct Marks(Mutex<Vec<(u64, Place)>>);

impl Marks {
    /// An index of the segments' beginnings, read from their headers.
    pub(crate) fn read(disk: &dyn Storage) -> io::Result<Self> {
        let mut marks = Vec::new();
        for number in segment::list(disk)? {
            let file = disk.open(&segment::path(number), false)?;
            if let SegmentStart::Used(header) = segment::read_start(&*file)? {
                marks.push((header.first_leaf_index, Place { segment: number, offset: FIRST_FRAME }));
            }
        }
        Ok(Self(Mutex::new(marks)))
    }

    /// Notes a frame, if the last note is far enough behind.
    pub(crate) fn note(&self, first_index: u64, place: Place) {
        let mut marks = lock(&self.0);
        let is_due = marks
            .last()
            .is_none_or(|(_, last)| last.segment != place.segment || place.offset >= last.offset + MARK_EVERY_BYTES);
        if is_due {
            marks.push((first_index, place));
        }
    }

    /// First index that is still in the log.
    pub(crate) fn first_index(&self) -> u64 {
        lock(&self.0).first().map_or(0, |(index, _)| *index)
    }

    fn before(&self, index: u64) -> Option<Place> {
        let marks = lock(&self.0);
        let after = marks.partition_point(|(first, _)| *first <= index);
        after.checked_sub(1).and_then(|at| marks.get(at)).map(|(_, place)| *place)
    }

    /// Leaves of `[from, to)`, read frame by frame; ends early where the log ends.
    pub(crate) fn leaves<'s>(&self, disk: &'s dyn Storage, from: u64, to: u64) -> Result<Leaves<'s>, ReadError> {
        let place = self.before(from).ok_or(ReadError::NoSuchIndex(from))?;
        Ok(Leaves {
            walk: Walk::from(disk, place)?,
            salts: SaltKeys::new(disk),
            next: from,
            end: to,
            ready: Vec::new().into_iter(),
        })
    }

    /// Leaf hashes of `[from, to)`, fewer where the log ends.
    pub(crate) fn leaf_hashes(&self, disk: &dyn Storage, from: u64, to: u64) -> Result<Vec<Hash>, ReadError> {
        if from >= to {
            return Ok(Vec::new());
        }
        self.leaves(disk, from, to)?.map(|leaf| leaf.map(|leaf| leaf_hash(&leaf.bytes))).collect()
    }

    pub(crate) fn leaf(&self, disk: &dyn Storage, index: u64) -> Result<Leaf, ReadError> {
        self.leaves(disk, index, index.saturating_add(1))?.next().unwrap_or(Err(ReadError::NoSuchIndex(index)))
    }
}

/// Iterator over leaves; stops after the first error.
pub struct Leaves<'s> {
    walk: Walk<'s>,
    salts: SaltKeys<'s>,
    next: u64,
    end: u64,
    ready: std::vec::IntoIter<Leaf>,
}

impl Leaves<'_> {
    /// Reads the frame that holds `next`. False at the end of the log.
    fn fill(&mut self) -> Result<bool, ReadError> {
        let Some(header) = self.walk.seek(self.next)? else {
            return Ok(false);
        };
        let key = self.salts.of_epoch(header.boot_epoch)?;
        let key = key.ok_or(ReadError::Damaged { index: self.next, what: "salt key of the boot epoch is missing" })?;
        let mut leaves = Vec::with_capacity(header.count as usize);
        for (Entry { worker, ctr, cbor }, index) in frame::entries(&self.walk.frame).zip(header.first_index..) {
            if index >= self.next && index < self.end {
                let mut bytes = key.salt(worker, ctr).to_vec();
                bytes.extend_from_slice(cbor);
                leaves.push(Leaf { index, bytes });
            }
        }
        if leaves.is_empty() {
            return Err(ReadError::Damaged { index: self.next, what: "frame holds fewer records than it says" });
        }
        self.ready = leaves.into_iter();
        Ok(true)
    }
}

impl Iterator for Leaves<'_> {
    type Item = Result<Leaf, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(leaf) = self.ready.next() {
            self.next = leaf.index + 1;
            return Some(Ok(leaf));
        }
        if self.next >= self.end {
            return None;
        }
        match self.fill() {
            Ok(true) => self.next(),
            Ok(false) => {
                self.end = self.next;
                None
            }
            Err(error) => {
                self.end = self.next;
                Some(Err(error))
            }
        }
    }
}

//! The segments of a log in order, and the chain of their headers.

use std::io;

use crate::hash::Hash;
use crate::recovery::OpenError;
use crate::segment::{self, FIRST_FRAME, SegmentHeader, SegmentStart};
use crate::storage::Storage;

/// The segments of a log: those in use, in order, and what follows them.
pub(crate) struct Segments {
    pub(crate) used: Vec<SegmentHeader>,
    /// Segments after the used ones; the first can hold the remains of a torn first write.
    pub(crate) unused: Vec<u32>,
}

impl Segments {
    pub(crate) fn read(disk: &dyn Storage, numbers: &[u32], origin_hash: Hash) -> Result<Self, OpenError> {
        let mut segments = Self { used: Vec::new(), unused: Vec::new() };
        for number in numbers {
            let corrupt = |what| OpenError::Corrupt { segment: *number, offset: 0, what };
            let file = disk.open(&segment::path(*number), false)?;
            match segment::read_start(&*file)? {
                SegmentStart::Used(header) if segments.unused.is_empty() => {
                    if header.number != *number || header.origin_hash != origin_hash {
                        return Err(corrupt("the segment belongs elsewhere"));
                    }
                    segments.check_follows(&header).map_err(corrupt)?;
                    segments.used.push(*header);
                }
                SegmentStart::Used(_) => {
                    return Err(corrupt("a used segment follows an unused or damaged one"));
                }
                SegmentStart::Damaged if !segments.unused.is_empty() => {
                    return Err(corrupt("damaged header behind an unused segment"));
                }
                SegmentStart::Damaged | SegmentStart::Spare => segments.unused.push(*number),
            }
        }
        let is_gapless = numbers.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b));
        match numbers.first() {
            Some(first) if !is_gapless => {
                Err(OpenError::Corrupt { segment: *first, offset: 0, what: "a segment file is missing" })
            }
            _ => Ok(segments),
        }
    }

    fn check_follows(&self, header: &SegmentHeader) -> Result<(), &'static str> {
        let Some(last) = self.used.last() else {
            return Ok(());
        };
        if last.number + 1 != header.number {
            return Err("a segment file is missing");
        }
        let is_after = header.first_leaf_index > last.first_leaf_index && header.first_batch_no > last.first_batch_no;
        if is_after && header.prev_end_offset > FIRST_FRAME && header.prev_end_offset <= last.segment_bytes {
            Ok(())
        } else {
            Err("the header does not follow the segment before")
        }
    }
}

/// A segment in use: the number in its file name, and its header.
pub(crate) type Listed = (u32, SegmentHeader);

/// The segment files of a directory as a reader finds them, nothing compared yet.
pub(crate) struct Found {
    /// Segments in use, gapless.
    pub(crate) used: Vec<Listed>,
    /// Files behind them that should hold nothing.
    pub(crate) unused: Vec<String>,
    /// First file that is missing.
    pub(crate) gap: Option<String>,
    /// A used or damaged segment behind an unused one.
    pub(crate) misplaced: Option<String>,
}

/// Lists the segments. A log that does not begin with segment 0 begins with one that says what stood before it.
pub(crate) fn listed(disk: &dyn Storage) -> Result<Found, (String, io::Error)> {
    let numbers = segment::list(disk).map_err(|error| (segment::FOLDER.to_owned(), error))?;
    let mut found = Found { used: Vec::new(), unused: Vec::new(), gap: None, misplaced: None };
    let mut expected = None;
    for number in numbers {
        let path = segment::path(number);
        if expected.is_some_and(|expected| expected != number) {
            found.gap = expected.map(segment::path);
            return Ok(found);
        }
        let start = disk.open(&path, false).and_then(|file| segment::read_start(&*file));
        match start.map_err(|error| (path.clone(), error))? {
            SegmentStart::Used(header) if found.unused.is_empty() => {
                if expected.is_none() && number > 0 && header.first_leaf_index == 0 {
                    found.gap = Some(segment::path(0));
                    return Ok(found);
                }
                found.used.push((number, *header));
            }
            SegmentStart::Damaged if found.unused.is_empty() => found.unused.push(path),
            SegmentStart::Used(_) | SegmentStart::Damaged => {
                found.misplaced.get_or_insert(path);
            }
            SegmentStart::Spare => found.unused.push(path),
        }
        if expected.is_none() && found.used.is_empty() && number > 0 {
            found.gap = Some(segment::path(0));
            return Ok(found);
        }
        expected = Some(number + 1);
    }
    Ok(found)
}

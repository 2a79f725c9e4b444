//! Verification of a whole ledger directory: everything an outsider can check with the directory and a key.
//!
//! It may run beside a living gateway. Then the last batch can be in flight, which is told from damage by the
//! gateway's lock; and the checkpoint is read first, so that what it covers must be on disk.

mod damage;

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::archive::ReadError;
use crate::chain::Chain;
use crate::checkpoint::{self, Checkpoint};
use crate::frame::{self, FrameHeader};
use crate::hash::Hash;
use crate::note::{NoteError, VerifierKey};
use crate::offline::own_key;
use crate::record::{Decision, Record};
use crate::report::{Fault, FaultKind, Progress, Report};
use crate::salt::SaltKeys;
use crate::segment::{self, FIRST_FRAME, SegmentHeader, SegmentStart};
use crate::storage::{DirStorage, Storage, StorageFile, read_small};
use crate::tail;
use crate::tiles::{self, TILE_WIDTH, TileId, Tiles};
use crate::tree::{Frontier, TreeHead};

/// Verifies a ledger directory. `pinned` is the log's public key as the verifier got it from elsewhere; without it
/// the directory's own key is used, which proves consistency but not authorship. Changes nothing on disk.
pub fn verify(dir: &Path, pinned: Option<&VerifierKey>, mut progress: impl FnMut(Progress)) -> Report {
    verify_on(&DirStorage::new(dir), pinned, &mut progress)
}

/// The same on another disk.
pub fn verify_on(disk: &dyn Storage, pinned: Option<&VerifierKey>, progress: &mut dyn FnMut(Progress)) -> Report {
    let mut audit = Audit::new(disk, pinned.is_some());
    let end = audit.run(pinned, progress);
    audit.report.head = TreeHead { size: audit.chain.frontier.size(), root: audit.chain.root };
    audit.report.outcomes_unknown = audit.open.len() as u64;
    audit.report.fault = match end {
        Ok(()) => None,
        Err(Stop::Fault(fault)) => Some(fault),
        Err(Stop::Io(file)) => Some(Fault { kind: FaultKind::Unreadable, index: None, file, offset: 0 }),
    };
    audit.report
}

/// Ends a verification.
enum Stop {
    Fault(Fault),
    Io(String),
}

fn stop(kind: FaultKind, index: Option<u64>, file: impl Into<String>, offset: u64) -> Stop {
    Stop::Fault(Fault { kind, index, file: file.into(), offset })
}

/// Names the file that could not be read; the reason is the operating system's and is logged.
fn unreadable(file: &str) -> impl Fn(io::Error) -> Stop + '_ {
    move |error| {
        tracing::warn!(file, error = %error, "cannot be read");
        Stop::Io(file.to_owned())
    }
}

struct Audit<'s> {
    disk: &'s dyn Storage,
    salts: SaltKeys<'s>,
    chain: Chain,
    tiles: Tiles,
    /// Advances leaf by leaf, to know the root at the checkpoint's size.
    walked: Frontier,
    signed: Option<TreeHead>,
    root_at_signed: Option<Hash>,
    open: HashSet<(u32, u16, u64)>,
    report: Report,
}

/// One segment while it is read.
struct Part<'f> {
    path: &'f str,
    file: &'f dyn StorageFile,
    end: u64,
    is_last: bool,
}

impl<'s> Audit<'s> {
    fn new(disk: &'s dyn Storage, is_key_pinned: bool) -> Self {
        let chain = Chain::new(Frontier::new(), 0);
        let report = Report {
            origin: String::new(),
            head: TreeHead { size: 0, root: chain.root },
            segments: 0,
            frames: 0,
            checkpoint: None,
            is_key_pinned,
            is_live: false,
            outcomes_unknown: 0,
            tiles_missing: 0,
            fault: None,
        };
        Self {
            disk,
            salts: SaltKeys::new(disk),
            chain,
            tiles: Tiles::default(),
            walked: Frontier::new(),
            signed: None,
            root_at_signed: None,
            open: HashSet::new(),
            report,
        }
    }

    fn run(&mut self, pinned: Option<&VerifierKey>, progress: &mut dyn FnMut(Progress)) -> Result<(), Stop> {
        let origin = read_small(self.disk, "origin", 4_096).map_err(unreadable("origin"))?;
        let origin = origin.ok_or_else(|| stop(FaultKind::NoLedger, None, "origin", 0))?;
        self.report.origin = String::from_utf8_lossy(origin.strip_suffix(b"\n").unwrap_or(&origin)).into_owned();
        self.report.is_live = self.disk.is_locked("LOCK").map_err(unreadable("LOCK"))?;
        // A bad checkpoint does not keep the records from being checked: the first bad index matters more.
        let checkpoint = self.read_checkpoint(pinned);
        self.signed = checkpoint.as_ref().ok().and_then(|checkpoint| checkpoint.as_ref().map(|found| *found.head()));
        let numbers = segment::list(self.disk).map_err(unreadable(segment::FOLDER))?;
        self.walk_segments(&numbers, progress)?;
        let checkpoint = checkpoint?;
        self.report.checkpoint = self.signed;
        self.check_head(checkpoint.as_ref())
    }

    fn read_checkpoint(&self, pinned: Option<&VerifierKey>) -> Result<Option<Checkpoint>, Stop> {
        let bad = |kind| stop(kind, None, checkpoint::FILE, 0);
        let Some(note) = checkpoint::load_note(self.disk).map_err(unreadable(checkpoint::FILE))? else {
            return Ok(None);
        };
        let own = match pinned {
            Some(key) => key.clone(),
            None => own_key(self.disk).map_err(|error| match error {
                ReadError::Io(_) => stop(FaultKind::Key, None, "keys/checkpoint.vkey", 0),
                _ => bad(FaultKind::Key),
            })?,
        };
        let checkpoint = Checkpoint::open(&note, &own).map_err(|error| match error {
            NoteError::BadSignature | NoteError::Unsigned => bad(FaultKind::CheckpointSignature),
            NoteError::Malformed | NoteError::BadKey => bad(FaultKind::CheckpointMalformed),
        })?;
        if checkpoint.origin() != self.report.origin {
            return Err(bad(FaultKind::CheckpointMalformed));
        }
        Ok(Some(checkpoint))
    }

    fn walk_segments(&mut self, numbers: &[u32], progress: &mut dyn FnMut(Progress)) -> Result<(), Stop> {
        let total = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let mut prev_end = 0;
        let mut is_ended = false;
        for (number, expected) in numbers.iter().zip(0_u32..) {
            let path = segment::path(*number);
            if *number != expected {
                let missing = segment::path(expected);
                return Err(stop(FaultKind::SegmentMissing, Some(self.size()), missing, 0));
            }
            let file = self.disk.open(&path, false).map_err(unreadable(&path))?;
            match segment::read_start(&*file).map_err(unreadable(&path))? {
                SegmentStart::Used(header) if !is_ended => {
                    let next = numbers.get(expected as usize + 1);
                    let (end, is_last) = self.walk_segment(&header, (&path, &*file, prev_end), next.copied())?;
                    self.report.segments += 1;
                    prev_end = end;
                    if is_last && self.report.is_live {
                        // A living gateway may have gone on behind what was read; that is for the next time.
                        return Ok(());
                    }
                }
                SegmentStart::Damaged if !is_ended => self.check_unused(&path, &*file)?,
                SegmentStart::Used(_) | SegmentStart::Damaged => {
                    return Err(self.at(FaultKind::SegmentHeader, &path, 0));
                }
                SegmentStart::Spare => self.check_unused(&path, &*file)?,
            }
            is_ended = self.report.segments <= expected;
            progress(Progress { segments_done: expected + 1, segments_total: total, records: self.size() });
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.chain.frontier.size()
    }

    fn at(&self, kind: FaultKind, file: &str, offset: u64) -> Stop {
        stop(kind, Some(self.size()), file, offset)
    }

    /// A segment without a valid header must be all zero, or be about to get its first batch.
    fn check_unused(&self, path: &str, file: &dyn StorageFile) -> Result<(), Stop> {
        if self.report.is_live && self.signed.is_none_or(|head| head.size <= self.size()) {
            return Ok(());
        }
        match tail::last_nonzero(file, 0).map_err(unreadable(path))? {
            None => Ok(()),
            Some(_) if self.signed.is_some_and(|head| head.size > self.size()) => {
                Err(self.at(FaultKind::SegmentHeader, path, 0))
            }
            Some(_) => Err(self.at(FaultKind::UnfinishedBatch, path, 0)),
        }
    }

    fn walk_segment(
        &mut self,
        header: &SegmentHeader,
        (path, file, prev_end): (&str, &dyn StorageFile, u64),
        next: Option<u32>,
    ) -> Result<(u64, bool), Stop> {
        if header.origin_hash != segment::origin_hash(&self.report.origin) || segment::path(header.number) != path {
            return Err(self.at(FaultKind::SegmentHeader, path, 0));
        }
        if header.prev_end_offset != prev_end || header.first_leaf_index != self.size() {
            return Err(self.at(FaultKind::Sequence, path, 0));
        }
        if header.prev_root != self.chain.root {
            return Err(self.at(FaultKind::PrevRoot, path, 0));
        }
        let end = file.len().map_err(unreadable(path))?;
        let is_last = !self.is_used(next)?;
        if end != header.segment_bytes {
            // What can be read tells the first record that is gone.
            let offset = self.walk_frames(&Part { path, file, end, is_last: false }).map_or(end, |offset| offset);
            return Err(self.at(FaultKind::SegmentLength, path, offset));
        }
        Ok((self.walk_frames(&Part { path, file, end, is_last })?, is_last))
    }

    fn is_used(&self, number: Option<u32>) -> Result<bool, Stop> {
        let Some(number) = number else {
            return Ok(false);
        };
        let path = segment::path(number);
        let file = self.disk.open(&path, false).map_err(unreadable(&path))?;
        Ok(matches!(segment::read_start(&*file).map_err(unreadable(&path))?, SegmentStart::Used(_)))
    }

    /// Reads frames until they end; returns the offset behind the last one.
    fn walk_frames(&mut self, part: &Part<'_>) -> Result<u64, Stop> {
        let mut offset = FIRST_FRAME;
        let mut bytes = Vec::new();
        loop {
            let found = frame::read(part.file, offset, part.end, &mut bytes).map_err(unreadable(part.path))?;
            let header = match found {
                Ok(header) => header,
                Err(fault) => {
                    if self.settle_end(part, offset, fault)? {
                        continue;
                    }
                    return Ok(offset);
                }
            };
            let hashes = self.chain.follow(&header, &bytes, &mut self.salts).map_err(unreadable(part.path))?;
            let hashes = match hashes {
                Ok(hashes) => hashes,
                Err(fault) => return Err(self.blame(fault, &header, &bytes, (part.path, offset))),
            };
            self.take_records(&header, &bytes, (part.path, offset))?;
            for hash in hashes {
                self.take_leaf(hash)?;
            }
            self.report.frames += 1;
            offset += header.span();
        }
    }

    fn take_records(&mut self, header: &FrameHeader, bytes: &[u8], (path, offset): (&str, u64)) -> Result<(), Stop> {
        for (entry, index) in frame::entries(bytes).zip(header.first_index..) {
            let record = Record::decode(entry.cbor).map_err(|_| stop(FaultKind::Record, Some(index), path, offset))?;
            let key = record.head().key;
            match &record {
                Record::Access(access) if access.decision == Decision::Permit => {
                    self.open.insert((key.boot_epoch, key.worker, key.ctr));
                }
                Record::Outcome(outcome) => {
                    self.open.remove(&(key.boot_epoch, key.worker, outcome.ref_ctr));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_leaf(&mut self, hash: Hash) -> Result<(), Stop> {
        let (disk, missing) = (self.disk, &mut self.report.tiles_missing);
        self.tiles.push(hash, |id, row| {
            let path = tiles::path(id);
            let stored = tiles::read(disk, id).map_err(unreadable(&path))?;
            *missing += u64::from(stored.is_none());
            compare_tile(id, row, stored, path)
        })?;
        self.walked.push(hash);
        if self.signed.is_some_and(|head| head.size == self.walked.size()) {
            self.root_at_signed = Some(self.walked.root());
            for (id, row) in self.tiles.partials() {
                let path = tiles::partial_path(id, row.len());
                let stored = tiles::read_partial(disk, id, row.len()).map_err(unreadable(&path))?;
                compare_tile(id, row, stored, path)?;
            }
        }
        Ok(())
    }

    fn check_head(&self, checkpoint: Option<&Checkpoint>) -> Result<(), Stop> {
        let bad = |kind, index| Err(stop(kind, index, checkpoint::FILE, 0));
        let Some(head) = checkpoint.map(Checkpoint::head) else {
            let is_unsigned = self.size() > 0 && !self.report.is_live;
            return if is_unsigned { bad(FaultKind::CheckpointMissing, Some(0)) } else { Ok(()) };
        };
        if head.size > self.size() {
            return bad(FaultKind::Rollback, Some(self.size()));
        }
        let root = if head.size == 0 { Some(Frontier::new().root()) } else { self.root_at_signed };
        if root == Some(head.root) { Ok(()) } else { bad(FaultKind::Fork, None) }
    }
}

/// A tile may be missing, but not say something else than the records.
fn compare_tile(id: TileId, row: &[Hash], stored: Option<Vec<Hash>>, path: String) -> Result<(), Stop> {
    let Some(stored) = stored.filter(|stored| stored != row) else {
        return Ok(());
    };
    let at = row.iter().zip(&stored).position(|(ours, theirs)| ours != theirs).unwrap_or(0) as u64;
    let index = (id.level == 0).then_some(id.number * TILE_WIDTH as u64 + at);
    Err(stop(FaultKind::Tile, index, path, at * 32))
}

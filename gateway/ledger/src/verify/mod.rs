//! Verification of a whole ledger directory: everything an outsider can check with the directory and pinned keys.
//!
//! Segments are checked side by side: each starts from the tree that the tiles give for its beginning, which counts
//! only if it has the root that the segment's header states; that header must then follow the segment before. What
//! the tiles do not give is taken from the segment before instead, one after the other.
//!
//! It may run beside a living gateway. Then the last batch can be in flight, which is told from damage by the
//! gateway's lock; and the checkpoint is read first, so that what it covers must be on disk.

mod damage;
mod heads;
mod orders;
mod pruned;
mod walk;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use crate::edge::Edge;
use crate::layout::{Found, Listed, listed};
use crate::note::VerifierKey;
use crate::parallel;
use crate::report::{Fault, FaultKind, Progress, Report};
use crate::segment;
use crate::storage::{DirStorage, Storage, read_small};
use crate::tail;
use crate::tiles;
use crate::tree::{Frontier, TreeHead};
use crate::witness::Quorum;

use heads::Heads;
use orders::Orders;
use walk::{RequestNos, Start, Walk, Walked};

/// What a verifier got from elsewhere, and how many threads it may use.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// The log's public key; without it the directory's own is used, which proves consistency but not authorship.
    pub key: Option<VerifierKey>,
    /// Key of the root that vouches for the log's keys; with it the list of keys in the directory decides who signs.
    pub root: Option<VerifierKey>,
    /// Witnesses, of whom enough must have cosigned; nobody who has only the log's key can forge that.
    pub witnesses: Option<Quorum>,
    /// Checkpoints of this log kept elsewhere, with the name of their source: the log must contain them.
    pub kept: Vec<(String, String)>,
    /// Keys of those who may approve that records are deleted; without them approvals are not checked.
    pub approvers: Vec<VerifierKey>,
    /// Threads; 0 for one per core.
    pub threads: usize,
}

impl Verification {
    /// Verifies a ledger directory. Changes nothing on disk.
    pub fn run(&self, dir: &Path, mut progress: impl FnMut(Progress)) -> Report {
        self.run_on(&DirStorage::new(dir), &mut progress)
    }

    /// The same on another disk.
    pub fn run_on(&self, disk: &dyn Storage, progress: &mut dyn FnMut(Progress)) -> Report {
        let mut audit = Audit::new(self, disk);
        let end = audit.run(progress);
        audit.report.head = audit.head;
        audit.report.outcomes_unknown = audit.open.len() as u64;
        audit.report.fault = match end {
            Ok(()) => None,
            Err(Stop::Fault(fault)) => Some(fault),
            Err(Stop::Io(file)) => Some(Fault { kind: FaultKind::Unreadable, index: None, file, offset: 0 }),
        };
        audit.report
    }
}

/// Verifies a ledger directory on all cores, with the log's key if it is pinned. Changes nothing on disk.
pub fn verify(dir: &Path, pinned: Option<&VerifierKey>, mut progress: impl FnMut(Progress)) -> Report {
    verify_on(&DirStorage::new(dir), pinned, &mut progress)
}

/// The same on another disk.
pub fn verify_on(disk: &dyn Storage, pinned: Option<&VerifierKey>, progress: &mut dyn FnMut(Progress)) -> Report {
    Verification { key: pinned.cloned(), ..Verification::default() }.run_on(disk, progress)
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

/// Puts the segments together in their order.
struct Audit<'a> {
    given: &'a Verification,
    disk: &'a dyn Storage,
    /// Records that hold so far, and their root.
    head: TreeHead,
    /// The edge behind the segments so far.
    edge: Edge,
    batch_no: u64,
    prev_end: u64,
    /// When the last record was committed.
    last_us: u64,
    open: RequestNos,
    heads: Heads,
    orders: Orders,
    report: Report,
}

impl<'a> Audit<'a> {
    fn new(given: &'a Verification, disk: &'a dyn Storage) -> Self {
        let report = Report {
            origin: String::new(),
            head: TreeHead { size: 0, root: Frontier::new().root() },
            segments: 0,
            frames: 0,
            checkpoint: None,
            is_key_pinned: given.key.is_some() || given.root.is_some(),
            is_live: false,
            outcomes_unknown: 0,
            tiles_missing: 0,
            pruned: None,
            witnessed: None,
            fault: None,
        };
        Self {
            given,
            disk,
            head: TreeHead { size: 0, root: Frontier::new().root() },
            edge: Edge::default(),
            batch_no: 0,
            prev_end: 0,
            last_us: 0,
            open: RequestNos::default(),
            heads: Heads::default(),
            orders: Orders::default(),
            report,
        }
    }

    fn run(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), Stop> {
        let origin = read_small(self.disk, "origin", 4_096).map_err(unreadable("origin"))?;
        let origin = origin.ok_or_else(|| stop(FaultKind::NoLedger, None, "origin", 0))?;
        self.report.origin = String::from_utf8_lossy(origin.strip_suffix(b"\n").unwrap_or(&origin)).into_owned();
        self.report.is_live = self.disk.is_locked("LOCK").map_err(unreadable("LOCK"))?;
        // A bad checkpoint does not keep the records from being checked: the first bad index matters more.
        let read = self.heads.read(self.given, self.disk, &self.report.origin);
        let found = listed(self.disk).map_err(|(path, error)| unreadable(&path)(error))?;
        self.walk(&found, progress)?;
        read?;
        self.report.checkpoint = self.heads.signed();
        let first = self.orders.first().unwrap_or(TreeHead { size: 0, root: Frontier::new().root() });
        self.heads.check(first, self.head.size, (self.report.is_live, self.last_us))?;
        self.report.witnessed = self.heads.witnessed();
        self.report.pruned = self.orders.check(self.given, &self.report.origin)?;
        Ok(())
    }

    fn size(&self) -> u64 {
        self.head.size
    }

    fn at(&self, kind: FaultKind, file: &str, offset: u64) -> Stop {
        stop(kind, Some(self.size()), file, offset)
    }

    fn walk(&mut self, found: &Found, progress: &mut dyn FnMut(Progress)) -> Result<(), Stop> {
        self.begin(found)?;
        let total = u32::try_from(found.used.len() + found.unused.len()).unwrap_or(u32::MAX);
        let walk = Walk {
            disk: self.disk,
            origin_hash: segment::origin_hash(&self.report.origin),
            signed: self.heads.signed(),
            is_live: self.report.is_live,
            wanted: self.heads.sizes(),
            last: found.used.last().map(|(number, _)| *number),
        };
        let threads = if self.given.threads == 0 { parallel::all_cores() } else { self.given.threads };
        let mut end = Ok(());
        let work = |(_, header): &Listed| walk.start_at_tiles(header);
        parallel::in_order(threads, &found.used, work, |listed, start| {
            end = self.add(listed, start, &walk);
            let (segments_done, records) = (self.report.segments, self.head.size);
            progress(Progress { segments_done, segments_total: total, records });
            if end.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        end?;
        if let Some(missing) = &found.gap {
            return Err(self.at(FaultKind::SegmentMissing, missing, 0));
        }
        // A living gateway may have gone on behind what was read; that is for the next time.
        if self.report.is_live && !found.used.is_empty() {
            return Ok(());
        }
        for path in &found.unused {
            self.check_unused(path)?;
        }
        match &found.misplaced {
            Some(path) => Err(self.at(FaultKind::SegmentHeader, path, 0)),
            None => Ok(()),
        }
    }

    /// The segments must begin at the first record, or where an order of retention left off.
    fn begin(&mut self, found: &Found) -> Result<(), Stop> {
        let Some((number, first)) = found.used.first().filter(|(_, first)| first.first_leaf_index > 0) else {
            return Ok(());
        };
        let head = TreeHead { size: first.first_leaf_index, root: first.prev_root };
        let signed = self.heads.signed().map_or(0, |head| head.size);
        let edge = Edge::load(self.disk, &head, signed).map_err(unreadable(tiles::FOLDER))?;
        let gone = || stop(FaultKind::PrunedTiles, Some(head.size), segment::path(*number), 0);
        self.edge = edge.ok_or_else(gone)?;
        self.report.tiles_missing += pruned::check_tiles(self.disk, &self.edge)?;
        (self.head, self.batch_no, self.prev_end) = (head, first.first_batch_no, first.prev_end_offset);
        self.orders.begin(head);
        Ok(())
    }

    /// Adds what was found in the next segment, if that follows.
    fn add(&mut self, (number, header): &Listed, start: Start, walk: &Walk<'_>) -> Result<(), Stop> {
        let path = segment::path(*number);
        if header.origin_hash != walk.origin_hash || header.number != *number {
            return Err(self.at(FaultKind::SegmentHeader, &path, 0));
        }
        let follows = header.prev_end_offset == self.prev_end && header.first_leaf_index == self.head.size;
        if !follows || header.first_batch_no != self.batch_no {
            return Err(self.at(FaultKind::Sequence, &path, 0));
        }
        if header.prev_root != self.head.root {
            return Err(self.at(FaultKind::PrevRoot, &path, 0));
        }
        self.orders.pass(self.head);
        let walked = match start {
            Start::Known(walked) => *walked,
            Start::Unknown => walk.start_at(header, std::mem::take(&mut self.edge)),
        };
        self.take(walked)
    }

    fn take(&mut self, walked: Walked) -> Result<(), Stop> {
        for closed in &walked.closed {
            self.open.remove(closed);
        }
        self.open.extend(walked.open);
        (self.head, self.edge) = (walked.head, walked.edge);
        (self.batch_no, self.prev_end, self.last_us) = (walked.batch_no, walked.end, walked.last_us);
        self.heads.note(&walked.roots);
        self.orders.note(walked.orders);
        self.report.frames += walked.frames;
        self.report.tiles_missing += walked.tiles_missing;
        if let Some(fault) = walked.fault {
            return Err(fault);
        }
        self.report.segments += 1;
        Ok(())
    }

    /// A segment without a valid header must be all zero, or be about to get its first batch.
    fn check_unused(&self, path: &str) -> Result<(), Stop> {
        let signed = self.heads.signed();
        if self.report.is_live && signed.is_none_or(|head| head.size <= self.size()) {
            return Ok(());
        }
        let file = self.disk.open(path, false).map_err(unreadable(path))?;
        match tail::last_nonzero(&*file, 0).map_err(unreadable(path))? {
            None => Ok(()),
            Some(_) if signed.is_some_and(|head| head.size > self.size()) => {
                Err(self.at(FaultKind::SegmentHeader, path, 0))
            }
            Some(_) => Err(self.at(FaultKind::UnfinishedBatch, path, 0)),
        }
    }
}

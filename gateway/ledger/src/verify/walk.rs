//! One segment: every frame must hold and continue the tree before it, every record must decode, and the tiles must
//! say what the records say.

use std::collections::HashSet;
use std::io;

use super::orders::Order;
use super::{Stop, stop, unreadable};
use crate::ahead::Ahead;
use crate::chain::{Chain, ChainFault, check_follows};
use crate::edge::Edge;
use crate::frame::{self, FrameHeader};
use crate::hash::Hash;
use crate::record::{Decision, Notice, Record};
use crate::report::FaultKind;
use crate::salt::SaltKeys;
use crate::segment::{self, FIRST_FRAME, SegmentHeader};
use crate::storage::{Storage, StorageFile};
use crate::tiles::{self, TILE_WIDTH, TileId};
use crate::tree::TreeHead;

/// Boot epoch, worker and counter of a record.
pub(super) type RequestNo = (u32, u16, u64);
pub(super) type RequestNos = HashSet<RequestNo, foldhash::fast::FixedState>;

/// What all segments of a verification share.
pub(super) struct Walk<'a> {
    pub(super) disk: &'a dyn Storage,
    pub(super) origin_hash: Hash,
    /// Head of the checkpoint, whose partial tiles are on disk.
    pub(super) signed: Option<TreeHead>,
    pub(super) is_live: bool,
    /// Sizes whose roots are to be known, ascending.
    pub(super) wanted: Vec<u64>,
    /// Number of the last segment in use.
    pub(super) last: Option<u32>,
}

/// What a thread could do with a segment on its own.
pub(super) enum Start {
    /// The tiles gave the tree before it.
    Known(Box<Walked>),
    /// They did not: the segment before must tell.
    Unknown,
}

/// What a segment holds, up to its end or its first fault.
pub(super) struct Walked {
    /// Records and root that hold.
    pub(super) head: TreeHead,
    /// The edge behind them; of no use after a fault.
    pub(super) edge: Edge,
    pub(super) batch_no: u64,
    /// Offset behind the last frame.
    pub(super) end: u64,
    pub(super) frames: u64,
    /// When the last frame was committed.
    pub(super) last_us: u64,
    pub(super) tiles_missing: u64,
    /// Permitted accesses without an outcome here.
    pub(super) open: RequestNos,
    /// Outcomes of accesses before this segment.
    pub(super) closed: Vec<RequestNo>,
    pub(super) roots: Vec<TreeHead>,
    pub(super) orders: Vec<Order>,
    pub(super) fault: Option<Stop>,
}

/// One segment's file.
pub(super) struct Part<'f> {
    pub(super) path: &'f str,
    pub(super) file: &'f dyn StorageFile,
    pub(super) end: u64,
    pub(super) is_last: bool,
}

/// A walk through one segment.
pub(super) struct Pass<'w> {
    pub(super) walk: &'w Walk<'w>,
    pub(super) salts: SaltKeys<'w>,
    pub(super) at: Walked,
    hashes: Vec<Hash>,
    tile_fault: Option<Stop>,
}

impl Walk<'_> {
    /// Walks a segment from the tree that the tiles give for its beginning.
    pub(super) fn start_at_tiles(&self, header: &SegmentHeader) -> Start {
        let head = TreeHead { size: header.first_leaf_index, root: header.prev_root };
        match Edge::load(self.disk, &head, self.signed.map_or(0, |signed| signed.size)) {
            Ok(Some(edge)) => Start::Known(Box::new(self.start_at(header, edge))),
            // If the disk failed, it does so again where the segment before has told the tree.
            Ok(None) | Err(_) => Start::Unknown,
        }
    }

    /// Walks a segment from the tree before it.
    pub(super) fn start_at(&self, header: &SegmentHeader, edge: Edge) -> Walked {
        let at = Walked {
            head: TreeHead { size: edge.size(), root: edge.root() },
            edge,
            batch_no: header.first_batch_no,
            end: FIRST_FRAME,
            frames: 0,
            last_us: 0,
            tiles_missing: 0,
            open: RequestNos::default(),
            closed: Vec::new(),
            roots: Vec::new(),
            orders: Vec::new(),
            fault: None,
        };
        let salts = SaltKeys::new(self.disk);
        let mut pass = Pass { walk: self, salts, at, hashes: Vec::new(), tile_fault: None };
        let end = pass.run(header);
        Walked { fault: end.err(), ..pass.at }
    }
}

impl Pass<'_> {
    fn run(&mut self, header: &SegmentHeader) -> Result<(), Stop> {
        let path = segment::path(header.number);
        let file = self.walk.disk.open(&path, false).map_err(unreadable(&path))?;
        let end = file.len().map_err(unreadable(&path))?;
        let is_whole = end == header.segment_bytes;
        let is_last = is_whole && self.walk.last == Some(header.number);
        let walked = self.frames(&Part { path: &path, file: &*file, end, is_last });
        if is_whole {
            return walked;
        }
        // What could be read tells the first record that is gone.
        Err(self.at(FaultKind::SegmentLength, &path, if walked.is_ok() { self.at.end } else { end }))
    }

    pub(super) fn size(&self) -> u64 {
        self.at.head.size
    }

    pub(super) fn at(&self, kind: FaultKind, file: &str, offset: u64) -> Stop {
        stop(kind, Some(self.size()), file, offset)
    }

    /// Reads frames until they end.
    fn frames(&mut self, part: &Part<'_>) -> Result<(), Stop> {
        let ahead = Ahead::new(part.file);
        let mut bytes = Vec::new();
        loop {
            let offset = self.at.end;
            let header = match frame::read(&ahead, offset, part.end, &mut bytes).map_err(unreadable(part.path))? {
                Ok(header) => header,
                Err(fault) => {
                    if !self.settle_end(part, offset, fault)? {
                        return Ok(());
                    }
                    ahead.forget();
                    continue;
                }
            };
            if let Err(fault) = self.follow(&header, &bytes).map_err(unreadable(part.path))? {
                return Err(self.blame(fault, &header, &bytes, (part.path, offset)));
            }
            self.records(&header, &bytes, (part.path, offset))?;
            self.at.head = TreeHead { size: self.at.edge.size(), root: header.root_after };
            if let Some(fault) = self.tile_fault.take() {
                return Err(fault);
            }
            self.at.frames += 1;
            self.at.last_us = header.ts_us;
            self.at.batch_no += 1;
            self.at.end = offset + header.span();
        }
    }

    /// Folds a frame's records into the edge.
    fn follow(&mut self, header: &FrameHeader, bytes: &[u8]) -> io::Result<Result<(), ChainFault>> {
        if let Err(fault) = check_follows(header, self.at.batch_no, &self.at.head) {
            return Ok(Err(fault));
        }
        let mut hashes = std::mem::take(&mut self.hashes);
        if !Chain::hash_into(&mut hashes, bytes, header.boot_epoch, &mut self.salts)? {
            return Ok(Err(ChainFault::SaltKey));
        }
        if hashes.len() != header.count as usize || hashes.is_empty() {
            return Ok(Err(ChainFault::Entries));
        }
        for hash in &hashes {
            self.leaf(*hash);
        }
        self.hashes = hashes;
        Ok(if self.at.edge.root() == header.root_after { Ok(()) } else { Err(ChainFault::Root) })
    }

    fn leaf(&mut self, hash: Hash) {
        let (disk, missing) = (self.walk.disk, &mut self.at.tiles_missing);
        let compared = self.at.edge.push(hash, |id, row| {
            let path = tiles::path(id);
            let stored = tiles::read(disk, id).map_err(unreadable(&path))?;
            *missing += u64::from(stored.is_none());
            compare_tile(id, row, stored, path)
        });
        self.tile_fault = self.tile_fault.take().or(compared.err());
        let size = self.at.edge.size();
        if self.walk.wanted.binary_search(&size).is_ok() {
            self.at.roots.push(TreeHead { size, root: self.at.edge.root() });
        }
        if self.walk.signed.is_some_and(|head| head.size == size) {
            let compared = self.compare_partials();
            self.tile_fault = self.tile_fault.take().or(compared.err());
        }
    }

    fn compare_partials(&self) -> Result<(), Stop> {
        for (id, row) in self.at.edge.partials() {
            let path = tiles::partial_path(id, row.len());
            let stored = tiles::read_partial(self.walk.disk, id, row.len()).map_err(unreadable(&path))?;
            compare_tile(id, row, stored, path)?;
        }
        Ok(())
    }

    fn records(&mut self, header: &FrameHeader, bytes: &[u8], (path, offset): (&str, u64)) -> Result<(), Stop> {
        for (entry, index) in frame::entries(bytes).zip(header.first_index..) {
            let record = Record::decode(entry.cbor).map_err(|_| stop(FaultKind::Record, Some(index), path, offset))?;
            let key = record.head().key;
            match &record {
                Record::Access(access) if access.decision == Decision::Permit => {
                    self.at.open.insert((key.boot_epoch, key.worker, key.ctr));
                }
                Record::Outcome(outcome) => {
                    let access = (key.boot_epoch, key.worker, outcome.ref_ctr);
                    if !self.at.open.remove(&access) {
                        self.at.closed.push(access);
                    }
                }
                Record::Notice(notice) => self.at.orders.extend(order(notice, index)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn order(notice: &Notice<'_>, index: u64) -> Option<Order> {
    crate::retention::is_order(notice).then(|| Order { index, note: notice.data.to_vec() })
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

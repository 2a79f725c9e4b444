//! The one thread that writes: takes what the lanes hold, makes one frame of it, writes it with one call, syncs,
//! and tells the lanes. It signs nothing and touches no other file.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::archive::Place;
use crate::clock;
use crate::frame::{self, FrameHeader};
use crate::hash::Hash;
use crate::lane::{Lane, Load, Run};
use crate::segment::{FIRST_FRAME, SegmentHeader};
use crate::shared::{Shared, Spare};
use crate::state::{Closed, lock};
use crate::storage::StorageFile;
use crate::tree::{Frontier, TreeHead};

/// A frame takes at most this, or half a segment: bounds the time of one write.
const BATCH_BYTES_MAX: u64 = 4 << 20;
/// A frame with its header, trailer and padding is shorter than this.
pub(crate) const BATCH_SPAN_MAX: u64 = BATCH_BYTES_MAX + 4_096;
/// More callers, or gating records in one batch, than this mean load: the next commit then waits for the window.
/// With one or two callers a wait would only add latency.
const LONE_CALLERS_MAX: u32 = 2;
/// Under load a commit waits so much for each caller that is being served, up to the window: many callers share one
/// sync, and few do not wait for many. A commit costs two or three requests' CPU, which sixty in work then share in
/// three milliseconds.
const WINDOW_PER_CALLER: Duration = Duration::from_micros(50);
/// How long a record that nobody waits for may wait for company.
const TRAILING_DELAY: Duration = Duration::from_millis(2);
/// How long a commit waits for a spare before its records are refused.
const SPARE_WAIT: Duration = Duration::from_secs(2);

/// The segment that is written to.
pub(crate) struct Active {
    pub(crate) number: u32,
    pub(crate) file: Box<dyn StorageFile>,
    pub(crate) offset: u64,
    pub(crate) end: u64,
}

/// Where the log stands: recovered at start, advanced by the writer alone.
pub(crate) struct Position {
    pub(crate) frontier: Frontier,
    pub(crate) root: Hash,
    pub(crate) batch_no: u64,
    pub(crate) active: Option<Active>,
}

/// See the module.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    at: Position,
    origin_hash: Hash,
    lanes: Vec<(Arc<Lane>, Load)>,
    lanes_version: u64,
    frame: Vec<u8>,
    last_began: Instant,
    linger_until: Instant,
    is_loaded: bool,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, at: Position, origin_hash: Hash) -> Self {
        let now = clock::now();
        let lanes = vec![(Arc::clone(&shared.control), Load::default())];
        Self {
            shared,
            at,
            origin_hash,
            lanes,
            lanes_version: 0,
            frame: Vec::new(),
            last_began: now,
            linger_until: now,
            is_loaded: false,
        }
    }

    /// Runs until the ledger stops; every record accepted before is then written or refused.
    pub(crate) fn run(mut self) {
        while !self.shared.stop_requested() {
            self.wait();
            self.commit_once(false);
        }
        self.adopt_lanes(true);
        while self.commit_once(true) {}
        for (lane, _) in &self.lanes {
            lane.end();
        }
        self.shared.is_writer_done.store(true, Ordering::SeqCst);
        self.shared.wake_keeper();
    }

    /// Returns when a commit is due: at once for a lone caller, with the callers' window under load.
    fn wait(&mut self) {
        let callers: u32 = self.lanes.iter().map(|(lane, _)| lane.callers()).sum();
        if self.is_loaded || callers > LONE_CALLERS_MAX {
            let due = self.last_began + (WINDOW_PER_CALLER * callers).min(self.shared.pace.commit_window);
            while let Some(left) = left_until(due).filter(|_| !self.shared.stop_requested()) {
                std::thread::park_timeout(left);
            }
        }
        while !self.shared.stop_requested() {
            self.adopt_lanes(false);
            if self.waits(Lane::waiting_gating) {
                return;
            }
            if let Some(left) = left_until(self.linger_until) {
                self.shared.sleep_as_writer(Some(left), || self.waits(Lane::waiting_gating));
            } else if self.waits(Lane::waiting) {
                return;
            } else {
                self.shared.sleep_as_writer(None, || self.has_new_lane() || self.waits(Lane::waiting));
                self.linger_until = clock::now() + TRAILING_DELAY;
            }
        }
    }

    fn waits(&self, count: impl Fn(&Lane) -> u32) -> bool {
        self.lanes.iter().any(|(lane, _)| count(lane) > 0)
    }

    fn has_new_lane(&self) -> bool {
        self.shared.lanes_version.load(Ordering::SeqCst) != self.lanes_version
    }

    fn adopt_lanes(&mut self, end: bool) {
        if !end && !self.has_new_lane() {
            return;
        }
        self.lanes_version = self.shared.lanes_version.load(Ordering::SeqCst);
        for lane in self.shared.lanes(end) {
            if !self.lanes.iter().any(|(known, _)| known.worker == lane.worker) {
                self.lanes.push((lane, Load::default()));
            }
        }
    }

    /// Takes the lanes' records, writes them as one frame and publishes the result. False if there were none.
    fn commit_once(&mut self, end: bool) -> bool {
        self.last_began = clock::now();
        self.linger_until = self.last_began + TRAILING_DELAY;
        let mut gating = 0;
        let mut room = self.batch_bytes_max();
        for (lane, load) in &mut self.lanes {
            // The first lane always fits: a lane's backlog is at most a quarter of a segment.
            if lane.take(load, room, end) {
                room = room.saturating_sub(load.body.len());
                gating += load.gating;
            }
        }
        // Lanes that did not fit come first next time.
        self.lanes.rotate_left(1);
        self.is_loaded = gating > LONE_CALLERS_MAX;
        if self.lanes.iter().all(|(_, load)| load.leaves.is_empty()) {
            return false;
        }
        let first_index = self.at.frontier.size();
        let result = self.shared.gate.check().and_then(|()| self.write_batch());
        self.publish(result.map(|()| first_index));
        true
    }

    fn batch_bytes_max(&self) -> usize {
        usize::try_from(BATCH_BYTES_MAX.min(self.shared.pace.segment_bytes / 2)).unwrap_or(usize::MAX)
    }

    fn write_batch(&mut self) -> Result<(), Closed> {
        frame::begin(&mut self.frame);
        for (_, load) in &self.lanes {
            self.frame.extend_from_slice(&load.body);
        }
        let span = frame::span(frame::body_len(&self.frame));
        let fits = self.at.active.as_ref().is_some_and(|active| active.offset + span <= active.end);
        let segment_header = if fits { None } else { Some(self.roll()?) };
        let header = self.fold();
        frame::finish(&mut self.frame, &header);
        let Some(active) = &mut self.at.active else {
            return Err(Closed::NoSpare);
        };
        let place = Place { segment: active.number, offset: active.offset };
        let written = match &segment_header {
            Some(bytes) => {
                active.file.write_at(bytes, 0).and_then(|()| active.file.write_at(&self.frame, active.offset))
            }
            None => active.file.write_at(&self.frame, active.offset),
        };
        if let Err(error) = written {
            return Err(self.fail(Closed::WriteFailed, &error));
        }
        let before = clock::now();
        if let Err(error) = active.file.sync() {
            return Err(self.fail(Closed::Poisoned, &error));
        }
        active.offset += span;
        self.shared.counters.synced(clock::now().duration_since(before));
        self.announce(&header, place, span);
        Ok(())
    }

    /// Folds the taken leaves into the tree. A missing spare was found before; if the write now fails, the ledger
    /// is closed for good and the tree in memory no longer matters.
    fn fold(&mut self) -> FrameHeader {
        let (first_index, prev_root) = (self.at.frontier.size(), self.at.root);
        for leaf in self.lanes.iter().flat_map(|(_, load)| &load.leaves) {
            self.at.frontier.push(*leaf);
        }
        self.at.root = self.at.frontier.root();
        let batch_no = self.at.batch_no;
        self.at.batch_no += 1;
        FrameHeader {
            batch_no,
            first_index,
            count: u32::try_from(self.at.frontier.size() - first_index).unwrap_or(u32::MAX),
            body_len: frame::body_len(&self.frame),
            ts_us: clock::wall_us(),
            prev_root,
            root_after: self.at.root,
            boot_epoch: self.shared.salt.epoch(),
        }
    }

    /// Moves to the next spare segment and returns its header, to be written together with its first frame.
    fn roll(&mut self) -> Result<Vec<u8>, Closed> {
        let Some(spare) = self.take_spare() else {
            self.shared.gate.close(Closed::NoSpare);
            tracing::error!("no spare segment: the ledger takes no records until one is made");
            return Err(Closed::NoSpare);
        };
        let end = spare.file.len().map_err(|error| self.fail(Closed::WriteFailed, &error))?;
        let header = SegmentHeader {
            number: spare.number,
            first_leaf_index: self.at.frontier.size(),
            prev_root: self.at.root,
            prev_end_offset: self.at.active.as_ref().map_or(0, |active| active.offset),
            first_batch_no: self.at.batch_no,
            boot_epoch: self.shared.salt.epoch(),
            created_us: clock::wall_us(),
            segment_bytes: end,
            origin_hash: self.origin_hash,
        };
        self.at.active = Some(Active { number: spare.number, file: spare.file, offset: FIRST_FRAME, end });
        Ok(header.encode())
    }

    fn take_spare(&self) -> Option<Spare> {
        let due = clock::now() + SPARE_WAIT;
        let mut spares = lock(&self.shared.spares);
        while spares.ready.is_empty() {
            let left = left_until(due).filter(|_| !self.shared.stop_requested())?;
            spares = self.shared.spares_changed.wait_timeout(spares, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let spare = spares.ready.remove(0);
        self.shared.counters.spares.store(u32::try_from(spares.ready.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.shared.spares_changed.notify_all();
        Some(spare)
    }

    /// Makes a durable batch known to readers and to the keeper.
    fn announce(&self, header: &FrameHeader, place: Place, span: u64) {
        {
            let mut harvest = lock(&self.shared.harvest);
            for (_, load) in &self.lanes {
                harvest.leaves.extend_from_slice(&load.leaves);
            }
            harvest.head = TreeHead { size: self.at.frontier.size(), root: self.at.root };
        }
        self.shared.marks.note(header.first_index, place);
        self.shared.durable_size.store(self.at.frontier.size(), Ordering::Release);
        let counters = &self.shared.counters;
        counters.records.fetch_add(u64::from(header.count), Ordering::Relaxed);
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.bytes.fetch_add(span, Ordering::Relaxed);
    }

    fn publish(&self, first_index: Result<u64, Closed>) {
        let mut before = 0;
        for (lane, load) in self.lanes.iter().filter(|(_, load)| !load.leaves.is_empty()) {
            let count = load.leaves.len() as u64;
            lane.publish(Run {
                first_ctr: load.first_ctr,
                count,
                first_index: first_index.map(|first| first + before),
            });
            before += count;
        }
    }

    fn fail(&self, why: Closed, error: &std::io::Error) -> Closed {
        self.shared.counters.write_errors.fetch_add(1, Ordering::Relaxed);
        self.shared.gate.close(why);
        tracing::error!(error = %error, "{why}: the ledger takes no records until restarted");
        why
    }
}

/// Time left, `None` once it is over.
fn left_until(due: Instant) -> Option<Duration> {
    due.checked_duration_since(clock::now()).filter(|left| !left.is_zero())
}

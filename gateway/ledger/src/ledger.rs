//! The open ledger: what a gateway process holds.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;

use crate::appender::{Appender, Durable};
use crate::archive::{Leaf, Leaves, Marks, ReadError};
use crate::checkpoint::Checkpoint;
use crate::clock;
use crate::control;
use crate::hash::Hash;
use crate::keeper::Keeper;
use crate::lane::{Backlog, CONTROL_WORKER, Lane};
use crate::note::VerifierKey;
use crate::options::Options;
use crate::proof::TileSource;
use crate::receipt::Receipt;
use crate::record::{Head, Heartbeat, Recovery, RequestKey};
use crate::recovery::{OpenError, Recovered, recover};
use crate::room::{Room, RoomWatch};
use crate::segment;
use crate::shared::{Harvest, Pace, Shared, Spares};
use crate::spares::{SPARES_WANTED, keep_spares};
use crate::state::{Closed, Counters, Gate, Metrics, State, lock};
use crate::storage::{DirStorage, Storage};
use crate::tail::Quarantined;
use crate::tree::TreeHead;
use crate::waits::{Covered, Witnessed};
use crate::witness::{Rounds, WitnessPolicy, Witnessing, attend};
use crate::writer::Writer;

/// Backlog of one worker in bytes, at most; also at most a quarter of a segment.
const BACKLOG_BYTES_MAX: u64 = 1 << 20;

/// What a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Records and root before this start's own records.
    pub head: TreeHead,
    /// Boot epoch of this start.
    pub boot_epoch: u32,
    /// Remains of an unfinished batch, now in quarantine and noted in a RECOVERY record.
    pub quarantined: Vec<Quarantined>,
}

/// The ledger of one node. Clones share it; it stops when `stop` is called or the last clone is dropped.
#[derive(Clone)]
pub struct Ledger(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Ledger {
    /// Opens or makes the ledger in a directory, recovers it, and starts its threads. Blocks on the disk.
    ///
    /// # Errors
    /// `OpenError`; where it tells of damage, nothing was changed but the boot epoch.
    pub fn open(options: &Options) -> Result<(Self, Opening), OpenError> {
        Self::open_on(options, Arc::new(DirStorage::new(&options.dir)))
    }

    /// The same for a ledger that witnesses watch: asks them first how far they have seen it.
    ///
    /// # Errors
    /// `OpenError`; a witness that knows more or something else refuses the start, and then nothing was changed.
    pub fn open_witnessed(options: &Options, witnesses: WitnessPolicy) -> Result<(Self, Opening), OpenError> {
        Self::open_with(options, Arc::new(DirStorage::new(&options.dir)), witnesses)
    }

    /// The same on another disk than the operating system's.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_on(options: &Options, storage: Arc<dyn Storage>) -> Result<(Self, Opening), OpenError> {
        Self::open_with(options, storage, WitnessPolicy::none())
    }

    /// Opens on any disk, with witnesses.
    ///
    /// # Errors
    /// As `open_witnessed`.
    pub fn open_with(
        options: &Options,
        storage: Arc<dyn Storage>,
        witnesses: WitnessPolicy,
    ) -> Result<(Self, Opening), OpenError> {
        options.check()?;
        let mut recovered = recover(&storage, options, witnesses)?;
        let marks = Marks::read(&*storage)?;
        let head = TreeHead { size: recovered.position.frontier.size(), root: recovered.position.root };
        let quarantined = std::mem::take(&mut recovered.quarantined);
        let opening = Opening { head, boot_epoch: recovered.salt.epoch(), quarantined };
        let witnesses = std::mem::take(&mut recovered.witnesses);
        let rounds = Rounds::new(recovered.quorum, &witnesses);
        let (shared, position) = share(options, (storage, marks), rounds, recovered);
        let spares = lock(&shared.spares).ready.len();
        shared.counters.spares.store(u32::try_from(spares).unwrap_or(u32::MAX), Ordering::Relaxed);
        let shared = Arc::new(shared);
        let keeper = Keeper::new(Arc::clone(&shared), head);
        let writer = Writer::new(Arc::clone(&shared), position, segment::origin_hash(&options.origin));
        let running = Running { shared: Arc::clone(&shared), threads: Mutex::default() };
        let ledger = Self(Arc::new(running));
        ledger.spawn("ledger-writer", move || writer.run())?;
        ledger.spawn("ledger-keeper", move || keeper.run())?;
        for (at, known) in witnesses.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            ledger.spawn("ledger-witness", move || attend(&shared, at, known))?;
        }
        ledger.spawn("ledger-spares", move || keep_spares(&shared))?;
        ledger.record_opening(&opening)?;
        Ok((ledger, opening))
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        if name == "ledger-writer" {
            self.0.shared.writer.get_or_init(|| thread.thread().clone());
        }
        lock(&self.0.threads).push(thread);
        Ok(())
    }

    /// RECOVERY for each quarantine, then HEARTBEAT.
    fn record_opening(&self, opening: &Opening) -> Result<(), OpenError> {
        let closed = |closed: Closed| OpenError::Io(std::io::Error::other(closed));
        for lost in &opening.quarantined {
            self.append_blocking(|key, out| {
                let (segment, offset, bytes, sha256) = (u64::from(lost.segment), lost.offset, lost.bytes, lost.sha256);
                Recovery { head: self.head_of(key), segment, offset, bytes, sha256 }.encode_into(out);
            })
            .map_err(closed)?;
        }
        let size = self.size();
        self.append_blocking(|key, out| {
            Heartbeat { head: self.head_of(key), size }.encode_into(out);
        })
        .map_err(closed)?;
        Ok(())
    }

    /// Elements 2–4 for a record made now: wall clock, time since the open, key.
    pub fn head_of(&self, key: RequestKey) -> Head {
        Head { wall_us: clock::wall_us(), mono_us: self.0.shared.mono_us(), key }
    }

    /// The appender of a worker, to be made on the worker's own thread. `None` if the worker number has a living
    /// appender, is 65 535, or the ledger is stopped.
    pub fn appender(&self, worker: u16) -> Option<Appender> {
        let lane = self.0.shared.claim(worker)?;
        self.0.shared.unpark_writer();
        Some(Appender::new(Arc::clone(&self.0.shared), lane))
    }

    /// Appends a record from any thread and blocks until it is durable. For control and ADMIN records: not for
    /// the request path.
    ///
    /// # Errors
    /// `Closed` if it was not made durable.
    pub fn append_blocking(&self, write: impl FnOnce(RequestKey, &mut Vec<u8>)) -> Result<Durable, Closed> {
        control::append(&self.0.shared, write)
    }

    /// Whether it takes records.
    pub fn state(&self) -> State {
        match self.0.shared.gate.check() {
            Ok(()) if self.0.shared.room.is_low() || !self.has_spares() => State::Low,
            Ok(()) => State::Ok,
            Err(Closed::Poisoned) => State::Poisoned,
            Err(_) => State::Closed,
        }
    }

    fn has_spares(&self) -> bool {
        lock(&self.0.shared.spares).ready.len() >= SPARES_WANTED
    }

    /// Room on its disk; `None` until it was looked at, and on disks that do not tell.
    pub fn room(&self) -> Option<Room> {
        self.0.shared.room.room()
    }

    /// Figures since the open.
    pub fn metrics(&self) -> Metrics {
        let lanes = self.0.shared.lanes(false);
        let depth = lanes.iter().map(|lane| u64::from(lane.waiting())).sum();
        self.0.shared.counters.snapshot(depth)
    }

    /// Name of the log.
    pub fn origin(&self) -> &str {
        self.0.shared.signer.verifier().name()
    }

    /// Public key of its checkpoints.
    pub fn verifier_key(&self) -> &VerifierKey {
        self.0.shared.signer.verifier()
    }

    /// Durable records.
    pub fn size(&self) -> u64 {
        self.0.shared.durable_size.load(Ordering::Acquire)
    }

    /// The last stored checkpoint.
    pub fn checkpoint(&self) -> Option<Arc<Checkpoint>> {
        lock(&self.0.shared.checkpoint).clone()
    }

    /// Whether a stored checkpoint covers the record.
    pub fn is_covered(&self, index: u64) -> bool {
        self.0.shared.is_covered(index)
    }

    /// Completes once a stored checkpoint covers the record; that takes about a second. It never completes if the
    /// ledger closes before: put a deadline on it. Cancel safe.
    pub fn covered(&self, index: u64) -> Covered {
        Covered::new(Arc::clone(&self.0.shared), index)
    }

    /// How far witnesses have cosigned it.
    pub fn witnessing(&self) -> Witnessing {
        let shared = &self.0.shared;
        shared.rounds.figures(shared.covered_size.load(Ordering::Acquire), shared.mono_us())
    }

    /// Whether enough witnesses can be counted on at present. If not, `witnessed` would be waited for in vain.
    pub fn is_quorum_near(&self) -> bool {
        self.0.shared.rounds.is_quorum_near()
    }

    /// The newest checkpoint that a quorum of witnesses cosigned for this process, cosignatures included.
    pub fn witnessed_checkpoint(&self) -> Option<Arc<Checkpoint>> {
        self.0.shared.rounds.witnessed()
    }

    /// Completes once a checkpoint that a quorum of witnesses cosigned covers the record; a checkpoint is made for
    /// it. It never completes without witnesses, or while they do not answer: put a deadline on it. Cancel safe.
    pub fn witnessed(&self, index: u64) -> Witnessed {
        Witnessed::new(Arc::clone(&self.0.shared), index)
    }

    /// A durable record. Reads the disk: not on a worker.
    ///
    /// # Errors
    /// `ReadError`.
    pub fn leaf(&self, index: u64) -> Result<Leaf, ReadError> {
        if index >= self.size() {
            return Err(ReadError::NoSuchIndex(index));
        }
        self.0.shared.marks.leaf(&*self.0.shared.storage, index)
    }

    /// Durable records from an index (or the first that is still there) up to the size at this call.
    /// Reads the disk: not on a worker.
    ///
    /// # Errors
    /// `ReadError`.
    pub fn scan(&self, from_index: u64) -> Result<Leaves<'_>, ReadError> {
        let from = from_index.max(self.0.shared.marks.first_index());
        self.0.shared.marks.leaves(&*self.0.shared.storage, from, self.size())
    }

    /// Receipt of a record under the last checkpoint, checked before it is handed out. Reads the disk: not on a
    /// worker.
    ///
    /// # Errors
    /// `NotCovered` if no checkpoint covers the record yet, and the other read errors.
    pub fn receipt(&self, index: u64) -> Result<Receipt, ReadError> {
        let leaf = self.leaf(index)?;
        // A witnessed checkpoint says more than a newer one that is not.
        let checkpoints = self.witnessed_checkpoint().into_iter().chain(self.checkpoint());
        let checkpoint = checkpoints.into_iter().find(|checkpoint| checkpoint.head().size > index);
        let checkpoint = checkpoint.ok_or(ReadError::NotCovered(index))?;
        let proof = self.tile_source().inclusion(&lock(&self.0.shared.tiles), leaf.durable(), checkpoint.head())?;
        Ok(Receipt::new(index, &leaf.bytes, &proof, &checkpoint))
    }

    /// Proof that the first `old` records are a prefix of the last checkpoint's. Reads the disk: not on a worker.
    ///
    /// # Errors
    /// `NotCovered` if the last checkpoint is smaller than `old`, and the other read errors.
    pub fn consistency(&self, old: u64) -> Result<(Vec<Hash>, Arc<Checkpoint>), ReadError> {
        let checkpoint = self.checkpoint().filter(|checkpoint| checkpoint.head().size >= old);
        let checkpoint = checkpoint.ok_or(ReadError::NotCovered(old))?;
        let edge = lock(&self.0.shared.tiles);
        Ok((self.tile_source().consistency(&edge, old, checkpoint.head().size)?, checkpoint))
    }

    fn tile_source(&self) -> TileSource<'_> {
        TileSource { disk: &*self.0.shared.storage, marks: &self.0.shared.marks, repairs: true }
    }

    /// Stops: refuses new records, writes those accepted, signs a checkpoint over the last one, releases the
    /// directory's threads. Blocks on the disk. Calling it again does nothing.
    ///
    /// # Errors
    /// The state that kept accepted records from the disk.
    pub fn stop(&self) -> Result<Option<Arc<Checkpoint>>, Closed> {
        self.0.stop();
        match self.0.shared.gate.check() {
            Ok(()) | Err(Closed::Stopped) => Ok(self.checkpoint()),
            Err(closed) => Err(closed),
        }
    }
}

impl Running {
    fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.shared.unpark_writer();
        {
            let _spares = lock(&self.shared.spares);
            self.shared.spares_changed.notify_all();
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A thread that panicked has nothing to add: the gate and the checkpoint tell what stands.
            let _panicked = thread.join();
        }
        self.shared.gate.close(Closed::Stopped);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn share(
    options: &Options,
    (storage, marks): (Arc<dyn Storage>, Marks),
    rounds: Rounds,
    recovered: Recovered,
) -> (Shared, crate::writer::Position) {
    let Recovered { position, tiles, spares, next_number, checkpoint, salt, signer, lock: dir_lock, .. } = recovered;
    let head = TreeHead { size: position.frontier.size(), root: position.root };
    let bytes_max = usize::try_from(BACKLOG_BYTES_MAX.min(options.segment_bytes / 4)).unwrap_or(usize::MAX);
    let shared = Shared {
        storage,
        node: options.node,
        salt,
        signer,
        pace: Pace {
            commit_window: options.commit_window,
            checkpoint_every: options.checkpoint_every,
            heartbeat_every: options.heartbeat_every,
            segment_bytes: options.segment_bytes,
        },
        backlog: Backlog { records_max: options.backlog_records, bytes_max },
        gate: Gate::default(),
        counters: Counters::default(),
        room: RoomWatch::default(),
        marks,
        durable_size: AtomicU64::new(head.size),
        covered_size: AtomicU64::new(checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.head().size)),
        harvest: Mutex::new(Harvest { leaves: Vec::new(), head }),
        tiles: Mutex::new(tiles),
        checkpoint: Mutex::new(checkpoint.map(Arc::new)),
        covered_wakers: Mutex::default(),
        rounds,
        spares: Mutex::new(Spares { ready: spares, next_number }),
        spares_changed: Condvar::new(),
        keeper_sleep: Mutex::new(()),
        keeper_wake: Condvar::new(),
        registry: Mutex::default(),
        lanes_version: AtomicU64::new(0),
        control_turn: Mutex::default(),
        control: Arc::new(Lane::new(CONTROL_WORKER)),
        is_stopping: AtomicBool::new(false),
        is_writer_done: AtomicBool::new(false),
        writer: OnceLock::new(),
        writer_phase: AtomicU8::new(0),
        started: clock::now(),
        _lock: dir_lock,
    };
    (shared, position)
}

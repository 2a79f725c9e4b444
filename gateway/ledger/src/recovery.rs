//! Start: take the lock, make everything durable before believing it, find the end of the log, and refuse to go on
//! where the disk tells of more than an unfinished last batch.

use std::io;
use std::sync::Arc;

use crate::archive::{Marks, ReadError};
use crate::chain::Chain;
use crate::checkpoint::{self, Checkpoint};
use crate::frame;
use crate::hash::Hash;
use crate::keys::{self, Manifest};
use crate::layout::Segments;
use crate::note::Signer;
use crate::options::Options;
use crate::proof::TileSource;
use crate::salt::{self, SaltKey, SaltKeys};
use crate::segment::{self, FIRST_FRAME, SegmentHeader};
use crate::shared::Spare;
use crate::storage::{Storage, StorageFile, read_small, replace};
use crate::tail::{self, Quarantined};
use crate::tiles::{self, TileId, TileMissing, Tiles};
use crate::tree::{self, Frontier, TreeHead};
use crate::witness::{Known, Tree, WitnessPolicy, confront};
use crate::writer::{Active, Position};

/// Why the ledger was not opened. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An option is out of its range.
    #[error("ledger option: {0}")]
    Options(&'static str),
    /// Another process has the directory.
    #[error("another process holds the ledger's LOCK")]
    Locked,
    /// The directory belongs to another log.
    #[error("the directory holds the ledger of origin {0:?}")]
    Origin(String),
    /// More is wrong than an unfinished last batch.
    #[error("CORRUPT: segment {segment} at byte {offset}: {what}; nothing was changed, an operator must decide")]
    Corrupt {
        /// Segment number.
        segment: u32,
        /// Byte offset in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The log is shorter than its own checkpoint.
    #[error("ROLLBACK: the checkpoint covers {checkpoint} records, the log holds {found}")]
    Rollback {
        /// Size in the checkpoint.
        checkpoint: u64,
        /// Size found.
        found: u64,
    },
    /// The log has another history than its checkpoint.
    #[error("FORK: the first {0} records do not give the root of the checkpoint")]
    Fork(u64),
    /// A witness has cosigned more records than the log holds: it was set back.
    #[error("ROLLBACK: witness {witness} has cosigned {witnessed} records, the log holds {found}; nothing was changed")]
    WitnessedRollback {
        /// The witness.
        witness: String,
        /// Records that it has cosigned.
        witnessed: u64,
        /// Records found.
        found: u64,
    },
    /// A witness has cosigned another history.
    #[error("FORK: witness {witness} has cosigned another history of the first {size} records; the log holds {found}")]
    WitnessedFork {
        /// The witness.
        witness: String,
        /// Records in what it has cosigned.
        size: u64,
        /// Records found.
        found: u64,
    },
    /// A witness does not take this ledger's word.
    #[error("witness {witness} refuses: {why}; the key or the origin was replaced, or the witness was not told of it")]
    WitnessRefuses {
        /// The witness.
        witness: String,
        /// What it says.
        why: String,
    },
    /// Too few witnesses answered within the time to wait.
    #[error("UNWITNESSED: {needed} witnesses must answer before a start; without an answer: {missing}")]
    Unwitnessed {
        /// So many must answer.
        needed: usize,
        /// Those that did not, and why.
        missing: String,
    },
    /// The key in use is not the one that the root's list names.
    #[error("keys: {0}")]
    Keys(&'static str),
    /// The checkpoint is not signed by the ledger's key.
    #[error("the local checkpoint does not hold: {0}")]
    Checkpoint(#[from] crate::note::NoteError),
    /// The disk failed.
    #[error("ledger files: {0}")]
    Io(#[from] io::Error),
}

/// What a start found and made.
pub(crate) struct Recovered {
    pub(crate) position: Position,
    pub(crate) tiles: Tiles,
    pub(crate) spares: Vec<Spare>,
    pub(crate) next_number: u32,
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) salt: SaltKey,
    pub(crate) signer: Signer,
    pub(crate) lock: Box<dyn StorageFile>,
    pub(crate) quorum: usize,
    pub(crate) witnesses: Vec<Known>,
}

const FOLDERS: [&str; 5] = ["seg", "keys", "tile", "quarantine", checkpoint::HISTORY];
const LOCK: &str = "LOCK";
const ORIGIN: &str = "origin";
const SMALL_FILE_BYTES_MAX: u64 = 4_096;

/// Brings the directory to a state in which the next batch can be written.
pub(crate) fn recover(
    storage: &Arc<dyn Storage>,
    options: &Options,
    witnesses: WitnessPolicy,
) -> Result<Recovered, OpenError> {
    let (disk, origin) = (&**storage, options.origin.as_str());
    disk.create_dir("")?;
    let (lock, last_epoch) = take_lock(disk)?;
    for folder in FOLDERS {
        disk.create_dir(folder)?;
    }
    check_origin(disk, origin)?;
    segment::remove_half_made(disk)?;
    let numbers = segment::list(disk)?;
    sync_before_reading(disk, &numbers)?;
    let epoch = last_epoch.max(salt::newest_epoch(disk)?) + 1;
    lock.write_at(format!("{epoch:010}\n").as_bytes(), 0)?;
    lock.sync()?;
    let salt = SaltKey::create(disk, epoch)?;
    let signer = Signer::load_or_create(disk, origin)?;

    let segments = Segments::read(disk, &numbers, segment::origin_hash(origin))?;
    let log = replay(disk, &segments)?;
    let size = log.chain.frontier.size();
    let manifest = keys::check_current(disk, options.root.as_ref(), (&signer, size))?;
    let checkpoint = check_checkpoint(disk, (&signer, manifest.as_ref()), &log)?;
    // Asked before anything is changed, and before anything could be answered.
    let quorum = witnesses.quorum;
    let witnesses = question(disk, witnesses, &signer, &log)?;
    let quarantined = tail::settle(disk, &segments, &log, epoch)?;
    let (spares, next_number) = open_spares(disk, &segments, options.segment_bytes)?;
    let Log { chain, tiles, active } = log;
    let position = Position { frontier: chain.frontier, root: chain.root, batch_no: chain.batch_no, active };
    Ok(Recovered {
        position,
        tiles,
        spares,
        next_number,
        quarantined,
        checkpoint,
        salt,
        signer,
        lock,
        quorum,
        witnesses,
    })
}

/// The log as it was found, to prove to witnesses that it continues what they know.
struct Found<'d> {
    disk: &'d dyn Storage,
    marks: Marks,
    tiles: &'d Tiles,
}

impl Tree for Found<'_> {
    fn extension(&self, old: u64, head: &TreeHead) -> Result<Vec<Hash>, ReadError> {
        TileSource { disk: self.disk, marks: &self.marks, repairs: false }.extension(self.tiles, old, head)
    }
}

fn question(disk: &dyn Storage, policy: WitnessPolicy, signer: &Signer, log: &Log) -> Result<Vec<Known>, OpenError> {
    let found = Found { disk, marks: Marks::read(disk)?, tiles: &log.tiles };
    let head = TreeHead { size: log.chain.frontier.size(), root: log.chain.root };
    confront(policy, (signer, head), &found)
}

fn take_lock(disk: &dyn Storage) -> Result<(Box<dyn StorageFile>, u32), OpenError> {
    if let Err(error) = disk.open(LOCK, false) {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error.into());
        }
        disk.create(LOCK)?;
        disk.sync_dir("")?;
    }
    let lock = disk.lock(LOCK)?.ok_or(OpenError::Locked)?;
    let mut text = [0; 10];
    lock.read_at(&mut text, 0)?;
    // A damaged number is no reason to refuse: the salt keys know the epochs too.
    let epoch = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok((lock, epoch))
}

fn check_origin(disk: &dyn Storage, origin: &str) -> Result<(), OpenError> {
    let line = format!("{origin}\n");
    match read_small(disk, ORIGIN, SMALL_FILE_BYTES_MAX)? {
        None => Ok(replace(disk, "", ORIGIN, line.as_bytes())?),
        Some(found) if found == line.as_bytes() => Ok(()),
        Some(found) => Err(OpenError::Origin(String::from_utf8_lossy(&found).trim_end().to_owned())),
    }
}

/// After the crash of a mere process the page cache can show a batch that is not on the disk. What a start
/// decides on must be durable first.
fn sync_before_reading(disk: &dyn Storage, numbers: &[u32]) -> io::Result<()> {
    for number in numbers {
        disk.open(&segment::path(*number), true)?.sync()?;
    }
    for folder in FOLDERS {
        disk.sync_dir(folder)?;
    }
    disk.sync_dir("")
}

/// A log read to its last valid frame.
pub(crate) struct Log {
    pub(crate) chain: Chain,
    pub(crate) tiles: Tiles,
    pub(crate) active: Option<Active>,
}

/// Reads the last segment on top of the tiles; if these do not give its root, reads everything.
fn replay(disk: &dyn Storage, segments: &Segments) -> Result<Log, OpenError> {
    let Some(last) = segments.used.last() else {
        let chain = Chain::new(Frontier::new(), 0);
        return Ok(Log { chain, tiles: Tiles::default(), active: None });
    };
    if let Some(start) = load_tiles(disk, last)? {
        return replay_segments(disk, std::slice::from_ref(last), start);
    }
    let first = segments.used.first().unwrap_or(last);
    if first.first_leaf_index != 0 {
        let what = "the tiles do not give the tree before the last segment, and the first segments are gone";
        return Err(OpenError::Corrupt { segment: last.number, offset: 0, what });
    }
    replay_segments(disk, &segments.used, (Tiles::default(), Frontier::new()))
}

/// Tiles and frontier at the beginning of a segment, if the disk still has what gives the segment's root.
fn load_tiles(disk: &dyn Storage, last: &SegmentHeader) -> io::Result<Option<(Tiles, Frontier)>> {
    let size = last.first_leaf_index;
    let tail =
        if size.is_multiple_of(tiles::TILE_WIDTH as u64) { Some(Vec::new()) } else { tail::leaf_hashes(disk, size)? };
    let Some(tail) = tail else { return Ok(None) };
    let loaded = Tiles::load(size, tail, |id| read_tile(disk, id)).and_then(|tiles| {
        let frontier = Frontier::from_nodes(size, |level, index| tiles.node(level, index, |id| read_tile(disk, id)))?;
        Ok((tiles, frontier))
    });
    match loaded {
        Ok((tiles, frontier)) if frontier.root() == last.prev_root => Ok(Some((tiles, frontier))),
        Ok(_) | Err(TileFault::Missing) => Ok(None),
        Err(TileFault::Io(error)) => Err(error),
    }
}

/// Why a tile was not read.
enum TileFault {
    Missing,
    Io(io::Error),
}

impl From<TileMissing> for TileFault {
    fn from(_: TileMissing) -> Self {
        Self::Missing
    }
}

fn read_tile(disk: &dyn Storage, id: TileId) -> Result<Vec<Hash>, TileFault> {
    tiles::read(disk, id).map_err(TileFault::Io)?.ok_or(TileFault::Missing)
}

fn replay_segments(
    disk: &dyn Storage,
    headers: &[SegmentHeader],
    (mut tiles, frontier): (Tiles, Frontier),
) -> Result<Log, OpenError> {
    let mut chain = Chain::new(frontier, headers.first().map_or(0, |header| header.first_batch_no));
    let mut salts = SaltKeys::new(disk);
    let mut active: Option<Active> = None;
    let mut bytes = Vec::new();
    for header in headers {
        let corrupt = |offset, what| OpenError::Corrupt { segment: header.number, offset, what };
        let is_ended_there = active.as_ref().is_none_or(|before| before.offset == header.prev_end_offset);
        if header.prev_root != chain.root || header.first_leaf_index != chain.frontier.size() || !is_ended_there {
            return Err(corrupt(0, "the segment does not continue the tree before it"));
        }
        let file = disk.open(&segment::path(header.number), true)?;
        let end = file.len()?;
        let mut offset = FIRST_FRAME;
        while let Ok(frame) = frame::read(&*file, offset, end, &mut bytes)? {
            let hashes = chain.follow(&frame, &bytes, &mut salts)?;
            for hash in hashes.map_err(|fault| corrupt(offset, fault.text()))? {
                tiles.push(hash, |id, row| restore_tile(disk, id, row))?;
            }
            offset += frame.span();
        }
        active = Some(Active { number: header.number, file, offset, end });
    }
    Ok(Log { chain, tiles, active })
}

/// Writes a full tile unless the disk has the same.
fn restore_tile(disk: &dyn Storage, id: TileId, row: &[Hash]) -> io::Result<()> {
    if tiles::read(disk, id)?.as_deref() == Some(row) {
        return Ok(());
    }
    tiles::write(disk, id, row)
}

/// The log must contain what its own checkpoint says.
fn check_checkpoint(
    disk: &dyn Storage,
    (signer, manifest): (&Signer, Option<&Manifest>),
    log: &Log,
) -> Result<Option<Checkpoint>, OpenError> {
    let Some(note) = checkpoint::load_note(disk)? else {
        return Ok(None);
    };
    let key = keys::key_of_checkpoint(manifest, signer.verifier(), &note)?;
    let checkpoint = Checkpoint::open(&note, key)?;
    let (head, found) = (checkpoint.head(), log.chain.frontier.size());
    if head.size > found {
        return Err(OpenError::Rollback { checkpoint: head.size, found });
    }
    let root = tree::root(head.size, |level, index| log.tiles.node(level, index, |id| read_tile(disk, id)));
    match root {
        Ok(root) if root == head.root => Ok(Some(checkpoint)),
        Ok(_) => Err(OpenError::Fork(head.size)),
        Err(TileFault::Io(error)) => Err(error.into()),
        Err(TileFault::Missing) => {
            // A tile between the checkpoint and the end was lost: the records themselves decide.
            let hashes = tail::all_leaf_hashes(disk, head.size)?;
            let is_same = hashes.is_some_and(|hashes| tiles::subtree_root(&hashes) == head.root);
            if is_same { Ok(Some(checkpoint)) } else { Err(OpenError::Fork(head.size)) }
        }
    }
}

/// Spares for the writer, the first made here if the log has none: the first record needs it.
fn open_spares(disk: &dyn Storage, segments: &Segments, segment_bytes: u64) -> Result<(Vec<Spare>, u32), OpenError> {
    let mut spares = Vec::new();
    for number in &segments.unused {
        let file = disk.open(&segment::path(*number), true)?;
        spares.push(Spare { number: *number, file });
    }
    let next = segments.unused.last().copied().or(segments.used.last().map(|header| header.number));
    let mut next_number = next.map_or(0, |number| number + 1);
    if segments.used.is_empty() && spares.is_empty() {
        segment::create_spare(disk, next_number, segment_bytes)?;
        spares.push(Spare { number: next_number, file: disk.open(&segment::path(next_number), true)? });
        next_number += 1;
    }
    Ok((spares, next_number))
}

//! Carrying out an order of retention: the record first, then the segments, then what belongs to them alone.

use std::io;
use std::path::Path;

use crate::archive::ReadError;
use crate::edge::Edge;
use crate::index;
use crate::layout::{Listed, listed};
use crate::ledger::Ledger;
use crate::note::VerifierKey;
use crate::offline;
use crate::options::Options;
use crate::record::{Notice, NoticeKind};
use crate::recovery::OpenError;
use crate::retention::{ACTION, APPROVALS_MIN, Order, approvers_of, joined};
use crate::segment;
use crate::state::Closed;
use crate::storage::{DirStorage, Storage, read_small};
use crate::tiles::{self, TILE_WIDTH, TileId};
use crate::tree::TreeHead;

/// Where the records to be deleted end, at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// Before this time, microseconds since 1970: only records that were committed before it.
    Time(u64),
    /// Before this index.
    Index(u64),
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Records before this index are gone.
    pub first_index: u64,
    /// Index of the RETENTION record.
    pub record: u64,
    /// Segments deleted.
    pub segments: u32,
    /// Salt keys destroyed.
    pub salt_keys: u32,
    /// Who approved.
    pub approved_by: Vec<String>,
}

/// Why an order was not made or carried out.
#[derive(Debug, thiserror::Error)]
pub enum RetainError {
    /// Segments are deleted whole, and the last ones are needed.
    #[error("no segment ends before that: whole segments are deleted, and the newest ones are kept")]
    NothingToDelete,
    /// The basis is empty or too long.
    #[error("the basis must be one line of 1 to 500 characters")]
    Basis,
    /// The approvals are of different orders, or of none.
    #[error("the approvals are not signatures on one order of retention")]
    Approvals,
    /// Not enough different approvers.
    #[error("{found} of {APPROVALS_MIN} different approvers signed the order")]
    TooFew {
        /// Approvers whose signature holds.
        found: usize,
    },
    /// The order is of another log, or does not fit it.
    #[error("the order does not fit this log: {0}")]
    Unfit(&'static str),
    /// The ledger was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The record was not made durable; nothing was deleted.
    #[error("the order was not recorded, nothing was deleted: {0}")]
    Closed(#[from] Closed),
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The disk failed.
    #[error("ledger files: {0}")]
    Io(#[from] io::Error),
}

/// The order that deletes as much as lies before the border. Changes nothing.
///
/// # Errors
/// `NothingToDelete`, `Basis`, and the disk's.
pub fn plan_retention(dir: &Path, border: Border, basis: &str) -> Result<Order, RetainError> {
    let disk = DirStorage::new(dir);
    let origin = read_small(&disk, "origin", 4_096)?.unwrap_or_default();
    let used = used(&disk)?;
    let is_before = |(_, header): &&Listed| match border {
        Border::Time(at_us) => header.created_us <= at_us,
        Border::Index(index) => header.first_leaf_index <= index,
    };
    let bound = latest_border(&used);
    let first = used.iter().skip(1).take_while(is_before).filter(|(_, header)| header.first_leaf_index <= bound).last();
    let (_, header) = first.ok_or(RetainError::NothingToDelete)?;
    let order = Order {
        origin: String::from_utf8_lossy(&origin).trim_end().to_owned(),
        head: TreeHead { size: header.first_leaf_index, root: header.prev_root },
        basis: basis.trim().to_owned(),
    };
    order.text().map_err(|_| RetainError::Basis)?;
    Ok(order)
}

/// A start needs the leaf hashes behind the last full tile before the last segment: their records stay.
fn latest_border(used: &[Listed]) -> u64 {
    used.last().map_or(0, |(_, last)| last.first_leaf_index / TILE_WIDTH as u64 * TILE_WIDTH as u64)
}

fn used(disk: &dyn Storage) -> io::Result<Vec<Listed>> {
    listed(disk).map(|found| found.used).map_err(|(_, error)| error)
}

/// Carries out an approved order on a ledger that no gateway has open: records it, then deletes the segments before
/// its border, their sidecars, and the salt keys that only they used. Tiles stay, so that receipts can be proven.
///
/// # Errors
/// Everything up to the record leaves the ledger as it was; a failure behind it is made good by doing it again.
pub fn retain(dir: &Path, approvals: &[String], approvers: &[VerifierKey]) -> Result<Retained, RetainError> {
    let note = joined(approvals).ok_or(RetainError::Approvals)?;
    let order = Order::read(&note).ok_or(RetainError::Approvals)?;
    let approved_by: Vec<String> = approvers_of(&note, approvers).into_iter().map(str::to_owned).collect();
    if approved_by.len() < APPROVALS_MIN {
        return Err(RetainError::TooFew { found: approved_by.len() });
    }
    let disk = DirStorage::new(dir);
    let options = options(dir, &disk, &order)?;
    let (ledger, _) = Ledger::open(&options)?;
    let used = used(&disk)?;
    let kept = used.iter().find(|(_, header)| header.first_leaf_index == order.head.size);
    let (_, kept) = kept.ok_or(RetainError::Unfit("no segment begins at its border"))?;
    if kept.prev_root != order.head.root || order.head.size > latest_border(&used) {
        return Err(RetainError::Unfit("another root, or too near the end"));
    }
    keep_tiles(&disk, &order.head)?;
    let object = format!("0..{}", order.head.size);
    let record = ledger.append_blocking(|key, out| {
        let head = ledger.head_of(key);
        let (actor, data) = (approved_by.join(","), note.as_bytes());
        Notice {
            kind: NoticeKind::Retention,
            head,
            actor: &actor,
            action: ACTION,
            object: &object,
            reason: &order.basis,
            data,
        }
        .encode_into(out);
    })?;
    let mut segments = 0;
    for (number, _) in used.iter().take_while(|(_, header)| header.first_leaf_index < order.head.size) {
        disk.remove(&index::path(*number))?;
        disk.remove(&segment::path(*number))?;
        // In order, so that after a crash what is left is still a suffix.
        disk.sync_dir(segment::FOLDER)?;
        segments += 1;
    }
    let salt_keys = crate::salt::destroy_before(&disk, kept.boot_epoch)?;
    ledger.stop()?;
    Ok(Retained { first_index: order.head.size, record: record.index(), segments, salt_keys, approved_by })
}

/// How the gateway opened it, as the directory tells.
fn options(dir: &Path, disk: &dyn Storage, order: &Order) -> Result<Options, RetainError> {
    let origin = read_small(disk, "origin", 4_096)?.unwrap_or_default();
    if origin.strip_suffix(b"\n") != Some(order.origin.as_bytes()) {
        return Err(RetainError::Unfit("another log"));
    }
    let used = used(disk)?;
    let (_, last) = used.last().ok_or(RetainError::NothingToDelete)?;
    let mut options = Options::new(dir, &order.origin);
    options.segment_bytes = last.segment_bytes;
    let ledger = offline::read(dir)?;
    let leaf = ledger.leaf(last.first_leaf_index)?;
    if let Ok(record) = leaf.record() {
        options.node = record.head().key.node;
    }
    Ok(options)
}

/// From here on the tiles of the deleted records cannot be made again: they must be right and durable.
fn keep_tiles(disk: &dyn Storage, head: &TreeHead) -> Result<(), RetainError> {
    let missing =
        || RetainError::Unfit("its tiles are missing or wrong; start the gateway once, so that it makes them again");
    if Edge::load(disk, head, head.size)?.is_none() {
        return Err(missing());
    }
    for level in 0_u8.. {
        let whole = tiles::full_tiles(head.size, level);
        let is_split = whole << (8 * (u32::from(level) + 1)) != head.size;
        let touched = whole + u64::from(is_split);
        for number in 0..touched {
            let id = TileId { level, number };
            let path = tiles::path(id);
            match disk.open(&path, true) {
                Ok(file) => file.sync()?,
                // The tile at the border of a level above may still grow; it is made from the ones below.
                Err(error) if error.kind() == io::ErrorKind::NotFound && number >= whole && level > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
                Err(error) => return Err(error.into()),
            }
            if number.is_multiple_of(1_000) || number + 1 == touched {
                let folder = path.rsplit_once('/').map_or(tiles::FOLDER, |(folder, _)| folder);
                disk.sync_dir(folder)?;
            }
        }
        if whole == 0 {
            return Ok(());
        }
    }
    Ok(())
}

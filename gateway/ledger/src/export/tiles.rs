//! Export as C2SP tlog-tiles: a folder that any web server can serve, and that other people's tools verify.

use std::io;
use std::path::Path;

use crate::archive::ReadError;
use crate::checkpoint::{self, Checkpoint};
use crate::edge::Edge;
use crate::hash::{Hash, leaf_hash};
use crate::note::VerifierKey;
use crate::offline::{Offline, invalid};
use crate::storage::{DirStorage, Storage, read_small, replace};
use crate::tiles::{self, TILE_WIDTH, TileId};
use crate::tree::TreeHead;

const WIDTH: u64 = TILE_WIDTH as u64;
/// A full bundle of the longest leaves.
const BUNDLE_BYTES_MAX: u64 = WIDTH * (2 + u16::MAX as u64);

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Head of the checkpoint in the folder.
    pub head: TreeHead,
    /// Records before it are not there: deleted by order, or in one bundle with such.
    pub minimum_index: u64,
    /// Files that were new or different.
    pub files_written: u64,
}

/// Writes the log under its present checkpoint to a folder. Files that stand there already are compared and kept, so
/// that doing it again costs reading; the checkpoint is replaced last, so that the folder is whole at any time.
///
/// # Errors
/// `NotCovered` without a checkpoint, `Damaged` if the records do not give its root, and the disk's.
pub fn export_tiles(
    ledger: &Offline,
    key: Option<&VerifierKey>,
    out: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Exported, ReadError> {
    let note = checkpoint::load_note(ledger.disk())?.ok_or(ReadError::NotCovered(0))?;
    let own = key.cloned().map_or_else(|| ledger.verifier_key(), Ok)?;
    let checkpoint = Checkpoint::open(&note, &own).map_err(invalid)?;
    let head = *checkpoint.head();
    let first = ledger.first_head()?;
    let lost = ReadError::Damaged { index: first.size, what: "the tiles do not give the tree of the deleted records" };
    let edge = Edge::load(ledger.disk(), &first, head.size)?.ok_or(lost)?;
    let target = DirStorage::new(out);
    target.create_dir("")?;
    let mut folder = Folder { disk: &target, edge, bundle: Vec::new(), bundled: 0, written: 0 };
    folder.copy_tiles_of_deleted(ledger.disk(), first.size)?;
    if first.size < head.size {
        for leaf in ledger.leaves(first.size)? {
            let leaf = leaf?;
            if leaf.index >= head.size {
                break;
            }
            folder.add(&leaf.bytes)?;
            if folder.edge.size().is_multiple_of(WIDTH * WIDTH) {
                progress(folder.edge.size(), head.size);
            }
        }
    }
    if folder.edge.size() != head.size || folder.edge.root() != head.root {
        return Err(ReadError::Damaged {
            index: folder.edge.size(),
            what: "the records do not give the checkpoint's root",
        });
    }
    folder.finish(first.size)?;
    replace(&target, "", checkpoint::FILE, note.as_bytes())?;
    Ok(Exported { head, minimum_index: first.size.next_multiple_of(WIDTH), files_written: folder.written })
}

/// The folder being written.
struct Folder<'d> {
    disk: &'d DirStorage,
    edge: Edge,
    /// Entries of the bundle being filled, and how many.
    bundle: Vec<u8>,
    bundled: u64,
    written: u64,
}

impl Folder<'_> {
    fn add(&mut self, leaf: &[u8]) -> io::Result<()> {
        // A record that was read from a frame has a length of 16 bits.
        let len = u16::try_from(leaf.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.bundle.extend_from_slice(&len.to_be_bytes());
        self.bundle.extend_from_slice(leaf);
        self.bundled += 1;
        let (disk, written) = (self.disk, &mut self.written);
        self.edge.push(leaf_hash(leaf), |id, row| put(disk, &tiles::path(id), row.as_flattened(), written))?;
        if self.edge.size().is_multiple_of(WIDTH) {
            if self.bundled == WIDTH {
                put(self.disk, &bundle_path(self.edge.size() / WIDTH - 1), &self.bundle, &mut self.written)?;
            }
            self.bundle.clear();
            self.bundled = 0;
        }
        Ok(())
    }

    fn finish(&mut self, first: u64) -> io::Result<()> {
        let rows: Vec<(TileId, Vec<Hash>)> = self.edge.partials().map(|(id, row)| (id, row.to_vec())).collect();
        for (id, row) in rows {
            put(self.disk, &tiles::partial_path(id, row.len()), row.as_flattened(), &mut self.written)?;
        }
        let (number, width) = (self.edge.size() / WIDTH, self.edge.size() % WIDTH);
        if width > 0 && first <= number * WIDTH {
            let path = format!("{}.p/{width}", bundle_path(number));
            put(self.disk, &path, &self.bundle, &mut self.written)?;
        }
        Ok(())
    }

    /// Tiles whose records were deleted are copied: proofs need them, and whoever uses them checks them.
    fn copy_tiles_of_deleted(&mut self, from: &dyn Storage, records: u64) -> io::Result<()> {
        for level in 0_u8.. {
            let full = tiles::full_tiles(records, level);
            if full == 0 {
                return Ok(());
            }
            for number in 0..full {
                let id = TileId { level, number };
                if let Some(row) = tiles::read(from, id)? {
                    put(self.disk, &tiles::path(id), row.as_flattened(), &mut self.written)?;
                }
            }
        }
        Ok(())
    }
}

fn bundle_path(number: u64) -> String {
    tiles::number_path("entries", number)
}

/// Writes a file unless it stands there with that content.
fn put(disk: &DirStorage, path: &str, content: &[u8], written: &mut u64) -> io::Result<()> {
    let stored = match read_small(disk, path, BUNDLE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        stored => stored?,
    };
    if stored.as_deref() == Some(content) {
        return Ok(());
    }
    *written += 1;
    tiles::write_file(disk, path, content)
}

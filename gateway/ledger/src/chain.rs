//! Following the frames of a log: each must continue the batch numbers, the indices and the tree before it.

use std::io;

use crate::frame::{self, Entry, FrameHeader};
use crate::hash::{Hash, LEAF_PREFIX, sha256};
use crate::salt::SaltKeys;
use crate::tree::{Frontier, TreeHead};

/// Room for the leaf of an ordinary record.
const LEAF_BYTES_USUAL: usize = 1_024;

/// The state of a log after its last frame read.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) frontier: Frontier,
    pub(crate) root: Hash,
    pub(crate) batch_no: u64,
}

/// Why a frame does not continue the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChainFault {
    /// Batch number or first index is not the next one.
    Sequence,
    /// `prev_root` is not the root of what stands before.
    PrevRoot,
    /// The salt key of the frame's epoch is missing.
    SaltKey,
    /// The body does not hold `count` records.
    Entries,
    /// `root_after` is not the root with these records.
    Root,
}

impl ChainFault {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Sequence => "batch number or index does not follow the frame before",
            Self::PrevRoot => "the frame continues another tree",
            Self::SaltKey => "the salt key of the boot epoch is missing",
            Self::Entries => "the frame does not hold as many records as it says",
            Self::Root => "records do not give the root that the frame states",
        }
    }
}

impl Chain {
    pub(crate) fn new(frontier: Frontier, batch_no: u64) -> Self {
        Self { root: frontier.root(), frontier, batch_no }
    }

    /// Leaf hashes of a frame's records, into `hashes`; false without the salt key of its epoch.
    pub(crate) fn hash_into(
        hashes: &mut Vec<Hash>,
        frame: &[u8],
        epoch: u32,
        salts: &mut SaltKeys<'_>,
    ) -> io::Result<bool> {
        hashes.clear();
        let Some(key) = salts.of_epoch(epoch)? else {
            return Ok(false);
        };
        let mut leaf = Vec::with_capacity(LEAF_BYTES_USUAL);
        for Entry { worker, ctr, cbor } in frame::entries(frame) {
            leaf.clear();
            leaf.push(LEAF_PREFIX);
            leaf.extend_from_slice(&key.salt(worker, ctr));
            leaf.extend_from_slice(cbor);
            hashes.push(sha256(&leaf));
        }
        Ok(true)
    }

    /// Leaf hashes of a frame's records; `None` without the salt key of its epoch.
    pub(crate) fn hashes(frame: &[u8], epoch: u32, salts: &mut SaltKeys<'_>) -> io::Result<Option<Vec<Hash>>> {
        let mut hashes = Vec::new();
        Ok(Self::hash_into(&mut hashes, frame, epoch, salts)?.then_some(hashes))
    }

    /// Continues with a frame; on success its leaf hashes. On a fault the chain stays where it was.
    pub(crate) fn follow(
        &mut self,
        header: &FrameHeader,
        frame: &[u8],
        salts: &mut SaltKeys<'_>,
    ) -> io::Result<Result<Vec<Hash>, ChainFault>> {
        if let Err(fault) =
            check_follows(header, self.batch_no, &TreeHead { size: self.frontier.size(), root: self.root })
        {
            return Ok(Err(fault));
        }
        let Some(hashes) = Self::hashes(frame, header.boot_epoch, salts)? else {
            return Ok(Err(ChainFault::SaltKey));
        };
        if hashes.len() != header.count as usize || hashes.is_empty() {
            return Ok(Err(ChainFault::Entries));
        }
        let mut frontier = self.frontier.clone();
        for hash in &hashes {
            frontier.push(*hash);
        }
        let root = frontier.root();
        if root != header.root_after {
            return Ok(Err(ChainFault::Root));
        }
        *self = Self { frontier, root, batch_no: header.batch_no + 1 };
        Ok(Ok(hashes))
    }
}

/// Whether a frame continues the batch numbers, the indices and the tree before it.
pub(crate) fn check_follows(header: &FrameHeader, batch_no: u64, before: &TreeHead) -> Result<(), ChainFault> {
    if header.batch_no != batch_no || header.first_index != before.size {
        Err(ChainFault::Sequence)
    } else if header.prev_root != before.root {
        Err(ChainFault::PrevRoot)
    } else {
        Ok(())
    }
}

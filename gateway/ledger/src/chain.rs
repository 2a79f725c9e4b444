//! Following the frames of a log: each must continue the batch numbers, the indices and the tree before it.

use std::io;

use crate::frame::{self, Entry, FrameHeader};
use crate::hash::{Hash, leaf_hash};
use crate::salt::SaltKeys;
use crate::tree::Frontier;

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

    /// Leaf hashes of a frame's records; `None` without the salt key of its epoch.
    pub(crate) fn hashes(frame: &[u8], epoch: u32, salts: &mut SaltKeys<'_>) -> io::Result<Option<Vec<Hash>>> {
        let Some(key) = salts.of_epoch(epoch)? else {
            return Ok(None);
        };
        let mut leaf = Vec::new();
        let hash = |Entry { worker, ctr, cbor }: Entry<'_>| {
            leaf.clear();
            leaf.extend_from_slice(&key.salt(worker, ctr));
            leaf.extend_from_slice(cbor);
            leaf_hash(&leaf)
        };
        Ok(Some(frame::entries(frame).map(hash).collect()))
    }

    /// Continues with a frame; on success its leaf hashes. On a fault the chain stays where it was.
    pub(crate) fn follow(
        &mut self,
        header: &FrameHeader,
        frame: &[u8],
        salts: &mut SaltKeys<'_>,
    ) -> io::Result<Result<Vec<Hash>, ChainFault>> {
        if header.batch_no != self.batch_no || header.first_index != self.frontier.size() {
            return Ok(Err(ChainFault::Sequence));
        }
        if header.prev_root != self.root {
            return Ok(Err(ChainFault::PrevRoot));
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

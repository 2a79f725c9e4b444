//! What a verification can find, and the exit code of each kind.

use std::fmt;

use crate::tree::TreeHead;

/// Kinds of fault. The number is the exit code of `sluice ledger verify` and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FaultKind {
    /// The directory holds no ledger.
    NoLedger = 10,
    /// A file could not be read.
    Unreadable = 11,
    /// A segment file is missing.
    SegmentMissing = 12,
    /// A segment header is damaged, or belongs elsewhere.
    SegmentHeader = 13,
    /// A frame header is damaged or was overwritten.
    FrameHeader = 14,
    /// The body of a frame fails its CRC.
    FrameBody = 15,
    /// The trailer or padding of a frame is damaged.
    FrameTrailer = 16,
    /// A frame was removed, inserted, moved or repeated.
    Sequence = 17,
    /// A frame or segment continues another tree.
    PrevRoot = 18,
    /// Records do not give the stated root: content was changed.
    Root = 19,
    /// A frame does not hold as many records as it says.
    Entries = 20,
    /// A salt key is missing.
    SaltKey = 21,
    /// Bytes behind the last frame are not zero.
    Residue = 22,
    /// An unfinished batch stands at the end, and no process holds the ledger: start it, so that it is settled.
    UnfinishedBatch = 23,
    /// A segment file is shorter or longer than its header says.
    SegmentLength = 24,
    /// A record cannot be decoded.
    Record = 25,
    /// There are records and no checkpoint.
    CheckpointMissing = 30,
    /// The checkpoint is malformed or of another origin.
    CheckpointMalformed = 31,
    /// The checkpoint is not signed by the key.
    CheckpointSignature = 32,
    /// The checkpoint covers more records than the log holds: the log was rolled back or cut.
    Rollback = 33,
    /// The checkpoint states another root for its size.
    Fork = 34,
    /// A public key is missing or malformed, or the list of keys is not the root's.
    Key = 35,
    /// No checkpoint is cosigned by enough of the pinned witnesses, or the newest such one is too old.
    Unwitnessed = 36,
    /// A tile does not agree with the records.
    Tile = 40,
    /// A RETENTION record's order does not hold: its root, or its approvals.
    Retention = 41,
    /// Records were deleted, and the tiles that tie the others to the tree before them are missing or wrong.
    PrunedTiles = 42,
}

impl FaultKind {
    /// Exit code, 10–63.
    pub fn exit_code(self) -> u8 {
        self as u8
    }

    fn text(self) -> &'static str {
        match self {
            Self::NoLedger => "the directory holds no ledger",
            Self::Unreadable => "a file could not be read",
            Self::SegmentMissing => "a segment file is missing",
            Self::SegmentHeader => "the segment header is damaged or of another log",
            Self::FrameHeader => "the frame header is damaged",
            Self::FrameBody => "the frame body is damaged",
            Self::FrameTrailer => "the frame trailer or padding is damaged",
            Self::Sequence => "frames do not follow each other: one was removed, inserted or moved",
            Self::PrevRoot => "the frame or segment continues another tree",
            Self::Root => "the records do not give the root that was recorded",
            Self::Entries => "the frame does not hold as many records as it says",
            Self::SaltKey => "the salt key of the boot epoch is missing",
            Self::Residue => "bytes behind the last frame are not zero",
            Self::UnfinishedBatch => "an unfinished batch stands at the end; start the ledger to settle it",
            Self::SegmentLength => "the segment file does not have the length of its header",
            Self::Record => "the record cannot be decoded",
            Self::CheckpointMissing => "no checkpoint signs these records",
            Self::CheckpointMalformed => "the checkpoint is malformed or of another origin",
            Self::CheckpointSignature => "the checkpoint is not signed by the key",
            Self::Rollback => "the checkpoint covers more records than the log holds",
            Self::Fork => "the records do not give the root of the checkpoint",
            Self::Key => {
                "the public key of the ledger is missing or malformed, or its list of keys is not signed by the root"
            }
            Self::Unwitnessed => "these records are under no checkpoint that enough of the pinned witnesses cosigned",
            Self::Tile => "the tile does not agree with the records",
            Self::Retention => {
                "the order of retention does not hold: wrong root, or not approved by two of the approvers"
            }
            Self::PrunedTiles => "the tiles do not give the tree of the deleted records",
        }
    }
}

/// The first fault of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// First record that is concerned, where one can be named.
    pub index: Option<u64>,
    /// File, relative to the ledger's directory.
    pub file: String,
    /// Byte offset in the file.
    pub offset: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} at byte {}", self.kind.text(), self.file, self.offset)?;
        match self.index {
            Some(index) => write!(f, "; first bad index {index})"),
            None => f.write_str(")"),
        }
    }
}

/// What was verified, and the first fault if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Name of the log.
    pub origin: String,
    /// Records that hold, and the root over them.
    pub head: TreeHead,
    /// Segments in use.
    pub segments: u32,
    /// Frames that hold.
    pub frames: u64,
    /// Head of the checkpoint, if its signature holds.
    pub checkpoint: Option<TreeHead>,
    /// The checkpoint was checked against a key from outside, not against the directory's own.
    pub is_key_pinned: bool,
    /// A process holds the ledger.
    pub is_live: bool,
    /// Permitted accesses without an outcome: the outcome is unknown, as after a crash.
    pub outcomes_unknown: u64,
    /// Full tiles that are not on disk; they can be made again.
    pub tiles_missing: u64,
    /// Records that were deleted by order, from the first on.
    pub pruned: Option<Pruned>,
    /// What the pinned witnesses cosigned.
    pub witnessed: Option<Witnessed>,
    /// First fault.
    pub fault: Option<Fault>,
}

impl Report {
    /// 0 if everything holds, else the fault's code (10–63).
    pub fn exit_code(&self) -> u8 {
        self.fault.as_ref().map_or(0, |fault| fault.kind.exit_code())
    }
}

/// Records that were deleted by order of retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// How many, from the first on.
    pub records: u64,
    /// Index of the RETENTION record that orders it.
    pub order: u64,
    /// The basis it states.
    pub basis: String,
    /// Pinned approvers who signed it; empty if none were pinned.
    pub approved_by: Vec<String>,
}

/// The newest checkpoint that enough of the pinned witnesses cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Records under it.
    pub size: u64,
    /// Names of the witnesses.
    pub by: Vec<String>,
    /// When the first of them did, seconds since 1970.
    pub at_s: u64,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Segments done.
    pub segments_done: u32,
    /// Segments present, spares included.
    pub segments_total: u32,
    /// Records that hold so far.
    pub records: u64,
}

//! Proofs for outsiders: C2SP tlog-proof files with the record in them. They are checked with pinned keys alone,
//! without the ledger and without us.

use std::fmt::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, leaf_hash};
use crate::note::{NoteError, VerifierKey};
use crate::tree::{TreeHead, verify_inclusion};

const TITLE: &str = "c2sp.org/tlog-proof@v1";

/// A proof that one record is in the log, as a `.tlog-proof` file holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Index of the record.
    pub index: u64,
    /// Leaf bytes, salt and record, as the file's extra data; absent once the record was deleted by order.
    pub leaf: Option<Vec<u8>>,
    /// Inclusion proof, from the leaf upwards.
    pub hashes: Vec<Hash>,
    /// Signed note that covers the record.
    pub checkpoint: String,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not a tlog-proof file.
    #[error("not a c2sp.org/tlog-proof@v1 file")]
    Malformed,
    /// The checkpoint is not signed by the key, or of another log.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// Neither the file nor the caller says which record is meant.
    #[error("the file holds no record: give the leaf hash of the receipt")]
    NoLeaf,
    /// The record in the file is another one than the caller means.
    #[error("the record in the file does not have that leaf hash")]
    OtherLeaf,
    /// The proof does not lead from the leaf to the root of the checkpoint.
    #[error("the record is not in the tree of the checkpoint")]
    NotIncluded,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Name of the log.
    pub origin: String,
    /// Leaf hash of the record, as in `Exchange-Receipt`.
    pub leaf_hash: Hash,
    /// Head of the checkpoint.
    pub head: TreeHead,
}

impl Proof {
    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{TITLE}\n");
        if let Some(leaf) = &self.leaf {
            text.push_str("extra ");
            BASE64_STANDARD.encode_string(leaf, &mut text);
            text.push('\n');
        }
        let _infallible = writeln!(text, "index {}", self.index);
        for hash in &self.hashes {
            BASE64_STANDARD.encode_string(hash, &mut text);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads a file; checks its form only.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        Self::read(text).ok_or(ProofError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let (proof, checkpoint) = text.split_once("\n\n")?;
        let mut lines = proof.lines().peekable();
        if lines.next()? != TITLE {
            return None;
        }
        let leaf = match lines.peek()?.strip_prefix("extra ") {
            Some(extra) => {
                lines.next();
                Some(BASE64_STANDARD.decode(extra).ok()?)
            }
            None => None,
        };
        let index = lines.next()?.strip_prefix("index ")?;
        let is_plain = index == "0" || index.starts_with(|first: char| matches!(first, '1'..='9'));
        let index = index.parse().ok().filter(|_| is_plain)?;
        let hash = |line: &str| BASE64_STANDARD.decode(line).ok()?.try_into().ok();
        let hashes = lines.map(hash).collect::<Option<_>>()?;
        Some(Self { index, leaf, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Checks the proof against the log's public key. `leaf` is the leaf hash of a receipt: needed where the file
    /// holds no record, compared where it does.
    ///
    /// # Errors
    /// `ProofError` for anything that does not hold.
    pub fn verify(&self, key: &VerifierKey, leaf: Option<&Hash>) -> Result<Proven, ProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        let own = self.leaf.as_deref().map(leaf_hash);
        let leaf_hash = match (own, leaf) {
            (Some(own), Some(leaf)) if own != *leaf => return Err(ProofError::OtherLeaf),
            (Some(own), _) => own,
            (None, Some(leaf)) => *leaf,
            (None, None) => return Err(ProofError::NoLeaf),
        };
        let head = *checkpoint.head();
        if !verify_inclusion(self.index, &leaf_hash, head.size, &head.root, &self.hashes) {
            return Err(ProofError::NotIncluded);
        }
        Ok(Proven { origin: checkpoint.origin().to_owned(), leaf_hash, head })
    }

    /// CBOR of the record in the file.
    pub fn cbor(&self) -> Option<&[u8]> {
        self.leaf.as_deref().and_then(|leaf| leaf.get(crate::salt::SALT_BYTES..))
    }
}

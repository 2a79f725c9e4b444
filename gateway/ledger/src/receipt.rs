//! Receipts: what a consumer or provider keeps to prove, without us, that a record is in the log.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, leaf_hash};
use crate::note::{NoteError, VerifierKey};
use crate::tree::verify_inclusion;

/// Proof of one record, as `GET /v1/receipts/{index}` answers it. Binary values are standard base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Name of the log.
    pub origin: String,
    /// Index of the record.
    pub index: u64,
    /// Leaf bytes: salt and record.
    pub leaf_data: String,
    /// Inclusion proof, from the leaf upwards.
    pub proof: Vec<String>,
    /// Signed note that covers the record.
    pub checkpoint: String,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A value is not base64, or a hash has the wrong length.
    #[error("the receipt is malformed")]
    Malformed,
    /// The checkpoint is not signed by the key, or of another log.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// The proof does not lead from the leaf to the root of the checkpoint.
    #[error("the record is not in the tree of the checkpoint")]
    NotIncluded,
}

impl Receipt {
    pub(crate) fn new(index: u64, leaf: &[u8], proof: &[Hash], checkpoint: &Checkpoint) -> Self {
        Self {
            origin: checkpoint.origin().to_owned(),
            index,
            leaf_data: BASE64_STANDARD.encode(leaf),
            proof: proof.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect(),
            checkpoint: checkpoint.note().to_owned(),
        }
    }
}

/// Checks a receipt against the log's public key and returns the record's leaf hash. Needs no ledger.
///
/// # Errors
/// `ReceiptError` for anything that does not hold.
pub fn verify_receipt(receipt: &Receipt, key: &VerifierKey) -> Result<Hash, ReceiptError> {
    let checkpoint = Checkpoint::open(&receipt.checkpoint, key)?;
    if checkpoint.origin() != receipt.origin {
        return Err(ReceiptError::Malformed);
    }
    let leaf = BASE64_STANDARD.decode(&receipt.leaf_data).map_err(|_| ReceiptError::Malformed)?;
    let mut proof = Vec::with_capacity(receipt.proof.len());
    for hash in &receipt.proof {
        let bytes = BASE64_STANDARD.decode(hash).map_err(|_| ReceiptError::Malformed)?;
        proof.push(Hash::try_from(bytes).map_err(|_| ReceiptError::Malformed)?);
    }
    let (hash, head) = (leaf_hash(&leaf), checkpoint.head());
    if verify_inclusion(receipt.index, &hash, head.size, &head.root, &proof) {
        Ok(hash)
    } else {
        Err(ReceiptError::NotIncluded)
    }
}

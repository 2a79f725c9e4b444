//! The access ledger: tamper-evident, durable before anything is disclosed, and provable to outsiders.
//!
//! It knows bytes and hashes and nothing of the exchange, so that an auditor can build it alone. Records are
//! deterministic CBOR in an RFC 6962 tree; segments hold them in frames that are one group commit each; C2SP
//! tiles, signed-note checkpoints and receipts let anybody check them with other people's tools.
//!
//! A gateway opens a [`Ledger`], makes one [`Appender`] per worker, and may disclose only what a [`Durable`]
//! record covers. Offline, [`verify`] and [`read`] need only the directory.

#![deny(clippy::indexing_slicing)]

// The sample records of examples and benchmarks are those of the tests.
#[cfg(test)]
extern crate self as sluice_ledger;

mod ahead;
mod appender;
mod archive;
mod chain;
mod checkpoint;
mod clock;
mod control;
mod edge;
mod export;
mod frame;
mod hash;
mod inbox;
mod index;
mod keeper;
pub mod keys;
mod lane;
mod layout;
mod ledger;
mod note;
mod offline;
mod options;
mod parallel;
mod proof;
mod proof_file;
mod receipt;
pub mod record;
mod recovery;
mod report;
mod retain;
pub mod retention;
mod room;
mod salt;
mod segment;
mod shared;
mod signing;
mod spares;
mod state;
mod storage;
mod tail;
#[cfg(test)]
mod tests;
mod tiles;
pub mod tree;
mod verify;
mod waits;
mod witness;
mod writer;

pub use appender::{Appender, Drive, Durable, Pending};
pub use archive::{Leaf, Leaves, ReadError};
pub use checkpoint::Checkpoint;
pub use export::{Exported, OCSF_VERSION, export_tiles, ocsf_event};
pub use hash::{Hash, leaf_hash, node_hash};
pub use inbox::{QueryError, QueryNote, record_query};
pub use index::{Coverage, Damage, Filter, Search, SubjectQuery, Take};
pub use ledger::{Ledger, Opening};
pub use note::{NoteError, Signer, VerifierKey};
pub use offline::{Offline, Pins, read};
pub use options::Options;
pub use proof_file::{Proof, ProofError, Proven};
pub use receipt::{Receipt, ReceiptError, verify_receipt};
pub use record::{Record, RecordError, RequestKey};
pub use recovery::OpenError;
pub use report::{Fault, FaultKind, Progress, Pruned, Report, Witnessed as WitnessedHead};
pub use retain::{Border, RetainError, Retained, plan_retention, retain};
pub use room::Room;
pub use state::{Closed, FSYNC_BOUNDS_US, Metrics, State};
pub use storage::{DirStorage, Space, Storage, StorageFile};
pub use tail::Quarantined;
pub use verify::{Verification, verify, verify_on};
pub use waits::{Covered, Witnessed};
pub use witness::{
    Answer, BODY_BYTES_MAX, KnownLog, LineError, OnUnreachable, PolicyError, Quorum, TrustPolicy, Witness,
    WitnessError, WitnessFigures, WitnessKey, WitnessLine, WitnessPeer, WitnessPolicy, WitnessSigner, Witnessing,
};

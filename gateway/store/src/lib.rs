//! Records of the control plane: an embedded SQLite file by default, PostgreSQL by one line of configuration.
//!
//! One SQL serves both, through `sqlx`'s driver-independent layer: only text and 64-bit integers, `$1` placeholders,
//! and what both understand. The suite in `tests/contract` runs against a file and a real server.
//!
//! - Everything is written by one call, [`Store::commit`], in one transaction: the records with the revisions they were
//!   read at, the answer to a repeated submission, and for every record an *intent*.
//! - An intent is an ADMIN record that has yet to stand in the ledger. The caller appends it, [`Store::settle`]s it, and
//!   only then lets the change reach the data plane; after `kill -9` between any two steps the intents that are
//!   left say what is to be done ([`Store::intents`]).
//! - A schema newer than the program is refused; an older one is backed up, then taken forward.

mod backup;
mod change;
mod error;
mod listing;
mod outbox;
mod record;
mod records;
mod schema;
mod target;

pub use backup::{BackupError, Progress};
pub use change::{Author, Change, Committed, Submission};
pub use error::StoreError;
pub use listing::{Cursor, Listing, Page};
pub use outbox::Intent;
pub use record::{Keys, Record, Revision, Stored};
pub use target::{Opened, Store, Target, TargetError};

//! Why the store does not do what was asked.

/// An operation on the store that failed. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The record is not as it was read: somebody else was faster.
    #[error("{noun} {id} has changed since it was read")]
    Stale {
        /// Its noun.
        noun: &'static str,
        /// Its id.
        id: String,
    },
    /// A record with this id is there already.
    #[error("{noun} {id} is there already")]
    Exists {
        /// Its noun.
        noun: &'static str,
        /// Its id.
        id: String,
    },
    /// Another record has what only one may have.
    #[error("another {noun} has {claim}")]
    Taken {
        /// The noun.
        noun: &'static str,
        /// What it has.
        claim: String,
    },
    /// The idempotency key was used for another submission.
    #[error("this idempotency key was used for another submission")]
    KeyReused,
    /// The schema is newer than the program.
    #[error(
        "the store has schema {found}, and this program knows schemas up to {known}: run the newer program, or restore the backup that it made"
    )]
    NewerSchema {
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// A record that cannot be written or read as JSON, so the store was written by another program.
    #[error("a record cannot be read: {0}")]
    Body(#[from] serde_json::Error),
    /// The backup before a migration could not be made, so nothing was migrated.
    #[error("no backup before the migration: {0}")]
    Backup(#[from] Box<crate::BackupError>),
    /// The database does not answer or refuses; trying again may help.
    #[error("the store is not available: {0}")]
    Unavailable(#[from] sqlx::Error),
}

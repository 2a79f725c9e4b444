//! Intents: ADMIN records that have yet to stand in the ledger.
//!
//! A change and its intents are one transaction; the ledger is another place, so between the two a process may die.
//! The caller takes the intents that are left, appends each to the ledger and settles it with the index it got. Died
//! between append and settle, it finds the intent again and looks in the ledger for its number first. A change may
//! reach the data plane once everything up to its number is settled ([`Store::settled_to`]).

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::StoreError;
use crate::target::Store;

/// What was changed, by whom, from what to what. Contents stand here as digests: the ledger outlives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Number, without gaps, in the order of commitment.
    pub seq: i64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub at_us: i64,
    /// The account.
    pub author: String,
    /// Its party.
    pub party: String,
    /// Stable word of the operation.
    pub operation: String,
    /// Noun of the record.
    pub noun: String,
    /// Id of the record.
    pub id: String,
    /// The revision it has now.
    pub revision: i64,
    /// SHA-256 of the record as it was, base64 without padding; empty for a new one.
    pub before_digest: String,
    /// SHA-256 of the record as it is.
    pub after_digest: String,
}

impl Store {
    /// The first intents that are not settled, by number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn intents(&self, limit: u32) -> Result<Vec<Intent>, StoreError> {
        let open = sqlx::query(
            "SELECT seq, at_us, author, party, operation, noun, id, revision, before_digest, after_digest FROM intent \
             WHERE ledger = -1 ORDER BY seq LIMIT $1",
        );
        let rows = open.bind(i64::from(limit)).fetch_all(&self.read).await?;
        rows.iter().map(read).collect()
    }

    /// An intent stands in the ledger at this index. Settling it again changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle(&self, seq: i64, index: u64) -> Result<(), StoreError> {
        let settled = sqlx::query("UPDATE intent SET ledger = $1 WHERE seq = $2 AND ledger = -1");
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        settled.bind(index).bind(seq).execute(&self.write).await?;
        Ok(())
    }

    /// The number up to which every intent is settled; 0 where there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settled_to(&self) -> Result<i64, StoreError> {
        let row = sqlx::query(
            "SELECT COALESCE((SELECT MIN(seq) - 1 FROM intent WHERE ledger = -1), (SELECT MAX(seq) FROM intent), 0)",
        );
        Ok(row.fetch_one(&self.read).await?.try_get(0)?)
    }

    /// The highest index in the ledger at which an intent stands: behind it a restart looks for what was appended and
    /// not settled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_index(&self) -> Result<Option<u64>, StoreError> {
        let row = sqlx::query("SELECT COALESCE(MAX(ledger), -1) FROM intent").fetch_one(&self.read).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).ok())
    }
}

fn read(row: &AnyRow) -> Result<Intent, StoreError> {
    Ok(Intent {
        seq: row.try_get(0)?,
        at_us: row.try_get(1)?,
        author: row.try_get(2)?,
        party: row.try_get(3)?,
        operation: row.try_get(4)?,
        noun: row.try_get(5)?,
        id: row.try_get(6)?,
        revision: row.try_get(7)?,
        before_digest: row.try_get(8)?,
        after_digest: row.try_get(9)?,
    })
}

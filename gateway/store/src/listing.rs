//! Reading records: one by its id, or a page of a list by due day.

use sluice_domain::{Day, PartyKey};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::StoreError;
use crate::record::{Record, Revision, Stored};
use crate::target::Store;

/// The most records of one page.
const PAGE_MAX: u32 = 200;

/// Which records of a noun, in the order of their due day and id. An empty listing is all of them.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Only in this state.
    pub state: Option<String>,
    /// Only of this party.
    pub party: Option<PartyKey>,
    /// Only with this party on the other side.
    pub peer: Option<PartyKey>,
    /// Only what is due by this day.
    pub due_until: Option<Day>,
    /// Behind the last record of the page before.
    pub after: Option<Cursor>,
    /// Records of a page, 200 at most.
    pub limit: u32,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Due day of its last record, as the store orders it.
    pub due: i64,
    /// Id of its last record.
    pub id: String,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R> {
    /// Its records.
    pub items: Vec<Stored<R>>,
    /// Where the next one begins; `None` after the last.
    pub next: Option<Cursor>,
}

impl Store {
    /// The record with this id.
    ///
    /// # Errors
    /// When the database fails, or the record cannot be read.
    pub async fn find<R: Record>(&self, id: &str) -> Result<Option<Stored<R>>, StoreError> {
        let found = sqlx::query("SELECT revision, body FROM record WHERE noun = $1 AND id = $2");
        let found = found.bind(R::NOUN.to_owned()).bind(id.to_owned()).fetch_optional(&self.read).await?;
        found.map(|row| read(&row)).transpose()
    }

    /// The record that has a claim, such as the version of an entry that is in force.
    ///
    /// # Errors
    /// When the database fails, or the record cannot be read.
    pub async fn holder<R: Record>(&self, claim: &str) -> Result<Option<Stored<R>>, StoreError> {
        let found = sqlx::query(
            "SELECT record.revision, record.body FROM claim JOIN record ON record.noun = claim.noun AND \
             record.id = claim.id WHERE claim.noun = $1 AND claim.name = $2",
        );
        let found = found.bind(R::NOUN.to_owned()).bind(claim.to_owned()).fetch_optional(&self.read).await?;
        found.map(|row| read(&row)).transpose()
    }

    /// A page of a list.
    ///
    /// # Errors
    /// When the database fails, or a record cannot be read.
    pub async fn list<R: Record>(&self, listing: &Listing) -> Result<Page<R>, StoreError> {
        let limit = listing.limit.clamp(1, PAGE_MAX);
        let text = |party: &Option<PartyKey>| party.as_ref().map(ToString::to_string).unwrap_or_default();
        let after = listing.after.clone().unwrap_or(Cursor { due: i64::MIN, id: String::new() });
        let page = sqlx::query(
            "SELECT revision, body, due, id FROM record WHERE noun = $1 AND ($2 = '' OR state = $2) \
             AND ($3 = '' OR party = $3) AND ($4 = '' OR peer = $4) AND due <= $5 \
             AND (due > $6 OR (due = $6 AND id > $7)) ORDER BY due, id LIMIT $8",
        );
        let page = page.bind(R::NOUN.to_owned()).bind(listing.state.clone().unwrap_or_default());
        let page = page.bind(text(&listing.party)).bind(text(&listing.peer));
        let page = page.bind(listing.due_until.map_or(i64::MAX, |day| i64::from(day.number())));
        let page = page.bind(after.due).bind(after.id).bind(i64::from(limit) + 1);
        let mut rows = page.fetch_all(&self.read).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = match rows.last().filter(|_| more) {
            Some(row) => Some(Cursor { due: row.try_get(2)?, id: row.try_get(3)? }),
            None => None,
        };
        Ok(Page { items: rows.iter().map(read).collect::<Result<_, _>>()?, next })
    }
}

fn read<R: Record>(row: &AnyRow) -> Result<Stored<R>, StoreError> {
    let body: String = row.try_get(1)?;
    Ok(Stored { record: serde_json::from_str(&body)?, revision: Revision(row.try_get(0)?) })
}

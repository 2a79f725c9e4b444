//! What the store keeps of a record, and what it finds it by.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sluice_domain::{Day, PartyKey};

/// Which state of a record was read; a write says it, and fails if it is no longer the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub(crate) i64);

impl Revision {
    /// Counted from 1: the number in an `ETag`.
    pub fn number(self) -> i64 {
        self.0
    }

    /// What a caller has read back from an `If-Match`.
    pub fn from_number(number: i64) -> Self {
        Self(number)
    }
}

/// A record as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<R> {
    /// The record.
    pub record: R,
    /// The revision it was read at.
    pub revision: Revision,
}

/// What a record is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys<'r> {
    /// Id, unique in its noun.
    pub id: String,
    /// The party it belongs to.
    pub party: Option<&'r PartyKey>,
    /// The other side.
    pub peer: Option<&'r PartyKey>,
    /// Stable word of its state.
    pub state: &'static str,
    /// When somebody has to have done something.
    pub due: Option<Day>,
    /// What no other record of the noun may have.
    pub claims: Vec<String>,
}

/// Something the store keeps: its JSON, whole, and the keys it is found by.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The noun, as the API names it.
    const NOUN: &'static str;

    /// What it is found by.
    fn keys(&self) -> Keys<'_>;
}

//! The one way to write: a change is gathered, then committed as a whole.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sluice_domain::workflow::Operation;
use sluice_domain::{PartyKey, UserId};
use sqlx::{Any, Row, Transaction};

use crate::error::StoreError;
use crate::record::{Keys, Record, Revision};
use crate::target::Store;

/// The due day of a record that is never due, so that lists have one order.
const NEVER: i64 = 4_000_000;

/// Who changes something, and when.
#[derive(Debug, Clone)]
pub struct Author {
    /// The account.
    pub user: UserId,
    /// Its party.
    pub party: PartyKey,
    /// What is done.
    pub operation: Operation,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub at_us: i64,
}

/// A submission that may arrive twice.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The caller's `Idempotency-Key`.
    pub key: String,
    /// What was submitted: the same key with another request is an error.
    pub request: Vec<u8>,
    /// The answer, which a repetition gets too.
    pub answer: String,
}

/// A change in the making.
#[derive(Debug)]
#[must_use = "a change does nothing until it is committed"]
pub struct Change {
    author: Author,
    submission: Option<Submission>,
    writes: Vec<Write>,
}

#[derive(Debug)]
struct Write {
    noun: &'static str,
    id: String,
    /// `None` for a new record.
    read_at: Option<Revision>,
    /// `None` where the record must only be as it was read.
    row: Option<Contents>,
}

#[derive(Debug)]
struct Contents {
    party: String,
    peer: String,
    state: &'static str,
    due: i64,
    claims: Vec<String>,
    body: String,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It stands; its last intent has this number, and the data plane may follow once all up to it are settled.
    Done {
        /// Number of the last intent, 0 for none.
        seq: i64,
    },
    /// It stood already: the answer of the first time.
    Repeated {
        /// The answer.
        answer: String,
    },
}

impl Change {
    /// An empty change.
    pub fn by(author: Author) -> Self {
        Self { author, submission: None, writes: Vec::new() }
    }

    /// Answers a repetition with the first answer.
    pub fn once(mut self, submission: Submission) -> Self {
        self.submission = Some(submission);
        self
    }

    /// Adds a new record.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn insert<R: Record>(self, record: &R) -> Result<Self, StoreError> {
        self.write(record, None)
    }

    /// Replaces a record that was read at this revision.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn update<R: Record>(self, read_at: Revision, record: &R) -> Result<Self, StoreError> {
        self.write(record, Some(read_at))
    }

    /// Demands that a record is still as it was read: the decision rests on it.
    pub fn resting_on<R: Record>(mut self, id: &str, read_at: Revision) -> Self {
        self.writes.push(Write { noun: R::NOUN, id: id.to_owned(), read_at: Some(read_at), row: None });
        self
    }

    fn write<R: Record>(mut self, record: &R, read_at: Option<Revision>) -> Result<Self, StoreError> {
        let Keys { id, party, peer, state, due, claims } = record.keys();
        let text = |party: Option<&PartyKey>| party.map(ToString::to_string).unwrap_or_default();
        let contents = Contents {
            party: text(party),
            peer: text(peer),
            state,
            due: due.map_or(NEVER, |day| i64::from(day.number())),
            claims,
            body: serde_json::to_string(record)?,
        };
        self.writes.push(Write { noun: R::NOUN, id, read_at, row: Some(contents) });
        Ok(self)
    }
}

impl Store {
    /// Commits a change, whole or not at all. An error may leave open whether a commit that was under way stands: a
    /// change with a [`Submission`] is safely tried again.
    ///
    /// # Errors
    /// When a record has changed or is there already, a claim is taken, the idempotency key was used for something
    /// else, or the database fails.
    pub async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        let Change { author, submission, mut writes } = change;
        // One order for all, so that two changes never wait for each other.
        writes.sort_by(|a, b| (a.noun, &a.id).cmp(&(b.noun, &b.id)));
        let mut tx = self.write.begin_with(self.begin).await?;
        if let Some(submission) = &submission
            && let Some(answer) = register(&mut tx, &author, submission).await?
        {
            return Ok(Committed::Repeated { answer });
        }
        let mut intents = Vec::new();
        for write in &writes {
            let before = lock(&mut tx, write).await?;
            let Some(contents) = &write.row else { continue };
            let after = digest_of(contents.body.as_bytes());
            let revision = write.read_at.map_or(1, |read_at| read_at.0.saturating_add(1));
            put(&mut tx, (write, contents), revision, &after).await?;
            release(&mut tx, write).await?;
            intents.push((write, revision, before, after));
        }
        // After all have let go: a version that comes into force takes the claim of the one that goes.
        for write in &writes {
            let Some(contents) = &write.row else { continue };
            claim(&mut tx, write, &contents.claims).await?;
        }
        let mut seq = 0;
        for (write, revision, before, after) in intents {
            seq = number(&mut tx, "intent").await?;
            let intent = sqlx::query(
                "INSERT INTO intent (seq, at_us, author, party, operation, noun, id, revision, before_digest, \
                 after_digest, ledger) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, -1)",
            );
            let intent = intent.bind(seq).bind(author.at_us).bind(author.user.to_string());
            let intent = intent.bind(author.party.to_string()).bind(author.operation.as_str().to_owned());
            let intent = intent.bind(write.noun.to_owned()).bind(write.id.clone()).bind(revision);
            intent.bind(before).bind(after).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(Committed::Done { seq })
    }

    /// The answer that a submission got, if it was committed. Asked before the work is done again: by then the
    /// records have moved on.
    ///
    /// # Errors
    /// When the key was used for another request, or the database fails.
    pub async fn answered(&self, user: &UserId, submission: &Submission) -> Result<Option<String>, StoreError> {
        let found = sqlx::query("SELECT digest, answer FROM submission WHERE author = $1 AND name = $2");
        let found = found.bind(user.to_string()).bind(submission.key.clone()).fetch_optional(&self.read).await?;
        found.map(|row| same_answer(&row, submission)).transpose()
    }

    /// The next number of a series, such as the applications of a year. A number is never given twice; one that a
    /// failed change does not use is lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_number(&self, series: &str) -> Result<i64, StoreError> {
        let mut tx = self.write.begin_with(self.begin).await?;
        let made = sqlx::query("INSERT INTO counter (name, value) VALUES ($1, 0) ON CONFLICT DO NOTHING");
        made.bind(series.to_owned()).execute(&mut *tx).await?;
        let next = number(&mut tx, series).await?;
        tx.commit().await?;
        Ok(next)
    }
}

/// SHA-256 in base64, as the ledger will hold it.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(digest(&SHA256, bytes))
}

type Tx = Transaction<'static, Any>;

/// Registers a submission; gives the first answer if it was there before.
async fn register(tx: &mut Tx, author: &Author, submission: &Submission) -> Result<Option<String>, StoreError> {
    let first = sqlx::query(
        "INSERT INTO submission (author, name, digest, answer, at_us) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    );
    let first = first.bind(author.user.to_string()).bind(submission.key.clone()).bind(digest_of(&submission.request));
    let first = first.bind(submission.answer.clone()).bind(author.at_us).execute(&mut **tx).await?;
    if first.rows_affected() == 1 {
        return Ok(None);
    }
    let found = sqlx::query("SELECT digest, answer FROM submission WHERE author = $1 AND name = $2");
    let row = found.bind(author.user.to_string()).bind(submission.key.clone()).fetch_one(&mut **tx).await?;
    same_answer(&row, submission).map(Some)
}

fn same_answer(row: &sqlx::any::AnyRow, submission: &Submission) -> Result<String, StoreError> {
    let kept: String = row.try_get(0)?;
    if kept == digest_of(&submission.request) { Ok(row.try_get(1)?) } else { Err(StoreError::KeyReused) }
}

/// Takes hold of a record at the revision it was read at, and gives its digest; nothing for a new one.
async fn lock(tx: &mut Tx, write: &Write) -> Result<String, StoreError> {
    let Some(read_at) = write.read_at else { return Ok(String::new()) };
    // An update that changes nothing locks the row in both databases; SELECT … FOR UPDATE is PostgreSQL's alone.
    let held = sqlx::query(
        "UPDATE record SET revision = revision WHERE noun = $1 AND id = $2 AND revision = $3 RETURNING digest",
    );
    let held = held.bind(write.noun.to_owned()).bind(write.id.clone()).bind(read_at.0);
    match held.fetch_optional(&mut **tx).await? {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(StoreError::Stale { noun: write.noun, id: write.id.clone() }),
    }
}

async fn put(
    tx: &mut Tx,
    (write, contents): (&Write, &Contents),
    revision: i64,
    digest: &str,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO record (revision, party, peer, state, due, digest, body, noun, id) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let update = "UPDATE record SET revision = $1, party = $2, peer = $3, state = $4, due = $5, digest = $6, body = $7 \
                  WHERE noun = $8 AND id = $9";
    let query = sqlx::query(if write.read_at.is_none() { insert } else { update });
    let query = query.bind(revision).bind(contents.party.clone()).bind(contents.peer.clone());
    let query = query.bind(contents.state.to_owned()).bind(contents.due).bind(digest.to_owned());
    let query = query.bind(contents.body.clone()).bind(write.noun.to_owned()).bind(write.id.clone());
    if query.execute(&mut **tx).await?.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::Exists { noun: write.noun, id: write.id.clone() })
    }
}

async fn release(tx: &mut Tx, write: &Write) -> Result<(), StoreError> {
    let dropped = sqlx::query("DELETE FROM claim WHERE noun = $1 AND id = $2");
    dropped.bind(write.noun.to_owned()).bind(write.id.clone()).execute(&mut **tx).await?;
    Ok(())
}

async fn claim(tx: &mut Tx, write: &Write, claims: &[String]) -> Result<(), StoreError> {
    for claim in claims {
        let taken = sqlx::query("INSERT INTO claim (noun, name, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        let taken = taken.bind(write.noun.to_owned()).bind(claim.clone()).bind(write.id.clone());
        if taken.execute(&mut **tx).await?.rows_affected() == 0 {
            return Err(StoreError::Taken { noun: write.noun, claim: claim.clone() });
        }
    }
    Ok(())
}

/// The next number. The row stays locked to the end of the transaction, so numbers follow the order of commitment.
async fn number(tx: &mut Tx, series: &str) -> Result<i64, StoreError> {
    let next = sqlx::query("UPDATE counter SET value = value + 1 WHERE name = $1 RETURNING value");
    Ok(next.bind(series.to_owned()).fetch_one(&mut **tx).await?.try_get(0)?)
}

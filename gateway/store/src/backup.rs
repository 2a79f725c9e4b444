//! Backup and restore, the same file for both databases, so that a backup of the one restored into the other is the
//! move. One JSON value a line: a head, a row each, and a tail with the number of rows and the digest of all before it.
//!
//! Files are read and written on the calling thread: this is for commands and for the start, not for a serving worker.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::{Any, Row, Transaction};

use crate::schema;
use crate::target::Store;

const FORMAT: &str = "sluice-store/1";

/// Rows between two words on progress.
const PROGRESS_ROWS: u64 = 1_000;

/// A table: its name, its columns as `t`ext or `i`nteger, and how it is read and written.
struct Table {
    name: &'static str,
    columns: &'static str,
    select: &'static str,
    insert: &'static str,
}

const TABLES: [Table; 5] = [
    Table {
        name: "record",
        columns: "ttitttitt",
        select: "SELECT noun, id, revision, party, peer, state, due, digest, body FROM record ORDER BY noun, id",
        insert: "INSERT INTO record (noun, id, revision, party, peer, state, due, digest, body) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    },
    Table {
        name: "claim",
        columns: "ttt",
        select: "SELECT noun, name, id FROM claim ORDER BY noun, name",
        insert: "INSERT INTO claim (noun, name, id) VALUES ($1, $2, $3)",
    },
    Table {
        name: "submission",
        columns: "tttti",
        select: "SELECT author, name, digest, answer, at_us FROM submission ORDER BY author, name",
        insert: "INSERT INTO submission (author, name, digest, answer, at_us) VALUES ($1, $2, $3, $4, $5)",
    },
    Table {
        name: "intent",
        columns: "iitttttitti",
        select: "SELECT seq, at_us, author, party, operation, noun, id, revision, before_digest, after_digest, ledger \
                 FROM intent ORDER BY seq",
        insert: "INSERT INTO intent (seq, at_us, author, party, operation, noun, id, revision, before_digest, \
                 after_digest, ledger) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    },
    Table {
        name: "counter",
        columns: "ti",
        select: "SELECT name, value FROM counter ORDER BY name",
        // The series that a fresh store has already.
        insert: "INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    },
];

/// How far a backup or a restore has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows so far.
    pub rows: u64,
    /// All rows, where that is known.
    pub of: Option<u64>,
}

/// Why there is no backup, or why it is not restored. A restore that fails has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be read or written.
    #[error("the file cannot be read or written: {0}")]
    File(#[from] std::io::Error),
    /// A line is not what it should be.
    #[error("line {line} is not of the form sluice-store/1")]
    Form {
        /// The line, counted from 1.
        line: u64,
    },
    /// The file ends early or was changed.
    #[error("the backup is not whole: its end is missing or says something else")]
    Broken,
    /// Made by a program with another schema.
    #[error(
        "the backup has schema {found}, and this program writes schema {known}: restore it with the program that made it"
    )]
    Schema {
        /// Schema of the backup.
        found: i64,
        /// Schema of this program.
        known: i64,
    },
    /// The store holds records already.
    #[error("the store is not empty, and a restore replaces nothing")]
    NotEmpty,
    /// The database fails.
    #[error("the store is not available: {0}")]
    Unavailable(#[from] sqlx::Error),
    /// The store cannot tell its schema.
    #[error(transparent)]
    Store(#[from] Box<crate::StoreError>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    schema: i64,
    taken_at_us: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    rows: u64,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Cell {
    Integer(i64),
    Text(String),
}

impl Store {
    /// Writes everything as of one moment into a new file, on disk when this returns.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the database fails.
    pub async fn backup(
        &self,
        path: &Path,
        now_us: i64,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<u64, BackupError> {
        let schema = schema::version(self).await.map_err(Box::new)?;
        let mut lines = Lines { file: BufWriter::new(File::create_new(path)?), hash: Context::new(&SHA256) };
        lines.write(&Head { format: FORMAT.to_owned(), schema, taken_at_us: now_us })?;
        let mut rows = 0;
        let mut tx = self.read.begin_with(self.begin_snapshot).await?;
        for table in &TABLES {
            let mut found = sqlx::query(table.select).fetch(&mut *tx);
            while let Some(row) = found.try_next().await? {
                lines.write(&(table.name, cells(table, &row)?))?;
                rows += 1;
                if rows % PROGRESS_ROWS == 0 {
                    progress(Progress { rows, of: None });
                }
            }
        }
        tx.rollback().await?;
        let sha256 = STANDARD_NO_PAD.encode(lines.hash.clone().finish());
        lines.write(&Tail { rows, sha256 })?;
        let file = lines.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        progress(Progress { rows, of: Some(rows) });
        Ok(rows)
    }

    /// Fills an empty store from a backup, in one transaction. The file is read to its end before anything is written.
    ///
    /// # Errors
    /// When the file is not whole, has another schema, the store is not empty, or the database fails.
    pub async fn restore(&self, path: &Path, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<u64, BackupError> {
        let total = check(path)?;
        let known = schema::version(self).await.map_err(Box::new)?;
        let mut lines = BufReader::new(File::open(path)?).lines();
        let head: Head = parse(&lines.next().transpose()?.unwrap_or_default(), 1)?;
        if head.schema != known {
            return Err(BackupError::Schema { found: head.schema, known });
        }
        let mut tx = self.write.begin_with(self.begin).await?;
        let found = sqlx::query("SELECT COUNT(*) FROM record").fetch_one(&mut *tx);
        if found.await?.try_get::<i64, _>(0)? != 0 {
            return Err(BackupError::NotEmpty);
        }
        let mut rows = 0;
        for line in lines.take(usize::try_from(total).unwrap_or(usize::MAX)) {
            insert(&mut tx, &line?, rows + 2).await?;
            rows += 1;
            if rows % PROGRESS_ROWS == 0 {
                progress(Progress { rows, of: Some(total) });
            }
        }
        tx.commit().await?;
        progress(Progress { rows, of: Some(total) });
        Ok(rows)
    }
}

struct Lines {
    file: BufWriter<File>,
    hash: Context,
}

impl Lines {
    fn write(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        let mut line = serde_json::to_vec(value).map_err(std::io::Error::other)?;
        line.push(b'\n');
        self.hash.update(&line);
        Ok(self.file.write_all(&line)?)
    }
}

/// Reads a backup to its end, and gives its number of rows.
fn check(path: &Path) -> Result<u64, BackupError> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut hash, mut lines) = (Context::new(&SHA256), 0_u64);
    let (mut line, mut next) = (String::new(), String::new());
    file.read_line(&mut line)?;
    let head: Head = parse(&line, 1)?;
    if head.format != FORMAT {
        return Err(BackupError::Form { line: 1 });
    }
    loop {
        next.clear();
        if file.read_line(&mut next)? == 0 {
            break;
        }
        hash.update(line.as_bytes());
        lines += 1;
        std::mem::swap(&mut line, &mut next);
    }
    let tail: Tail = serde_json::from_str(&line).map_err(|_| BackupError::Broken)?;
    let whole = tail.rows + 1 == lines && tail.sha256 == STANDARD_NO_PAD.encode(hash.finish());
    if whole { Ok(tail.rows) } else { Err(BackupError::Broken) }
}

fn parse<'l, T: Deserialize<'l>>(text: &'l str, line: u64) -> Result<T, BackupError> {
    serde_json::from_str(text).map_err(|_| BackupError::Form { line })
}

fn cells(table: &Table, row: &sqlx::any::AnyRow) -> Result<Vec<Cell>, sqlx::Error> {
    let columns = table.columns.chars().enumerate();
    let read = |(at, kind): (usize, char)| match kind {
        'i' => row.try_get(at).map(Cell::Integer),
        _ => row.try_get(at).map(Cell::Text),
    };
    columns.map(read).collect()
}

async fn insert(tx: &mut Transaction<'static, Any>, text: &str, line: u64) -> Result<(), BackupError> {
    let (name, cells): (String, Vec<Cell>) = parse(text, line)?;
    let form = || BackupError::Form { line };
    let table = TABLES.iter().find(|table| table.name == name).ok_or_else(form)?;
    if cells.len() != table.columns.len() {
        return Err(form());
    }
    let mut query = sqlx::query(table.insert);
    for (cell, kind) in cells.into_iter().zip(table.columns.chars()) {
        query = match (cell, kind) {
            (Cell::Integer(value), 'i') => query.bind(value),
            (Cell::Text(value), 't') => query.bind(value),
            _ => return Err(form()),
        };
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

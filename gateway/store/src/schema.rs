//! The schema and its way forward. A migration is never changed once it was released: what changes is a new one.

use std::path::Path;

use sqlx::{Executor, Row};

use crate::error::StoreError;
use crate::target::{Opened, Store};

/// The steps, in order; a store at schema n has taken the first n. A semicolon ends a statement, comments hold none.
pub(crate) const MIGRATIONS: &[&str] = &[include_str!("../schema/0001_records.sql")];

/// Takes a store to the last of the migrations.
pub(crate) async fn forward(
    store: Store,
    migrations: &[&'static str],
    backups: &Path,
    now_us: i64,
) -> Result<Opened, StoreError> {
    let made = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, at_us BIGINT NOT NULL)";
    store.write.execute(made).await?;
    let found = version(&store).await?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    let mut backup = None;
    if found > 0 && found < known {
        let path = backups.join(format!("schema-{found}-{now_us}.jsonl"));
        store.backup(&path, now_us, &mut |_| ()).await.map_err(Box::new)?;
        tracing::info!(path = %path.display(), found, known, "store backed up before its migration");
        backup = Some(path);
    }
    for (version, migration) in (1_i64..).zip(migrations).skip_while(|(version, _)| *version <= found) {
        take(&store, version, migration, now_us).await?;
    }
    Ok(Opened { store, schema_before: found, backup })
}

/// The schema a store has; 0 for none.
pub(crate) async fn version(store: &Store) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_version").fetch_one(&store.write).await?;
    Ok(row.try_get(0)?)
}

/// One step, whole or not at all; another process that was faster has taken it for us.
async fn take(store: &Store, version: i64, migration: &'static str, now_us: i64) -> Result<(), StoreError> {
    let mut tx = store.write.begin_with(store.begin).await?;
    let mine = sqlx::query("INSERT INTO schema_version (version, at_us) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    if mine.bind(version).bind(now_us).execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(());
    }
    // Statement by statement: PostgreSQL prepares one at a time.
    for statement in migration.split_inclusive(';').filter(|statement| statement.contains(';')) {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Store, StoreError, Target};

    const NEXT: &str = "ALTER TABLE record ADD COLUMN note TEXT; UPDATE record SET note = 'x';";

    #[tokio::test]
    async fn a_newer_schema_is_refused_and_an_older_one_backed_up() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("control.db"));
        let opened = Store::open(&target, folder.path(), 1).await.unwrap();
        assert_eq!((opened.schema_before, opened.backup), (0, None));
        opened.store.close().await;
        let opened = Store::open(&target, folder.path(), 2).await.unwrap();
        assert_eq!((opened.schema_before, opened.backup), (1, None), "nothing to do, nothing to back up");
        opened.store.close().await;

        let ahead = [super::MIGRATIONS[0], NEXT];
        let store = Store::connect(&target).await.unwrap();
        let missing = folder.path().join("missing");
        let refused = super::forward(store, &ahead, &missing, 3).await.unwrap_err();
        assert!(matches!(refused, StoreError::Backup(_)), "{refused}");
        let store = Store::connect(&target).await.unwrap();
        assert_eq!(super::version(&store).await.unwrap(), 1, "no backup, no migration");
        let opened = super::forward(store, &ahead, folder.path(), 4).await.unwrap();
        assert!(opened.backup.is_some_and(|path| path.is_file()));
        opened.store.close().await;

        let refused = Store::open(&target, folder.path(), 5).await.unwrap_err();
        assert!(matches!(refused, StoreError::NewerSchema { found: 2, known: 1 }), "{refused}");
    }

    #[tokio::test]
    async fn a_migration_is_taken_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("control.db"));
        let broken = [super::MIGRATIONS[0], "CREATE TABLE half (id TEXT); CREATE TABLE half (id TEXT);"];
        let store = Store::connect(&target).await.unwrap();
        assert!(super::forward(store.clone(), &broken, folder.path(), 1).await.is_err());
        assert_eq!(super::version(&store).await.unwrap(), 1);
        let half = sqlx::query("SELECT * FROM half").fetch_all(&store.write).await;
        assert!(half.is_err(), "the first half is gone too");
    }
}

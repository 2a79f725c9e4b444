//! Where the records lie, and the connections to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Executor};

use crate::error::StoreError;
use crate::schema;

/// Readers of the embedded store beside its one writer: enough for lists beside a workflow, few enough for its cache.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 8;
/// How long a caller waits for a connection before the store counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the records lie.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A file of this machine.
    Sqlite(PathBuf),
    /// A server: `postgres://user:password@host:port/database`, with libpq's parameters such as `sslmode` and
    /// `sslrootcert`.
    Postgres(String),
}

/// A text that names no place for a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write sqlite:PATH or postgres://USER@HOST/DATABASE")]
pub struct TargetError;

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Self::Postgres(text.to_owned())),
            _ => Err(TargetError),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            // The address may hold a password.
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

/// The records of the control plane. Cheap to clone; every clone shares its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) write: AnyPool,
    pub(crate) read: AnyPool,
    /// Begins a transaction that writes. SQLite must take its lock at once: a reader that turns writer may be refused.
    pub(crate) begin: &'static str,
    /// Begins a transaction that sees one state of everything.
    pub(crate) begin_snapshot: &'static str,
}

/// What opening found.
#[derive(Debug)]
pub struct Opened {
    /// The store, at the newest schema.
    pub store: Store,
    /// The schema it had; 0 if it was empty.
    pub schema_before: i64,
    /// The backup made before the schema was taken forward.
    pub backup: Option<PathBuf>,
}

impl Store {
    /// Connects, and takes the schema forward after a backup into the folder.
    ///
    /// # Errors
    /// When the database does not answer, its schema is newer than this program, or the backup cannot be made.
    pub async fn open(target: &Target, backups: &Path, now_us: i64) -> Result<Opened, StoreError> {
        let store = Self::connect(target).await?;
        schema::forward(store, schema::MIGRATIONS, backups, now_us).await
    }

    /// Ends all connections; what was committed stays.
    pub async fn close(self) {
        self.read.close().await;
        self.write.close().await;
    }

    pub(crate) async fn connect(target: &Target) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let pool =
            |connections: u32| AnyPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT);
        match target {
            Target::Sqlite(path) => {
                let write = pool(1).after_connect(|connection, _| {
                    let durable = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
                    Box::pin(async move { connection.execute(durable).await.map(|_| ()) })
                });
                let options = AnyConnectOptions::from_str(&sqlite_url(path))?;
                let write = write.connect_with(options.clone()).await?;
                let read = pool(SQLITE_READERS).after_connect(|connection, _| {
                    Box::pin(async move { connection.execute("PRAGMA query_only = ON").await.map(|_| ()) })
                });
                let read = read.connect_with(options).await?;
                Ok(Self { write, read, begin: "BEGIN IMMEDIATE", begin_snapshot: "BEGIN" })
            }
            Target::Postgres(url) => {
                let write = pool(POSTGRES_CONNECTIONS).connect_with(AnyConnectOptions::from_str(url)?).await?;
                let begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                Ok(Self { read: write.clone(), write, begin: "BEGIN", begin_snapshot })
            }
        }
    }
}

/// The address of a file, made if it is not there. What a URL would read as something else is percent-encoded.
fn sqlite_url(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite:{path}?mode=rwc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_file_or_a_server_and_never_shows_a_password() {
        for (text, shown) in [
            ("sqlite:store/control.db", Some("sqlite:store/control.db")),
            ("postgres://sluice:secret@db.example/sluice", Some("postgres://…")),
            ("postgresql://db/sluice", Some("postgres://…")),
            ("sqlite:", None),
            ("mysql://db/sluice", None),
            ("postgres:db", None),
            ("", None),
        ] {
            let target = text.parse::<Target>().ok();
            assert_eq!(target.map(|target| format!("{target:?}")).as_deref(), shown, "{text}");
        }
        assert_eq!(sqlite_url(Path::new("/a b/50%?#.db")), "sqlite:/a b/50%25%3F%23.db?mode=rwc");
    }
}

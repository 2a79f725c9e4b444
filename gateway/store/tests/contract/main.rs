//! What a store promises, held against an embedded file and a real PostgreSQL: the same cases, the same answers.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod postgres;

#[cfg(test)]
mod both {
    use sluice_store::Target;

    use crate::cases;
    use crate::postgres::Server;

    #[tokio::test]
    async fn the_embedded_store_keeps_its_promises() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = |name: &'static str| Target::Sqlite(folder.path().join(format!("{name}.db")));
        cases::all(&fresh, folder.path()).await;
    }

    #[tokio::test]
    async fn postgresql_keeps_the_same_promises() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start();
        let fresh = |name: &'static str| server.database(name);
        cases::all(&fresh, folder.path()).await;
    }

    #[tokio::test]
    async fn a_backup_moves_records_from_one_to_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start();
        let (file, database) = (Target::Sqlite(folder.path().join("a.db")), server.database("moved"));
        cases::moved(&file, &database, folder.path()).await;
        let (database, file) = (server.database("back"), Target::Sqlite(folder.path().join("b.db")));
        cases::moved(&database, &file, folder.path()).await;
    }
}

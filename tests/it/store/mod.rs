//! The contract of `Store`: one suite, run on both databases. What only one of them promises is in a file of its own.

mod alerts;
mod codes;
mod crowd;
mod doubt;
pub(crate) mod draft;
mod outbox;
mod record;
mod reports;
mod schema;
mod second_process;
mod server;

use std::sync::Arc;

use dr_buddy::store::Store;
use dr_buddy::store::postgres::PostgresStore;
use dr_buddy::store::sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::harness::postgres;

/// A database of a test's own.
#[derive(Debug)]
pub(crate) enum Bed {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

impl Bed {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(postgres().await.database().await)
    }

    fn file(folder: &tempfile::TempDir) -> std::path::PathBuf {
        folder.path().join("runs.db")
    }

    /// Opens the product's store on it.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(folder) => {
                Arc::new(SqliteStore::open(&Self::file(folder)).await.expect("it opens"))
            }
            Self::Postgres(url) => {
                Arc::new(PostgresStore::open(&url.clone().into()).await.expect("it opens"))
            }
        }
    }

    /// Runs SQL behind the product's back.
    pub(crate) async fn raw(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(folder) => {
                let url = format!("sqlite://{}", Self::file(folder).display());
                sql.execute(&mut SqliteConnection::connect(&url).await?).await.map(drop)
            }
            Self::Postgres(url) => {
                sql.execute(&mut PgConnection::connect(url).await?).await.map(drop)
            }
        }
    }

    /// Nobody commits a request while this is held.
    pub(crate) async fn hold_up(&self) -> HeldUp {
        match self {
            Self::Sqlite(folder) => {
                let url = format!("sqlite://{}", Self::file(folder).display());
                let mut db = SqliteConnection::connect(&url).await.expect("it is there");
                sqlx::raw_sql("begin immediate").execute(&mut db).await.expect("nobody has it");
                HeldUp::Sqlite { _db: db }
            }
            Self::Postgres(url) => {
                let mut db = PgConnection::connect(url).await.expect("it is there");
                let lock = sqlx::raw_sql("begin; lock table inbox in exclusive mode");
                lock.execute(&mut db).await.expect("nobody has it");
                HeldUp::Postgres { _db: db }
            }
        }
    }

    /// How many transactions have written so far: of PostgreSQL, by its own account; of SQLite, by the frames of its
    /// write-ahead log that end one.
    pub(crate) async fn transactions(&self) -> usize {
        match self {
            Self::Sqlite(folder) => {
                let log = std::fs::read(folder.path().join("runs.db-wal")).expect("it is there");
                // 32 bytes of header; each frame has 24 and a page. The second number says how large the database is
                // after a commit, or 0.
                let page: [u8; 4] = log[8..12].try_into().expect("four bytes");
                let frame = 24 + usize::try_from(u32::from_be_bytes(page)).expect("a page size");
                log[32..].chunks_exact(frame).filter(|frame| frame[4..8] != [0; 4]).count()
            }
            Self::Postgres(_) => {
                let wrote = "select count(distinct xmin::text)::text from inbox";
                self.texts(wrote).await[0].parse().expect("a number")
            }
        }
    }

    /// Reads texts behind the product's back.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(folder) => {
                let url = format!("sqlite://{}", Self::file(folder).display());
                let mut db = SqliteConnection::connect(&url).await.expect("it is there");
                sqlx::query_scalar(sql).fetch_all(&mut db).await.expect("it can be read")
            }
            Self::Postgres(url) => {
                let mut db = PgConnection::connect(url).await.expect("it is there");
                sqlx::query_scalar(sql).fetch_all(&mut db).await.expect("it can be read")
            }
        }
    }
}

/// See [`Bed::hold_up`]. The lock goes with the connection.
#[derive(Debug)]
pub(crate) enum HeldUp {
    Sqlite { _db: SqliteConnection },
    Postgres { _db: PgConnection },
}

/// Makes a test on each database of each function `async fn name(bed: Bed)`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::store::Bed::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::store::Bed::postgres().await).await;
            })+
        }
    };
}
use on_both;

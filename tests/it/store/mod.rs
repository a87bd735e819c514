//! The contract of `Store`: one suite, run on both databases. What only one of them promises is in a file of its own.

mod crowd;
mod doubt;
pub(crate) mod draft;
mod outbox;
mod record;
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

//! SQLite: the embedded default, for one process. `synchronous=FULL`: what is committed survives a power cut.
//!
//! Everything that writes goes through the one `writer`; reads have connections of their own and never wait for it.

mod alerts;
mod codes;
mod lock;
mod reports;
mod write;
mod writer;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use super::change::{Change, Held, Placed, Postponed, Wanted, number};
use super::frozen::Frozen;
use super::migrations;
use super::rows::{self, EventRow, PostedRow, RunRow};
use super::thaw::Thaw;
use super::{Claimed, Commit, Committed, Posted, Room, Store, StoreError, Stored, failed, sql};
use crate::domain::ids::{Digest, PersonId, RunId};
use crate::domain::run::log::Recorded;
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Language;
use lock::Lock;
use write::{Check, Chosen, Claim, ClaimOne, ReleaseAll, Settle};
use writer::Writer;

/// The store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    reader: SqlitePool,
    frozen: Frozen,
    /// Absent in a process that performs nothing.
    _lock: Option<Lock>,
}

const NEXT: &str = "select min(max(due_at, lease_until)) from outbox";

impl SqliteStore {
    /// Opens or creates the file and brings its schema up to date. The file is this process's until the store is
    /// dropped.
    ///
    /// # Errors
    /// When another process has the file, or it cannot be opened or migrated.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        Self::open_with(path, Some(lock)).await
    }

    /// Opens the file of a process that may be running: requests may be handed in, but nothing may be performed.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open_beside(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, None).await
    }

    async fn open_with(path: &Path, lock: Option<Lock>) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true);
        let mut connection = options.connect().await.map_err(failed("open"))?;
        migrations::sqlite()
            .run(&mut connection)
            .await
            .map_err(|source| StoreError::Migration { source })?;
        connection.close().await.map_err(failed("open"))?;
        let reader = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.clone().read_only(true).create_if_missing(false))
            .await
            .map_err(failed("open for reading"))?;
        Ok(Self { writer: Writer::start(options), reader, frozen: Frozen::default(), _lock: lock })
    }
}

#[async_trait]
impl Thaw for SqliteStore {
    fn frozen(&self) -> &Frozen {
        &self.frozen
    }

    async fn frozen_body(&self, hash: &Digest) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar(sql::FROZEN)
            .bind(hash.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a run"))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        let named = self.frozen.name(commit.run)?;
        let outcome = self.writer.write(Change::of(commit, &named)?).await?;
        if outcome == Committed::Done && !commit.events.is_empty() {
            self.frozen.keep(commit.run, &named);
        }
        Ok(outcome)
    }

    async fn is_known(&self, key: &str) -> Result<bool, StoreError> {
        let known: Option<String> = sqlx::query_scalar(sql::DUPLICATE)
            .bind(key)
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up the request"))?;
        Ok(known.is_some())
    }

    async fn run(&self, run: &RunId) -> Result<Option<Stored>, StoreError> {
        let row: Option<RunRow> = sqlx::query_as(sql::RUN)
            .bind(run.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a run"))?;
        let Some(row) = row else { return Ok(None) };
        self.stored(&row).await.map(Some)
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        let rows: Vec<RunRow> = sqlx::query_as(sql::RUNS)
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list runs"))?;
        self.all_stored(&rows).await
    }

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        let rows: Vec<RunRow> = sqlx::query_as(sql::OPEN_RUNS)
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list open runs"))?;
        self.all_stored(&rows).await
    }

    async fn record(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(sql::RECORD)
            .bind(run.as_str())
            .bind(number(after))
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read the record"))?;
        rows.iter().map(rows::event).collect()
    }

    async fn want(&self, run: &RunId, effect: &Effect, at: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Wanted::of(run, effect, at)?).await
    }

    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Span,
        room: Room,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.writer.write(Claim { holder: holder.to_owned(), now, lease, room }).await
    }

    async fn claim_one(
        &self,
        run: &RunId,
        effect: &Effect,
        holder: &str,
        now: Timestamp,
        lease: Span,
    ) -> Result<Option<Claimed>, StoreError> {
        let (run, key) = (run.to_string(), effect.key());
        let claim = ClaimOne { run, key, holder: holder.to_owned(), now, lease };
        Ok(self.writer.write(claim).await?.pop())
    }

    async fn settle(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        self.writer.write(Settle(Held::of(claimed))).await
    }

    async fn postpone(
        &self,
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed: bool,
    ) -> Result<(), StoreError> {
        self.writer.write(Postponed::of(claimed, due_at, note, failed)?).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(NEXT)
            .fetch_one(&self.reader)
            .await
            .map_err(failed("look for work"))?;
        Ok(due.map(Timestamp))
    }

    async fn release_leases(&self) -> Result<(), StoreError> {
        self.writer.write(ReleaseAll).await
    }

    async fn posted(&self, run: &RunId, key: &MessageKey) -> Result<Option<Posted>, StoreError> {
        let row: Option<PostedRow> = sqlx::query_as(sql::POSTED)
            .bind(run.as_str())
            .bind(key.to_string())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up a message"))?;
        row.map(rows::posted).transpose()
    }

    async fn remember(
        &self,
        run: &RunId,
        key: &MessageKey,
        posted: &Posted,
    ) -> Result<(), StoreError> {
        self.writer.write(Placed::of(run, key, posted)?).await
    }

    async fn language(&self, person: &PersonId) -> Result<Option<Language>, StoreError> {
        let code: Option<String> = sqlx::query_scalar(sql::LANGUAGE)
            .bind(person.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up a language"))?;
        Ok(code.as_deref().and_then(Language::parse))
    }

    async fn choose_language(
        &self,
        person: &PersonId,
        language: Language,
    ) -> Result<(), StoreError> {
        self.writer.write(Chosen { person: person.to_string(), language: language.code() }).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writer.write(Check).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::SqliteConnection;
    use writer::Write;

    const HOW: &str = "select synchronous, journal_mode, foreign_keys \
         from pragma_synchronous, pragma_journal_mode, pragma_foreign_keys";

    struct Ask;

    #[async_trait]
    impl Write for Ask {
        type Output = (i64, String, i64);

        async fn write(&self, db: &mut SqliteConnection) -> Result<Self::Output, StoreError> {
            sqlx::query_as(HOW).fetch_one(db).await.map_err(failed("ask"))
        }
    }

    #[tokio::test]
    async fn every_connection_is_durable_and_readers_cannot_write() {
        const FULL: i64 = 2;
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("runs.db")).await.unwrap();
        let durable = (FULL, "wal".to_owned(), 1);
        assert_eq!(store.writer.write(Ask).await.unwrap(), durable);
        let mut readers = Vec::new();
        for _ in 0..4 {
            let mut reader = store.reader.acquire().await.unwrap();
            let how: (i64, String, i64) =
                sqlx::query_as(HOW).fetch_one(&mut *reader).await.unwrap();
            assert_eq!(how, durable);
            sqlx::query(sql::CHECK).execute(&mut *reader).await.unwrap_err();
            readers.push(reader);
        }
        // A connection that was given up is made anew in the same way.
        struct Fail;
        #[async_trait]
        impl Write for Fail {
            type Output = ();
            async fn write(&self, _: &mut SqliteConnection) -> Result<(), StoreError> {
                Err(failed("fail")(sqlx::Error::PoolClosed))
            }
        }
        store.writer.write(Fail).await.unwrap_err();
        assert_eq!(store.writer.write(Ask).await.unwrap(), durable);
    }
}

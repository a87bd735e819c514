//! PostgreSQL: for several replicas on one outbox. They share work by leases and `for update skip locked`, and wake each
//! other by a `bell`.
//!
//! A server that restarts or fails over costs an error or two: connections are made anew as they are needed, each
//! conversation has a limit (`session`). The one error that says too little is a connection lost in the moment of
//! the commit: then the request is handed in once more under its key, which does it once or finds it done (`writer`).

mod alerts;
mod bell;
mod codes;
mod reports;
mod session;
mod write;
mod writer;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{ConnectOptions, Connection, FromRow, Postgres};

use super::change::{Change, Held, Placed, Postponed, Wanted, number};
use super::frozen::Frozen;
use super::migrations;
use super::rows::{self, DueRow, EventRow, PostedRow, RunRow};
use super::thaw::Thaw;
use super::{Claimed, Commit, Committed, Posted, Room, Store, StoreError, Stored, failed, sql};
use crate::domain::ids::{Digest, PersonId, RunId};
use crate::domain::run::effect::TALK;
use crate::domain::run::log::Recorded;
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Language;
use bell::Bell;
use session::{Session, bounded};
use writer::Writer;

/// Longest that bringing the schema up to date may take; another replica may be at it.
const MIGRATION: Duration = Duration::from_secs(120);

const CLAIM: &str = "with work as materialized (select run_id, key from outbox \
     where due_at <= $1 and lease_until <= $1 and priority < $6 \
     order by priority, due_at limit $4 for update skip locked), \
     talk as materialized (select run_id, key from outbox \
     where due_at <= $1 and lease_until <= $1 and priority >= $6 \
     order by priority, due_at limit $5 for update skip locked), \
     due as (select * from work union all select * from talk) \
     update outbox set lease = $2, lease_until = $3 from due \
     where outbox.run_id = due.run_id and outbox.key = due.key \
     returning priority, due_at, outbox.run_id, outbox.key, version, tries, note, body";
const NEXT: &str = "select min(greatest(due_at, lease_until)) from outbox";

/// The store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    writer: Writer,
    frozen: Frozen,
    bell: Bell,
}

impl PostgresStore {
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    /// When the server cannot be reached, or the schema not be migrated. No error holds the URL.
    pub async fn open(url: &SecretString) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url.expose_secret()).map_err(failed("open"))?;
        let options = options.application_name("dr-buddy");
        let silent = |_| failed("open")(session::silent());
        // Not of the pool: a migration may take longer than anything else may.
        let connection = tokio::time::timeout(session::CONNECT, options.connect()).await;
        let mut connection = connection.map_err(silent)?.map_err(failed("open"))?;
        tokio::time::timeout(MIGRATION, migrations::postgres().run(&mut connection))
            .await
            .map_err(silent)?
            .map_err(|source| StoreError::Migration { source })?;
        connection.close().await.map_err(failed("open"))?;
        let bell = Bell::hang(options.clone());
        let pool = session::main_pool(options);
        Ok(Self { writer: Writer::start(pool.clone()), pool, frozen: Frozen::default(), bell })
    }

    async fn session(&self, what: &'static str) -> Result<Session, StoreError> {
        Session::open(&self.pool).await.map_err(failed(what))
    }

    fn fetch<'q, O>(
        &'q self,
        what: &'static str,
        query: QueryAs<'q, Postgres, O, PgArguments>,
    ) -> BoxFuture<'q, Result<Vec<O>, StoreError>>
    where
        O: Send + Unpin + for<'r> FromRow<'r, PgRow> + 'q,
    {
        let fetched = async move {
            let mut db = self.session(what).await?;
            let rows = query.fetch_all(&mut *db).await.map_err(failed(what))?;
            db.done();
            Ok(rows)
        };
        bounded(what, fetched).boxed()
    }

    fn execute<'q>(
        &'q self,
        what: &'static str,
        query: Query<'q, Postgres, PgArguments>,
    ) -> BoxFuture<'q, Result<(), StoreError>> {
        let executed = async move {
            let mut db = self.session(what).await?;
            query.execute(&mut *db).await.map_err(failed(what))?;
            db.done();
            Ok(())
        };
        bounded(what, executed).boxed()
    }
}

#[async_trait]
impl Thaw for PostgresStore {
    fn frozen(&self) -> &Frozen {
        &self.frozen
    }

    async fn frozen_body(&self, hash: &Digest) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(sql::FROZEN).bind(hash.as_str());
        Ok(self.fetch("read a run", query).await?.pop().map(|(body,)| body))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        let named = self.frozen.name(commit.run)?;
        let outcome = self.writer.commit(Change::of(commit, &named)?).await?;
        if outcome == Committed::Done {
            if !commit.events.is_empty() {
                self.frozen.keep(commit.run, &named);
            }
            if !commit.effects.is_empty() {
                self.bell.ring();
            }
        }
        Ok(outcome)
    }

    async fn is_known(&self, key: &str) -> Result<bool, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(sql::DUPLICATE).bind(key);
        Ok(!self.fetch("look up the request", query).await?.is_empty())
    }

    async fn run(&self, run: &RunId) -> Result<Option<Stored>, StoreError> {
        let query = sqlx::query_as::<_, RunRow>(sql::RUN).bind(run.as_str());
        let Some(row) = self.fetch("read a run", query).await?.pop() else { return Ok(None) };
        self.stored(&row).await.map(Some)
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        let query = sqlx::query_as::<_, RunRow>(sql::RUNS).bind(i64::from(limit));
        let rows = self.fetch("list runs", query).await?;
        self.all_stored(&rows).await
    }

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        let query = sqlx::query_as::<_, RunRow>(sql::OPEN_RUNS);
        let rows = self.fetch("list open runs", query).await?;
        self.all_stored(&rows).await
    }

    async fn record(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let query = sqlx::query_as::<_, EventRow>(sql::RECORD)
            .bind(run.as_str())
            .bind(number(after))
            .bind(i64::from(limit));
        self.fetch("read the record", query).await?.iter().map(rows::event).collect()
    }

    async fn want(&self, run: &RunId, effect: &Effect, at: Timestamp) -> Result<(), StoreError> {
        let wanted = Wanted::of(run, effect, at)?;
        bounded("record an effect", async {
            let mut db = self.session("record an effect").await?;
            write::want(&mut db, &wanted).await?;
            db.done();
            Ok(())
        })
        .await?;
        self.bell.ring();
        Ok(())
    }

    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Span,
        room: Room,
    ) -> Result<Vec<Claimed>, StoreError> {
        let query = sqlx::query_as::<_, DueRow>(CLAIM)
            .bind(now.0)
            .bind(holder)
            .bind(now.plus(lease).0)
            .bind(i64::from(room.work))
            .bind(i64::from(room.talk))
            .bind(i64::from(TALK));
        Ok(rows::claimed(self.fetch("lease work", query).await?, holder, now.plus(lease)))
    }

    async fn claim_one(
        &self,
        run: &RunId,
        effect: &Effect,
        holder: &str,
        now: Timestamp,
        lease: Span,
    ) -> Result<Option<Claimed>, StoreError> {
        let key = effect.key();
        let query = sqlx::query_as::<_, DueRow>(sql::CLAIM_ONE)
            .bind(now.0)
            .bind(holder)
            .bind(now.plus(lease).0)
            .bind(run.as_str())
            .bind(&key);
        Ok(rows::claimed(self.fetch("lease work", query).await?, holder, now.plus(lease)).pop())
    }

    async fn settle(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        let held = Held::of(claimed);
        bounded("settle an effect", async {
            let mut db = self.session("settle an effect").await?;
            let is_ours = write::settle(&mut db, &held).await?;
            db.done();
            Ok(is_ours)
        })
        .await
    }

    async fn postpone(
        &self,
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed: bool,
    ) -> Result<(), StoreError> {
        let postponed = Postponed::of(claimed, due_at, note, failed)?;
        let query = sqlx::query(sql::POSTPONE)
            .bind(&postponed.held.run)
            .bind(&postponed.held.key)
            .bind(&postponed.held.lease)
            .bind(postponed.due_at)
            .bind(&postponed.note)
            .bind(postponed.tries)
            .bind(postponed.held.version)
            .bind(i64::from(TALK));
        self.execute("postpone work", query).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let query = sqlx::query_as::<_, (Option<i64>,)>(NEXT);
        let due = self.fetch("look for work", query).await?;
        Ok(due.first().and_then(|(due,)| due.map(Timestamp)))
    }

    /// Nothing: another replica may well be alive, and leases end by themselves.
    async fn release_leases(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn woken(&self) {
        self.bell.heard().await;
    }

    async fn posted(&self, run: &RunId, key: &MessageKey) -> Result<Option<Posted>, StoreError> {
        let query =
            sqlx::query_as::<_, PostedRow>(sql::POSTED).bind(run.as_str()).bind(key.to_string());
        let row = self.fetch("look up a message", query).await?.pop();
        row.map(rows::posted).transpose()
    }

    async fn remember(
        &self,
        run: &RunId,
        key: &MessageKey,
        posted: &Posted,
    ) -> Result<(), StoreError> {
        let placed = Placed::of(run, key, posted)?;
        let query = sqlx::query(sql::REMEMBER)
            .bind(&placed.run)
            .bind(&placed.key)
            .bind(&placed.channel)
            .bind(&placed.ts)
            .bind(placed.fate);
        self.execute("remember a message", query).await
    }

    async fn language(&self, person: &PersonId) -> Result<Option<Language>, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(sql::LANGUAGE).bind(person.as_str());
        let row = self.fetch("look up a language", query).await?.pop();
        Ok(row.and_then(|(code,)| Language::parse(&code)))
    }

    async fn choose_language(
        &self,
        person: &PersonId,
        language: Language,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(sql::CHOOSE_LANGUAGE).bind(person.as_str()).bind(language.code());
        self.execute("remember a language", query).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.execute("write", sqlx::query(sql::CHECK)).await
    }
}

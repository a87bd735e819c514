//! SQLite: the embedded default. One writer, `synchronous=FULL`: what is committed survives a power cut.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Connection, Row, Sqlite, Transaction};

use super::codec::{self, STATE_VERSION};
use super::{Claimed, Commit, Committed, Posted, Store, StoreError, Stored};
use crate::domain::ids::{Digest, RunId};
use crate::domain::run::log::{Recorded, VERSION};
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::time::{Span, Timestamp};

/// The store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    reader: SqlitePool,
}

fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Unavailable { what, source }
}

impl SqliteStore {
    /// Opens or creates the file and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or migrated.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            // On a full disk SQLite ends a transaction by itself; sqlx cannot roll it back again and takes it to be
            // open for ever. Such a connection is replaced, or nothing could be written until the next start.
            .before_acquire(|connection, _| {
                Box::pin(async move { Ok(!connection.is_in_transaction()) })
            })
            .connect_with(options.clone())
            .await
            .map_err(failed("open"))?;
        sqlx::migrate!("migrations/sqlite")
            .run(&writer)
            .await
            .map_err(|source| StoreError::Migration { source })?;
        let reader = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(failed("open for reading"))?;
        Ok(Self { writer, reader })
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        // Deferred transactions fail at once when two read and then write; IMMEDIATE waits its turn.
        self.writer.begin_with("begin immediate").await.map_err(failed("begin"))
    }
}

const DUPLICATE: &str = "select run_id from inbox where key = $1";
const NEW_KEY: &str = "insert into inbox (key, run_id, at) values ($1, $2, $3)";
const SLOT: &str = "select id from runs where open_slot = $1 and id <> $2";
const NEW_RUN: &str = "insert into runs (id, seq, head, open_slot, status, started_at, updated_at, \
     version, state) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing";
const CHANGE_RUN: &str = "update runs set seq = $2, head = $3, open_slot = $4, status = $5, \
     updated_at = $7, version = $8, state = $9 where id = $1 and seq = $10";
const NEW_EVENT: &str = "insert into events (run_id, seq, version, body, previous, hash) \
     values ($1, $2, $3, $4, $5, $6)";
const WANT: &str = "insert into outbox (run_id, key, priority, due_at, version, tries, lease, \
     lease_until, note, body) values ($1, $2, $3, $4, 1, 0, null, 0, null, $5) \
     on conflict (run_id, key) do update set version = outbox.version + 1, \
     due_at = excluded.due_at, body = excluded.body";
const SETTLE: &str =
    "delete from outbox where run_id = $1 and key = $2 and lease = $3 and version = $4";
const RELEASE: &str = "update outbox set lease = null, lease_until = 0 \
     where run_id = $1 and key = $2 and lease = $3";
const DUE: &str = "select run_id, key, version, tries, note, body from outbox \
     where due_at <= $1 and lease_until <= $1 order by priority, due_at limit $2";
const LEASE: &str = "update outbox set lease = $3, lease_until = $4 where run_id = $1 and key = $2";
const POSTPONE: &str = "update outbox set due_at = $4, note = $5, tries = tries + $6, \
     lease = null, lease_until = 0 where run_id = $1 and key = $2 and lease = $3";
const NEXT: &str = "select min(max(due_at, lease_until)) as due from outbox";
const RELEASE_ALL: &str = "update outbox set lease = null, lease_until = 0 where lease is not null";
const RUN: &str = "select id, head, version, state from runs where id = $1";
const RUNS: &str =
    "select id, head, version, state from runs order by started_at desc, id desc limit $1";
const RECORD: &str = "select seq, body, previous, hash from events \
     where run_id = $1 and seq > $2 order by seq limit $3";
const POSTED: &str = "select channel, ts from messages where run_id = $1 and key = $2";
const REMEMBER: &str = "insert into messages (run_id, key, channel, ts) values ($1, $2, $3, $4) \
     on conflict (run_id, key) do update set channel = excluded.channel, ts = excluded.ts";
const CHECK: &str = "insert into inbox (key, run_id, at) values ('check', '', 0) \
     on conflict (key) do update set at = inbox.at + 1";

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        let mut tx = self.begin().await?;
        let run = &commit.run.id;
        let known: Option<String> = sqlx::query_scalar(DUPLICATE)
            .bind(commit.key)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed("look up the request"))?;
        if let Some(known) = known {
            return Ok(Committed::Duplicate(id(&known)?));
        }
        if let Some(claimed) = commit.settles
            && !settle(&mut tx, claimed).await?
        {
            return Ok(Committed::LeaseLost);
        }
        if !commit.events.is_empty() {
            let slot = codec::open_slot(commit.run);
            let taken: Option<String> = sqlx::query_scalar(SLOT)
                .bind(&slot)
                .bind(run.as_str())
                .fetch_optional(&mut *tx)
                .await
                .map_err(failed("look for an open run"))?;
            if let Some(taken) = taken {
                return Ok(Committed::SlotTaken(id(&taken)?));
            }
            if !write_run(&mut tx, commit, slot).await? {
                return Ok(Committed::LostRace);
            }
            for event in commit.events {
                write_event(&mut tx, run, event).await?;
            }
        }
        for effect in commit.effects {
            want(&mut tx, run, effect, commit.at).await?;
        }
        sqlx::query(NEW_KEY)
            .bind(commit.key)
            .bind(run.as_str())
            .bind(commit.at.0)
            .execute(&mut *tx)
            .await
            .map_err(failed("record the request"))?;
        tx.commit().await.map_err(failed("commit"))?;
        Ok(Committed::Done)
    }

    async fn is_known(&self, key: &str) -> Result<bool, StoreError> {
        let known: Option<String> = sqlx::query_scalar(DUPLICATE)
            .bind(key)
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up the request"))?;
        Ok(known.is_some())
    }

    async fn run(&self, run: &RunId) -> Result<Option<Stored>, StoreError> {
        let row = sqlx::query(RUN)
            .bind(run.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a run"))?;
        match row {
            Some(row) => {
                let head: String = row.try_get("head").map_err(failed("read a run"))?;
                let head =
                    Digest::parse(&head).map_err(|error| unreadable("hash", &error.to_string()))?;
                Ok(Some(Stored { run: self.read_run(&row).await?, head }))
            }
            None => Ok(None),
        }
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(RUNS)
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list runs"))?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in &rows {
            runs.push(self.read_run(row).await?);
        }
        Ok(runs)
    }

    async fn record(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let rows = sqlx::query(RECORD)
            .bind(run.as_str())
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await
            .map_err(failed("read the record"))?;
        rows.iter().map(read_event).collect()
    }

    async fn want(&self, run: &RunId, effect: &Effect, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        want(&mut tx, run, effect, at).await?;
        tx.commit().await.map_err(failed("commit"))
    }

    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Span,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(DUE)
            .bind(now.0)
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await
            .map_err(failed("look for work"))?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            let work = read_claimed(row, holder)?;
            sqlx::query(LEASE)
                .bind(work.run.as_str())
                .bind(&work.key)
                .bind(holder)
                .bind(now.plus(lease).0)
                .execute(&mut *tx)
                .await
                .map_err(failed("lease work"))?;
            claimed.push(work);
        }
        tx.commit().await.map_err(failed("commit"))?;
        Ok(claimed)
    }

    async fn settle(&self, claimed: &Claimed, _now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        settle(&mut tx, claimed).await?;
        tx.commit().await.map_err(failed("commit"))
    }

    async fn postpone(
        &self,
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed_try: bool,
    ) -> Result<(), StoreError> {
        sqlx::query(POSTPONE)
            .bind(claimed.run.as_str())
            .bind(&claimed.key)
            .bind(&claimed.lease)
            .bind(due_at.0)
            .bind(note)
            .bind(i64::from(failed_try))
            .execute(&self.writer)
            .await
            .map_err(failed("postpone work"))?;
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(NEXT)
            .fetch_one(&self.reader)
            .await
            .map_err(failed("look for work"))?;
        Ok(due.map(Timestamp))
    }

    async fn release_leases(&self) -> Result<(), StoreError> {
        let release = sqlx::query(RELEASE_ALL).execute(&self.writer).await;
        release.map(drop).map_err(failed("release leases"))
    }

    async fn posted(&self, run: &RunId, key: &MessageKey) -> Result<Option<Posted>, StoreError> {
        let row = sqlx::query(POSTED)
            .bind(run.as_str())
            .bind(key.to_string())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up a message"))?;
        row.map(|row| {
            Ok(Posted {
                channel: row.try_get("channel").map_err(failed("read a message"))?,
                ts: row.try_get("ts").map_err(failed("read a message"))?,
            })
        })
        .transpose()
    }

    async fn remember(
        &self,
        run: &RunId,
        key: &MessageKey,
        posted: &Posted,
    ) -> Result<(), StoreError> {
        sqlx::query(REMEMBER)
            .bind(run.as_str())
            .bind(key.to_string())
            .bind(&posted.channel)
            .bind(&posted.ts)
            .execute(&self.writer)
            .await
            .map_err(failed("remember a message"))?;
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(CHECK).execute(&mut *tx).await.map_err(failed("write"))?;
        tx.commit().await.map_err(failed("commit"))
    }
}

impl SqliteStore {
    async fn read_run(&self, row: &SqliteRow) -> Result<Run, StoreError> {
        let get = failed("read a run");
        let version: i64 = row.try_get("version").map_err(&get)?;
        if version == STATE_VERSION {
            let state: String = row.try_get("state").map_err(&get)?;
            return codec::read("run", &state);
        }
        let run: String = row.try_get("id").map_err(&get)?;
        let record = self.record(&id(&run)?, 0, u32::MAX).await?;
        crate::domain::run::apply::replay(record.iter().map(|recorded| &recorded.entry))
            .ok_or_else(|| unreadable("record", "it does not begin with the start of a run"))
    }
}

async fn write_run(
    tx: &mut Transaction<'static, Sqlite>,
    commit: &Commit<'_>,
    slot: Option<String>,
) -> Result<bool, StoreError> {
    let run = commit.run;
    let seq = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let head = commit.events.last().map(|event| event.hash.as_str()).unwrap_or_default();
    let query = sqlx::query(if commit.after == 0 { NEW_RUN } else { CHANGE_RUN })
        .bind(run.id.as_str())
        .bind(seq(run.seq))
        .bind(head)
        .bind(slot)
        .bind(if run.is_closed() { "closed" } else { "open" })
        .bind(run.started_at.0)
        .bind(commit.at.0)
        .bind(STATE_VERSION)
        .bind(codec::write("run", run)?);
    let query = if commit.after == 0 { query } else { query.bind(seq(commit.after)) };
    let done = query.execute(&mut **tx).await.map_err(failed("write the run"))?;
    Ok(done.rows_affected() == 1)
}

async fn write_event(
    tx: &mut Transaction<'static, Sqlite>,
    run: &RunId,
    event: &Recorded,
) -> Result<(), StoreError> {
    sqlx::query(NEW_EVENT)
        .bind(run.as_str())
        .bind(i64::try_from(event.seq).unwrap_or(i64::MAX))
        .bind(i64::from(VERSION))
        .bind(codec::write("event", &event.entry)?)
        .bind(event.previous.as_str())
        .bind(event.hash.as_str())
        .execute(&mut **tx)
        .await
        .map_err(failed("write an event"))?;
    Ok(())
}

async fn want(
    tx: &mut Transaction<'static, Sqlite>,
    run: &RunId,
    effect: &Effect,
    now: Timestamp,
) -> Result<(), StoreError> {
    let due = match effect {
        Effect::WakeAt(at) => *at,
        Effect::Show(_)
        | Effect::Preview { .. }
        | Effect::Act { .. }
        | Effect::Prove { .. }
        | Effect::Probe { .. } => now,
    };
    sqlx::query(WANT)
        .bind(run.as_str())
        .bind(codec::key(effect))
        .bind(codec::priority(effect))
        .bind(due.0)
        .bind(codec::write("effect", effect)?)
        .execute(&mut **tx)
        .await
        .map_err(failed("record an effect"))?;
    Ok(())
}

/// Removes the effect, or makes it due again if it was wanted meanwhile; false if the lease is not ours any more.
async fn settle(
    tx: &mut Transaction<'static, Sqlite>,
    claimed: &Claimed,
) -> Result<bool, StoreError> {
    let bind =
        |sql| sqlx::query(sql).bind(claimed.run.as_str()).bind(&claimed.key).bind(&claimed.lease);
    let settled = bind(SETTLE).bind(claimed.version).execute(&mut **tx).await;
    if settled.map_err(failed("settle an effect"))?.rows_affected() == 1 {
        return Ok(true);
    }
    let released = bind(RELEASE).execute(&mut **tx).await.map_err(failed("release an effect"))?;
    Ok(released.rows_affected() == 1)
}

fn unreadable(what: &'static str, why: &str) -> StoreError {
    StoreError::Unreadable { what, source: serde::de::Error::custom(why) }
}

fn id(text: &str) -> Result<RunId, StoreError> {
    RunId::parse(text).map_err(|error| unreadable("run id", &error.to_string()))
}

fn read_event(row: &SqliteRow) -> Result<Recorded, StoreError> {
    let get = failed("read an event");
    let seq: i64 = row.try_get("seq").map_err(&get)?;
    let digest = |column: &str| -> Result<Digest, StoreError> {
        let text: String = row.try_get(column).map_err(failed("read an event"))?;
        Digest::parse(&text).map_err(|error| unreadable("hash", &error.to_string()))
    };
    let body: String = row.try_get("body").map_err(&get)?;
    Ok(Recorded {
        seq: u64::try_from(seq).unwrap_or(0),
        entry: codec::read("event", &body)?,
        previous: digest("previous")?,
        hash: digest("hash")?,
    })
}

fn read_claimed(row: &SqliteRow, worker: &str) -> Result<Claimed, StoreError> {
    let get = failed("read work");
    let run: String = row.try_get("run_id").map_err(&get)?;
    let body: String = row.try_get("body").map_err(&get)?;
    let tries: i64 = row.try_get("tries").map_err(&get)?;
    Ok(Claimed {
        run: id(&run)?,
        key: row.try_get("key").map_err(&get)?,
        effect: codec::read("effect", &body)?,
        version: row.try_get("version").map_err(&get)?,
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
        note: row.try_get("note").map_err(&get)?,
        lease: worker.to_owned(),
    })
}

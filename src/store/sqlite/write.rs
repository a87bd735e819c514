//! What is written, statement by statement, inside the writer's transaction.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::writer::{Write, Wrote};
use crate::domain::time::{Span, Timestamp};
use crate::store::change::{Change, Held, Placed, Postponed, Row, Wanted};
use crate::store::rows::{self, DueRow};
use crate::store::{Claimed, Committed, StoreError, failed, sql};

const NEW_EVENT: &str = "insert into events (run_id, seq, version, body, previous, hash) \
     values ($1, $2, $3, $4, $5, $6)";
const WANT: &str = "insert into outbox (run_id, key, priority, due_at, version, tries, lease, \
     lease_until, note, body) values ($1, $2, $3, $4, 1, 0, null, 0, null, $5) \
     on conflict (run_id, key) do update set version = outbox.version + 1, \
     due_at = excluded.due_at, body = excluded.body";
const DUE: &str = "select run_id, key, version, tries, note, body from outbox \
     where due_at <= $1 and lease_until <= $1 order by priority, due_at limit $2";
const RELEASE_ALL: &str = "update outbox set lease = null, lease_until = 0 where lease is not null";

#[async_trait]
impl Write for Change {
    type Output = Committed;

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<Committed>, StoreError> {
        if !new_key(db, self).await? {
            let known: String = sqlx::query_scalar(sql::DUPLICATE)
                .bind(&self.key)
                .fetch_one(&mut *db)
                .await
                .map_err(failed("look up the request"))?;
            return Ok(Wrote::TakenBack(Committed::Duplicate(rows::id(&known)?)));
        }
        if let Some(held) = &self.settles
            && !settle(db, held).await?
        {
            return Ok(Wrote::TakenBack(Committed::LeaseLost));
        }
        if let Some(row) = &self.row
            && !write_row(db, self, row).await?
        {
            let taken: Option<String> = sqlx::query_scalar(sql::SLOT)
                .bind(&row.slot)
                .bind(&self.run)
                .fetch_optional(&mut *db)
                .await
                .map_err(failed("look for an open run"))?;
            return Ok(Wrote::TakenBack(match taken {
                Some(taken) => Committed::SlotTaken(rows::id(&taken)?),
                None => Committed::LostRace,
            }));
        }
        for event in &self.events {
            sqlx::query(NEW_EVENT)
                .bind(&self.run)
                .bind(event.seq)
                .bind(event.version)
                .bind(&event.body)
                .bind(&event.previous)
                .bind(&event.hash)
                .execute(&mut *db)
                .await
                .map_err(failed("write an event"))?;
        }
        for effect in &self.effects {
            want(db, effect).await?;
        }
        Ok(Wrote::Kept(Committed::Done))
    }
}

async fn new_key(db: &mut SqliteConnection, change: &Change) -> Result<bool, StoreError> {
    let done = sqlx::query(sql::NEW_KEY)
        .bind(&change.key)
        .bind(&change.run)
        .bind(change.at)
        .execute(db)
        .await
        .map_err(failed("record the request"))?;
    Ok(done.rows_affected() == 1)
}

async fn write_row(
    db: &mut SqliteConnection,
    change: &Change,
    row: &Row,
) -> Result<bool, StoreError> {
    let query = sqlx::query(if row.after == 0 { sql::NEW_RUN } else { sql::CHANGE_RUN })
        .bind(&change.run)
        .bind(row.seq)
        .bind(&row.head)
        .bind(&row.slot)
        .bind(row.status)
        .bind(row.started_at)
        .bind(change.at)
        .bind(row.version)
        .bind(&row.state);
    let query = if row.after == 0 { query } else { query.bind(row.after) };
    let done = query.execute(db).await.map_err(failed("write the run"))?;
    Ok(done.rows_affected() == 1)
}

async fn want(db: &mut SqliteConnection, effect: &Wanted) -> Result<(), StoreError> {
    sqlx::query(WANT)
        .bind(&effect.run)
        .bind(&effect.key)
        .bind(effect.priority)
        .bind(effect.due_at)
        .bind(&effect.body)
        .execute(db)
        .await
        .map(drop)
        .map_err(failed("record an effect"))
}

/// Removes the effect, or makes it due again if it was wanted meanwhile; false if the lease is not ours any more.
async fn settle(db: &mut SqliteConnection, held: &Held) -> Result<bool, StoreError> {
    let bind = |sql| sqlx::query(sql).bind(&held.run).bind(&held.key).bind(&held.lease);
    let settled = bind(sql::SETTLE).bind(held.version).execute(&mut *db).await;
    if settled.map_err(failed("settle an effect"))?.rows_affected() == 1 {
        return Ok(true);
    }
    let released = bind(sql::RELEASE).execute(&mut *db).await;
    Ok(released.map_err(failed("release an effect"))?.rows_affected() == 1)
}

#[async_trait]
impl Write for Wanted {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<()>, StoreError> {
        want(db, self).await.map(Wrote::Kept)
    }
}

/// Takes what is due.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) holder: String,
    pub(super) now: Timestamp,
    pub(super) lease: Span,
    pub(super) limit: u32,
}

#[async_trait]
impl Write for Claim {
    type Output = Vec<Claimed>;

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<Self::Output>, StoreError> {
        let due: Vec<DueRow> = sqlx::query_as(DUE)
            .bind(self.now.0)
            .bind(i64::from(self.limit))
            .fetch_all(&mut *db)
            .await
            .map_err(failed("look for work"))?;
        let mut claimed = Vec::with_capacity(due.len());
        for row in due {
            let work = rows::claimed(row, &self.holder)?;
            sqlx::query(sql::LEASE)
                .bind(work.run.as_str())
                .bind(&work.key)
                .bind(&self.holder)
                .bind(self.now.plus(self.lease).0)
                .execute(&mut *db)
                .await
                .map_err(failed("lease work"))?;
            claimed.push(work);
        }
        Ok(Wrote::Kept(claimed))
    }
}

/// Settles an effect.
#[derive(Debug)]
pub(super) struct Settle(pub(super) Held);

#[async_trait]
impl Write for Settle {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<()>, StoreError> {
        // Somebody else's by now: then there is nothing of ours to settle.
        settle(db, &self.0).await.map(|_is_ours| Wrote::Kept(()))
    }
}

#[async_trait]
impl Write for Postponed {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<()>, StoreError> {
        sqlx::query(sql::POSTPONE)
            .bind(&self.held.run)
            .bind(&self.held.key)
            .bind(&self.held.lease)
            .bind(self.due_at)
            .bind(&self.note)
            .bind(self.tries)
            .execute(db)
            .await
            .map(|_| Wrote::Kept(()))
            .map_err(failed("postpone work"))
    }
}

#[async_trait]
impl Write for Placed {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<()>, StoreError> {
        sqlx::query(sql::REMEMBER)
            .bind(&self.run)
            .bind(&self.key)
            .bind(&self.channel)
            .bind(&self.ts)
            .execute(db)
            .await
            .map(|_| Wrote::Kept(()))
            .map_err(failed("remember a message"))
    }
}

/// Ends all leases.
#[derive(Debug)]
pub(super) struct ReleaseAll;

#[async_trait]
impl Write for ReleaseAll {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<()>, StoreError> {
        let released = sqlx::query(RELEASE_ALL).execute(db).await;
        released.map(|_| Wrote::Kept(())).map_err(failed("release leases"))
    }
}

/// Writes something that means nothing.
#[derive(Debug)]
pub(super) struct Check;

#[async_trait]
impl Write for Check {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<Wrote<()>, StoreError> {
        let checked = sqlx::query(sql::CHECK).execute(db).await;
        checked.map(|_| Wrote::Kept(())).map_err(failed("write"))
    }
}

//! What is written, statement by statement, inside the writer's transaction.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::writer::Write;
use crate::domain::run::effect::TALK;
use crate::domain::time::{Span, Timestamp};
use crate::store::change::{Change, Held, Placed, Postponed, Row, Wanted};
use crate::store::rows::{self, DueRow};
use crate::store::{Claimed, Committed, Room, StoreError, failed, sql};

/// Everything a commit can be refused for. Nobody else writes meanwhile, so what it finds stays so.
const FOUND: &str = "select (select run_id from inbox where key = $1), \
     (select count(*) from outbox where run_id = $2 and key = $3 and lease = $4), \
     (select id from runs where open_slot = $5 and id <> $6), \
     (select seq from runs where id = $6), (select head from runs where id = $6)";
/// Everything a commit writes but the run's row. One text, because each text is a trip to the database's thread and
/// back; events and effects come as JSON arrays of their columns.
const WRITE: &str = "delete from outbox \
     where run_id = $1 and key = $2 and lease = $3 and version = $4; \
     update outbox set lease = null, lease_until = 0 \
     where run_id = $1 and key = $2 and lease = $3; \
     insert into inbox (key, run_id, at) values ($5, $6, $7); \
     insert into frozen (hash, body) select value ->> 0, value ->> 1 from json_each($10) \
     where true on conflict (hash) do nothing; \
     insert into events (run_id, seq, version, body, previous, hash) \
     select $6, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 \
     from json_each($8); \
     insert into outbox (run_id, key, priority, due_at, version, tries, lease, lease_until, \
     note, body) \
     select $6, value ->> 0, value ->> 1, value ->> 2, 1, 0, null, 0, null, value ->> 3 \
     from json_each($9) where true \
     on conflict (run_id, key) do update set version = outbox.version + 1, \
     due_at = excluded.due_at, body = excluded.body";
const NEW_RUN: &str = "insert into runs (id, seq, head, open_slot, status, started_at, \
     updated_at, version, state) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     on conflict do nothing";
const CHANGE_RUN: &str = "update runs set seq = $2, head = $3, open_slot = $4, \
     status = $5, started_at = $6, updated_at = $7, version = $8, state = $9 \
     where id = $1 and seq = $10 \
     and not exists (select 1 from runs as other where other.open_slot = $4 and other.id <> $1)";
const SETTLE: &str =
    "delete from outbox where run_id = $1 and key = $2 and lease = $3 and version = $4";
const RELEASE: &str = "update outbox set lease = null, lease_until = 0 \
     where run_id = $1 and key = $2 and lease = $3";
const WANT: &str = "insert into outbox (run_id, key, priority, due_at, version, tries, lease, \
     lease_until, note, body) values ($1, $2, $3, $4, 1, 0, null, 0, null, $5) \
     on conflict (run_id, key) do update set version = outbox.version + 1, \
     due_at = excluded.due_at, body = excluded.body";
const CLAIM: &str = "update outbox set lease = $2, lease_until = $3 \
     where rowid in (\
     select * from (select rowid from outbox \
     where due_at <= $1 and lease_until <= $1 and priority < $6 \
     order by priority, due_at limit $4) \
     union all select * from (select rowid from outbox \
     where due_at <= $1 and lease_until <= $1 and priority >= $6 \
     order by priority, due_at limit $5)) \
     returning priority, due_at, run_id, key, version, tries, note, body";
const RELEASE_ALL: &str = "update outbox set lease = null, lease_until = 0 where lease is not null";
const RELEASE_OFFERS: &str = "update offer_messages set lease_until = 0";

#[async_trait]
impl Write for Change {
    type Output = Committed;

    async fn write(&self, db: &mut SqliteConnection) -> Result<Committed, StoreError> {
        if let Some(refused) = refused(db, self).await? {
            return Ok(refused);
        }
        if let Some(row) = &self.row {
            write_row(db, self, row).await?;
        }
        let held = self.settles.as_ref();
        sqlx::query(WRITE)
            .bind(held.map(|held| &held.run))
            .bind(held.map(|held| &held.key))
            .bind(held.map(|held| &held.lease))
            .bind(held.map(|held| held.version))
            .bind(&self.key)
            .bind(&self.run)
            .bind(self.at)
            .bind(&self.events)
            .bind(&self.effects)
            .bind(&self.frozen)
            .execute(db)
            .await
            .map_err(failed("write a commit"))?;
        Ok(Committed::Done)
    }
}

/// Why the commit cannot be; nothing is written yet.
async fn refused(
    db: &mut SqliteConnection,
    change: &Change,
) -> Result<Option<Committed>, StoreError> {
    type Found = (Option<String>, i64, Option<String>, Option<i64>, Option<String>);
    let held = change.settles.as_ref();
    let (known, ours, taken, seq, head): Found = sqlx::query_as(FOUND)
        .bind(&change.key)
        .bind(held.map(|held| &held.run))
        .bind(held.map(|held| &held.key))
        .bind(held.map(|held| &held.lease))
        .bind(change.row.as_ref().and_then(|row| row.slot.as_ref()))
        .bind(&change.run)
        .fetch_one(db)
        .await
        .map_err(failed("look up the request"))?;
    if let Some(known) = known {
        return Ok(Some(Committed::Duplicate(rows::id(&known)?)));
    }
    if held.is_some() && ours == 0 {
        return Ok(Some(Committed::LeaseLost));
    }
    let Some(row) = &change.row else { return Ok(None) };
    if let Some(taken) = taken {
        return Ok(Some(Committed::SlotTaken(rows::id(&taken)?)));
    }
    let is_of_this_state =
        seq.unwrap_or(0) == row.after && head.is_none_or(|head| head == row.before);
    Ok((!is_of_this_state).then_some(Committed::LostRace))
}

async fn write_row(
    db: &mut SqliteConnection,
    change: &Change,
    row: &Row,
) -> Result<(), StoreError> {
    let query = sqlx::query(if row.after == 0 { NEW_RUN } else { CHANGE_RUN })
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
    query.execute(db).await.map(drop).map_err(failed("write the run"))
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
    let settled = bind(SETTLE).bind(held.version).execute(&mut *db).await;
    if settled.map_err(failed("settle an effect"))?.rows_affected() == 1 {
        return Ok(true);
    }
    let released = bind(RELEASE).execute(&mut *db).await;
    Ok(released.map_err(failed("release an effect"))?.rows_affected() == 1)
}

#[async_trait]
impl Write for Wanted {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        want(db, self).await
    }
}

/// Takes what is due.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) holder: String,
    pub(super) now: Timestamp,
    pub(super) lease: Span,
    pub(super) room: Room,
}

#[async_trait]
impl Write for Claim {
    type Output = Vec<Claimed>;

    async fn write(&self, db: &mut SqliteConnection) -> Result<Vec<Claimed>, StoreError> {
        let claimed: Vec<DueRow> = sqlx::query_as(CLAIM)
            .bind(self.now.0)
            .bind(&self.holder)
            .bind(self.now.plus(self.lease).0)
            .bind(i64::from(self.room.work))
            .bind(i64::from(self.room.talk))
            .bind(i64::from(TALK))
            .fetch_all(db)
            .await
            .map_err(failed("lease work"))?;
        Ok(rows::claimed(claimed, &self.holder, self.now.plus(self.lease)))
    }
}

/// Takes one effect.
#[derive(Debug)]
pub(super) struct ClaimOne {
    pub(super) run: String,
    pub(super) key: String,
    pub(super) holder: String,
    pub(super) now: Timestamp,
    pub(super) lease: Span,
}

#[async_trait]
impl Write for ClaimOne {
    type Output = Vec<Claimed>;

    async fn write(&self, db: &mut SqliteConnection) -> Result<Vec<Claimed>, StoreError> {
        let claimed: Vec<DueRow> = sqlx::query_as(sql::CLAIM_ONE)
            .bind(self.now.0)
            .bind(&self.holder)
            .bind(self.now.plus(self.lease).0)
            .bind(&self.run)
            .bind(&self.key)
            .fetch_all(db)
            .await
            .map_err(failed("lease work"))?;
        Ok(rows::claimed(claimed, &self.holder, self.now.plus(self.lease)))
    }
}

/// Settles an effect.
#[derive(Debug)]
pub(super) struct Settle(pub(super) Held);

#[async_trait]
impl Write for Settle {
    type Output = bool;

    async fn write(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        settle(db, &self.0).await
    }
}

#[async_trait]
impl Write for Postponed {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query(sql::POSTPONE)
            .bind(&self.held.run)
            .bind(&self.held.key)
            .bind(&self.held.lease)
            .bind(self.due_at)
            .bind(&self.note)
            .bind(self.tries)
            .bind(self.held.version)
            .bind(i64::from(TALK))
            .execute(db)
            .await
            .map(drop)
            .map_err(failed("postpone work"))
    }
}

#[async_trait]
impl Write for Placed {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query(sql::REMEMBER)
            .bind(&self.run)
            .bind(&self.key)
            .bind(&self.channel)
            .bind(&self.ts)
            .bind(self.fate)
            .execute(db)
            .await
            .map(drop)
            .map_err(failed("remember a message"))
    }
}

/// A language that somebody chose.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) person: String,
    pub(super) language: &'static str,
}

#[async_trait]
impl Write for Chosen {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query(sql::CHOOSE_LANGUAGE)
            .bind(&self.person)
            .bind(self.language)
            .execute(db)
            .await
            .map(drop)
            .map_err(failed("remember a language"))
    }
}

/// Ends all leases.
#[derive(Debug)]
pub(super) struct ReleaseAll;

#[async_trait]
impl Write for ReleaseAll {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for release in [RELEASE_ALL, RELEASE_OFFERS] {
            let released = sqlx::query(release).execute(&mut *db).await;
            released.map(drop).map_err(failed("release leases"))?;
        }
        Ok(())
    }
}

/// Writes something that means nothing.
#[derive(Debug)]
pub(super) struct Check;

#[async_trait]
impl Write for Check {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let checked = sqlx::query(sql::CHECK).execute(db).await;
        checked.map(drop).map_err(failed("write"))
    }
}

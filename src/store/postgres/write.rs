//! One commit, statement by statement.
//!
//! The run's row comes first: whoever writes it has the run, so that two commits of one run never wait for each other
//! over anything else. A claim skips what is locked and waits for nobody.

use sqlx::PgConnection;

use crate::store::change::{Change, Held, Row, Wanted};
use crate::store::{Committed, StoreError, failed, rows, sql};

const NEW_EVENTS: &str = "insert into events (run_id, seq, version, body, previous, hash) \
     select $1, event.seq, event.version, event.body, event.previous, event.hash \
     from unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) \
     as event (seq, version, body, previous, hash)";
const WANT: &str = "insert into outbox (run_id, key, priority, due_at, version, tries, lease, \
     lease_until, note, body) \
     select $1, effect.key, effect.priority, effect.due_at, 1, 0, null, 0, null, effect.body \
     from unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[]) \
     as effect (key, priority, due_at, body) \
     on conflict (run_id, key) do update set version = outbox.version + 1, \
     due_at = excluded.due_at, body = excluded.body";
const IS_HELD: &str = "select count(*) from outbox where run_id = $1 and key = $2 and lease = $3";

/// Writes everything, inside a transaction that is kept if, and only if, this says `Done`.
pub(super) async fn write(db: &mut PgConnection, change: &Change) -> Result<Committed, StoreError> {
    if let Some(row) = &change.row
        && !write_row(db, change, row).await?
    {
        return refused(db, change, row).await;
    }
    if !new_key(db, change).await? {
        return duplicate(db, change).await.map(|known| known.unwrap_or(Committed::LostRace));
    }
    if let Some(held) = &change.settles
        && !settle(db, held).await?
    {
        return Ok(Committed::LeaseLost);
    }
    if !change.events.is_empty() {
        write_events(db, change).await?;
    }
    if !change.effects.is_empty() {
        want(db, &change.run, &change.effects).await?;
    }
    Ok(Committed::Done)
}

/// Why the row of the run could not be written: in the order in which SQLite finds out.
async fn refused(
    db: &mut PgConnection,
    change: &Change,
    row: &Row,
) -> Result<Committed, StoreError> {
    if let Some(known) = duplicate(db, change).await? {
        return Ok(known);
    }
    if let Some(held) = &change.settles {
        let ours: i64 = sqlx::query_scalar(IS_HELD)
            .bind(&held.run)
            .bind(&held.key)
            .bind(&held.lease)
            .fetch_one(&mut *db)
            .await
            .map_err(failed("look up a lease"))?;
        if ours == 0 {
            return Ok(Committed::LeaseLost);
        }
    }
    let taken: Option<String> = sqlx::query_scalar(sql::SLOT)
        .bind(&row.slot)
        .bind(&change.run)
        .fetch_optional(db)
        .await
        .map_err(failed("look for an open run"))?;
    Ok(match taken {
        Some(taken) => Committed::SlotTaken(rows::id(&taken)?),
        None => Committed::LostRace,
    })
}

async fn duplicate(
    db: &mut PgConnection,
    change: &Change,
) -> Result<Option<Committed>, StoreError> {
    let known: Option<String> = sqlx::query_scalar(sql::DUPLICATE)
        .bind(&change.key)
        .fetch_optional(db)
        .await
        .map_err(failed("look up the request"))?;
    known.map(|known| Ok(Committed::Duplicate(rows::id(&known)?))).transpose()
}

/// Waits for whoever is committing the same key just now; false if they did.
pub(super) async fn new_key(db: &mut PgConnection, change: &Change) -> Result<bool, StoreError> {
    let done = sqlx::query(sql::NEW_KEY)
        .bind(&change.key)
        .bind(&change.run)
        .bind(change.at)
        .execute(db)
        .await
        .map_err(failed("record the request"))?;
    Ok(done.rows_affected() == 1)
}

async fn write_row(db: &mut PgConnection, change: &Change, row: &Row) -> Result<bool, StoreError> {
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

async fn write_events(db: &mut PgConnection, change: &Change) -> Result<(), StoreError> {
    let events = &change.events;
    sqlx::query(NEW_EVENTS)
        .bind(&change.run)
        .bind(events.iter().map(|event| event.seq).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.version).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.body.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.previous.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.hash.as_str()).collect::<Vec<_>>())
        .execute(db)
        .await
        .map(drop)
        .map_err(failed("write the events"))
}

/// Records effects of one run, no two of the same key.
pub(super) async fn want(
    db: &mut PgConnection,
    run: &str,
    effects: &[Wanted],
) -> Result<(), StoreError> {
    sqlx::query(WANT)
        .bind(run)
        .bind(effects.iter().map(|effect| effect.key.as_str()).collect::<Vec<_>>())
        .bind(effects.iter().map(|effect| effect.priority).collect::<Vec<_>>())
        .bind(effects.iter().map(|effect| effect.due_at).collect::<Vec<_>>())
        .bind(effects.iter().map(|effect| effect.body.as_str()).collect::<Vec<_>>())
        .execute(db)
        .await
        .map(drop)
        .map_err(failed("record the effects"))
}

/// Removes the effect, or makes it due again if it was wanted meanwhile; false if the lease is not ours any more.
pub(super) async fn settle(db: &mut PgConnection, held: &Held) -> Result<bool, StoreError> {
    let bind = |sql| sqlx::query(sql).bind(&held.run).bind(&held.key).bind(&held.lease);
    let settled = bind(sql::SETTLE).bind(held.version).execute(&mut *db).await;
    if settled.map_err(failed("settle an effect"))?.rows_affected() == 1 {
        return Ok(true);
    }
    let released = bind(sql::RELEASE).execute(&mut *db).await;
    Ok(released.map_err(failed("release an effect"))?.rows_affected() == 1)
}

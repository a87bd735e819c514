//! What is written, each in one statement: one trip, and a transaction of the server's own.

use sqlx::PgConnection;
use sqlx::postgres::PgPool;

use crate::store::change::{Change, Held, Row, Wanted};
use crate::store::{Committed, StoreError, failed, rows};

/// One row each, in order; the rules are in `commit_on_head`, beside the tables.
const COMMIT: &str = "select made.outcome, made.other \
     from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
     $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], \
     $13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::text[], $18::text[]) \
     with ordinality as asked (key, run, at, held_run, held_key, held_lease, held_version, \
     after, seq, head, slot, status, started_at, version, state, frozen, events, effects, n), \
     lateral commit_on_head(asked.key, asked.run, asked.at, asked.held_run, asked.held_key, \
     asked.held_lease, asked.held_version, asked.after, asked.seq, asked.head, asked.slot, \
     asked.status, asked.started_at, asked.version, asked.state, asked.frozen::json, \
     asked.events::json, asked.effects::json) as made order by asked.n";
const IS_OURS: &str =
    "select exists (select from events where run_id = $1 and seq = $2 and hash = $3)";
const WANT: &str = "insert into outbox (run_id, key, priority, due_at, version, tries, lease, \
     lease_until, note, body) values ($1, $2, $3, $4, 1, 0, null, 0, null, $5) \
     on conflict (run_id, key) do update set version = outbox.version + 1, \
     due_at = excluded.due_at, body = excluded.body";
const SETTLE: &str = "select settle_effect($1, $2, $3, $4)";

/// Does each or refuses it, in order; durable when this returns.
pub(super) async fn commit(
    db: &mut PgConnection,
    changes: &[&Change],
) -> Result<Vec<Committed>, sqlx::Error> {
    fn all<'a, T>(changes: &[&'a Change], what: impl Fn(&'a Change) -> T) -> Vec<T> {
        changes.iter().map(|change| what(change)).collect()
    }
    fn held(change: &Change) -> Option<&Held> {
        change.settles.as_ref()
    }
    fn row(change: &Change) -> Option<&Row> {
        change.row.as_ref()
    }
    let outcomes: Vec<(String, Option<String>)> = sqlx::query_as(COMMIT)
        .bind(all(changes, |change| change.key.as_str()))
        .bind(all(changes, |change| change.run.as_str()))
        .bind(all(changes, |change| change.at))
        .bind(all(changes, |change| held(change).map(|held| held.run.as_str())))
        .bind(all(changes, |change| held(change).map(|held| held.key.as_str())))
        .bind(all(changes, |change| held(change).map(|held| held.lease.as_str())))
        .bind(all(changes, |change| held(change).map(|held| held.version)))
        .bind(all(changes, |change| row(change).map(|row| row.after)))
        .bind(all(changes, |change| row(change).map(|row| row.seq)))
        .bind(all(changes, |change| row(change).map(|row| row.head.as_str())))
        .bind(all(changes, |change| row(change).and_then(|row| row.slot.as_deref())))
        .bind(all(changes, |change| row(change).map(|row| row.status)))
        .bind(all(changes, |change| row(change).map(|row| row.started_at)))
        .bind(all(changes, |change| row(change).map(|row| row.version)))
        .bind(all(changes, |change| row(change).map(|row| row.state.as_str())))
        .bind(all(changes, |change| change.frozen.as_str()))
        .bind(all(changes, |change| change.events.as_str()))
        .bind(all(changes, |change| change.effects.as_str()))
        .fetch_all(db)
        .await?;
    outcomes.into_iter().map(outcome).collect()
}

fn outcome((outcome, other): (String, Option<String>)) -> Result<Committed, sqlx::Error> {
    let run = || {
        let id = rows::id(other.as_deref().unwrap_or_default());
        id.map_err(|error| sqlx::Error::Decode(error.into()))
    };
    match outcome.as_str() {
        "done" => Ok(Committed::Done),
        "duplicate" => run().map(Committed::Duplicate),
        "lost_race" => Ok(Committed::LostRace),
        "slot_taken" => run().map(Committed::SlotTaken),
        "lease_lost" => Ok(Committed::LeaseLost),
        other => Err(sqlx::Error::Decode(format!("an outcome `{other}` is not known").into())),
    }
}

/// Whether what was committed under the key of this change is this change: its last event is where it belongs.
pub(super) async fn is_ours(pool: &PgPool, change: &Change) -> Result<bool, sqlx::Error> {
    let Some(row) = &change.row else { return Ok(true) };
    sqlx::query_scalar(IS_OURS)
        .bind(&change.run)
        .bind(row.seq)
        .bind(&row.head)
        .fetch_one(pool)
        .await
}

/// Records an effect.
pub(super) async fn want(db: &mut PgConnection, effect: &Wanted) -> Result<(), StoreError> {
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
pub(super) async fn settle(db: &mut PgConnection, held: &Held) -> Result<bool, StoreError> {
    sqlx::query_scalar(SETTLE)
        .bind(&held.run)
        .bind(&held.key)
        .bind(&held.lease)
        .bind(held.version)
        .fetch_one(db)
        .await
        .map_err(failed("settle an effect"))
}

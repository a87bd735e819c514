//! PostgreSQL: the server itself writes its row in JSON, so that no type has to be known here.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use super::{Asking, Line, Row, ms, one_row};

pub(super) async fn open(
    line: &Line,
    extra_ca: Option<&Path>,
) -> Result<Box<PgConnection>, sqlx::Error> {
    let mut options: PgConnectOptions = line.url.expose_secret().parse()?;
    if let Some(path) = extra_ca.filter(|_| !line.names_ca) {
        options = options.ssl_root_cert(path);
    }
    let options = options.application_name("dr-buddy").disable_statement_logging();
    Ok(Box::new(options.connect().await?))
}

/// The query stands in brackets, and is prepared: it can be one SELECT and nothing else.
pub(super) async fn ask(
    db: &mut PgConnection,
    query: &str,
    wait: Duration,
) -> Result<Option<Row>, Asking> {
    let mut reading = db.begin_with("begin transaction read only").await?;
    let limit = format!("set local statement_timeout = {}", ms(wait));
    sqlx::query(AssertSqlSafe(limit)).execute(&mut *reading).await?;
    let whole = format!(
        "select left(row_to_json(q)::text, 65537), \
         to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from (\n{query}\n) q limit 2"
    );
    let rows: Vec<(String, String)> =
        sqlx::query_as(AssertSqlSafe(whole)).persistent(false).fetch_all(&mut *reading).await?;
    reading.rollback().await?;
    one_row(&rows)
}

/// Writes one row, and the table before it if there is none: both or nothing.
pub(super) async fn insert(
    db: &mut PgConnection,
    (token, run, step): (&str, &str, &str),
    wait: Duration,
) -> Result<u64, sqlx::Error> {
    let mut writing = db.begin().await?;
    let limit = format!("set local statement_timeout = {}", ms(wait));
    sqlx::query(AssertSqlSafe(limit)).execute(&mut *writing).await?;
    // Asked first: to make it if need be takes the right to make it, needed or not.
    let is_there: bool = sqlx::query_scalar("select to_regclass('dr_buddy_canary') is not null")
        .fetch_one(&mut *writing)
        .await?;
    if !is_there {
        sqlx::query(
            "create table dr_buddy_canary (token text primary key, run text not null, step text not null, \
             written_at timestamptz not null default now())",
        )
        .execute(&mut *writing)
        .await?;
    }
    let done = sqlx::query(
        "insert into dr_buddy_canary (token, run, step) values ($1, $2, $3) on conflict (token) do nothing",
    )
    .bind(token)
    .bind(run)
    .bind(step)
    .execute(&mut *writing)
    .await?;
    writing.commit().await?;
    Ok(done.rows_affected())
}

/// Removes that row.
pub(super) async fn delete(
    db: &mut PgConnection,
    token: &str,
    wait: Duration,
) -> Result<u64, sqlx::Error> {
    let mut writing = db.begin().await?;
    let limit = format!("set local statement_timeout = {}", ms(wait));
    sqlx::query(AssertSqlSafe(limit)).execute(&mut *writing).await?;
    let done = sqlx::query("delete from dr_buddy_canary where token = $1")
        .bind(token)
        .execute(&mut *writing)
        .await?;
    writing.commit().await?;
    Ok(done.rows_affected())
}

/// Whether that row is there; not where there is no table.
pub(super) async fn has(db: &mut PgConnection, token: &str) -> Result<bool, sqlx::Error> {
    let is_there: bool = sqlx::query_scalar("select to_regclass('dr_buddy_canary') is not null")
        .fetch_one(&mut *db)
        .await?;
    if !is_there {
        return Ok(false);
    }
    sqlx::query_scalar("select exists (select from dr_buddy_canary where token = $1)")
        .bind(token)
        .fetch_one(db)
        .await
}

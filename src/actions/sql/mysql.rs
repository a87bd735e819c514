//! MySQL and MariaDB. Neither writes any row in JSON by itself: its columns are asked for first, then named.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Executor as _, MySqlConnection, Row as _,
    SqlSafeStr as _, Statement as _,
};

use super::{Asking, Line, Row, ms, one_row};
use crate::actions::params::clip;
use crate::domain::text::told;

const NOW: &str = "date_format(utc_timestamp(3), '%Y-%m-%dT%H:%i:%s.%fZ')";
/// What the server says of a table that is not there.
const NO_TABLE: &str = "42S02";

pub(super) async fn open(
    line: &Line,
    extra_ca: Option<&Path>,
) -> Result<Box<MySqlConnection>, sqlx::Error> {
    let mut options: MySqlConnectOptions = line.url.expose_secret().parse()?;
    if let Some(path) = extra_ca.filter(|_| !line.names_ca) {
        options = options.ssl_ca(path);
    }
    Ok(Box::new(options.disable_statement_logging().connect().await?))
}

/// Both kinds of server stop a statement by themselves, each in its own words.
async fn limit(db: &mut MySqlConnection, wait: Duration) -> Result<(), sqlx::Error> {
    let version: String =
        sqlx::query_scalar("select cast(version() as char)").fetch_one(&mut *db).await?;
    let limit = if version.contains("MariaDB") {
        format!("set session max_statement_time = {:.3}", wait.as_secs_f64())
    } else {
        format!("set session max_execution_time = {}", ms(wait))
    };
    sqlx::raw_sql(AssertSqlSafe(limit)).execute(db).await?;
    Ok(())
}

/// The query stands in brackets, and is prepared: it can be one SELECT and nothing else.
pub(super) async fn ask(
    db: &mut MySqlConnection,
    query: &str,
    wait: Duration,
) -> Result<Option<Row>, Asking> {
    limit(db, wait).await?;
    sqlx::raw_sql("start transaction read only").execute(&mut *db).await?;
    let asked = AssertSqlSafe(query.to_owned()).into_sql_str();
    let columns: Vec<String> = {
        let statement = (&mut *db).prepare(asked).await?;
        statement.columns().iter().map(|column| column.name().to_owned()).collect()
    };
    let is_plain = |name: &String| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if let Some(name) = columns.iter().find(|name| !is_plain(name)) {
        return Err(Asking::Ours(told("trouble.unnamed_column", &[&clip(name)])));
    }
    let named: Vec<String> = columns.iter().map(|name| format!("'{name}', q.`{name}`")).collect();
    let whole = format!(
        "select left(cast(json_object({}) as char), 65537), {NOW} from (\n{query}\n) q limit 2",
        named.join(", ")
    );
    let rows: Vec<MySqlRow> =
        sqlx::query(AssertSqlSafe(whole)).persistent(false).fetch_all(&mut *db).await?;
    let mut read = Vec::new();
    for row in &rows {
        read.push((row.try_get_unchecked(0)?, row.try_get_unchecked(1)?));
    }
    sqlx::raw_sql("rollback").execute(db).await?;
    one_row(&read)
}

/// What a replica says of itself, by column; nothing on a server that replicates from nobody.
pub(super) async fn replica_status(
    db: &mut MySqlConnection,
    wait: Duration,
) -> Result<Option<Row>, Asking> {
    limit(db, wait).await?;
    // In the text protocol every column is a text.
    let rows = sqlx::raw_sql("show replica status").fetch_all(&mut *db).await?;
    let at: String =
        sqlx::query_scalar(AssertSqlSafe(format!("select {NOW}"))).fetch_one(db).await?;
    let [row] = rows.as_slice() else {
        return if rows.is_empty() {
            Ok(None)
        } else {
            Err(Asking::Ours(told("trouble.many_rows", &[])))
        };
    };
    // MySQL has renamed these columns, MariaDB has not.
    let text = |name: &str| row.try_get_unchecked::<Option<String>, _>(name).ok().flatten();
    let of = |new: &str, old: &str| text(new).or_else(|| text(old));
    let lag = of("Seconds_Behind_Source", "Seconds_Behind_Master");
    let columns = [
        ("lag_s", lag.and_then(|lag| lag.parse::<u64>().ok()).map(Into::into)),
        ("receives", of("Replica_IO_Running", "Slave_IO_Running").map(Into::into)),
        ("applies", of("Replica_SQL_Running", "Slave_SQL_Running").map(Into::into)),
    ];
    let columns = columns.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Some(Row { columns: columns.collect(), at }))
}

/// Writes one row, and before it the table if there is none. A table that was made for a row that is then refused stays.
pub(super) async fn insert(
    db: &mut MySqlConnection,
    (token, run, step): (&str, &str, &str),
    wait: Duration,
) -> Result<u64, sqlx::Error> {
    limit(db, wait).await?;
    let insert = "insert into dr_buddy_canary (token, run, step) values (?, ?, ?) on duplicate key update token = token";
    let write = || sqlx::query(insert).bind(token).bind(run).bind(step);
    match write().execute(&mut *db).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_TABLE) => {}
        done => return done.map(|done| done.rows_affected()),
    }
    sqlx::query(
        "create table if not exists dr_buddy_canary (token varchar(64) primary key, run varchar(200) not null, \
         step varchar(200) not null, written_at timestamp not null default current_timestamp)",
    )
    .execute(&mut *db)
    .await?;
    write().execute(db).await.map(|done| done.rows_affected())
}

/// Removes that row.
pub(super) async fn delete(
    db: &mut MySqlConnection,
    token: &str,
    wait: Duration,
) -> Result<u64, sqlx::Error> {
    limit(db, wait).await?;
    let done =
        sqlx::query("delete from dr_buddy_canary where token = ?").bind(token).execute(db).await?;
    Ok(done.rows_affected())
}

/// Whether that row is there; not where there is no table.
pub(super) async fn has(db: &mut MySqlConnection, token: &str) -> Result<bool, sqlx::Error> {
    let found = sqlx::query("select token from dr_buddy_canary where token = ?")
        .bind(token)
        .fetch_optional(db)
        .await;
    match found {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_TABLE) => Ok(false),
        found => found.map(|row| row.is_some()),
    }
}

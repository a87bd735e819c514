//! Databases, by named connections: one action asks in a transaction that may only read, the other writes one row.
//!
//! Each question has a connection of its own, closed after it: what a pooler or an old session remembers proves nothing
//! of the server that answers now.

mod canary;
mod check;
mod mysql;
mod postgres;
mod questions;

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use sqlx::{Connection as _, MySqlConnection, PgConnection};
use tokio::time::timeout;

use super::connections::{Line, System};
use super::params::optional_text;
use super::{Call, LookError};
use crate::actions::params::unsafe_because;
use crate::domain::text::told;
use crate::domain::time::Span;
pub(super) use canary::Canary;
pub(super) use check::Check;

/// Longest wait a step may ask for: well inside the lease.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Unless told.
const WAIT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);
/// The server ends by itself what takes too long, and says so; only if it does not, it is unclear what happened.
const GRACE: Duration = Duration::from_secs(2);
/// Longest row that is kept.
const LONGEST_ROW: usize = 64 * 1024;

/// The systems these actions speak to.
const SYSTEMS: [System; 2] = [System::Postgres, System::Mysql];

/// Why there was no answer.
#[derive(Debug)]
enum Trouble {
    /// Nobody answered, and nothing was asked.
    NotConnected(String),
    /// The server refused what was asked.
    Refused(String),
    /// It may have been heard.
    Unclear(String),
}

/// One connection, for one question.
enum Session {
    Postgres(Box<PgConnection>),
    Mysql(Box<MySqlConnection>),
}

/// A row, and when it was read by the server's own clock.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    columns: Map<String, Value>,
    at: String,
}

impl Session {
    /// Connects, or says why not without a secret.
    async fn open(line: &Line, extra_ca: Option<&Path>) -> Result<Self, Trouble> {
        let session = async {
            match line.target.system {
                System::Mysql => mysql::open(line, extra_ca).await.map(Self::Mysql),
                System::Postgres | System::Redis => {
                    postgres::open(line, extra_ca).await.map(Self::Postgres)
                }
            }
        };
        match timeout(CONNECT, Box::pin(session)).await {
            Ok(Ok(session)) => Ok(session),
            // A wrong password, a database that is not there: somebody has to mend that.
            Ok(Err(error @ sqlx::Error::Database(_))) => Err(match Trouble::of(&error, line) {
                // It is starting, or going down.
                Trouble::Unclear(text) => Trouble::NotConnected(text),
                other @ (Trouble::NotConnected(_) | Trouble::Refused(_)) => other,
            }),
            Ok(Err(error)) => Err(Trouble::NotConnected(line.scrub(&cause(&error)))),
            Err(_) => {
                let seconds = CONNECT.as_secs().to_string();
                Err(Trouble::NotConnected(told("told.timed_out", &[&seconds])))
            }
        }
    }

    /// The one row that answers `query`, in a transaction that may only read; none if there is no row.
    async fn ask(&mut self, query: &str, wait: Duration) -> Result<Option<Row>, Asking> {
        match self {
            Self::Postgres(db) => postgres::ask(db, query, wait).await,
            Self::Mysql(db) => mysql::ask(db, query, wait).await,
        }
    }

    async fn close(self) {
        let closed = async {
            match self {
                Self::Postgres(db) => db.close().await,
                Self::Mysql(db) => db.close().await,
            }
        };
        // The server sees the end of the connection anyway.
        drop(timeout(CONNECT, closed).await);
    }
}

/// What can go wrong with a question.
#[derive(Debug)]
enum Asking {
    Sql(sqlx::Error),
    /// Of ours, as it is recorded.
    Ours(String),
}

impl From<sqlx::Error> for Asking {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// A row as the server wrote it in JSON; more than one are no answer, and a very long one neither.
fn one_row(rows: &[(String, String)]) -> Result<Option<Row>, Asking> {
    let ours = |key| Err(Asking::Ours(told(key, &[])));
    match rows {
        [] => Ok(None),
        [(json, at)] if json.len() <= LONGEST_ROW => match serde_json::from_str(json) {
            Ok(columns) => Ok(Some(Row { columns, at: at.clone() })),
            Err(_) => ours("trouble.no_row"),
        },
        [_] => ours("trouble.long_row"),
        _ => ours("trouble.many_rows"),
    }
}

impl Trouble {
    fn of(error: &sqlx::Error, line: &Line) -> Self {
        let text = line.scrub(&cause(error));
        let code = error.as_database_error().map(|refusal| refusal.code().unwrap_or_default());
        match code {
            // The server is going down, or another one has taken over: what it had begun is not known.
            Some(code) if ["57P", "08", "40003"].iter().any(|class| code.starts_with(class)) => {
                Self::Unclear(text)
            }
            Some(_) => Self::Refused(text),
            None if matches!(error, sqlx::Error::InvalidArgument(_)) => Self::Refused(text),
            None => Self::Unclear(text),
        }
    }

    fn of_asking(asking: Asking, line: &Line) -> Self {
        match asking {
            Asking::Sql(error) => Self::of(&error, line),
            Asking::Ours(text) => Self::Refused(text),
        }
    }

    fn slow(wait: Duration) -> Self {
        Self::Unclear(told("told.no_time", &[&wait.as_secs().to_string()]))
    }
}

/// The innermost words: the outer ones only say that it was a database.
fn cause(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(refusal) => refusal.message().to_owned(),
        None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    }
}

/// How long the whole may take.
fn wait(call: &Call<'_>) -> Result<Duration, LookError> {
    let Some(text) = optional_text(call, "timeout") else { return Ok(WAIT) };
    let span = Span::parse(text).map_err(|error| unsafe_because(error.to_string()))?;
    Ok(Duration::from_millis(span.ms()).min(LONGEST_WAIT))
}

fn ms(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(10_000).max(1)
}

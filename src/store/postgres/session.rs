//! A connection of the pool, in use. It goes back only when what it did ended well; else it is closed, so that the
//! server takes back whatever was open, and nobody meets its half-read answers.
//!
//! Nothing here waits for ever: borrowing and every conversation have a limit, and the server is told one as well, for
//! the case that it is this side that is gone.

use futures_util::FutureExt;
use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection, Postgres};

use crate::store::{StoreError, failed};

/// Connections at most: the outbox works at 16 things at once, and a commit takes a few milliseconds.
const CONNECTIONS: u32 = 12;
/// Longest wait for a connection: the pool tries again and again until then, with back-off.
const ACQUIRE: Duration = Duration::from_secs(3);
/// Longest a first connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// Longest a conversation may take, borrowing included.
pub(super) const LIMIT: Duration = Duration::from_secs(8);
/// A connection that rested longer than this is asked whether it is alive before it is used.
const RESTED: Duration = Duration::from_secs(1);

/// What every session is set to, whatever the server's defaults. A replica that is stopped in the middle of a
/// transaction must not hold its locks for ever; a commit is on the disk before it is answered.
const SETTINGS: &str = "set statement_timeout = '5s'; set lock_timeout = '4s'; \
     set idle_in_transaction_session_timeout = '15s'; \
     set default_transaction_isolation = 'read committed'; \
     select set_config('synchronous_commit', 'on', false) \
     where current_setting('synchronous_commit') = 'off'";

/// A pool that connects when it is asked to.
pub(super) fn pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(SETTINGS).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(options)
}

/// The pool of the store itself.
pub(super) fn main_pool(options: PgConnectOptions) -> PgPool {
    pool(options, CONNECTIONS)
}

/// At most [`LIMIT`] long.
pub(super) async fn bounded<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(LIMIT, work).await;
    answer.unwrap_or_else(|_| Err(failed(what)(silent())))
}

/// The server did not answer.
pub(super) fn silent() -> sqlx::Error {
    let text = format!("no answer within {} s", LIMIT.as_secs());
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
}

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    connection: PoolConnection<Postgres>,
    is_clean: bool,
}

impl Session {
    /// Borrows a connection.
    pub(super) async fn open(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().boxed().await?, is_clean: false })
    }

    /// Gives the connection back: no transaction is open, every answer was read.
    pub(super) fn done(mut self) {
        self.is_clean = true;
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_clean {
            self.connection.close_on_drop();
        }
    }
}

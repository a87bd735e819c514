//! The one writer. Whatever waits when it is free shares one transaction, and so one fsync; each request in it succeeds
//! or fails on its own.
//!
//! A request is a [`Write`]: it lives in the queue, not in its caller, so a caller that goes away neither loses nor
//! tears what it handed in. When anything fails, everything is taken back, the connection is given up (after a full
//! disk SQLite may have left the transaction by itself), and each request is tried alone: it gets its own error.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::faults;
use crate::store::{StoreError, failed};

/// Requests in one transaction.
const AT_ONCE: usize = 128;
/// Requests that may wait; more wait to wait.
const QUEUE: usize = 1024;

/// What a request writes. One that is refused has written nothing. Perhaps run more than once, after everything it
/// wrote was taken back.
#[async_trait]
pub(super) trait Write: Send + Sync + 'static {
    /// What the caller learns.
    type Output: Send + 'static;

    /// Writes, inside a transaction.
    async fn write(&self, db: &mut SqliteConnection) -> Result<Self::Output, StoreError>;
}

/// The way to the writer. The writer ends when this is dropped and the queue is empty.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the writer.
    #[expect(
        clippy::disallowed_methods,
        reason = "it belongs to the store: it ends with it, after what was handed in is written"
    )]
    pub(super) fn start(options: SqliteConnectOptions) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(work(Db { options, connection: None }, jobs));
        Self { queue }
    }

    /// Hands in a request and waits until what became of it is durable.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Output, StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || failed("write: its writer has ended")(sqlx::Error::WorkerCrashed);
        let job = Box::new(Handed { write, wrote: None, answer });
        self.queue.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// A [`Write`] of any kind, with the one who waits for it.
#[async_trait]
trait Job: Send + std::fmt::Debug {
    /// Writes, inside a transaction.
    async fn run(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError>;
    /// It is durable.
    fn succeed(self: Box<Self>);
    /// Nothing of it was written.
    fn fail(self: Box<Self>, error: StoreError);
}

struct Handed<W: Write> {
    write: W,
    wrote: Option<W::Output>,
    answer: oneshot::Sender<Result<W::Output, StoreError>>,
}

impl<W: Write> std::fmt::Debug for Handed<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handed").finish_non_exhaustive()
    }
}

#[async_trait]
impl<W: Write> Job for Handed<W> {
    async fn run(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        self.wrote = Some(self.write.write(db).await?);
        Ok(())
    }

    fn succeed(self: Box<Self>) {
        if let Some(output) = self.wrote {
            // The caller may have gone away; what it asked for is done all the same.
            drop(self.answer.send(Ok(output)));
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.answer.send(Err(error)));
    }
}

async fn work(mut db: Db, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, AT_ONCE).await > 0 {
        db.perform(std::mem::take(&mut jobs)).await;
    }
    if let Some(connection) = db.connection {
        drop(connection.close().await);
    }
}

struct Db {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
}

impl Db {
    async fn perform(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        if jobs.len() > 1 && self.transact(&mut jobs).await.is_ok() {
            return jobs.into_iter().for_each(|job| job.succeed());
        }
        for mut job in jobs {
            match self.transact(std::slice::from_mut(&mut job)).await {
                Ok(()) => job.succeed(),
                Err(error) => job.fail(error),
            }
        }
    }

    /// All of them in one transaction, or none.
    async fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(failed("open"))?,
        };
        let done = transact(&mut connection, jobs).await;
        if done.is_ok() {
            self.connection = Some(connection);
        } else {
            // Closing takes back whatever is open; an error here says nothing new.
            drop(connection.close().await);
        }
        done
    }
}

async fn transact(db: &mut SqliteConnection, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    // Deferred transactions fail at once when two read and then write; IMMEDIATE waits its turn.
    run(db, "begin", "begin immediate").await?;
    for job in jobs {
        job.run(db).await?;
    }
    faults::inside();
    run(db, "commit", "commit").await
}

async fn run(
    db: &mut SqliteConnection,
    what: &'static str,
    sql: &'static str,
) -> Result<(), StoreError> {
    sqlx::raw_sql(sql).execute(db).await.map(drop).map_err(failed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a number, and then is well or fails.
    struct Number(i64, &'static str);

    #[async_trait]
    impl Write for Number {
        type Output = i64;
        async fn write(&self, db: &mut SqliteConnection) -> Result<i64, StoreError> {
            sqlx::query("insert into numbers (n) values ($1)")
                .bind(self.0)
                .execute(&mut *db)
                .await
                .map_err(failed("write"))?;
            match self.1 {
                "keep" => Ok(self.0),
                // What a full disk does: the transaction is gone before anybody says so.
                "leave" => {
                    run(db, "leave", "rollback").await?;
                    Err(failed("write")(sqlx::Error::PoolClosed))
                }
                _ => Err(failed("write")(sqlx::Error::PoolClosed)),
            }
        }
    }

    async fn numbers(ends: &[&'static str]) -> (Vec<Result<i64, StoreError>>, Vec<i64>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut db = Db { options, connection: None };
        let mut connection = db.options.connect().await.unwrap();
        run(&mut connection, "create", "create table numbers (n bigint unique)").await.unwrap();
        let mut jobs: Vec<Box<dyn Job>> = Vec::new();
        let mut answers = Vec::new();
        for (n, end) in (1..).zip(ends) {
            let (answer, answered) = oneshot::channel();
            jobs.push(Box::new(Handed { write: Number(n, end), wrote: None, answer }));
            answers.push(answered);
        }
        db.perform(jobs).await;
        let mut heard = Vec::new();
        for answer in answers {
            heard.push(answer.await.unwrap());
        }
        let kept: Vec<i64> = sqlx::query_scalar("select n from numbers order by n")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        (heard, kept)
    }

    #[tokio::test]
    async fn a_request_that_fails_fails_alone() {
        for failure in ["fail", "leave"] {
            let (heard, kept) = numbers(&["keep", failure, "keep", "keep"]).await;
            let failed: Vec<bool> = heard.iter().map(Result::is_err).collect();
            assert_eq!(failed, [false, true, false, false], "{failure}");
            assert_eq!(kept, [1, 3, 4], "{failure}");
            assert!(
                heard
                    .iter()
                    .zip(1..)
                    .all(|(heard, n)| heard.as_ref().is_ok_and(|m| *m == n) || n == 2)
            );
            let (heard, kept) = numbers(&[failure]).await;
            assert!(heard[0].is_err() && kept.is_empty(), "{failure}");
        }
    }

    #[tokio::test]
    async fn what_was_handed_in_is_written_though_nobody_waits_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        run(&mut connection, "create", "create table numbers (n bigint unique)").await.unwrap();
        let writer = Writer::start(options);
        for n in 1..=20 {
            let mut asked = Box::pin(writer.write(Number(n, "keep")));
            // One look puts it into the queue; then its caller is gone.
            assert!(futures_util::poll!(&mut asked).is_pending());
        }
        // Behind all of them in the queue.
        writer.write(Number(21, "keep")).await.unwrap();
        let kept: i64 = sqlx::query_scalar("select count(*) from numbers")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(kept, 21);
    }
}

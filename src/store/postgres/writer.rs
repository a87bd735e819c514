//! The one writer of a replica. Whatever waits when it is free goes to the server as one statement: one trip, one
//! transaction, one fsync; each request in it is done or refused on its own.
//!
//! A server that answers with an error has taken everything back: then each is tried alone, and gets its own error. A
//! connection that is lost says nothing: then the same is handed in once more under the same keys, which does it once
//! or finds it done.

use std::io;

use sqlx::postgres::{PgDatabaseError, PgPool, PgSeverity};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::session::{LIMIT, Session, silent};
use super::write;
use crate::store::change::Change;
use crate::store::{Committed, StoreError, failed};

/// Requests in one transaction.
const AT_ONCE: usize = 128;
/// Requests that may wait; more wait to wait.
const QUEUE: usize = 1024;
/// How often a transaction is tried that the server gave up for the sake of another.
const TRIES: u32 = 5;

/// The way to the writer, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Handed>,
    _task: JoinSet<()>,
}

/// A request, with the one who waits for it.
#[derive(Debug)]
struct Handed {
    change: Change,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

/// Nothing came back for any of them.
#[derive(Debug)]
enum Failure {
    /// It was not even sent.
    NotSent(sqlx::Error),
    /// The server took everything back.
    TakenBack(sqlx::Error),
    /// Nobody knows.
    Lost(sqlx::Error),
}

impl Writer {
    /// Starts the writer.
    pub(super) fn start(pool: PgPool) -> Self {
        let (queue, handed) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        task.spawn(work(pool, handed));
        Self { queue, _task: task }
    }

    /// Hands in a request and waits until what became of it is durable.
    pub(super) async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        let (answer, answered) = oneshot::channel();
        let gone = || failed("commit: its writer has ended")(sqlx::Error::WorkerCrashed);
        self.queue.send(Handed { change, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn work(pool: PgPool, mut queue: mpsc::Receiver<Handed>) {
    let mut handed = Vec::new();
    while queue.recv_many(&mut handed, AT_ONCE).await > 0 {
        let mut handed = std::mem::take(&mut handed);
        // Every replica takes the runs in the same order, so that no two wait for each other. Those of one run stay in
        // the order in which they came.
        handed.sort_by(|one, other| one.change.run.cmp(&other.change.run));
        perform(&pool, handed).await;
    }
}

async fn perform(pool: &PgPool, handed: Vec<Handed>) {
    match transact(pool, &handed).await {
        Ok(outcomes) => {
            for (one, outcome) in handed.into_iter().zip(outcomes) {
                one.tell(Ok(outcome));
            }
        }
        Err(Failure::TakenBack(_)) if handed.len() > 1 => {
            for one in handed {
                Box::pin(perform(pool, vec![one])).await;
            }
        }
        Err(Failure::NotSent(error) | Failure::TakenBack(error)) => {
            fail(handed, error, failed("commit"));
        }
        Err(Failure::Lost(_)) => once_more(pool, handed).await,
    }
}

/// After a lost connection: the same again under the same keys.
async fn once_more(pool: &PgPool, handed: Vec<Handed>) {
    match transact(pool, &handed).await {
        Ok(outcomes) => {
            for (one, outcome) in handed.into_iter().zip(outcomes) {
                let outcome = match outcome {
                    Committed::Duplicate(run) => match write::is_ours(pool, &one.change).await {
                        Ok(true) => Ok(Committed::Done),
                        Ok(false) => Ok(Committed::Duplicate(run)),
                        Err(source) => Err(StoreError::InDoubt { source }),
                    },
                    sure @ (Committed::Done
                    | Committed::LostRace
                    | Committed::SlotTaken(_)
                    | Committed::LeaseLost) => Ok(sure),
                };
                one.tell(outcome);
            }
        }
        Err(Failure::TakenBack(_)) if handed.len() > 1 => {
            for one in handed {
                Box::pin(once_more(pool, vec![one])).await;
            }
        }
        Err(Failure::NotSent(error) | Failure::TakenBack(error) | Failure::Lost(error)) => {
            fail(handed, error, |source| StoreError::InDoubt { source });
        }
    }
}

/// All of them in one transaction; what became of each.
async fn transact(pool: &PgPool, handed: &[Handed]) -> Result<Vec<Committed>, Failure> {
    let changes: Vec<&Change> = handed.iter().map(|one| &one.change).collect();
    let mut tries = 1;
    loop {
        let mut db = Session::open(pool).await.map_err(Failure::NotSent)?;
        let answer = tokio::time::timeout(LIMIT, write::commit(&mut db, &changes)).await;
        let error = match answer {
            Ok(Ok(outcomes)) => {
                db.done();
                return Ok(outcomes);
            }
            Ok(Err(error)) => error,
            Err(_) => silent(),
        };
        match server(&error) {
            Some(error) if tries < TRIES && is_given_up(error) => tries += 1,
            // Anything more severe ends the connection, and may come after the commit.
            Some(answer) if matches!(answer.severity(), PgSeverity::Error) => {
                return Err(Failure::TakenBack(error));
            }
            Some(_) | None => return Err(Failure::Lost(error)),
        }
    }
}

fn server(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// The server took this transaction back for the sake of another; it may be tried again.
fn is_given_up(error: &PgDatabaseError) -> bool {
    // deadlock_detected, serialization_failure
    matches!(error.code(), "40P01" | "40001")
}

/// One error for all who wait: the first has it with its code, the others have its words.
fn fail(handed: Vec<Handed>, error: sqlx::Error, means: impl Fn(sqlx::Error) -> StoreError) {
    let words = error.to_string();
    let mut handed = handed.into_iter();
    if let Some(first) = handed.next() {
        first.tell(Err(means(error)));
    }
    for one in handed {
        one.tell(Err(means(sqlx::Error::Io(io::Error::other(words.clone())))));
    }
}

impl Handed {
    fn tell(self, outcome: Result<Committed, StoreError>) {
        // The caller may have gone away; what it asked for is done all the same.
        drop(self.answer.send(outcome));
    }
}

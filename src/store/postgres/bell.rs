//! Tells the other replicas that there is work, and hears them: LISTEN and NOTIFY.
//!
//! It rings after a commit, not in it: a transaction that notifies holds a lock of the whole database through its
//! fsync, so that commits would queue up behind each other. One ring stands for all commits since the last. A ring that
//! is lost costs the wait until the outbox looks by itself.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::session;
use crate::domain::back_off::{BackOff, scattered};
use crate::domain::time::Span;

const CHANNEL: &str = "dr_buddy_work";
const RING: &str = "select pg_notify('dr_buddy_work', $1)";
/// How long the line may be silent before it is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How soon, and how late, a lost line is tried again.
const BACK_OFF: (Span, Span) = (Span(100), Span::seconds(5));

/// The bell of one replica. Its tasks end with it.
#[derive(Debug)]
pub(super) struct Bell {
    ours: Arc<Notify>,
    theirs: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Bell {
    /// Starts to listen. The line is apart from the store's own connections, so that neither can starve the other.
    pub(super) fn hang(options: PgConnectOptions) -> Self {
        let pool = session::pool(options, 2);
        let name = uuid::Uuid::new_v4().simple().to_string();
        let (ours, theirs) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(ring(pool.clone(), name.clone(), Arc::clone(&ours)));
        tasks.spawn(listen(pool, name, Arc::clone(&theirs)));
        Self { ours, theirs, _tasks: tasks }
    }

    /// Tells the others, soon.
    pub(super) fn ring(&self) {
        self.ours.notify_one();
    }

    /// Waits for another's ring.
    pub(super) async fn heard(&self) {
        self.theirs.notified().await;
    }
}

async fn ring(pool: PgPool, name: String, asked: Arc<Notify>) {
    loop {
        asked.notified().await;
        let rung = timeout(ANSWER, sqlx::query(RING).bind(&name).execute(&pool)).await;
        if !matches!(rung, Ok(Ok(_))) {
            debug!("Could not tell the other replicas that there is work; they look by themselves");
        }
    }
}

async fn listen(pool: PgPool, name: String, heard: Arc<Notify>) {
    let mut back_off = BackOff::new(BACK_OFF.0, BACK_OFF.1);
    loop {
        match connect(&pool).await {
            Ok(mut line) => {
                back_off.worked();
                // What was rung meanwhile was not heard.
                heard.notify_one();
                let error = hear(&mut line, &name, &heard).await;
                info!(error = %error, "Lost the line to the other replicas; listening again");
            }
            Err(error) => {
                warn!(error = %error, "Cannot listen to the other replicas; trying again");
            }
        }
        let wait = scattered(back_off.failed(), uuid::Uuid::new_v4().as_u128());
        sleep(Duration::from_millis(wait.ms())).await;
    }
}

async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut line = PgListener::connect_with(pool).await?;
    line.eager_reconnect(false);
    line.listen(CHANNEL).await?;
    Ok(line)
}

/// Hears until the line is lost; how it was lost.
async fn hear(line: &mut PgListener, name: &str, heard: &Notify) -> sqlx::Error {
    loop {
        match timeout(SILENCE, line.try_recv()).await {
            Ok(Ok(Some(ring))) if ring.payload() == name => {}
            Ok(Ok(Some(_))) => heard.notify_one(),
            Ok(Ok(None)) => return sqlx::Error::WorkerCrashed,
            Ok(Err(error)) => return error,
            Err(_silence) => match timeout(ANSWER, line.execute("select 1")).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                Err(_) => return session::silent(),
            },
        }
    }
}

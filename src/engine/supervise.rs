//! Long-running work has a name, is started again when it fails, and ends when it is told to.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

/// The tasks of a process.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Supervisor {
    /// The token every loop watches.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Runs `make()` until the process ends; a panic in it is logged and it is started again after a second.
    pub fn keep<F, T>(&self, name: &'static str, make: F)
    where
        F: Fn() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let token = self.token.clone();
        self.tracker.spawn(async move {
            while !token.is_cancelled() {
                let mut task = JoinSet::new();
                task.spawn(make());
                match task.join_next().await {
                    Some(Err(_)) => {
                        error!(task = name, "Task `{name}` panicked; starting it again");
                    }
                    Some(Ok(())) | None if token.is_cancelled() => break,
                    Some(Ok(())) | None => {
                        info!(task = name, "Task `{name}` ended; starting it again");
                    }
                }
                tokio::select! {
                    () = token.cancelled() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        });
    }

    /// Runs a short piece of work whose result nobody waits for.
    pub fn once<T>(&self, work: T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(work);
    }

    /// Tells everything to end and waits, at most so long. Whether everything did.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

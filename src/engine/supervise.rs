//! Long-running work has a name, is started again when it fails, and ends when it is told to.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use super::patience::span;
use crate::domain::back_off::BackOff;
use crate::domain::time::Span;

/// The first wait before a task that ended is started again; it doubles each time.
const FIRST: Span = Span::seconds(1);
/// The longest wait. A task that ran for longer ran well.
const LONGEST: Span = Span::seconds(60);

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

    /// Runs `make()` until the process ends. Should it end before, or panic, that is logged and it is started again: at
    /// once the first time, then ever later while it keeps failing.
    pub fn keep<F, T>(&self, name: &'static str, make: F)
    where
        F: Fn() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let token = self.token.clone();
        self.tracker.spawn(async move {
            let mut back_off = BackOff::new(FIRST, LONGEST);
            while !token.is_cancelled() {
                let began = Instant::now();
                let mut task = JoinSet::new();
                task.spawn(make());
                match task.join_next().await {
                    Some(Err(_)) => {
                        error!(task = name, "Task `{name}` panicked");
                    }
                    Some(Ok(())) | None if token.is_cancelled() => break,
                    Some(Ok(())) | None => {
                        info!(task = name, "Task `{name}` ended");
                    }
                }
                if span(began.elapsed()) > LONGEST {
                    back_off.worked();
                }
                let wait = Duration::from_millis(back_off.failed().ms());
                info!(task = name, "Starting task `{name}` again in {} s", wait.as_secs());
                tokio::select! {
                    () = token.cancelled() => {}
                    () = tokio::time::sleep(wait) => {}
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_started_again_until_the_end() {
        let (supervisor, starts) = (Supervisor::default(), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&starts);
        let token = supervisor.token().clone();
        supervisor.keep("fragile", move || {
            let (counted, token) = (Arc::clone(&counted), token.clone());
            async move {
                let start = counted.fetch_add(1, Ordering::SeqCst);
                assert!(start > 0, "the first one fails");
                if start > 1 {
                    token.cancelled().await;
                }
            }
        });
        while starts.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(supervisor.drain(Duration::from_secs(5)).await);
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }
}

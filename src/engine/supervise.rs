//! Long-running work has a name, is started again when it fails, and ends when it is told to.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

/// The first wait before something that failed is tried again; it doubles each time.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait before something that failed is tried again.
#[derive(Debug, Clone, Copy)]
pub struct BackOff {
    longest: Duration,
    failed: u32,
}

impl Default for BackOff {
    fn default() -> Self {
        Self::up_to(LONGEST)
    }
}

impl BackOff {
    /// With a longest wait of its own.
    pub fn up_to(longest: Duration) -> Self {
        Self { longest, failed: 0 }
    }

    /// The next wait, after it ran for so long. What ran well for longer than the longest wait starts from the
    /// beginning.
    pub fn after(&mut self, ran: Duration) -> Duration {
        if ran > self.longest {
            self.failed = 0;
        }
        let wait = FIRST.saturating_mul(1 << self.failed.min(6)).min(self.longest);
        self.failed = self.failed.saturating_add(1);
        wait
    }
}

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
            let mut back_off = BackOff::default();
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
                let wait = back_off.after(began.elapsed());
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

    #[test]
    fn what_keeps_failing_is_tried_ever_later_and_what_ran_well_starts_anew() {
        let mut back_off = BackOff::default();
        let waits: Vec<u64> = (0..9).map(|_| back_off.after(FIRST).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(back_off.after(LONGEST), LONGEST);
        assert_eq!(back_off.after(LONGEST * 2), FIRST);
        assert_eq!(back_off.after(FIRST), FIRST * 2);
    }

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

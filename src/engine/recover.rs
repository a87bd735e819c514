//! The way back into work: what nobody knows the outcome of is looked at before anything else is done.
//!
//! A start reads the open runs, plans ([`plan`]) and carries the plan out here: it takes the outbox rows of the open
//! attempts, so far as nobody alive has them, reports a call found open as interrupted, and looks, at all of them at
//! the same time. The findings are requests like any other. Only then does the outbox start. When the lease of another
//! replica ends, whoever takes its open attempt goes the same way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tracing::{debug, error, info, warn};

use super::clock::Clock;
use super::effect::take;
use super::outbox;
use super::patience::Patience;
use super::supervise::Supervisor;
use super::{Asked, Engine, SubmitError};
use crate::domain::actor::Actor;
use crate::domain::ids::RunId;
use crate::domain::run::plan::{OpenAttempt, plan};
use crate::domain::run::{Request, Run};
use crate::domain::time::{Span, Timestamp};
use crate::store::StoreError;
use crate::telemetry::Chain;

/// Looks at the same time.
const AT_ONCE: usize = 64;
/// How much longer than a look the start waits, for the findings to be recorded.
const RECORDING: Duration = Duration::from_secs(5);
/// A clock that is behind the record by more was set back, and that is worth a word.
const BEHIND: Span = Span::seconds(1);

/// The longest that looking delays the start: a region that does not answer is not waited for any longer. Its looks go
/// on, and their findings come in later.
pub fn longest(patience: &Patience) -> Duration {
    patience.look + RECORDING
}

/// Looks at every open attempt, and returns when all that can be known in time is recorded. `tell` hears how many are
/// still to be looked at.
///
/// # Errors
/// When the database cannot be read or written. Nothing is lost by trying again.
pub async fn recover(
    engine: &Arc<Engine>,
    supervisor: &Supervisor,
    tell: impl Fn(usize),
) -> Result<(), StoreError> {
    // A process that knows it is the only one on its database takes a lease found here for that of one that is gone.
    engine.store.release_leases().await?;
    let runs = engine.store.open_runs().await?;
    go_on_in_time(engine, &runs).await?;
    let open: Vec<(RunId, OpenAttempt)> = runs
        .iter()
        .flat_map(|run| plan(run).into_iter().map(|open| (run.id.clone(), open)))
        .collect();
    let mut left = open.len();
    tell(left);
    let (finished, mut finishing) = mpsc::channel(open.len().max(1));
    let room = Arc::new(Semaphore::new(AT_ONCE));
    for (run, open) in open {
        let (engine, finished, room) = (Arc::clone(engine), finished.clone(), Arc::clone(&room));
        supervisor.once(async move {
            let _place = room.acquire().await;
            look_after(&engine, &run, &open).await;
            if finished.send(()).await.is_err() {
                debug!("A look came to its end after the start");
            }
        });
    }
    drop(finished);
    let all = async {
        while finishing.recv().await.is_some() {
            left = left.saturating_sub(1);
            tell(left);
        }
    };
    if tokio::time::timeout(longest(&engine.patience), all).await.is_err() {
        warn!(left, "Starting work while {left} open attempts do not let themselves be looked at");
    }
    Ok(())
}

async fn look_after(engine: &Engine, run: &RunId, open: &OpenAttempt) {
    match take(engine, run, &open.effect()).await {
        Ok(Some(claimed)) => {
            let (step, attempt) = (&open.step, open.attempt);
            info!(run.id = %run, step.id = %step, attempt, stage = ?open.stage, "Looking at an open attempt");
            outbox::perform(engine, claimed).await;
        }
        // Another replica has it, and is alive as far as anybody can know; or it was settled in this moment.
        Ok(None) => {}
        Err(error) => {
            error!(run.id = %run, step.id = %open.step, error = %Chain(&error), "Could not take an open attempt");
        }
    }
}

/// Time does not go back for an open run. If the clock is behind its record, what was agreed to is judged by the clock
/// as it is (nobody can tell how old an approval from far ahead is), and then time goes on from the record: else
/// leases and due times would lie in the future for as long as the clock was set back by.
async fn go_on_in_time(engine: &Engine, runs: &[Run]) -> Result<(), StoreError> {
    let now = engine.clock.now();
    let ahead: Vec<&Run> = runs.iter().filter(|run| run.seen_at > now).collect();
    for run in &ahead {
        let key = format!("tick/{}/{}", run.id, engine.holder());
        let asked = Asked { key: &key, request: &Request::Tick, by: &Actor::Engine, settles: None };
        // Anything else that it may be refused for says that somebody works on it, whose clock is right.
        if let Err(SubmitError::Store(error)) = engine.submit(&run.id, asked).await {
            return Err(error);
        }
    }
    if let Some(latest) = ahead.iter().map(|run| run.seen_at).max() {
        go_on_from(&*engine.clock, now, latest);
    }
    Ok(())
}

fn go_on_from(clock: &dyn Clock, now: Timestamp, latest: Timestamp) {
    let behind = latest.since(now);
    if behind > BEHIND {
        warn!("The clock is {behind} behind the record; time goes on from {latest}");
    }
    clock.not_before(latest);
}

//! One transaction per request: load, decide, record with all that follows. Requests that come together share one.

use std::pin::pin;
use std::task::Poll;

use futures_util::poll;
use tracing::{info, warn};

use super::Engine;
use crate::domain::actor::Actor;
use crate::domain::code::Typed;
use crate::domain::ids::{Digest, RunId};
use crate::domain::run::apply::{apply, open};
use crate::domain::run::decide::{decide, start};
use crate::domain::run::effects::effects;
use crate::domain::run::log::{Recorded, record, root};
use crate::domain::run::{Effect, Entry, Event, Refusal, Request, Run, Start};
use crate::domain::time::Timestamp;
use crate::store::{Claimed, Commit, Committed, StoreError, Stored};

/// How often a race lost to another process is run again before giving up. Each loss means that a request of it was
/// recorded.
const RACES: u32 = 50;

/// A request with its name, its asker, and the effect it settles.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Names the request: handed in again, nothing follows from it again.
    pub key: &'a str,
    /// What.
    pub request: &'a Request,
    /// Who.
    pub by: &'a Actor,
    /// The effect that is settled by it.
    pub settles: Option<&'a Claimed>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// Recorded, with these events.
    Recorded {
        /// The state after them.
        run: Box<Run>,
        /// The events.
        events: Vec<Recorded>,
    },
    /// It was handed in before, for this run.
    Repeat(RunId),
}

/// Nothing followed from a request.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Understood and declined.
    #[error("refused")]
    Refused(Box<Refusal>),
    /// No such run.
    #[error("there is no run `{0}`")]
    NoSuchRun(RunId),
    /// The effect to be settled is somebody else's by now.
    #[error("the lease was lost")]
    LeaseLost,
    /// It could not be recorded, so nothing was done; or nobody knows ([`StoreError::InDoubt`]).
    #[error("the request could not be recorded")]
    Store(#[from] StoreError),
    /// Others were always faster.
    #[error("the run is changing too fast")]
    Busy,
}

impl From<Refusal> for SubmitError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Engine {
    /// Opens a run.
    ///
    /// # Errors
    /// When it is refused or cannot be recorded.
    pub async fn start(
        &self,
        key: &str,
        request: &Start,
        by: &Actor,
    ) -> Result<Submitted, SubmitError> {
        let now = self.clock.now();
        let events = start(request, by, now).inspect_err(|refusal| {
            info!(run.id = %request.id, actor = ?by, refusal = ?refusal, "Refused to start a run");
        })?;
        let mut events = events.into_iter();
        let first = events.next().map(|event| Entry { at: now, by: by.clone(), event });
        let run = first.as_ref().and_then(open);
        let (Some(first), Some(run)) = (first, run) else {
            return Err(Refusal::OutOfDate.into());
        };
        let head = root(&request.id);
        let recorded = record(&head, 1, first);
        let batch = Batch { run, after: 0, recorded: vec![recorded] }.grow(events, by, now);
        match self.write(key, &batch, None, now).await? {
            Committed::Done => Ok(self.done(batch)),
            Committed::Duplicate(run) => Ok(Submitted::Repeat(run)),
            Committed::SlotTaken(run) => Err(Refusal::AlreadyOpen { run }.into()),
            // The id is made from the key, so a run of this id has been started by this very request.
            Committed::LostRace => Ok(Submitted::Repeat(request.id.clone())),
            Committed::LeaseLost => Err(SubmitError::LeaseLost),
        }
    }

    /// Hands a request to a run.
    ///
    /// # Errors
    /// When it is refused or cannot be recorded; nothing changed then.
    pub async fn submit(&self, run: &RunId, asked: Asked<'_>) -> Result<Submitted, SubmitError> {
        self.submit_with(run, asked, None).await
    }

    /// The same, with the one-time code that was typed.
    ///
    /// # Errors
    /// As [`Engine::submit`]; [`Refusal::CodeMissing`] if a code is asked for and none was typed.
    pub async fn submit_with(
        &self,
        run: &RunId,
        asked: Asked<'_>,
        typed: Option<&Typed>,
    ) -> Result<Submitted, SubmitError> {
        let mut stepped_up: Option<Request> = None;
        let mut trusts_the_left = true;
        for _ in 0..RACES {
            let mut turn = self.turns.wait(run).await;
            let left = turn.take(run).filter(|_| trusts_the_left);
            let is_left = left.is_some();
            let read = match left {
                Some(stored) => Some(stored),
                None => {
                    turn.settled().await;
                    self.store.run(run).await?
                }
            };
            let Some(stored) = read else {
                info!(run.id = %run, actor = ?asked.by, "Refused a request to an unknown run");
                return Err(SubmitError::NoSuchRun(run.clone()));
            };
            let now = self.clock.now();
            let request = stepped_up.as_ref().unwrap_or(asked.request);
            let decided = decide(&stored.run, request, asked.by, now);
            // Events on a state that is not the recorded one lose the race. Without any there is no race to lose: what
            // was left may never be recorded, or another process may have recorded what makes the answer another one.
            if is_left && !decided.as_ref().is_ok_and(|events| !events.is_empty()) {
                trusts_the_left = false;
                continue;
            }
            let events = match decided {
                Ok(events) => events,
                // Nothing else is missing. A code counts once, so it is looked at once, and all is decided again.
                Err(missing @ Refusal::CodeMissing { .. }) if stepped_up.is_none() => {
                    drop(turn);
                    match self.step_up(&stored.run, &asked, typed, missing).await? {
                        Ok(confirmation) => {
                            let answer = Box::new(asked.request.clone());
                            stepped_up = Some(Request::SteppedUp { answer, confirmation });
                            continue;
                        }
                        Err(refusal) => {
                            return self.refused(run, &asked, refusal, &stored.run, now).await;
                        }
                    }
                }
                // A repeat of something accepted before is refused now; it deserves the first answer.
                Err(refusal) => return self.refused(run, &asked, refusal, &stored.run, now).await,
            };
            let batch = Batch { after: stored.run.seq, run: stored.run, recorded: Vec::new() };
            let batch = batch.chain(&stored.head, events, asked.by, now);
            let committed = {
                // Handed in while it is our turn, so that it is written before what is decided on it.
                let mut writing = pin!(self.write(asked.key, &batch, asked.settles, now));
                let at_once = poll!(&mut writing);
                let _underway = turn.leave(batch.stored(stored.head)).await;
                match at_once {
                    Poll::Ready(committed) => committed?,
                    Poll::Pending => writing.await?,
                }
            };
            match committed {
                Committed::Done => return Ok(self.done(batch)),
                Committed::Duplicate(run) => return Ok(Submitted::Repeat(run)),
                Committed::LeaseLost => return Err(SubmitError::LeaseLost),
                Committed::SlotTaken(run) => return Err(Refusal::AlreadyOpen { run }.into()),
                Committed::LostRace => trusts_the_left = false,
            }
        }
        Err(SubmitError::Busy)
    }

    async fn refused(
        &self,
        run: &RunId,
        asked: &Asked<'_>,
        refusal: Refusal,
        state: &Run,
        now: Timestamp,
    ) -> Result<Submitted, SubmitError> {
        if self.store.is_known(asked.key).await? {
            return Ok(Submitted::Repeat(run.clone()));
        }
        match asked.settles {
            // Somebody else was here meanwhile, perhaps began an attempt, and may be gone: the next look at it tells.
            Some(claimed)
                if refusal == Refusal::OutOfDate
                    && matches!(claimed.effect, Effect::Act { .. }) =>
            {
                self.store.postpone(claimed, now, claimed.note.as_deref(), false).await?;
            }
            // An effect whose report came too late is settled all the same.
            Some(claimed) => {
                self.store.settle(claimed).await?;
            }
            None => {}
        }
        info!(run.id = %state.id, actor = ?asked.by, refusal = ?refusal, "Refused a request");
        Err(refusal.into())
    }

    async fn write(
        &self,
        key: &str,
        batch: &Batch,
        settles: Option<&Claimed>,
        at: Timestamp,
    ) -> Result<Committed, SubmitError> {
        let events: Vec<(u64, &Event)> =
            batch.recorded.iter().map(|recorded| (recorded.seq, &recorded.entry.event)).collect();
        let effects = effects(&batch.run, &events);
        let commit = Commit {
            key,
            run: &batch.run,
            after: batch.after,
            events: &batch.recorded,
            effects: &effects,
            settles,
            at,
        };
        self.store.commit(&commit).await.map_err(|error| {
            warn!(run.id = %batch.run.id, error = %error, "Nothing was recorded");
            error.into()
        })
    }

    fn done(&self, batch: Batch) -> Submitted {
        if !batch.recorded.is_empty() {
            self.wake();
            // Nobody may be listening; the page reads everything when it comes.
            let _listeners = self.changes.send(batch.run.id.clone());
        }
        Submitted::Recorded { run: Box::new(batch.run), events: batch.recorded }
    }
}

/// Events on their way into the record, and the state they lead to.
struct Batch {
    run: Run,
    after: u64,
    recorded: Vec<Recorded>,
}

impl Batch {
    fn grow(self, events: impl Iterator<Item = Event>, by: &Actor, now: Timestamp) -> Self {
        let head = self.recorded.last().map(|recorded| recorded.hash.clone());
        let head = head.unwrap_or_else(|| root(&self.run.id));
        self.chain(&head, events, by, now)
    }

    /// What is stored once this is; `head`: what it chains to.
    fn stored(&self, head: Digest) -> Stored {
        let head = self.recorded.last().map_or(head, |recorded| recorded.hash.clone());
        Stored { run: self.run.clone(), head }
    }

    fn chain(
        mut self,
        head: &Digest,
        events: impl IntoIterator<Item = Event>,
        by: &Actor,
        now: Timestamp,
    ) -> Self {
        let mut head = head.clone();
        for event in events {
            let entry = Entry { at: now, by: by.clone(), event };
            apply(&mut self.run, &entry);
            let recorded = record(&head, self.run.seq, entry);
            head = recorded.hash.clone();
            self.recorded.push(recorded);
        }
        self
    }
}

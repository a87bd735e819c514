//! The work of one step: preview, call, proof, probe. Every function is one try of one effect; whatever it learns
//! goes back as a request that settles the effect in the same transaction.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::{Map, Value};
use tracing::{error, info, warn};

use super::clock::Clock;
use super::outbox::{self, EffectError};
use super::patience::{Patience, span};
use super::submit::Submitted;
use super::{Asked, Engine, SubmitError, recover};
use crate::actions::{Action, Call, LookError, Outcome, Probe};
use crate::domain::actor::Actor;
use crate::domain::ids::{Digest, RunId, StepId};
use crate::domain::run::decide::is_proven;
use crate::domain::run::preview::{Approved, Direction, Preview};
use crate::domain::run::protocol::Returned;
use crate::domain::run::state::{Doubt, Happened, Seen};
use crate::domain::run::{Event, Refusal, Report, Request, Run, StepRun, StepState};
use crate::domain::runbook::template;
use crate::domain::runbook::{Step, Verify};
use crate::domain::text::trouble;
use crate::domain::time::{Span, Timestamp};
use crate::faults::{self, Mistake, place};
use crate::store::Claimed;

/// How often the effect of a call is looked for.
const PROVE_EVERY: Span = Span::seconds(2);
/// How often a step in doubt that looks under way is looked at.
const PROBE_EVERY: Span = Span::seconds(10);
/// How often a step in doubt is looked at when nothing is to be seen.
const PROBE_IDLE: Span = Span::seconds(30);
/// Looks further apart than that do not add up to "it stayed".
const LOOKS_APART: Span = Span::seconds(60);
/// Before a return is recorded again that the database did not take.
const RECORD_AGAIN: Span = Span::seconds(1);
/// How long an undo may take to show.
const UNDO_TIMEOUT: Span = Span::minutes(10);

/// A step with everything its action needs.
struct Work {
    run: Run,
    step: Step,
    at: StepRun,
    action: Arc<dyn Action>,
    with: Map<String, Value>,
    now: Timestamp,
    patience: Patience,
    clock: Arc<dyn Clock>,
}

impl Work {
    fn call(&self) -> Call<'_> {
        Call {
            run: &self.run.id,
            step: &self.step.id,
            environment: &self.run.environment,
            with: &self.with,
            direction: self.at.direction,
            before: self.at.done_as.as_ref().map(|done| &done.preview),
            opened_at: self.at.opened_at,
            token: token(&self.run.id, &self.step.id, self.approval()),
            attempt: self.attempt(),
            now: self.now,
            past: &self.run.evidence,
        }
    }

    fn attempt(&self) -> u32 {
        self.at.attempts + u32::from(matches!(self.at.state, StepState::Approved { .. }))
    }

    /// What a token stands for: the preview that people agreed to.
    fn approval(&self) -> u32 {
        if faults::makes(Mistake::TokenFromAttempt) { self.attempt() } else { self.at.previews }
    }

    /// `work`, unless it takes too long. Time is looked at first: work that was stopped past its time, in whatever
    /// state, does not go on.
    async fn within<T>(&self, most: Duration, work: impl Future<Output = T>) -> Option<T> {
        let deadline = Deadline::new(&*self.clock, most);
        let (mut timer, mut work) = (pin!(self.clock.wait(most)), pin!(work));
        poll_fn(|cx| {
            if deadline.is_over(&*self.clock) || timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }

    async fn preview(&self) -> Result<Preview, LookError> {
        place(format_args!("before the look for a preview of {}", self.step.id));
        let look = self.within(self.patience.look, self.action.preview(&self.call())).await;
        place(format_args!("after the look for a preview of {}", self.step.id));
        look.unwrap_or_else(|| {
            Err(LookError::Unreachable {
                system: self.step.action.name.clone(),
                detail: format!("nothing within {} s", self.patience.look.as_secs()),
            })
        })
    }

    /// How it is right before the call.
    async fn measure(&self) -> Result<Preview, LookError> {
        match &self.at.shown {
            Some(shown) if faults::makes(Mistake::KeepApprovals) => Ok(shown.preview.clone()),
            Some(_) | None => self.preview().await,
        }
    }

    async fn probe(&self, request: &Value) -> Probe {
        place(format_args!("before the probe of {}", self.step.id));
        let look = self.within(self.patience.look, self.action.probe(&self.call(), request)).await;
        place(format_args!("after the probe of {}", self.step.id));
        look.unwrap_or_else(|| Probe {
            happened: Happened::Unknown,
            facts: Map::new(),
            saw: format!("nothing within {} s", self.patience.look.as_secs()),
        })
    }
}

/// The idempotency token of what is approved: from run, step and preview, never from the attempt.
fn token(run: &RunId, step: &StepId, preview: u32) -> uuid::Uuid {
    let digest = Digest::of(format!("{run}/{step}/{preview}").as_bytes());
    let mut bytes = [0_u8; 16];
    for (byte, pair) in bytes.iter_mut().zip(digest.as_str().as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(pair)
            .ok()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .unwrap_or_default();
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Loads the step of an effect; `None` (and the effect settled) if the run or step is gone. `Err(text)` inside:
/// the step cannot be worked on, and why.
async fn load(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
) -> Result<Option<Result<Work, (Run, String)>>, EffectError> {
    let stored = engine.store.run(&claimed.run).await?;
    let Some(run) = stored.map(|stored| stored.run) else {
        engine.store.settle(claimed, engine.clock.now()).await?;
        return Ok(None);
    };
    let Some((found, at)) = run.step(step) else {
        engine.store.settle(claimed, engine.clock.now()).await?;
        return Ok(None);
    };
    let (found, at) = (found.clone(), at.clone());
    let action = engine.actions.find(run.kind, &found.action.name);
    let with = fill(&run, &found);
    Ok(Some(match (action, with) {
        (Some(action), Ok(with)) => {
            let (now, patience) = (engine.clock.now(), engine.patience);
            let clock = Arc::clone(&engine.clock);
            Ok(Work { run, step: found, at, action, with, now, patience, clock })
        }
        (None, _) => {
            let name = &found.action.name;
            Err((run, trouble("trouble.no_action", name, "")))
        }
        (_, Err(why)) => Err((run, why)),
    }))
}

/// The action's parameters with every `${…}` filled from the run's environment.
fn fill(run: &Run, step: &Step) -> Result<Map<String, Value>, String> {
    let scope = template::scope(&run.environment, run.id.as_str(), run.kind.name());
    let filled = template::fill(&Value::Object(step.action.with.clone()), &scope);
    let filled = filled.map_err(|missing| {
        let missing: Vec<_> =
            missing.iter().map(|missing| format!("{} {}", missing.template, missing.why)).collect();
        missing.join("; ")
    })?;
    let Some(spec) = step.action.spec() else {
        return Err(trouble("trouble.no_action", &step.action.name, ""));
    };
    template::checked(spec, &filled).map_err(|wrong| wrong.join("; "))
}

async fn report(
    engine: &Engine,
    claimed: &Claimed,
    report: Report,
) -> Result<Submitted, EffectError> {
    let key = format!("{}/{}/{}", claimed.run, claimed.key, claimed.lease);
    let request = Request::Report(report);
    let asked = Asked { key: &key, request: &request, by: &Actor::Engine, settles: Some(claimed) };
    Ok(engine.submit(&claimed.run, asked).await?)
}

fn said(error: &LookError) -> (String, bool) {
    let said = match error {
        LookError::Unreachable { system, detail } => trouble("trouble.unreachable", system, detail),
        LookError::Refused { system, detail } => trouble("trouble.refused", system, detail),
        LookError::Unsafe { detail } => detail.clone(),
    };
    (said, matches!(error, LookError::Unreachable { .. }))
}

/// Shows what would happen.
pub(super) async fn preview(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    number: u32,
) -> Result<(), EffectError> {
    let Some(work) = load(engine, claimed, step).await? else { return Ok(()) };
    let step = step.clone();
    let seen = match work {
        Ok(work) if work.at.previews == number => work.preview().await.map_err(|e| said(&e)),
        Ok(_) => return outbox::settle(engine, claimed).await,
        Err((_, why)) => Err((why, false)),
    };
    let seen = match seen {
        Ok(preview) => Report::Previewed { step, number, preview },
        Err((error, unreachable)) => Report::NotPreviewed { step, number, error, unreachable },
    };
    report(engine, claimed, seen).await?;
    Ok(())
}

/// Measures again, records that the attempt begins, makes the call once, records how it came back.
pub(super) async fn act(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    attempt: u32,
) -> Result<(), EffectError> {
    let deadline = Deadline::of_call(engine, claimed);
    let Some(work) = load(engine, claimed, step).await? else { return Ok(()) };
    let work = match work {
        Ok(work) => work,
        Err((_, error)) => {
            let step = step.clone();
            let cannot = Report::CannotBegin { step, attempt, error, unreachable: false };
            report(engine, claimed, cannot).await?;
            return Ok(());
        }
    };
    match &work.at.state {
        StepState::Approved { attempt: awaited } if *awaited == attempt => {}
        // The attempt began and its worker is gone: whether the call went out is for the probe to find.
        StepState::Calling { attempt: open } if *open == attempt => {
            warn!(run.id = %claimed.run, step.id = %step, attempt, "Found an open attempt");
            let (returned, step) = (interrupted(&work).await, step.clone());
            let interrupted = Report::Returned { step: step.clone(), attempt, returned };
            report(engine, claimed, interrupted).await?;
            return recover::look_now(engine, &claimed.run, &step, attempt).await;
        }
        StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Waiting
        | StepState::Previewing
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => {
            return outbox::settle(engine, claimed).await;
        }
    }
    let preview = match work.measure().await {
        Ok(preview) => preview,
        Err(error) => {
            let (error, unreachable) = said(&error);
            let step = step.clone();
            report(engine, claimed, Report::CannotBegin { step, attempt, error, unreachable })
                .await?;
            return Ok(());
        }
    };
    // Whoever has the effect next begins anew.
    if deadline.is_over(&*engine.clock) {
        return outbox::hand_back(engine, claimed).await;
    }
    if !engine.may_begin() {
        info!(run.id = %claimed.run, step.id = %step, attempt, "Left to another process: this one ends");
        return outbox::hand_back(engine, claimed).await;
    }
    if !begin(engine, claimed, step, attempt, preview.clone()).await? {
        return Ok(());
    }
    engine.running.begun(claimed);
    let returned = if deadline.is_over(&*engine.clock) {
        let error = trouble("trouble.too_late", "", "");
        Returned::Failed { error, unreachable: false }
    } else {
        call_once(&work, preview).await
    };
    info!(run.id = %claimed.run, step.id = %step, attempt, returned = name(&returned), "Call returned");
    let step = step.clone();
    record_return(engine, claimed, Report::Returned { step, attempt, returned }).await
}

/// Records how a call came back, and does not let go of it while the database is away: as long as the lease lasts,
/// nobody else looks after this attempt, and what is known of it is known here alone.
async fn record_return(
    engine: &Engine,
    claimed: &Claimed,
    returned: Report,
) -> Result<(), EffectError> {
    loop {
        match report(engine, claimed, returned.clone()).await {
            Err(EffectError::Submit(SubmitError::Store(error)))
                if error.is_passing() && engine.clock.now() < claimed.until =>
            {
                warn!(run.id = %claimed.run, effect = %claimed.key, error = %error, "Keeping what a call returned");
                engine.clock.sleep(engine.clock.stretched(RECORD_AGAIN)).await;
            }
            done => return done.map(drop),
        }
    }
}

/// A limit by the wall clock, which goes on while a machine is suspended, and by one that no adjustment moves.
struct Deadline {
    wall: Timestamp,
    steady: Duration,
}

impl Deadline {
    /// Until when the call of an effect may go out: counted from when its lease was taken, however long ago that is.
    fn of_call(engine: &Engine, claimed: &Claimed) -> Self {
        let Patience { lease, call_by, .. } = engine.patience;
        let deadline = Self::new(&*engine.clock, call_by);
        let rest = engine.clock.stretched(span(lease.saturating_sub(call_by)));
        let wall = deadline.wall.min(claimed.until.minus(rest));
        Self { wall, ..deadline }
    }

    fn new(clock: &dyn Clock, by: Duration) -> Self {
        let wall = clock.now().plus(clock.stretched(span(by)));
        Self { wall, steady: clock.steady() + by }
    }

    fn is_over(&self, clock: &dyn Clock) -> bool {
        clock.now() >= self.wall || clock.steady() >= self.steady
    }
}

fn name(returned: &Returned) -> &'static str {
    match returned {
        Returned::Accepted { .. } => "accepted",
        Returned::Failed { .. } => "failed",
        Returned::Unknown { .. } => "unknown",
        Returned::Interrupted => "interrupted",
    }
}

/// Commits that the attempt begins. The effect stays leased: should this worker die now, the next one finds the
/// attempt open. False if nothing may begin.
async fn begin(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    attempt: u32,
    preview: Preview,
) -> Result<bool, EffectError> {
    let key = format!("{}/begin/{step}/{attempt}/{}", claimed.run, claimed.lease);
    let request = Request::Report(Report::Begin { step: step.clone(), attempt, preview });
    let asked = Asked { key: &key, request: &request, by: &Actor::Engine, settles: None };
    let begun = match engine.submit(&claimed.run, asked).await {
        Ok(Submitted::Recorded { events, .. }) => {
            events.iter().any(|event| matches!(event.entry.event, Event::AttemptStarted { .. }))
        }
        // Somebody else was here meanwhile, perhaps began, and may be gone; or it was recorded, and the answer lost on
        // the way: the next look at this effect tells.
        Ok(Submitted::Repeat(_)) => {
            outbox::hand_back(engine, claimed).await?;
            return Ok(false);
        }
        Err(SubmitError::Refused(refusal)) if *refusal == Refusal::OutOfDate => {
            outbox::hand_back(engine, claimed).await?;
            return Ok(false);
        }
        Err(SubmitError::Refused(_)) => false,
        Err(error) => return Err(error.into()),
    };
    if !begun {
        engine.store.settle(claimed, engine.clock.now()).await?;
    }
    Ok(begun)
}

/// What is said of an attempt found open: nobody knows.
async fn interrupted(work: &Work) -> Returned {
    match &work.at.shown {
        Some(shown) if faults::makes(Mistake::RunAgain) => {
            call_once(work, shown.preview.clone()).await
        }
        Some(_) | None => Returned::Interrupted,
    }
}

/// The one place from which anything outside is changed.
async fn call_once(work: &Work, preview: Preview) -> Returned {
    let Some(shown) = &work.at.shown else {
        let error = trouble("trouble.not_shown", "", "");
        return Returned::Failed { error, unreachable: false };
    };
    let subject = work.run.subject(&work.step.id, &work.at);
    let approved = Approved::check(subject, &shown.digest, &shown.preview, preview);
    let Ok(approved) = approved else {
        let error = trouble("trouble.not_approved", "", "");
        return Returned::Failed { error, unreachable: false };
    };
    let call = work.call();
    place(format_args!("before the call of {}", work.step.id));
    let returned = work.within(work.patience.call, work.action.run(&call, &approved)).await;
    place(format_args!("after the call of {}", work.step.id));
    match returned {
        Some(Outcome::Accepted { evidence }) => Returned::Accepted { evidence },
        Some(Outcome::Failed { error }) => {
            let (error, unreachable) = said(&error);
            Returned::Failed { error, unreachable }
        }
        Some(Outcome::Unknown { error, evidence }) => Returned::Unknown { error, evidence },
        None => Returned::Unknown {
            error: trouble("trouble.no_answer", &work.patience.call.as_secs().to_string(), ""),
            evidence: Value::Null,
        },
    }
}

/// Looks once for the effect; comes back until it is there, has stayed, or is overdue.
pub(super) async fn prove(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    attempt: u32,
) -> Result<(), EffectError> {
    let work = match load(engine, claimed, step).await? {
        None => return Ok(()),
        Some(Ok(work)) => work,
        // Nobody could look any more: people are told.
        Some(Err((_, saw))) => {
            let (step, facts) = (step.clone(), Map::new());
            report(engine, claimed, Report::NotProved { step, attempt, facts, saw }).await?;
            return Ok(());
        }
    };
    let (true, Some(shown)) =
        (work.at.state == (StepState::Proving { attempt }), work.at.shown.as_ref())
    else {
        return outbox::settle(engine, claimed).await;
    };
    let probe = work.probe(&shown.preview.request).await;
    let now = engine.clock.now();
    let verify = work.step.verify.as_ref();
    let (timeout, hold_for) = match work.at.direction {
        Direction::Do => verify
            .map_or((Span(0), Span(0)), |Verify { timeout, hold_for, .. }| (*timeout, *hold_for)),
        Direction::Undo => (UNDO_TIMEOUT, Span(0)),
    };
    let is_there = match work.at.direction {
        Direction::Do => is_proven(&work.run, &work.step, &probe.facts),
        Direction::Undo => probe.happened == Happened::Done,
    };
    let step = step.clone();
    if is_there {
        let since = held_since(claimed, now, engine.clock.stretched(LOOKS_APART));
        if now.since(since) >= hold_for {
            report(engine, claimed, Report::Proved { step, attempt, facts: probe.facts }).await?;
        } else {
            let note = format!("{} {}", since.0, now.0);
            engine.store.postpone(claimed, now.plus(PROVE_EVERY), Some(&note), false).await?;
        }
    } else if now.since(work.at.since) > timeout {
        let Probe { facts, saw, .. } = probe;
        report(engine, claimed, Report::NotProved { step, attempt, facts, saw }).await?;
    } else {
        engine.store.postpone(claimed, now.plus(PROVE_EVERY), None, false).await?;
    }
    Ok(())
}

/// Since when it has been there without a break, as far as the looks before this one tell: `since last`.
fn held_since(claimed: &Claimed, now: Timestamp, apart: Span) -> Timestamp {
    let note = claimed.note.as_deref().and_then(|note| note.split_once(' '));
    let times = note.and_then(|(since, last)| Some((since.parse().ok()?, last.parse().ok()?)));
    match times.map(|(since, last)| (Timestamp(since), Timestamp(last))) {
        Some((since, last)) if since <= last && last <= now && now.since(last) <= apart => since,
        Some(_) | None => now,
    }
}

/// Looks whether an attempt in doubt has happened; while it looks under way, comes back.
pub(super) async fn probe(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    attempt: u32,
) -> Result<(), EffectError> {
    let work = match load(engine, claimed, step).await? {
        None => return Ok(()),
        Some(Ok(work)) => work,
        Some(Err((run, why))) => {
            error!(run.id = %run.id, step.id = %step, error = %why, "Cannot look at a step in doubt");
            return outbox::settle(engine, claimed).await;
        }
    };
    let (StepState::InDoubt { attempt: open, seen, why }, Some(shown)) =
        (&work.at.state, &work.at.shown)
    else {
        return outbox::settle(engine, claimed).await;
    };
    if *open != attempt {
        return outbox::settle(engine, claimed).await;
    }
    let Probe { happened, facts, saw } = work.probe(&shown.preview.request).await;
    let now = engine.clock.now();
    // The call happened, but not its effect: that is for people, until the effect itself is there.
    let unproven = matches!(why, Doubt::NotProven { .. })
        && happened == Happened::Done
        && !is_proven(&work.run, &work.step, &facts);
    let happened = if unproven { Happened::Unknown } else { happened };
    let wait = if happened == Happened::Running { PROBE_EVERY } else { PROBE_IDLE };
    // A doubt from the future (the clock went back) is counted from the first look that could tell.
    let first_look = claimed.note.as_deref().and_then(|note| note.parse().ok()).map(Timestamp);
    let first_look = first_look.filter(|first| *first <= now).unwrap_or(now);
    let since = if work.at.since <= now { work.at.since } else { first_look };
    let too_early = happened == Happened::Never
        && now.since(since) < engine.clock.stretched(span(engine.patience.never_after));
    if too_early {
        let note = first_look.0.to_string();
        engine.store.postpone(claimed, now.plus(PROVE_EVERY), Some(&note), false).await?;
        return Ok(());
    }
    if seen.as_ref().is_some_and(|seen| seen.happened == happened) {
        engine.store.postpone(claimed, now.plus(wait), None, false).await?;
        return Ok(());
    }
    // Wanted again before this look is settled, so that whatever happens in between somebody looks again.
    if happened != Happened::Done {
        engine.store.want(&claimed.run, &claimed.effect, now.plus(wait)).await?;
    }
    let (step, seen) = (step.clone(), Seen { happened, saw, at: now });
    report(engine, claimed, Report::Probed { step, attempt, seen, facts }).await?;
    Ok(())
}

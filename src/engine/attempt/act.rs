//! One call that changes something outside: the only place of the program from which that happens.

use serde_json::Value;
use tracing::{info, warn};

use super::deadline::Deadline;
use super::probe::look_now;
use super::work::{Work, load, report, said};
use crate::actions::Outcome;
use crate::domain::actor::Actor;
use crate::domain::ids::StepId;
use crate::domain::run::preview::{Approved, Preview};
use crate::domain::run::protocol::Returned;
use crate::domain::run::{Event, Refusal, Report, Request, StepState};
use crate::domain::text::trouble;
use crate::domain::time::Span;
use crate::engine::effect::{self, EffectError};
use crate::engine::submit::Submitted;
use crate::engine::{Asked, Engine, SubmitError};
use crate::faults::{self, Mistake, place};
use crate::store::Claimed;

/// Before a return is recorded again that the database did not take.
const RECORD_AGAIN: Span = Span::seconds(1);

/// Measures again, records that the attempt begins, makes the call once, records how it came back.
pub(in crate::engine) async fn act(
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
            return look_now(engine, &claimed.run, &step, attempt).await;
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
            return effect::settle(engine, claimed).await;
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
        return effect::hand_back(engine, claimed).await;
    }
    if !engine.may_begin() {
        info!(run.id = %claimed.run, step.id = %step, attempt, "Left to another process: this one ends");
        return effect::hand_back(engine, claimed).await;
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
            effect::hand_back(engine, claimed).await?;
            return Ok(false);
        }
        Err(SubmitError::Refused(refusal)) if *refusal == Refusal::OutOfDate => {
            effect::hand_back(engine, claimed).await?;
            return Ok(false);
        }
        Err(SubmitError::Refused(_)) => false,
        Err(error) => return Err(error.into()),
    };
    if !begun {
        engine.store.settle(claimed).await?;
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

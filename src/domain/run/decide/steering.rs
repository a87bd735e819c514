//! Taking a step out of the way, opening it again, settling a doubt, putting back.

use serde_json::Map;

use super::rights;
use crate::domain::action::Undo;
use crate::domain::actor::{Actor, Right};
use crate::domain::ids::StepId;
use crate::domain::run::limits;
use crate::domain::run::preview::Direction;
use crate::domain::run::protocol::Event;
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Happened, Proof, Run, Skip, StepRun, StepState};
use crate::domain::runbook::Step;

fn steer<'a>(
    run: &'a Run,
    step: &StepId,
    by: &Actor,
) -> Result<(&'a Step, &'a StepRun, crate::domain::ids::PersonId), Refusal> {
    rights::not_closed(run)?;
    let (step, at) = rights::find(run, step)?;
    let person = rights::check(run, by, Right::Steer, Some(step))?;
    Ok((step, at, person.id.clone()))
}

pub(super) fn skip(
    run: &Run,
    step: &StepId,
    reason: &str,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let (step, at, by) = steer(run, step, by)?;
    // Skipping a decision would be a way around the people it asks.
    if step.action.is_decision() {
        return Err(Refusal::NotSkippable { step: step.title.clone() });
    }
    match &at.state {
        // Nothing was put back: the step stays done.
        StepState::Previewing
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Failed { .. }
            if at.direction == Direction::Undo && at.is_still_done() =>
        {
            let (step, by) = (step.id.clone(), vec![by]);
            let (reason, facts) = (rights::reason(reason)?, Map::new());
            Ok(vec![Event::StepDeclined { step, by, reason, facts }])
        }
        StepState::Previewing
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Failed { .. }
        | StepState::Undone => {
            let why = Skip::Person { by, reason: rights::reason(reason)? };
            Ok(vec![Event::StepSkipped { step: step.id.clone(), why }])
        }
        StepState::Waiting
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { .. }
        | StepState::Skipped { .. } => Err(rights::not_now(step, at)),
    }
}

pub(super) fn retry(run: &Run, step: &StepId, by: &Actor) -> Result<Vec<Event>, Refusal> {
    let (step, at, _) = steer(run, step, by)?;
    match &at.state {
        StepState::Blind { .. } => ask(step, at),
        StepState::Declined { .. }
        | StepState::Failed { .. }
        | StepState::Undone
        | StepState::Skipped { why: Skip::Person { .. } } => {
            rights::in_order(run, step, at)?;
            again(step, at, String::new())
        }
        StepState::Waiting
        | StepState::Previewing
        | StepState::Ready
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { .. }
        | StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded } => {
            Err(rights::not_now(step, at))
        }
    }
}

pub(super) fn look_again(run: &Run, step: &StepId, by: &Actor) -> Result<Vec<Event>, Refusal> {
    let (step, at, _) = steer(run, step, by)?;
    match &at.state {
        StepState::Ready | StepState::Blind { .. } => ask(step, at),
        StepState::InDoubt { .. } => Ok(vec![Event::ProbeAsked { step: step.id.clone() }]),
        StepState::Waiting
        | StepState::Previewing
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => Err(rights::not_now(step, at)),
    }
}

pub(super) fn mark_done(
    run: &Run,
    step: &StepId,
    reason: &str,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let (step, at, by) = steer(run, step, by)?;
    in_doubt(step, at)?;
    let reason = rights::reason(reason)?;
    let (step, facts) = (step.id.clone(), serde_json::Map::new());
    Ok(match at.direction {
        Direction::Do => {
            vec![Event::StepDone { step, how: Proof::Word { by, reason }, facts }]
        }
        // The words go on the record all the same.
        Direction::Undo => {
            vec![Event::NoteAdded { text: reason }, Event::StepUndone { step, facts }]
        }
    })
}

pub(super) fn start_again(
    run: &Run,
    step: &StepId,
    reason: &str,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let (step, at, _) = steer(run, step, by)?;
    match in_doubt(step, at)? {
        None => Err(Refusal::LookFirst { step: step.title.clone() }),
        Some(Happened::Running) => Err(Refusal::StillRunning { step: step.title.clone() }),
        Some(Happened::Done) => Err(rights::not_now(step, at)),
        Some(Happened::Never | Happened::Unknown) => {
            let reason = rights::reason(reason)?;
            rights::in_order(run, step, at)?;
            again(step, at, reason)
        }
    }
}

pub(super) fn undo(
    run: &Run,
    step: &StepId,
    reason: &str,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let (step, at, _) = steer(run, step, by)?;
    rights::going(run)?;
    match (&at.state, &at.done_as) {
        (StepState::Done { how: Proof::Seen | Proof::Accepted }, Some(_)) => {}
        (
            StepState::Done { .. }
            | StepState::Waiting
            | StepState::Previewing
            | StepState::Blind { .. }
            | StepState::Ready
            | StepState::Declined { .. }
            | StepState::Approved { .. }
            | StepState::Calling { .. }
            | StepState::Proving { .. }
            | StepState::InDoubt { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Undone,
            _,
        ) => return Err(rights::not_now(step, at)),
    }
    match step.action.spec().map(|spec| spec.undo) {
        Some(Undo::Possible) => {}
        Some(Undo::None(because)) => {
            return Err(Refusal::NoUndo { step: step.title.clone(), because });
        }
        None => return Err(rights::not_now(step, at)),
    }
    if let Some(past) = run.no_return(step) {
        return Err(Refusal::PastNoReturn { step: past.title.clone() });
    }
    // Nothing is pulled from under a call that is out, or about to go.
    let builds_on = run.each_step().filter(|(other, _)| other.needs.contains(&step.id));
    let out = builds_on.filter(|(_, at)| at.state.is_in_flight());
    let out: Vec<_> = out.map(|(other, _)| other.title.clone()).collect();
    if !out.is_empty() {
        return Err(Refusal::InFlight { steps: out });
    }
    let reason = rights::reason(reason)?;
    Ok(vec![Event::UndoAsked { step: step.id.clone(), reason }])
}

/// What was seen last of a step in doubt; refused for a step that is not.
fn in_doubt(step: &Step, at: &StepRun) -> Result<Option<Happened>, Refusal> {
    match &at.state {
        StepState::InDoubt { seen, .. } => Ok(seen.as_ref().map(|seen| seen.happened)),
        StepState::Waiting
        | StepState::Previewing
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => Err(rights::not_now(step, at)),
    }
}

fn ask(step: &Step, at: &StepRun) -> Result<Vec<Event>, Refusal> {
    if at.previews >= limits::PREVIEWS {
        let most = limits::PREVIEWS;
        return Err(Refusal::TooOften { step: step.title.clone(), most });
    }
    Ok(vec![Event::PreviewAsked { step: step.id.clone() }])
}

/// Opens the step again the way it was going.
fn again(step: &Step, at: &StepRun, reason: String) -> Result<Vec<Event>, Refusal> {
    if at.attempts >= limits::ATTEMPTS {
        let most = limits::ATTEMPTS;
        return Err(Refusal::TooOften { step: step.title.clone(), most });
    }
    if at.previews >= limits::PREVIEWS {
        let most = limits::PREVIEWS;
        return Err(Refusal::TooOften { step: step.title.clone(), most });
    }
    let id = step.id.clone();
    Ok(vec![match at.direction {
        Direction::Do => Event::StepReopened { step: id, reason },
        Direction::Undo => Event::UndoAsked { step: id, reason },
    }])
}

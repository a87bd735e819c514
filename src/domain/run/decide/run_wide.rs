//! What concerns the whole run: hold, resume, notes, the end, the passing of time.

use super::rights;
use crate::domain::actor::{Actor, Right};
use crate::domain::run::limits;
use crate::domain::run::protocol::{Event, Voided};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Run, Status, StepRun, StepState};
use crate::domain::runbook::Step;
use crate::domain::time::Timestamp;

pub(super) fn hold(run: &Run, reason: &str, by: &Actor) -> Result<Vec<Event>, Refusal> {
    rights::not_closed(run)?;
    rights::check(run, by, Right::Hold, None)?;
    rights::going(run)?;
    Ok(vec![Event::RunHeld { reason: rights::reason(reason)? }])
}

pub(super) fn resume(run: &Run, by: &Actor) -> Result<Vec<Event>, Refusal> {
    rights::not_closed(run)?;
    rights::check(run, by, Right::Command, None)?;
    match &run.status {
        Status::Held { .. } => Ok(vec![Event::RunResumed {}]),
        Status::Open | Status::Closed { .. } => Err(Refusal::NotHeld),
    }
}

pub(super) fn note(run: &Run, text: &str, by: &Actor) -> Result<Vec<Event>, Refusal> {
    rights::check(run, by, Right::Note, None)?;
    Ok(vec![Event::NoteAdded { text: rights::reason(text)? }])
}

pub(super) fn close(run: &Run, reason: &str, by: &Actor) -> Result<Vec<Event>, Refusal> {
    rights::not_closed(run)?;
    rights::check(run, by, Right::Command, None)?;
    let in_flight: Vec<_> = run
        .each_step()
        .filter(|(_, at)| at.state.is_in_flight())
        .map(|(step, _)| step.title.clone())
        .collect();
    if !in_flight.is_empty() {
        return Err(Refusal::InFlight { steps: in_flight });
    }
    let open = run.runbook.steps.iter().filter(|step| !run.is_settled(&step.id)).count();
    let reason = rights::bounded(reason)?;
    if open > 0 && reason.is_empty() {
        return Err(Refusal::StepsOpen { count: open });
    }
    Ok(vec![Event::RunClosed { reason }])
}

/// What is owed because time has passed. Never refused; nothing may follow.
pub(super) fn tick(run: &Run, now: Timestamp) -> Vec<Event> {
    if run.is_closed() {
        return Vec::new();
    }
    let blind = run.each_step().filter_map(|(step, at)| overdue(step, at, now));
    expired(run, now).into_iter().chain(blind).collect()
}

/// The approvals that have run out.
pub(super) fn expired(run: &Run, now: Timestamp) -> Vec<Event> {
    let waits = |at: &StepRun| matches!(at.state, StepState::Ready | StepState::Approved { .. });
    let steps = run.each_step().filter(|(step, at)| waits(at) && at.has_expired(step, now));
    steps
        .map(|(step, _)| Event::ApprovalsVoided { step: step.id.clone(), why: Voided::Expired })
        .collect()
}

/// A preview that could not be made, and is to be tried again.
fn overdue(step: &Step, at: &StepRun, now: Timestamp) -> Option<Event> {
    let due = due_at(step, at)?;
    if due > now {
        return None;
    }
    let id = step.id.clone();
    match &at.state {
        StepState::Blind { .. } if at.previews >= limits::PREVIEWS => None,
        StepState::Blind { .. } => Some(Event::PreviewAsked { step: id }),
        StepState::Waiting
        | StepState::Previewing
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => None,
    }
}

/// When time alone will move this step, if it will.
pub(in crate::domain::run) fn due_at(step: &Step, at: &StepRun) -> Option<Timestamp> {
    match &at.state {
        StepState::Ready => at.expires_at(step),
        StepState::Blind { .. } => Some(at.since.plus(limits::BLIND_RETRY)),
        StepState::Waiting
        | StepState::Previewing
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => None,
    }
}

//! What concerns the whole run: hold, resume, notes, the end, the passing of time.

use super::{rights, team};
use crate::domain::actor::{Actor, Right};
use crate::domain::alert::Alert;
use crate::domain::run::limits;
use crate::domain::run::protocol::{Event, Voided};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Run, Status, StepRun, StepState};
use crate::domain::run::updates;
use crate::domain::runbook::{Runbook, Step};
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

pub(super) fn attach(run: &Run, runbook: &Runbook, by: &Actor) -> Result<Vec<Event>, Refusal> {
    rights::not_closed(run)?;
    rights::check(run, by, Right::Command, None)?;
    rights::going(run)?;
    if let Some(has) = run.runbook.shared_with(runbook) {
        return Err(Refusal::AlreadyHas { runbook: runbook.title.clone(), has });
    }
    if run.runbook.steps.len() + runbook.steps.len() > limits::STEPS {
        return Err(Refusal::TooManySteps { most: limits::STEPS });
    }
    Ok(vec![Event::RunbookAttached { runbook: Box::new(runbook.clone()) }])
}

pub(super) fn note(run: &Run, text: &str, by: &Actor) -> Result<Vec<Event>, Refusal> {
    rights::check(run, by, Right::Note, None)?;
    Ok(vec![Event::NoteAdded { text: rights::reason(text)? }])
}

/// What rings is written down, and moves nothing.
pub(super) fn alerted(run: &Run, alert: &Alert, by: &Actor) -> Result<Vec<Event>, Refusal> {
    rights::engine(by)?;
    rights::not_closed(run)?;
    Ok(vec![Event::Alerted { alert: Box::new(alert.clone()) }])
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
    let mut events = vec![Event::RunClosed { reason }];
    events.extend(updates::last(run));
    Ok(events)
}

/// What is owed because time has passed. Never refused; nothing may follow.
pub(super) fn tick(run: &Run, now: Timestamp) -> Vec<Event> {
    if run.is_closed() {
        return Vec::new();
    }
    let mut events = expired(run, now);
    let struck: Vec<_> = events.iter().filter_map(Event::step).cloned().collect();
    let others = run.each_step().filter(|(step, _)| !struck.contains(&step.id));
    events.extend(others.filter_map(|(step, at)| overdue(run, step, at, now)));
    events.extend(updates::owed(run, now));
    events
}

/// The approvals that have run out.
pub(super) fn expired(run: &Run, now: Timestamp) -> Vec<Event> {
    let waits = |at: &StepRun| matches!(at.state, StepState::Ready | StepState::Approved { .. });
    let steps = run.each_step().filter(|(step, at)| waits(at) && at.has_expired(step, now));
    steps
        .map(|(step, _)| Event::ApprovalsVoided { step: step.id.clone(), why: Voided::Expired })
        .collect()
}

/// What is owed besides approvals that have run out: people to be called, a preview to be tried again, a late step.
fn overdue(run: &Run, step: &Step, at: &StepRun, now: Timestamp) -> Option<Event> {
    let due = due_at(run, step, at)?;
    if due > now {
        return None;
    }
    let id = step.id.clone();
    match &at.state {
        StepState::Ready => Some(team::call(run, step, at, now)),
        StepState::Blind { .. } => Some(Event::PreviewAsked { step: id }),
        StepState::Calling { .. } | StepState::Proving { .. } => {
            Some(Event::StepLate { step: id, worst: step.worst })
        }
        StepState::Waiting
        | StepState::Previewing
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => None,
    }
}

/// When time alone will move this step, if it will. Never a time at which nothing follows: that would be the run's
/// next tick for ever, and no other step's would come.
pub(in crate::domain::run) fn due_at(run: &Run, step: &Step, at: &StepRun) -> Option<Timestamp> {
    match &at.state {
        StepState::Ready => {
            at.expires_at(step).into_iter().chain(team::call_at(run, step, at)).min()
        }
        StepState::Blind { .. } if at.previews >= limits::PREVIEWS => None,
        StepState::Blind { .. } => Some(at.since.plus(limits::BLIND_RETRY)),
        StepState::Calling { .. } | StepState::Proving { .. } => team::late_at(step, at),
        StepState::Waiting
        | StepState::Previewing
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => None,
    }
}

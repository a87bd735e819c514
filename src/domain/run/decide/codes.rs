//! What an agreement needs besides the press, where the runbook or a point of no return asks for it: the
//! [`Confirmation`] that a code has counted, or that the person has none. Looked at last: whoever is refused for
//! another reason is asked for no code.

use super::rights;
use crate::domain::actor::{Actor, Right, Role, roles_for};
use crate::domain::code::{Confirmation, How};
use crate::domain::environment::Environment;
use crate::domain::ids::{PersonId, StepId};
use crate::domain::run::protocol::{Event, Request};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Choice, Run, StepRun};
use crate::domain::runbook::{CodeOf, Step};
use crate::domain::time::Timestamp;

/// The step that a request agrees to. Every way of saying yes is here, so that none goes around a code.
pub fn agrees_to(request: &Request) -> Option<&StepId> {
    match request {
        Request::Approve { step, .. }
        | Request::Vote { step, choice: Choice::Go, .. }
        | Request::BreakGlass { step, .. } => Some(step),
        Request::SteppedUp { answer, .. } => agrees_to(answer),
        Request::Reject { .. }
        | Request::Vote { choice: Choice::NoGo, .. }
        | Request::Disagree { .. }
        | Request::Attach { .. }
        | Request::Skip { .. }
        | Request::Retry { .. }
        | Request::LookAgain { .. }
        | Request::MarkDone { .. }
        | Request::StartAgain { .. }
        | Request::Undo { .. }
        | Request::Hold { .. }
        | Request::Resume
        | Request::TakeRole { .. }
        | Request::Note { .. }
        | Request::Chat { .. }
        | Request::Alerted { .. }
        | Request::FollowGroup { .. }
        | Request::Update { .. }
        | Request::Close { .. }
        | Request::CodesLocked { .. }
        | Request::Report(_)
        | Request::Tick => None,
    }
}

/// The events of a request that is accepted otherwise, with the code on the record; or refused for want of it.
pub(super) fn confirmed(
    run: &Run,
    request: &Request,
    by: &Actor,
    confirmation: Option<&Confirmation>,
    mut events: Vec<Event>,
) -> Result<Vec<Event>, Refusal> {
    let Some(step) = agrees_to(request) else { return Ok(events) };
    let (step, _) = rights::find(run, step)?;
    let person = rights::person(&run.environment, by)?;
    let how = confirmation.and_then(|confirmation| confirmation.of(&person.id));
    match (step.code_of(), how) {
        (CodeOf::Nobody, _) | (CodeOf::Enrolled, Some(How::NotEnrolled)) => {}
        (CodeOf::Enrolled | CodeOf::Everybody, Some(How::Code)) => {
            events.insert(0, Event::CodeConfirmed { step: step.id.clone() });
        }
        (CodeOf::Everybody, Some(How::NotEnrolled)) => {
            return Err(Refusal::NotEnrolled {
                step: step.title.clone(),
                person: person.id.clone(),
            });
        }
        (CodeOf::Enrolled | CodeOf::Everybody, None) => {
            return Err(Refusal::CodeMissing { step: step.title.clone() });
        }
    }
    Ok(events)
}

/// Whether an approval may count right before the call.
pub(super) fn counts(step: &Step, at: &StepRun, person: &PersonId) -> bool {
    match step.code_of() {
        CodeOf::Nobody | CodeOf::Enrolled => true,
        CodeOf::Everybody => at.coded.contains(person),
    }
}

/// Whether somebody may give this person one-time codes, or take them away: themselves, or the commander.
///
/// # Errors
/// Why not.
pub fn may_enrol(environment: &Environment, by: &Actor, whom: &PersonId) -> Result<(), Refusal> {
    let person = rights::person(environment, by)?;
    if person.id == *whom {
        return Ok(());
    }
    rights::allow_by_file(environment, person, roles_for(Right::Enrol, &[], Role::Ic))
}

/// Too many wrong codes were typed in somebody's name: everybody is told.
pub(super) fn locked(
    run: &Run,
    step: &StepId,
    person: &PersonId,
    until: Timestamp,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    rights::engine(by)?;
    rights::not_closed(run)?;
    rights::find(run, step)?;
    Ok(vec![Event::CodesLocked { step: step.clone(), person: person.clone(), until }])
}

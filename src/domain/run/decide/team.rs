//! Who is on duty: taking a role, giving it, handing it over; and calling for the people a step waits for.
//!
//! Being on duty is being the one who is called. It gives no right to approve what the environment file does not
//! give: the roles that gates ask for can be taken only by the people whom that file names for them, or a group it
//! names.

use super::rights;
use crate::domain::actor::{Actor, Right, Role, roles_for};
use crate::domain::environment::{Environment, Person};
use crate::domain::ids::PersonId;
use crate::domain::run::limits;
use crate::domain::run::protocol::Event;
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Run, Status, StepRun, StepState};
use crate::domain::runbook::Step;
use crate::domain::time::{Span, Timestamp};

/// A person goes on duty: the one who asks, or the one they name. Naming somebody else is for the commander, and for
/// whoever hands over.
pub(super) fn take(
    run: &Run,
    role: Role,
    person: Option<&PersonId>,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    rights::not_closed(run)?;
    let environment = &run.environment;
    let asker = rights::person(environment, by)?;
    let next = match person {
        None => asker,
        Some(id) => {
            environment.person(id).ok_or_else(|| Refusal::NoSuchPerson { name: id.to_string() })?
        }
    };
    let present = run.duty.get(&role);
    if present == Some(&next.id) {
        return Err(Refusal::OnDuty { role, person: next.id.clone() });
    }
    if next.id != asker.id && present != Some(&asker.id) {
        rights::allow(run, asker, roles_for(Right::Command, &[], Role::Ic))?;
    }
    if role.is_given_by_the_file() && !run.holds(next, &[role]) {
        let why = rights::gone(run, next, &[role]);
        let who = run.holders(&[role]).map(|person| person.id.clone()).collect();
        return Err(why.unwrap_or(Refusal::NotQualified { role, person: next.id.clone(), who }));
    }
    Ok(vec![Event::RoleTaken { role, person: next.id.clone(), from: present.cloned() }])
}

/// The environment file gives this person the role, if it is one that only the file gives. Before a run is open: no
/// group has been read yet.
pub(super) fn qualified(
    environment: &Environment,
    role: Role,
    person: &Person,
) -> Result<(), Refusal> {
    if role.is_given_by_the_file() && !person.roles.contains(&role) {
        let who = environment.holders(&[role]).map(|person| person.id.clone()).collect();
        return Err(Refusal::NotQualified { role, person: person.id.clone(), who });
    }
    Ok(())
}

/// When the people a step waits for are called by name: after its nag time, then at doubling distances from the last
/// call, so that a night of waiting is a handful of calls, and so is a night for which the process was stopped. Not
/// while the run is held, when they could not answer.
pub(super) fn call_at(run: &Run, step: &Step, at: &StepRun) -> Option<Timestamp> {
    let waits = at.state == StepState::Ready && at.calls < limits::CALLS;
    if !waits || run.status != Status::Open {
        return None;
    }
    let wait = Span(step.nag.ms().saturating_mul(1 << at.calls));
    Some(at.called_at.unwrap_or(at.since).plus(wait))
}

/// Calls them: those on duty who have not answered, or everybody who may where nobody is.
pub(super) fn call(run: &Run, step: &Step, at: &StepRun, now: Timestamp) -> Event {
    let roles = step.gate.roles(step.owner);
    let awaited: Vec<_> = run.still_asked(step, at).into_iter().cloned().collect();
    let on_duty: Vec<_> = awaited.iter().filter(|id| run.is_on_duty(id, &roles)).cloned().collect();
    let unmanned = roles.into_iter().filter(|role| !run.duty.contains_key(role)).collect();
    let people = if on_duty.is_empty() { awaited } else { on_duty };
    Event::PeopleCalled { step: step.id.clone(), people, unmanned, waited: now.since(at.since) }
}

/// When a step that runs is called out as late, once.
pub(super) fn late_at(step: &Step, at: &StepRun) -> Option<Timestamp> {
    let runs = matches!(at.state, StepState::Calling { .. } | StepState::Proving { .. });
    (runs && !at.late).then(|| at.since.plus(step.worst))
}

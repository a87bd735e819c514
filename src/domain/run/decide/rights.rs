//! Checks every request of a person passes: who they are, what they may, what they wrote.

use crate::domain::actor::{Actor, Right, Role, roles_for};
use crate::domain::environment::Person;
use crate::domain::ids::StepId;
use crate::domain::run::limits;
use crate::domain::run::preview::Direction;
use crate::domain::run::protocol::Request;
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Run, Status, StepRun, StepState};
use crate::domain::runbook::Step;

/// The person who asks, if the environment knows them and a role of theirs gives the right. `step`: the one it is
/// about.
pub(super) fn check<'a>(
    run: &'a Run,
    by: &Actor,
    right: Right,
    step: Option<&Step>,
) -> Result<&'a Person, Refusal> {
    let person = person(&run.environment, by)?;
    let owner = step.map_or(Role::Ic, |step| step.owner);
    let gate = step.map(|step| step.gate.roles(step.owner)).unwrap_or_default();
    let roles = roles_for(right, &gate, owner);
    // Where one person is enough, whoever took a role for this run may speak for it.
    let took = step.zip(roles.as_ref()).is_some_and(|(step, roles)| match right {
        Right::Answer => run.speaks_for(person, roles, &step.gate),
        Right::Steer => run.is_on_duty(&person.id, roles),
        Right::Start | Right::Note | Right::Hold | Right::Command | Right::Tell | Right::Enrol => {
            false
        }
    });
    if !took {
        allow(run, person, roles)?;
    }
    Ok(person)
}

/// The known person who asks.
pub(super) fn person<'a>(
    environment: &'a crate::domain::environment::Environment,
    by: &Actor,
) -> Result<&'a Person, Refusal> {
    match by {
        Actor::Person { id, .. } => {
            environment.person(id).ok_or_else(|| Refusal::Stranger { name: id.to_string() })
        }
        Actor::Stranger { name, .. } => Err(Refusal::Stranger { name: name.clone() }),
        Actor::Engine => Err(Refusal::Stranger { name: "engine".to_owned() }),
    }
}

/// Whether the person holds one of the roles in this run (`None`: everybody may).
pub(super) fn allow(run: &Run, person: &Person, roles: Option<Vec<Role>>) -> Result<(), Refusal> {
    match roles {
        Some(needs) if !run.holds(person, &needs) => {
            let gone = gone(run, person, &needs);
            let who = run.holders(&needs).map(|person| person.id.clone()).collect();
            Err(gone.unwrap_or(Refusal::NotAllowed { needs, who }))
        }
        Some(_) | None => Ok(()),
    }
}

/// Why somebody does not hold these roles whom a user group may have given one: they left it, or it was never read.
pub(super) fn gone(run: &Run, person: &Person, needs: &[Role]) -> Option<Refusal> {
    let who = || run.holders(needs).map(|person| person.id.clone()).collect();
    let left = run.groups_for(needs).find_map(|(group, members)| {
        let (group, at) = (group.id.clone(), *members?.left.get(&person.id)?);
        Some(Refusal::LeftGroup { group, person: person.id.clone(), at, who: who() })
    });
    let unread = run.groups_for(needs).find_map(|(group, members)| {
        let is_read = members.is_some_and(|members| members.read_at.is_some());
        let why = members.and_then(|members| members.unread.clone());
        let (group, needs) = (group.id.clone(), needs.to_vec());
        (!is_read).then(|| Refusal::GroupUnread { group, why, needs, who: who() })
    });
    left.or(unread)
}

/// Whether the person holds one of the roles by the environment file alone: no run is open.
pub(super) fn allow_by_file(
    environment: &crate::domain::environment::Environment,
    person: &Person,
    roles: Option<Vec<Role>>,
) -> Result<(), Refusal> {
    match roles {
        Some(needs) if !person.holds_one_of(&needs) => {
            let who = environment.holders(&needs).map(|person| person.id.clone()).collect();
            Err(Refusal::NotAllowed { needs, who })
        }
        Some(_) | None => Ok(()),
    }
}

/// The engine asks, not a person.
pub(super) fn engine(by: &Actor) -> Result<(), Refusal> {
    match by {
        Actor::Engine => Ok(()),
        Actor::Person { .. } | Actor::Stranger { .. } => Err(Refusal::EngineOnly),
    }
}

/// The record has room for what a person asks. What ends or stops a run, and what the engine reports, is never
/// refused for that: the former happens once, the latter is bounded by attempts and previews.
pub(super) fn not_full(run: &Run, request: &Request) -> Result<(), Refusal> {
    let most = match request {
        Request::Hold { .. } | Request::Close { .. } | Request::Report(_) | Request::Tick => {
            return Ok(());
        }
        Request::Note { .. } | Request::Chat { .. } | Request::Alerted { .. } => limits::EVENTS,
        Request::Approve { .. }
        | Request::Reject { .. }
        | Request::Vote { .. }
        | Request::Disagree { .. }
        | Request::BreakGlass { .. }
        | Request::Skip { .. }
        | Request::Retry { .. }
        | Request::LookAgain { .. }
        | Request::MarkDone { .. }
        | Request::StartAgain { .. }
        | Request::Undo { .. }
        | Request::TakeRole { .. }
        | Request::Attach { .. }
        | Request::SteppedUp { .. }
        | Request::CodesLocked { .. }
        | Request::FollowGroup { .. }
        | Request::Update { .. }
        | Request::Resume => limits::EVENTS + limits::RESERVE,
    };
    if run.seq >= most { Err(Refusal::Full { most }) } else { Ok(()) }
}

/// The step's turn has not passed: what it needs is still settled, and nothing is put back past the point of no
/// return. Asked when people agree and again right before the call, for other steps move in between.
pub(super) fn in_order(run: &Run, step: &Step, at: &StepRun) -> Result<(), Refusal> {
    match at.direction {
        Direction::Do => {
            let open: Vec<_> = run.unsettled_needs(step).map(|need| need.title.clone()).collect();
            if open.is_empty() {
                return Ok(());
            }
            Err(Refusal::NeedsOpen { step: step.title.clone(), needs: open })
        }
        Direction::Undo => match run.no_return(step) {
            Some(past) => Err(Refusal::PastNoReturn { step: past.title.clone() }),
            None => Ok(()),
        },
    }
}

/// The step and its state.
pub(super) fn find<'a>(run: &'a Run, step: &StepId) -> Result<(&'a Step, &'a StepRun), Refusal> {
    run.step(step).ok_or_else(|| Refusal::NoSuchStep { step: step.clone() })
}

/// The run is not over.
pub(super) fn not_closed(run: &Run) -> Result<(), Refusal> {
    match &run.status {
        Status::Closed { at, .. } => Err(Refusal::Closed { at: *at }),
        Status::Open | Status::Held { .. } => Ok(()),
    }
}

/// The run is neither over nor held.
pub(super) fn going(run: &Run) -> Result<(), Refusal> {
    match &run.status {
        Status::Closed { at, .. } => Err(Refusal::Closed { at: *at }),
        Status::Held { by, reason, .. } => {
            Err(Refusal::Held { by: by.clone(), reason: reason.clone() })
        }
        Status::Open => Ok(()),
    }
}

/// A written reason: there, and not too long.
pub(super) fn reason(text: &str) -> Result<String, Refusal> {
    let text = bounded(text)?;
    if text.is_empty() { Err(Refusal::ReasonMissing) } else { Ok(text) }
}

/// A text that may be empty, trimmed and not too long.
pub(super) fn bounded(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.chars().count() > limits::TEXT {
        return Err(Refusal::TooLong { most: limits::TEXT });
    }
    Ok(text.to_owned())
}

/// The step is not in a state for that.
pub(super) fn not_now(step: &Step, at: &StepRun) -> Refusal {
    let decided = step.action.is_decision() && matches!(at.state, StepState::Done { .. });
    let state = if decided { "decided" } else { at.state.name() };
    Refusal::NotNow { step: step.title.clone(), state }
}

//! Opening a run.

use super::{follow, rights, team};
use crate::domain::actor::{Actor, Right, Role, Surface, roles_for};
use crate::domain::environment::{Environment, EnvironmentKind, Person};
use crate::domain::ids::PersonId;
use crate::domain::run::apply;
use crate::domain::run::declared::Declared;
use crate::domain::run::limits;
use crate::domain::run::protocol::{Entry, Event, Start};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::Kind;
use crate::domain::time::Timestamp;

/// Whether this person may open a run at all.
///
/// # Errors
/// Why not.
pub fn may_start(environment: &Environment, by: &Actor) -> Result<(), Refusal> {
    let person = rights::person(environment, by)?;
    rights::allow_by_file(environment, person, roles_for(Right::Start, &[], Role::Ic))
}

/// Those who may open a run in this environment.
pub fn starters(environment: &Environment) -> impl Iterator<Item = &PersonId> {
    let may = |person: &&Person| {
        let by = Actor::Person { id: person.id.clone(), via: Surface::Web };
        may_start(environment, &by).is_ok()
    };
    environment.people.iter().filter(may).map(|person| &person.id)
}

/// Whether there may be a run of this kind in this environment.
///
/// # Errors
/// Why not.
pub fn may_be(kind: Kind, environment: &Environment) -> Result<(), Refusal> {
    match (kind, environment.kind) {
        (Kind::Exercise, EnvironmentKind::Production) => {
            Err(Refusal::NoExerciseInProduction { environment: environment.id.to_string() })
        }
        (Kind::Exercise, EnvironmentKind::Staging) | (Kind::Incident | Kind::Tabletop, _) => Ok(()),
    }
}

/// What is said of the trouble is about this environment, and gives nobody a role that its file does not.
fn may_be_said(environment: &Environment, declared: &Declared) -> Result<(), Refusal> {
    let systems = environment.systems();
    if let Some(name) = declared.affected.iter().find(|name| !systems.contains(&name.as_str())) {
        let all = systems.into_iter().map(str::to_owned).collect();
        return Err(Refusal::NoSuchSystem { name: name.chars().take(40).collect(), all });
    }
    declared.roles.iter().try_for_each(|(role, id)| {
        let person = environment.person(id);
        let person = person.ok_or_else(|| Refusal::NoSuchPerson { name: id.to_string() })?;
        team::qualified(environment, *role, person)
    })
}

/// The first events of a run. That only one of a kind is open in an environment is for the store to say.
///
/// # Errors
/// When the person may not, an exercise would run in production, the impact is out of range, or what is said of the
/// trouble does not fit the environment.
pub fn start(start: &Start, by: &Actor, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    may_start(&start.environment, by)?;
    may_be(start.kind, &start.environment)?;
    if start.impact_at > now || now.since(start.impact_at) > limits::IMPACT {
        return Err(Refusal::ImpactOutOfRange { most: limits::IMPACT });
    }
    may_be_said(&start.environment, &start.declared)?;
    let mut events = vec![Event::RunStarted(Box::new(start.clone()))];
    let first =
        Entry { at: now, by: by.clone(), event: Event::RunStarted(Box::new(start.clone())) };
    if let Some(run) = apply::open(&first) {
        let mut more = Vec::new();
        follow::open_steps(&run, &mut more, by, now);
        events.append(&mut more);
    }
    Ok(events)
}

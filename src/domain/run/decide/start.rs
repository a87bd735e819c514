//! Opening a run.

use super::{follow, rights};
use crate::domain::actor::{Actor, Right, Role, roles_for};
use crate::domain::environment::EnvironmentKind;
use crate::domain::run::apply;
use crate::domain::run::limits;
use crate::domain::run::protocol::{Entry, Event, Start};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::Kind;
use crate::domain::time::Timestamp;

/// The first events of a run. That only one of a kind is open in an environment is for the store to say.
///
/// # Errors
/// When the person may not, an exercise would run in production, or the impact is out of range.
pub fn start(start: &Start, by: &Actor, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let person = rights::person(&start.environment, by)?;
    rights::allow(&start.environment, person, roles_for(Right::Start, &[], Role::Ic))?;
    match (start.kind, start.environment.kind) {
        (Kind::Exercise, EnvironmentKind::Production) => {
            let environment = start.environment.id.to_string();
            return Err(Refusal::NoExerciseInProduction { environment });
        }
        (Kind::Exercise, EnvironmentKind::Staging) | (Kind::Incident | Kind::Tabletop, _) => {}
    }
    if start.impact_at > now || now.since(start.impact_at) > limits::IMPACT {
        return Err(Refusal::ImpactOutOfRange { most: limits::IMPACT });
    }
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

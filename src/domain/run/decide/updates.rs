//! What people say about an update before it goes out, or after.

use super::rights;
use crate::domain::actor::{Actor, Right, Role, roles_for};
use crate::domain::run::protocol::Event;
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::Run;
use crate::domain::run::update::{Told, UpdateAsk, UpdateId};
use crate::domain::run::updates::PUT_OFF;
use crate::domain::time::Timestamp;

/// Words for an update: it goes out with them, or, where it is out, stands with them. Or it waits a little.
pub(super) fn update(
    run: &Run,
    update: &UpdateId,
    ask: &UpdateAsk,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    rights::not_closed(run)?;
    let person = rights::person(&run.environment, by)?;
    let roles = roles_for(Right::Tell, &[], Role::Comms);
    let is_on_duty = roles.as_ref().is_some_and(|roles| run.is_on_duty(&person.id, roles));
    if !is_on_duty {
        rights::allow(run, person, roles)?;
    }
    let over = || Refusal::UpdateOver { update: update.clone() };
    if run.audience(&update.audience).is_none() {
        return Err(over());
    }
    let standing = run.updates.get(&update.audience).ok_or_else(over)?;
    let is_draft = standing.draft.as_ref().is_some_and(|draft| draft.number == update.number);
    let is_newest = standing.newest_out().is_some_and(|out| out.number == update.number);
    let what = match ask {
        UpdateAsk::Say(words) if is_draft || is_newest => {
            Told::Out { words: Some(rights::reason(words)?) }
        }
        UpdateAsk::PutOff if is_draft => Told::PutOff { until: now.plus(PUT_OFF) },
        UpdateAsk::Say(_) | UpdateAsk::PutOff => return Err(over()),
    };
    Ok(vec![Event::Update { update: update.clone(), what }])
}

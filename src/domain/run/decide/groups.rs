//! What is worth an entry of what was seen of a user group: who is in it, when that has changed, and that it cannot be
//! read, once.

use super::rights;
use crate::domain::actor::Actor;
use crate::domain::ids::GroupId;
use crate::domain::run::chat::bounded;
use crate::domain::run::groups::Reading;
use crate::domain::run::protocol::Event;
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::Run;

pub(super) fn follow(
    run: &Run,
    id: &GroupId,
    reading: &Reading,
    by: &Actor,
) -> Result<Vec<Event>, Refusal> {
    rights::engine(by)?;
    rights::not_closed(run)?;
    let group = run.environment.group(id).ok_or(Refusal::OutOfDate)?;
    let known = run.groups.get(id);
    let (id, event) = (id.clone(), |event| Ok(vec![event]));
    match reading {
        Reading::Members(users) => {
            let (people, unknown) = run.environment.members(group, users);
            let same = known.is_some_and(|known| {
                let is_read = known.read_at.is_some() && known.unread.is_none();
                is_read && known.people == people && known.unknown == unknown
            });
            if same { Ok(vec![]) } else { event(Event::GroupSeen { group: id, people, unknown }) }
        }
        Reading::Unread { why, read_at } => {
            let (why, read_at) = (bounded(why), *read_at);
            let same = known.is_some_and(|known| known.unread.as_ref() == Some(&why));
            if same { Ok(vec![]) } else { event(Event::GroupUnread { group: id, why, read_at }) }
        }
    }
}

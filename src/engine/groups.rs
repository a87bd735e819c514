//! Reads who is in a user group that gives roles: when a run starts, and again while it is open. The effect stays in the
//! outbox until the run is closed. What changes the record settles it and asks for it anew in the same transaction, so
//! that nobody who had been stopped can write something older over it.

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::channel::ChannelError;
use super::effect::{self, EffectError};
use super::patience::span;
use super::{Asked, Engine};
use crate::domain::actor::Actor;
use crate::domain::ids::GroupId;
use crate::domain::run::Request;
use crate::domain::run::decide::decide;
use crate::domain::run::groups::{NO_SLACK, Reading};
use crate::domain::time::{Span, Timestamp};
use crate::store::Claimed;

/// How often in a row it may fail before it is said that the group cannot be read.
const FAILURES: u32 = 3;

/// What a pass leaves for the next, in the outbox row.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Note {
    /// When the group was read the last time.
    read_at: Option<Timestamp>,
    /// How often in a row it could not be.
    failures: u32,
}

pub(super) async fn read(
    engine: &Engine,
    claimed: &Claimed,
    id: &GroupId,
) -> Result<(), EffectError> {
    let Some(run) = engine.store.run(&claimed.run).await?.map(|stored| stored.run) else {
        return effect::settle(engine, claimed).await;
    };
    let Some(group) = run.environment.group(id).filter(|_| !run.is_closed()) else {
        return effect::settle(engine, claimed).await;
    };
    let every = engine.clock.stretched(span(engine.patience.group));
    let known = run.groups.get(id);
    let again = known.and_then(|known| known.asked_at).map(|asked_at| asked_at.plus(every));
    let note: Option<Note> =
        claimed.note.as_deref().and_then(|note| serde_json::from_str(note).ok());
    // What was recorded just now is not asked for again at once.
    if let (None, Some(again)) = (&note, again.filter(|again| *again > engine.clock.now())) {
        return later(engine, claimed, &Note::default(), again).await;
    }
    let mut note = note.unwrap_or_default();
    let is_known_unread = known.is_some_and(|known| known.unread.is_some());
    let reading = match engine.channel.members(&run, group).await {
        Ok(Some(users)) => {
            note = Note { read_at: Some(engine.clock.now()), failures: 0 };
            Reading::Members(users)
        }
        Ok(None) => Reading::Unread { why: NO_SLACK.to_owned(), read_at: note.read_at },
        Err(wait @ ChannelError::Wait { .. }) => return Err(wait.into()),
        Err(error) => {
            note.failures += 1;
            if note.failures < FAILURES && !is_known_unread {
                warn!(run.id = %run.id, group = %id, error = %error, "Could not read a user group");
                let again = engine.clock.now().plus(Span::seconds(1 << note.failures));
                return later(engine, claimed, &note, again).await;
            }
            Reading::Unread { why: why(error), read_at: note.read_at }
        }
    };
    let now = engine.clock.now();
    let request = Request::FollowGroup { group: id.clone(), reading };
    match decide(&run, &request, &Actor::Engine, now) {
        Ok(events) if !events.is_empty() => {}
        Ok(_) => return later(engine, claimed, &note, now.plus(every)).await,
        Err(refusal) => {
            info!(run.id = %run.id, group = %id, refusal = ?refusal, "A user group is not recorded");
            return later(engine, claimed, &note, now.plus(every)).await;
        }
    }
    let key = format!("group/{}/{}/{}", claimed.run, claimed.key, claimed.lease);
    let asked = Asked { key: &key, request: &request, by: &Actor::Engine, settles: Some(claimed) };
    engine.submit(&claimed.run, asked).await?;
    Ok(())
}

/// What Slack said, without what we say about it.
fn why(error: ChannelError) -> String {
    match error {
        ChannelError::Failed { detail } | ChannelError::Unknown { detail } => detail,
        other @ (ChannelError::Wait { .. } | ChannelError::Gone) => other.to_string(),
    }
}

async fn later(
    engine: &Engine,
    claimed: &Claimed,
    note: &Note,
    due_at: Timestamp,
) -> Result<(), EffectError> {
    let note = serde_json::to_string(note).unwrap_or_default();
    Ok(engine.store.postpone(claimed, due_at, Some(&note), false).await?)
}

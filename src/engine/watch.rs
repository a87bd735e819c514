//! The dead-man's switch: while a run is open, the channel holds a warning that it posts by itself in five minutes, and
//! the bot moves it on as long as it lives. What nobody moves is posted, without any help of ours.
//!
//! It proves that this process reads its database and reaches the channel; not that its steps go on. Each pass does one
//! thing and is found again in the outbox: the new warning is left and remembered first, the old one taken back then.

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::Engine;
use super::channel::{ChannelError, Pending};
use super::effect::{self, EffectError};
use crate::domain::comms;
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::faults;
use crate::store::Claimed;

/// How far ahead the warning is.
const AHEAD: Span = Span::minutes(5);
/// It is moved on when no more than this is left: after two minutes.
const LEAST: Span = Span::minutes(3);
/// Slack takes nothing back that is due so soon.
const TOO_LATE: Span = Span::seconds(60);

/// How soon the channel is asked again whether a warning that cannot be taken back is posted.
const ASK_AGAIN: Span = Span::seconds(10);

/// What a pass leaves for the next, in the outbox row.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    warnings: Vec<Warning>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Warning {
    id: String,
    due_at: Timestamp,
}

impl From<Pending> for Warning {
    fn from(Pending { id, due_at }: Pending) -> Self {
        Self { id, due_at }
    }
}

/// What to do next about the warnings that wait.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Leave a new one.
    Leave,
    /// Take these back; if one is kept, come again then.
    TakeBack { old: Vec<Warning>, kept: Option<(Warning, Timestamp)> },
}

/// A new warning is left when no more than `least` is left of the newest.
fn next(warnings: &[Warning], is_closed: bool, least: Span, now: Timestamp) -> Next {
    if is_closed {
        return Next::TakeBack { old: warnings.to_vec(), kept: None };
    }
    let newest = warnings.iter().max_by_key(|warning| warning.due_at);
    match newest.filter(|newest| newest.due_at.since(now) > least) {
        None => Next::Leave,
        Some(newest) => {
            let old = warnings.iter().filter(|warning| *warning != newest).cloned().collect();
            let again = now.plus(Span(newest.due_at.since(now).ms() - least.ms()));
            Next::TakeBack { old, kept: Some((newest.clone(), again)) }
        }
    }
}

pub(super) async fn watch(engine: &Engine, claimed: &Claimed) -> Result<(), EffectError> {
    let now = engine.clock.now();
    let Some(run) = engine.store.run(&claimed.run).await?.map(|stored| stored.run) else {
        return effect::settle(engine, claimed).await;
    };
    let note: Note = claimed
        .note
        .as_deref()
        .and_then(|note| serde_json::from_str(note).ok())
        .unwrap_or_default();
    let least = engine.clock.stretched(LEAST);
    let mut warnings = note.warnings;
    let is_over = warnings.iter().any(|warning| warning.due_at <= now) || run.is_closed();
    if is_over || next(&warnings, false, least, now) == Next::Leave {
        warnings = compared(engine, &run, warnings, now).await?;
    }
    match next(&warnings, run.is_closed(), least, now) {
        Next::Leave => {
            let due_at = now.plus(engine.clock.stretched(AHEAD));
            let warning = comms::silence(&run, now);
            match engine.channel.leave(&run, &warning, due_at).await? {
                None => {
                    info!(run.id = %run.id, "The channel cannot warn of the bot's silence");
                    return effect::settle(engine, claimed).await;
                }
                Some(left) => warnings.push(left.into()),
            }
            faults::place("warning left");
            later(engine, claimed, warnings, now).await
        }
        Next::TakeBack { old, kept } => {
            let mut left = take_back(engine, &run, old, now).await?;
            // Slack may be late to post it; it is not asked all the time.
            let soonest = left.iter().map(|warning| warning.due_at).min();
            let soonest = soonest.map(|soonest| soonest.max(now.plus(ASK_AGAIN)));
            match (kept, soonest) {
                (None, None) => effect::settle(engine, claimed).await,
                (None, Some(soonest)) => later(engine, claimed, left, soonest).await,
                (Some((kept, again)), soonest) => {
                    let again = soonest.map_or(again, |soonest| soonest.min(again));
                    left.push(kept);
                    later(engine, claimed, left, again).await
                }
            }
        }
    }
}

/// Puts the effect off, with what is known now.
async fn later(
    engine: &Engine,
    claimed: &Claimed,
    warnings: Vec<Warning>,
    due_at: Timestamp,
) -> Result<(), EffectError> {
    let note = serde_json::to_string(&Note { warnings }).unwrap_or_default();
    Ok(engine.store.postpone(claimed, due_at, Some(&note), false).await?)
}

/// What waits, as the channel says: with what a process left that died before it could remember it, and without what
/// was posted. The room is told once that the bot is back.
async fn compared(
    engine: &Engine,
    run: &Run,
    known: Vec<Warning>,
    now: Timestamp,
) -> Result<Vec<Warning>, EffectError> {
    let left: Vec<Warning> = match engine.channel.left(run).await {
        Ok(left) => left.into_iter().map(Into::into).collect(),
        Err(wait @ ChannelError::Wait { .. }) => return Err(wait.into()),
        Err(error) => {
            warn!(run.id = %run.id, error = %error, "Cannot see which warnings wait");
            known.iter().filter(|warning| warning.due_at > now).cloned().collect()
        }
    };
    let is_waiting = |known: &&Warning| left.iter().any(|left| left.id == known.id);
    let posted = known.iter().filter(|known| !is_waiting(known) && known.due_at <= now);
    if let Some(warned_at) = posted.map(|warning| warning.due_at).max() {
        let back = Effect::Show(MessageKey::Back(warned_at));
        engine.store.want(&run.id, &back, now).await?;
    }
    Ok(left)
}

/// Takes these back; what is left could not be, and will be posted.
async fn take_back(
    engine: &Engine,
    run: &Run,
    old: Vec<Warning>,
    now: Timestamp,
) -> Result<Vec<Warning>, EffectError> {
    let mut left = Vec::new();
    for warning in old {
        match engine.channel.take_back(run, &warning.id).await {
            Ok(()) => {}
            Err(ChannelError::Gone) => {
                // Taken back before, unless it is so near that it is posted all the same.
                if warning.due_at.since(now) <= engine.clock.stretched(TOO_LATE) {
                    left.push(warning);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_184_300_000);

    fn due(id: &str, minutes: u64) -> Warning {
        Warning { id: id.to_owned(), due_at: NOW.plus(Span::minutes(minutes)) }
    }

    #[test]
    fn there_is_always_one_ahead_and_the_old_ones_go_after_the_new_one_is_there() {
        assert_eq!(next(&[], false, LEAST, NOW), Next::Leave);
        // Three minutes left: a new one first; nothing is taken back before it is there.
        assert_eq!(next(&[due("a", 3)], false, LEAST, NOW), Next::Leave);
        let both = [due("a", 3), due("b", 5)];
        let again = NOW.plus(Span::minutes(2));
        let kept = Some((due("b", 5), again));
        assert_eq!(next(&both, false, LEAST, NOW), Next::TakeBack { old: vec![due("a", 3)], kept });
        assert_eq!(
            next(&both, true, LEAST, NOW),
            Next::TakeBack { old: both.to_vec(), kept: None }
        );
    }
}

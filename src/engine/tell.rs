//! Shows a message: what it says at the moment when it is its turn, in the place where it stands.
//!
//! As with calls, the intent is on the record before the first post: when the process dies or the answer is lost, the
//! next try finds it, looks for the message, and edits it. Where none is found, it is posted again and says so: twice
//! is a nuisance, never is a missed approval.

use tracing::warn;

use super::Engine;
use super::channel::{ChannelError, Urgency};
use super::effect::EffectError;
use crate::domain::comms::{self, Message};
use crate::domain::run::apply::replay;
use crate::domain::run::update::UpdateId;
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::text::Text;
use crate::faults;
use crate::store::{Claimed, Fate, Posted, StoreError};

/// A message waits for its turn no longer than this part of its lease; then it queues again with a new one.
const PART_OF_LEASE: u32 = 4;

pub(super) async fn show(
    engine: &Engine,
    claimed: &Claimed,
    key: &MessageKey,
) -> Result<(), EffectError> {
    let mut posted = None;
    let under = under(engine, claimed, key).await?;
    if let (Some((run, message)), Ok(under)) = (newest(engine, claimed, key).await?, &under) {
        let mut place = engine.store.posted(&run.id, key).await?;
        if place.as_ref().is_some_and(|place| place.fate == Fate::Posting) {
            place = look(engine, &run, key, &message, under.as_ref()).await?.or(place);
        }
        let stands = place.clone().filter(Posted::stands);
        let urgency = urgency(key, &message, stands.is_some());
        let within = engine.patience.lease / PART_OF_LEASE;
        let message = marked(message, place.as_ref());
        let has_turn =
            engine.channel.turn(&run, key, urgency, &message, stands.as_ref(), within).await?;
        if has_turn && let Some((run, message)) = newest(engine, claimed, key).await? {
            let message = marked(message, place.as_ref());
            if put(engine, &run, key, &message, place, under.as_ref()).await? {
                posted = Some((run, message));
            }
        }
    }
    if !engine.store.settle(claimed).await? {
        // Our time was over: somebody else may have posted it too, or shown something newer than we after them.
        if let Some((run, message)) = posted {
            look(engine, &run, key, &message, under.as_ref().ok().and_then(Option::as_ref)).await?;
        }
        engine.store.want(&claimed.run, &claimed.effect, engine.clock.now()).await?;
    }
    Ok(())
}

/// No card stands under which the message belongs. Once one does, the message is wanted.
struct NotYet;

/// The card in whose thread the message belongs, if it belongs in one.
async fn under(
    engine: &Engine,
    claimed: &Claimed,
    key: &MessageKey,
) -> Result<Result<Option<Posted>, NotYet>, StoreError> {
    let MessageKey::Details(step) = key else { return Ok(Ok(None)) };
    let card = engine.store.posted(&claimed.run, &MessageKey::Step(step.clone())).await?;
    Ok(card.filter(Posted::stands).map(Some).ok_or(NotYet))
}

/// The run and the content of its message now; `None` when there is nothing to show (yet).
async fn newest(
    engine: &Engine,
    claimed: &Claimed,
    key: &MessageKey,
) -> Result<Option<(Run, Message)>, StoreError> {
    let Some(stored) = engine.store.run(&claimed.run).await? else { return Ok(None) };
    let (run, now) = (stored.run, engine.clock.now());
    let message = match key {
        MessageKey::Run => Some(comms::run_card(&run, now)),
        MessageKey::Step(step) => comms::step_card(&run, step, now),
        MessageKey::Details(step) => comms::details(&run, step),
        MessageKey::Notice(seq) => {
            let found = engine.store.record(&run.id, seq.saturating_sub(1), 1).await?;
            found.first().and_then(|event| comms::notice(&run, event))
        }
        MessageKey::Back(warned_at) => Some(comms::back(&run, *warned_at, now)),
        MessageKey::Draft(update) => comms::draft(&run, update, now),
        MessageKey::Update(update) => match then(engine, &run, update).await? {
            Some(then) => comms::update(&run, &then, update),
            None => None,
        },
    };
    Ok(message.map(|message| (run, message)))
}

/// The run as it was when an update went out: what is told is what was known then, however late it is posted.
async fn then(engine: &Engine, run: &Run, update: &UpdateId) -> Result<Option<Run>, StoreError> {
    let Some(seq) = run.out(update).and_then(|out| u32::try_from(out.seq).ok()) else {
        return Ok(None);
    };
    let record = engine.store.record(&run.id, 0, seq).await?;
    Ok(replay(record.iter().map(|recorded| &recorded.entry)))
}

fn urgency(key: &MessageKey, message: &Message, stands: bool) -> Urgency {
    match key {
        MessageKey::Run if stands => Urgency::Upkeep,
        MessageKey::Details(_) => Urgency::Upkeep,
        MessageKey::Step(_) if stands && !message.asks() => Urgency::Tells,
        MessageKey::Run
        | MessageKey::Step(_)
        | MessageKey::Notice(_)
        | MessageKey::Update(_)
        | MessageKey::Draft(_)
        | MessageKey::Back(_) => Urgency::Asks,
    }
}

/// A message that may stand twice says so, for as long as it stands.
fn marked(message: Message, place: Option<&Posted>) -> Message {
    match place.map(|place| place.fate) {
        Some(Fate::Posting | Fate::Again) => message.again(),
        Some(Fate::Posted | Fate::Unposted) | None => message,
    }
}

/// Looks for a message whose post was begun and never answered.
async fn look(
    engine: &Engine,
    run: &Run,
    key: &MessageKey,
    message: &Message,
    under: Option<&Posted>,
) -> Result<Option<Posted>, EffectError> {
    let found = match engine.channel.find(run, key, under).await {
        Ok(found) => found,
        Err(wait @ ChannelError::Wait { .. }) => return Err(wait.into()),
        Err(error) => {
            warn!(run.id = %run.id, message = %key, error = %error, "Cannot look for a message");
            return Ok(None);
        }
    };
    let mut found = found.into_iter();
    let Some(mut newest) = found.next() else { return Ok(None) };
    for other in found {
        // Two live sets of buttons would be two truths.
        newest.fate = Fate::Again;
        let rest = message.clone().elsewhere();
        if let Err(error) = engine.channel.show(run, key, &rest, Some(&other)).await {
            warn!(run.id = %run.id, message = %key, error = %error, "Could not mark a double");
        }
    }
    engine.store.remember(&run.id, key, &newest).await?;
    Ok(Some(newest))
}

/// Edits the message, or posts it; whether it was posted.
async fn put(
    engine: &Engine,
    run: &Run,
    key: &MessageKey,
    message: &Message,
    place: Option<Posted>,
    under: Option<&Posted>,
) -> Result<bool, EffectError> {
    if let Some(place) = place.as_ref().filter(|place| place.stands()) {
        let (what, content) = (faults::message(key), headline(message));
        faults::place(format_args!("before edit of {what} as {content}"));
        let shown = engine.channel.show(run, key, message, Some(place)).await;
        faults::place(format_args!("after edit of {what} as {content}"));
        match shown {
            // Somebody deleted it, or it is too old to edit: the room gets a new one.
            Err(ChannelError::Gone) => {}
            shown => return shown.map(|_| false).map_err(Into::into),
        }
    }
    let in_doubt = place.is_some_and(|place| place.fate == Fate::Posting);
    let not_yet = |fate| Posted::not_yet(comms::channel(run, key), fate);
    engine.store.remember(&run.id, key, &not_yet(Fate::Posting)).await?;
    let (what, content) = (faults::message(key), headline(message));
    faults::place(format_args!("before post of {what} as {content}"));
    let shown = match under {
        Some(under) => engine.channel.reply(run, key, message, under).await,
        None => engine.channel.show(run, key, message, None).await,
    };
    faults::place(format_args!("after post of {what} as {content}"));
    match shown {
        Ok(None) => Ok(false),
        Ok(Some(at)) => {
            let fate = if in_doubt { Fate::Again } else { at.fate };
            let at = Posted { fate, ..at };
            engine.store.remember(&run.id, key, &at).await?;
            follow(engine, run, key, &at).await?;
            Ok(true)
        }
        Err(error) => {
            let was_not_posted = match &error {
                ChannelError::Wait { .. } | ChannelError::Failed { .. } => !in_doubt,
                ChannelError::Unknown { .. } | ChannelError::Gone => false,
            };
            if was_not_posted {
                engine.store.remember(&run.id, key, &not_yet(Fate::Unposted)).await?;
            }
            Err(error.into())
        }
    }
}

/// What comes after a message has been posted: the run's card is pinned, and a step's details go under its card.
async fn follow(
    engine: &Engine,
    run: &Run,
    key: &MessageKey,
    at: &Posted,
) -> Result<(), EffectError> {
    match key {
        MessageKey::Run => {
            if let Err(error) = engine.channel.pin(run, at).await {
                // A missing scope, or as many pins as a channel takes: the card is there all the same.
                warn!(run.id = %run.id, error = %error, "Could not pin the card of the run");
            }
        }
        MessageKey::Step(step) if comms::details(run, step).is_some() => {
            let wanted = Effect::Show(MessageKey::Details(step.clone()));
            engine.store.want(&run.id, &wanted, engine.clock.now()).await?;
        }
        MessageKey::Step(_)
        | MessageKey::Details(_)
        | MessageKey::Notice(_)
        | MessageKey::Update(_)
        | MessageKey::Draft(_)
        | MessageKey::Back(_) => {}
    }
    Ok(())
}

/// Which sentence a message begins with.
fn headline(message: &Message) -> &str {
    sentence(message.line())
}

fn sentence(text: &Text) -> &str {
    match text {
        Text::Key(key, _) => key,
        Text::Named(key, _) => key,
        Text::In(_, text) => sentence(text),
        Text::Said(_)
        | Text::Raw(_)
        | Text::Person(_)
        | Text::Channel(_)
        | Text::List(_)
        | Text::Lines(_) => "a text",
    }
}

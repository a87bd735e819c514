//! Performs what was recorded. Woken by [`Engine::wake`] and by the store, which hears other replicas; a slow timer is
//! the safety net.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::channel::ChannelError;
use super::effect::{EffectError, hand_back};
use super::patience::span;
use super::{Asked, Engine, SubmitError, attempt, chat, groups, tell, watch};
use crate::domain::actor::Actor;
use crate::domain::run::{Effect, MessageKey, Request};
use crate::domain::time::{Span, Timestamp};
use crate::store::{Claimed, Room};
use crate::telemetry::Chain;

/// Work done at the same time. What talks with the chat is apart: it waits for a slow chat, and nothing may wait for it,
/// nor may it wait for a region that does not answer.
const WORK: usize = 16;
/// What talks with the chat at the same time.
const TALK: usize = 128;
/// The safety net.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(2);
/// Before the database is asked again after it did not answer.
const BACK_OFF: Duration = Duration::from_secs(1);
/// How often the clock on the card of an open run is moved on.
const CARD_EVERY: Span = Span::seconds(30);

/// A message whose post was not answered is looked for after so long.
const LOOK_AFTER: Span = Span::seconds(3);

/// Performs effects until told to end; then takes nothing more, and finishes what it began.
pub async fn work(engine: Arc<Engine>, token: CancellationToken) {
    let (mut working, mut talking) = (JoinSet::new(), JoinSet::new());
    let mut refreshed = engine.clock.now();
    while !token.is_cancelled() {
        if engine.clock.now().since(refreshed) >= CARD_EVERY {
            refreshed = engine.clock.now();
            refresh_cards(&engine).await;
        }
        let claimed = take(&engine, left(WORK, &working), left(TALK, &talking)).await;
        if token.is_cancelled() {
            give_back_all(&engine, &claimed).await;
            break;
        }
        let idle = claimed.is_empty();
        for claimed in claimed {
            let engine = Arc::clone(&engine);
            let tasks = if claimed.effect.is_talk() { &mut talking } else { &mut working };
            tasks.spawn(async move { perform(&engine, claimed).await });
        }
        if idle {
            tokio::select! {
                () = token.cancelled() => {}
                () = engine.work.notified() => {}
                () = engine.store.woken() => {}
                Some(_) = working.join_next() => {}
                Some(_) = talking.join_next() => {}
                () = until_due(&engine) => {}
            }
        }
        while working.try_join_next().is_some() || talking.try_join_next().is_some() {}
    }
    while working.join_next().await.is_some() || talking.join_next().await.is_some() {}
}

fn left(of: usize, tasks: &JoinSet<()>) -> u32 {
    u32::try_from(of.saturating_sub(tasks.len())).unwrap_or(u32::MAX)
}

/// Takes up to so much work, and talk with the chat, that is due, each to be handed to [`perform`].
pub async fn take(engine: &Engine, work: u32, talk: u32) -> Vec<Claimed> {
    let room = Room { work, talk };
    if room == Room::each(0) {
        return Vec::new();
    }
    let lease = engine.clock.stretched(span(engine.patience.lease));
    match engine.store.claim(&engine.holder(), engine.clock.now(), lease, room).await {
        Ok(claimed) => claimed,
        Err(error) => {
            error!(error = %Chain(&error), "Could not look for work");
            engine.clock.wait(BACK_OFF).await;
            Vec::new()
        }
    }
}

async fn give_back_all(engine: &Engine, all: &[Claimed]) {
    for claimed in all {
        if let Err(error) = hand_back(engine, claimed).await {
            // The lease ends by itself.
            warn!(run.id = %claimed.run, effect = %claimed.key, error = %error, "Could not let go");
        }
    }
}

async fn until_due(engine: &Engine) {
    let wait = match engine.store.next_due().await {
        Ok(Some(due)) => engine.clock.sleep(due.since(engine.clock.now()).max(Span(20))),
        Ok(None) | Err(_) => return tokio::time::sleep(LOOK_AT_LEAST_EVERY).await,
    };
    tokio::select! {
        () = wait => {}
        () = tokio::time::sleep(LOOK_AT_LEAST_EVERY) => {}
    }
}

async fn refresh_cards(engine: &Engine) {
    for run in engine.store.open_runs().await.unwrap_or_default() {
        let wanted = Effect::Show(MessageKey::Run);
        if let Err(error) = engine.store.want(&run.id, &wanted, engine.clock.now()).await {
            warn!(run.id = %run.id, error = %error, "Could not refresh a card");
        }
    }
}

/// Performs an effect once; whatever comes of it is in the store then, or its lease ends and somebody finds it again.
pub async fn perform(engine: &Engine, claimed: Claimed) {
    let _entered = engine.enter(&claimed);
    let key = claimed.key.clone();
    debug!(run.id = %claimed.run, effect = %key, "Performing");
    let performed = match &claimed.effect {
        Effect::Show(message) => tell::show(engine, &claimed, message).await,
        Effect::Preview { step, number } => attempt::preview(engine, &claimed, step, *number).await,
        Effect::Act { step, attempt } => attempt::act(engine, &claimed, step, *attempt).await,
        Effect::Prove { step, attempt } => attempt::prove(engine, &claimed, step, *attempt).await,
        Effect::Probe { step, attempt } => attempt::probe(engine, &claimed, step, *attempt).await,
        Effect::Read(source) => chat::read(engine, &claimed, source).await,
        Effect::ReadGroup(group) => groups::read(engine, &claimed, group).await,
        Effect::WakeAt(at) => tick(engine, &claimed, *at).await,
        Effect::Watch => watch::watch(engine, &claimed).await,
    };
    match performed {
        Ok(()) => {}
        // A report that no longer fits, or an effect that somebody else has: settled where it was found out.
        Err(EffectError::Submit(SubmitError::Refused(_) | SubmitError::LeaseLost)) => {}
        Err(error) => again_later(engine, &claimed, &error).await,
    }
    engine.wake();
}

async fn again_later(engine: &Engine, claimed: &Claimed, error: &EffectError) {
    let back_off = Span::seconds(1 << claimed.tries.min(6));
    let wait = match error {
        EffectError::Channel(ChannelError::Wait { wait }) => *wait,
        // What was cut off may still arrive: it is not looked for at once.
        EffectError::Channel(ChannelError::Unknown { .. }) => back_off.max(LOOK_AFTER),
        EffectError::Channel(ChannelError::Failed { .. } | ChannelError::Gone)
        | EffectError::Submit(_) => back_off,
    };
    // Being asked to wait is no failure: what fails after it is not put off for longer.
    let failed = !matches!(error, EffectError::Channel(ChannelError::Wait { .. }));
    warn!(run.id = %claimed.run, effect = %claimed.key, error = %error, "Trying again in {wait}");
    let due = engine.clock.now().plus(wait);
    if let Err(error) = engine.store.postpone(claimed, due, claimed.note.as_deref(), failed).await {
        // The lease will end by itself, and somebody will find the effect again.
        error!(run.id = %claimed.run, effect = %claimed.key, error = %error, "Could not postpone");
    }
}

async fn tick(engine: &Engine, claimed: &Claimed, at: Timestamp) -> Result<(), EffectError> {
    // A tick before its time (the clock went back since it was taken) does nothing, and would not be wanted again.
    if at > engine.clock.now() {
        return Ok(engine.store.postpone(claimed, at, claimed.note.as_deref(), false).await?);
    }
    let key = format!("tick/{}/{}", claimed.run, claimed.lease);
    let asked =
        Asked { key: &key, request: &Request::Tick, by: &Actor::Engine, settles: Some(claimed) };
    engine.submit(&claimed.run, asked).await?;
    Ok(())
}

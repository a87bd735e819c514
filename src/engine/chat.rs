//! Reads a message that somebody marked for the timeline. That it was marked is on the record by then; reading is
//! harmless, and tried again until it is known what the message says, or that it cannot be read.

use tracing::info;

use super::channel::ChannelError;
use super::effect::{self, EffectError};
use super::{Asked, Engine};
use crate::domain::actor::Actor;
use crate::domain::run::Request;
use crate::domain::run::chat::{ChatAsk, News, Source};
use crate::store::Claimed;

/// How often a channel that says no is asked.
const TRIES: u32 = 5;

pub(super) async fn read(
    engine: &Engine,
    claimed: &Claimed,
    source: &Source,
) -> Result<(), EffectError> {
    let Some(stored) = engine.store.run(&claimed.run).await? else {
        return effect::settle(engine, claimed).await;
    };
    let news = match engine.channel.said(&stored.run, source).await {
        Ok(Some(words)) => News::Read(words),
        Ok(None) | Err(ChannelError::Gone) => News::Unread(None),
        Err(ChannelError::Failed { detail }) if claimed.tries >= TRIES => {
            info!(run.id = %claimed.run, error = %detail, "A marked message cannot be read");
            News::Unread(Some(detail))
        }
        Err(error) => return Err(error.into()),
    };
    let key = format!("read/{}/{}/{}", claimed.run, claimed.key, claimed.lease);
    let request = Request::Chat { source: source.clone(), ask: ChatAsk::Follow(news) };
    let asked = Asked { key: &key, request: &request, by: &Actor::Engine, settles: Some(claimed) };
    engine.submit(&claimed.run, asked).await?;
    Ok(())
}

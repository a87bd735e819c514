//! One effect in the hands of this process: taken, let go of, settled, or not performed.

use super::channel::ChannelError;
use super::patience::span;
use super::{Engine, SubmitError};
use crate::domain::ids::RunId;
use crate::domain::run::Effect;
use crate::store::{Claimed, StoreError};

/// An effect was not performed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum EffectError {
    /// It could not be recorded.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The message was not shown.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl From<StoreError> for EffectError {
    fn from(error: StoreError) -> Self {
        Self::Submit(error.into())
    }
}

/// Takes this one effect of a run, unless somebody alive has it.
pub(super) async fn take(
    engine: &Engine,
    run: &RunId,
    effect: &Effect,
) -> Result<Option<Claimed>, StoreError> {
    let lease = engine.clock.stretched(span(engine.patience.lease));
    engine.store.claim_one(run, effect, &engine.holder(), engine.clock.now(), lease).await
}

/// Lets go of an effect: whoever comes next takes it at once.
pub(super) async fn hand_back(engine: &Engine, claimed: &Claimed) -> Result<(), EffectError> {
    let (now, note) = (engine.clock.now(), claimed.note.as_deref());
    Ok(engine.store.postpone(claimed, now, note, false).await?)
}

/// Nothing is to be done, or nothing any more. If the effect is somebody else's by now, it is theirs to settle.
pub(super) async fn settle(engine: &Engine, claimed: &Claimed) -> Result<(), EffectError> {
    engine.store.settle(claimed).await?;
    Ok(())
}

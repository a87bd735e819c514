//! One look at what a step would change, for people to see.

use super::work::{load, report, said};
use crate::domain::ids::StepId;
use crate::domain::run::Report;
use crate::engine::Engine;
use crate::engine::effect::{self, EffectError};
use crate::store::Claimed;

/// Shows what would happen.
pub(in crate::engine) async fn preview(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    number: u32,
) -> Result<(), EffectError> {
    let Some(work) = load(engine, claimed, step).await? else { return Ok(()) };
    let step = step.clone();
    let seen = match work {
        Ok(work) if work.at.previews == number => work.preview().await.map_err(|e| said(&e)),
        Ok(_) => return effect::settle(engine, claimed).await,
        Err((_, why)) => Err((why, false)),
    };
    let seen = match seen {
        Ok(preview) => Report::Previewed { step, number, preview },
        Err((error, unreachable)) => Report::NotPreviewed { step, number, error, unreachable },
    };
    report(engine, claimed, seen).await?;
    Ok(())
}

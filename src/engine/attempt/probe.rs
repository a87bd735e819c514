//! One look at an attempt in doubt: has its call happened?

use tracing::error;

use super::PROVE_EVERY;
use super::work::{load, report};
use crate::actions::Probe;
use crate::domain::ids::{RunId, StepId};
use crate::domain::run::decide::is_proven;
use crate::domain::run::state::{Doubt, Happened, Seen};
use crate::domain::run::{Effect, Report, StepState};
use crate::domain::time::{Span, Timestamp};
use crate::engine::Engine;
use crate::engine::effect::{self, EffectError};
use crate::engine::patience::span;
use crate::store::Claimed;

/// How often a step in doubt that looks under way is looked at.
const PROBE_EVERY: Span = Span::seconds(10);
/// How often a step in doubt is looked at when nothing is to be seen.
const PROBE_IDLE: Span = Span::seconds(30);

/// Looks whether an attempt in doubt has happened; while it looks under way, comes back.
pub(in crate::engine) async fn probe(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    attempt: u32,
) -> Result<(), EffectError> {
    let work = match load(engine, claimed, step).await? {
        None => return Ok(()),
        Some(Ok(work)) => work,
        Some(Err((run, why))) => {
            error!(run.id = %run.id, step.id = %step, error = %why, "Cannot look at a step in doubt");
            return effect::settle(engine, claimed).await;
        }
    };
    let (StepState::InDoubt { attempt: open, seen, why }, Some(shown)) =
        (&work.at.state, &work.at.shown)
    else {
        return effect::settle(engine, claimed).await;
    };
    if *open != attempt {
        return effect::settle(engine, claimed).await;
    }
    let Probe { happened, facts, saw } = work.probe(&shown.preview.request).await;
    let now = engine.clock.now();
    // The call happened, but not its effect: that is for people, until the effect itself is there.
    let unproven = matches!(why, Doubt::NotProven { .. })
        && happened == Happened::Done
        && !is_proven(&work.run, &work.step, &facts);
    let happened = if unproven { Happened::Unknown } else { happened };
    let wait = if happened == Happened::Running { PROBE_EVERY } else { PROBE_IDLE };
    // A doubt from the future (the clock went back) is counted from the first look that could tell.
    let first_look = claimed.note.as_deref().and_then(|note| note.parse().ok()).map(Timestamp);
    let first_look = first_look.filter(|first| *first <= now).unwrap_or(now);
    let since = if work.at.since <= now { work.at.since } else { first_look };
    let too_early = happened == Happened::Never
        && now.since(since) < engine.clock.stretched(span(engine.patience.never_after));
    if too_early {
        let note = first_look.0.to_string();
        engine.store.postpone(claimed, now.plus(PROVE_EVERY), Some(&note), false).await?;
        return Ok(());
    }
    if seen.as_ref().is_some_and(|seen| seen.happened == happened) {
        engine.store.postpone(claimed, now.plus(wait), None, false).await?;
        return Ok(());
    }
    // Wanted again before this look is settled, so that whatever happens in between somebody looks again.
    if happened != Happened::Done {
        engine.store.want(&claimed.run, &claimed.effect, now.plus(wait)).await?;
    }
    let (step, seen) = (step.clone(), Seen { happened, saw, at: now });
    report(engine, claimed, Report::Probed { step, attempt, seen, facts }).await?;
    Ok(())
}

/// Looks at an attempt that was reported interrupted in this moment: in the same breath, before other work is taken up.
pub(super) async fn look_now(
    engine: &Engine,
    run: &RunId,
    step: &StepId,
    attempt: u32,
) -> Result<(), EffectError> {
    let effect = Effect::Probe { step: step.clone(), attempt };
    let Some(claimed) = effect::take(engine, run, &effect).await? else { return Ok(()) };
    let _entered = engine.enter(&claimed);
    probe(engine, &claimed, step, attempt).await
}

//! One look for the effect of a call that was accepted: is it there, and has it stayed?

use serde_json::Map;

use super::PROVE_EVERY;
use super::work::{load, report};
use crate::actions::Probe;
use crate::domain::ids::StepId;
use crate::domain::run::decide::is_proven;
use crate::domain::run::preview::Direction;
use crate::domain::run::state::Happened;
use crate::domain::run::{Report, StepState};
use crate::domain::runbook::Verify;
use crate::domain::time::{Span, Timestamp};
use crate::engine::Engine;
use crate::engine::effect::{self, EffectError};
use crate::store::Claimed;

/// Looks further apart than that do not add up to "it stayed".
const LOOKS_APART: Span = Span::seconds(60);
/// How long an undo may take to show.
const UNDO_TIMEOUT: Span = Span::minutes(10);

/// Looks once for the effect; comes back until it is there, has stayed, or is overdue.
pub(in crate::engine) async fn prove(
    engine: &Engine,
    claimed: &Claimed,
    step: &StepId,
    attempt: u32,
) -> Result<(), EffectError> {
    let work = match load(engine, claimed, step).await? {
        None => return Ok(()),
        Some(Ok(work)) => work,
        // Nobody could look any more: people are told.
        Some(Err((_, saw))) => {
            let (step, facts) = (step.clone(), Map::new());
            report(engine, claimed, Report::NotProved { step, attempt, facts, saw }).await?;
            return Ok(());
        }
    };
    let (true, Some(shown)) =
        (work.at.state == (StepState::Proving { attempt }), work.at.shown.as_ref())
    else {
        return effect::settle(engine, claimed).await;
    };
    let probe = match work.seen_by_call() {
        Some(facts) => Probe { happened: Happened::Done, facts, saw: String::new() },
        None => work.probe(&shown.preview.request).await,
    };
    let now = engine.clock.now();
    let verify = work.step.verify.as_ref();
    let (timeout, hold_for) = match work.at.direction {
        Direction::Do => verify
            .map_or((Span(0), Span(0)), |Verify { timeout, hold_for, .. }| (*timeout, *hold_for)),
        Direction::Undo => (UNDO_TIMEOUT, Span(0)),
    };
    let is_there = match work.at.direction {
        Direction::Do => is_proven(&work.run, &work.step, &probe.facts),
        Direction::Undo => probe.happened == Happened::Done,
    };
    let step = step.clone();
    if is_there {
        let since = held_since(claimed, now, engine.clock.stretched(LOOKS_APART));
        if now.since(since) >= hold_for {
            report(engine, claimed, Report::Proved { step, attempt, facts: probe.facts }).await?;
        } else {
            let note = format!("{} {}", since.0, now.0);
            engine.store.postpone(claimed, now.plus(PROVE_EVERY), Some(&note), false).await?;
        }
    } else if now.since(work.at.since) > timeout {
        let Probe { facts, saw, .. } = probe;
        report(engine, claimed, Report::NotProved { step, attempt, facts, saw }).await?;
    } else {
        engine.store.postpone(claimed, now.plus(PROVE_EVERY), None, false).await?;
    }
    Ok(())
}

/// Since when it has been there without a break, as far as the looks before this one tell: `since last`.
fn held_since(claimed: &Claimed, now: Timestamp, apart: Span) -> Timestamp {
    let note = claimed.note.as_deref().and_then(|note| note.split_once(' '));
    let times = note.and_then(|(since, last)| Some((since.parse().ok()?, last.parse().ok()?)));
    match times.map(|(since, last)| (Timestamp(since), Timestamp(last))) {
        Some((since, last)) if since <= last && last <= now && now.since(last) <= apart => since,
        Some(_) | None => now,
    }
}

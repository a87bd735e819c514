//! When the service will be back, if every step that is left takes its typical time. Simple on purpose, and silent
//! where it would only guess: while something on the way has failed, is refused or in doubt, or the run is held.

use std::collections::BTreeMap;

use crate::domain::ids::StepId;
use crate::domain::run::state::{Happened, Run, Seen, Status, StepRun, StepState};
use crate::domain::runbook::{OnFailure, Step, condition};
use crate::domain::time::{Span, Timestamp};

/// What can be said of the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// From the impact until the service is back. It moves on by itself while people are waited for.
    Back(Span),
    /// It cannot be told while this step is as it is.
    Stuck(StepId),
    /// It cannot be told while the run is held.
    Held,
}

/// The forecast; `None` once the service is back or the run is closed.
pub fn forecast(run: &Run, now: Timestamp) -> Option<Forecast> {
    match run.status {
        Status::Closed { .. } => return None,
        Status::Held { .. } if run.restored_at.is_none() => return Some(Forecast::Held),
        Status::Held { .. } | Status::Open => {}
    }
    if run.restored_at.is_some() {
        return None;
    }
    let mut known = BTreeMap::new();
    Some(match left(run, &run.runbook.restored_by, now, &mut known, run.runbook.steps.len()) {
        Ok(left) => Forecast::Back(Span(run.outage(now).ms().saturating_add(left.ms()))),
        Err(stuck) => Forecast::Stuck(stuck),
    })
}

type Left = Result<Span, StepId>;

/// From now until this step is settled. `depth` is for a stored runbook with a circle; the check leaves none.
fn left(
    run: &Run,
    id: &StepId,
    now: Timestamp,
    known: &mut BTreeMap<StepId, Left>,
    depth: usize,
) -> Left {
    if let Some(left) = known.get(id) {
        return left.clone();
    }
    let Some((step, at)) = run.step(id).filter(|_| depth > 0) else { return Err(id.clone()) };
    // What the environment does not have will be skipped.
    let falls_away = at.state == StepState::Waiting
        && step.when.as_ref().is_some_and(|when| condition::never(when, &run.environment));
    let found = if run.is_settled(id) {
        Ok(Span(0))
    } else {
        let mut before = Ok(Span(0));
        for need in &step.needs {
            before = before.and_then(|before: Span| {
                Ok(before.max(left(run, need, now, known, depth.saturating_sub(1))?))
            });
        }
        let own = if let (StepState::Failed { .. }, OnFailure::Fallback(other)) =
            (&at.state, &step.on_failure)
        {
            left(run, other, now, known, depth.saturating_sub(1))
        } else {
            if falls_away { Ok(Span(0)) } else { own(step, at, now) }
        };
        before.and_then(|before| Ok(Span(before.ms().saturating_add(own?.ms()))))
    };
    known.insert(id.clone(), found.clone());
    found
}

/// How long the step itself takes from now. While people are asked it does not get shorter: that they have been asked
/// for long does not make them answer sooner.
fn own(step: &Step, at: &StepRun, now: Timestamp) -> Left {
    let since = now.since(at.since);
    match &at.state {
        StepState::Waiting
        | StepState::Previewing
        | StepState::Ready
        | StepState::Approved { .. } => Ok(step.typical),
        // Past its worst nobody can tell how long it still takes.
        StepState::Calling { .. } | StepState::Proving { .. } if since > step.worst => {
            Err(step.id.clone())
        }
        StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { seen: Some(Seen { happened: Happened::Running, .. }), .. } => {
            Ok(Span(step.typical.ms().saturating_sub(since.ms())))
        }
        StepState::Blind { .. }
        | StepState::Declined { .. }
        | StepState::InDoubt { .. }
        | StepState::Failed { .. }
        | StepState::Undone => Err(step.id.clone()),
        StepState::Done { .. } | StepState::Skipped { .. } => Ok(Span(0)),
    }
}

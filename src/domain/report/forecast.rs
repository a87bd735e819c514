//! When the service will be back, if every step that is left takes its typical time, and which chain of steps decides
//! it. Simple on purpose, and silent where it would only guess: while something on the way has failed, is refused, in
//! doubt or overdue, or the run is held.

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

/// A step of the chain that is left, and how long it takes from the end of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Which.
    pub step: StepId,
    /// Of its typical time, what is left.
    pub takes: Span,
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
    let ways = Ways::of(run, now);
    Some(match ways.known.get(&run.runbook.restored_by) {
        Some(Ok(way)) => Forecast::Back(Span(run.outage(now).ms().saturating_add(way.left.ms()))),
        Some(Err(stuck)) => Forecast::Stuck(stuck.clone()),
        None => Forecast::Stuck(run.runbook.restored_by.clone()),
    })
}

/// The steps whose times add up to what is left until the service is back, in their order: any of them that takes longer
/// makes it later. Empty where [`forecast`] gives no number.
pub fn critical_steps(run: &Run, now: Timestamp) -> Vec<Ahead> {
    if !matches!(forecast(run, now), Some(Forecast::Back(_))) {
        return Vec::new();
    }
    let ways = Ways::of(run, now);
    let mut steps = Vec::new();
    let mut next = Some(&run.runbook.restored_by);
    for _ in 0..=run.runbook.steps.len() {
        let Some((id, Ok(way))) = next.and_then(|id| Some((id, ways.known.get(id)?))) else {
            break;
        };
        if way.own.ms() > 0 {
            steps.push(Ahead { step: id.clone(), takes: way.own });
        }
        next = way.after.as_ref();
    }
    steps.reverse();
    steps
}

/// How a step comes to its end.
#[derive(Debug, Clone, Default)]
struct Way {
    /// From now until it is settled.
    left: Span,
    /// Of that, its own part.
    own: Span,
    /// What it waits for longest.
    after: Option<StepId>,
}

/// Every step that was looked at.
struct Ways<'a> {
    run: &'a Run,
    now: Timestamp,
    known: BTreeMap<StepId, Result<Way, StepId>>,
}

impl<'a> Ways<'a> {
    fn of(run: &'a Run, now: Timestamp) -> Self {
        let mut ways = Self { run, now, known: BTreeMap::new() };
        // `known` holds what was found; the answer itself is asked for there.
        ways.find(&run.runbook.restored_by, run.runbook.steps.len()).ok();
        ways
    }

    /// `depth` is for a stored runbook with a circle; the check leaves none.
    fn find(&mut self, id: &StepId, depth: usize) -> Result<Way, StepId> {
        if let Some(found) = self.known.get(id) {
            return found.clone();
        }
        let found = self.way(id, depth);
        self.known.insert(id.clone(), found.clone());
        found
    }

    fn way(&mut self, id: &StepId, depth: usize) -> Result<Way, StepId> {
        let run = self.run;
        let Some((step, at)) = run.step(id).filter(|_| depth > 0) else { return Err(id.clone()) };
        if run.is_settled(id) {
            return Ok(Way::default());
        }
        let (mut before, mut after) = (Span(0), None);
        for need in &step.needs {
            let way = self.find(need, depth.saturating_sub(1))?;
            if way.left > before {
                (before, after) = (way.left, Some(need.clone()));
            }
        }
        if let (StepState::Failed { .. }, OnFailure::Fallback(other)) =
            (&at.state, &step.on_failure)
        {
            let way = self.find(other, depth.saturating_sub(1))?;
            return Ok(Way { left: way.left, own: Span(0), after: Some(other.clone()) });
        }
        // What the environment does not have will be skipped.
        let falls_away = at.state == StepState::Waiting
            && step.when.as_ref().is_some_and(|when| condition::never(when, &run.environment));
        let own = if falls_away { Span(0) } else { own(step, at, self.now)? };
        Ok(Way { left: Span(before.ms().saturating_add(own.ms())), own, after })
    }
}

/// How long the step itself takes from now. What people do or decide themselves takes its time from when they are asked.
/// Before anything else they only have to agree: as long as they have not, all of its time is ahead. A call takes its time
/// from when it was made, whatever doubts there were of it.
fn own(step: &Step, at: &StepRun, now: Timestamp) -> Result<Span, StepId> {
    let rest = |since: Timestamp| {
        let passed = now.since(since);
        // Past its worst nobody can tell how long it still takes.
        if passed > step.worst {
            return Err(step.id.clone());
        }
        Ok(Span(step.typical.ms().saturating_sub(passed.ms())))
    };
    match &at.state {
        StepState::Ready | StepState::Previewing if step.action.is_human() => rest(at.opened_at),
        StepState::Waiting
        | StepState::Previewing
        | StepState::Ready
        | StepState::Approved { .. } => Ok(step.typical),
        StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { seen: Some(Seen { happened: Happened::Running, .. }), .. } => {
            rest(at.asked_at.unwrap_or(at.since))
        }
        StepState::Blind { .. }
        | StepState::Declined { .. }
        | StepState::InDoubt { .. }
        | StepState::Failed { .. }
        | StepState::Undone => Err(step.id.clone()),
        StepState::Done { .. } | StepState::Skipped { .. } => Ok(Span(0)),
    }
}

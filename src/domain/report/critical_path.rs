//! Which chain of steps decided when the service was back, read off the record: each began when the one before it was
//! over, and whatever had made one of them shorter had brought the service back earlier.

use std::collections::BTreeMap;

use super::forecast::Ahead;
use super::spent::{On, Spent, spent};
use crate::domain::ids::StepId;
use crate::domain::run::Run;
use crate::domain::run::log::Recorded;
use crate::domain::run::state::StepState;
use crate::domain::runbook::{OnFailure, Step};
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};

/// One step of the chain, from the end of the one before it to its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Which.
    pub step: StepId,
    /// When the one before was over, or the run was started.
    pub from: Timestamp,
    /// When it was over.
    pub until: Timestamp,
    /// Of the time in between, what people were waited for.
    pub waited: Span,
    /// And what calls and looks took.
    pub worked: Span,
}

impl Leg {
    /// How long it took.
    pub fn took(&self) -> Span {
        self.until.since(self.from)
    }
}

/// The chain: together with the time before the start, its legs add up to the RTO. Legs that took no time are left out.
/// `None` while the service is not back.
pub fn critical_path(record: &[Recorded]) -> Option<Vec<Leg>> {
    let (run, steps) = spent(record)?;
    let (mut id, mut until) = (run.runbook.restored_by.clone(), run.restored_at?);
    let mut legs = Vec::new();
    // No step comes twice; the bound is for a stored runbook with a circle.
    for _ in 0..=run.runbook.steps.len() {
        let before = before(&run, &steps, &id, until);
        let from = before.as_ref().map_or(run.started_at, |(_, ended)| *ended);
        legs.extend(leg(&steps, &id, from, until).filter(|leg| leg.took().ms() > 0));
        let Some((step, ended)) = before else { break };
        (id, until) = (step, ended);
    }
    legs.reverse();
    Some(legs)
}

fn leg(
    steps: &BTreeMap<StepId, Spent>,
    id: &StepId,
    from: Timestamp,
    until: Timestamp,
) -> Option<Leg> {
    let spent = steps.get(id)?;
    let [waited, worked] = [On::People, On::Machines].map(|on| spent.between(from, until, on));
    Some(Leg { step: id.clone(), from, until, waited, worked })
}

/// What the step waited for longest, and when that was over.
fn before(
    run: &Run,
    steps: &BTreeMap<StepId, Spent>,
    id: &StepId,
    until: Timestamp,
) -> Option<(StepId, Timestamp)> {
    let step = run.runbook.step(id)?;
    let needs = step.needs.iter().map(|need| instead(run, need));
    let failed = run.fallback_of(id).map(|original| &original.id);
    let mut last = None;
    for other in needs.chain(failed) {
        let Some(ended) = steps.get(other).and_then(|spent| spent.ended_by(until)) else {
            continue;
        };
        if last.as_ref().is_none_or(|(_, latest)| ended > *latest) {
            last = Some((other.clone(), ended));
        }
    }
    last.filter(|(_, ended)| *ended >= run.started_at)
}

/// The step that stands for this one: the fallback that was taken, or itself.
fn instead<'a>(run: &'a Run, id: &'a StepId) -> &'a StepId {
    let mut id = id;
    for _ in 0..run.runbook.steps.len() {
        match run.step(id) {
            Some((Step { on_failure: OnFailure::Fallback(other), .. }, at))
                if matches!(at.state, StepState::Failed { .. }) =>
            {
                id = other;
            }
            Some(_) | None => break,
        }
    }
    id
}

/// The chain that was, a line for each leg.
pub fn lines(run: &Run, legs: &[Leg]) -> Vec<Text> {
    let line = |leg: &Leg| {
        let times = [("took", leg.took()), ("waited", leg.waited), ("worked", leg.worked)];
        let times = times.map(|(name, span)| (name, Text::raw(span.clock())));
        Text::Key("path.leg", [("step", title(run, &leg.step))].into_iter().chain(times).collect())
    };
    legs.iter().map(line).collect()
}

/// The chain that is left, a line for each step.
pub fn lines_ahead(run: &Run, steps: &[Ahead]) -> Vec<Text> {
    let line = |ahead: &Ahead| {
        let takes = Text::raw(ahead.takes.clock());
        Text::Key("path.ahead", vec![("step", title(run, &ahead.step)), ("takes", takes)])
    };
    steps.iter().map(line).collect()
}

fn title(run: &Run, id: &StepId) -> Text {
    run.runbook.step(id).map_or_else(|| Text::raw(id), |step| Text::from(&step.title))
}

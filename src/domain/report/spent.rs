//! How each step of a run spent its time, read off the record: what the other reports of times are made of.

use std::collections::BTreeMap;

use crate::domain::ids::StepId;
use crate::domain::run::apply::{apply, open};
use crate::domain::run::log::Recorded;
use crate::domain::run::state::{Happened, Run, Seen, StepState};
use crate::domain::time::{Span, Timestamp};

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// A question to people, and nothing else.
    People,
    /// A call or a look.
    Machines,
}

/// What became of one step, in its order.
#[derive(Debug, Clone, Default)]
pub(super) struct Spent {
    parts: Vec<(Timestamp, Timestamp, On)>,
    changed_at: Option<Timestamp>,
    /// When it came to rest: done, skipped or failed.
    pub(super) ended_at: Vec<Timestamp>,
    /// When what needs it could go on.
    pub(super) settled_at: Vec<Timestamp>,
}

impl Spent {
    /// How much of the time between these two went there.
    pub(super) fn between(&self, from: Timestamp, until: Timestamp, what: On) -> Span {
        let parts = self.parts.iter().filter(|(.., on)| *on == what);
        Span(
            parts.map(|(began, ended, _)| (*ended).min(until).since((*began).max(from)).ms()).sum(),
        )
    }

    /// All of it.
    pub(super) fn all(&self, what: On) -> Span {
        self.between(Timestamp(i64::MIN), Timestamp(i64::MAX), what)
    }

    /// The last time at which it came to rest, until then.
    pub(super) fn ended_by(&self, latest: Timestamp) -> Option<Timestamp> {
        self.ended_at.iter().copied().filter(|at| *at <= latest).max()
    }
}

/// The run at the end of its record, and its steps that left their first state; `None` if the record does not begin with
/// the start.
pub(super) fn spent(record: &[Recorded]) -> Option<(Run, BTreeMap<StepId, Spent>)> {
    let mut entries = record.iter().map(|recorded| &recorded.entry);
    let mut run = open(entries.next()?)?;
    let mut steps: BTreeMap<StepId, Spent> = BTreeMap::new();
    for entry in entries {
        let before = entry.event.step().and_then(|step| {
            let at = run.steps.get(step)?;
            Some((step.clone(), at.state.clone()))
        });
        apply(&mut run, entry);
        let Some((step, state)) = before else { continue };
        let Some(after) = run.steps.get(&step).filter(|after| after.state != state) else {
            continue;
        };
        let spent = steps.entry(step.clone()).or_default();
        let began = spent.changed_at.unwrap_or(entry.at);
        spent.parts.extend(on(&state).map(|on| (began, entry.at, on)));
        spent.changed_at = Some(entry.at);
        if is_at_rest(&after.state) {
            spent.ended_at.push(entry.at);
        }
        if run.is_settled(&step) {
            spent.settled_at.push(entry.at);
        }
    }
    Some((run, steps))
}

fn is_at_rest(state: &StepState) -> bool {
    match state {
        StepState::Done { .. } | StepState::Skipped { .. } | StepState::Failed { .. } => true,
        StepState::Waiting
        | StepState::Previewing
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::InDoubt { .. }
        | StepState::Undone => false,
    }
}

fn on(state: &StepState) -> Option<On> {
    match state {
        // In doubt, but seen under way: it is the other side that is awaited.
        StepState::InDoubt { seen: Some(Seen { happened: Happened::Running, .. }), .. }
        | StepState::Previewing
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. } => Some(On::Machines),
        StepState::Ready
        | StepState::Declined { .. }
        | StepState::Blind { .. }
        | StepState::InDoubt { .. }
        | StepState::Failed { .. } => Some(On::People),
        StepState::Waiting
        | StepState::Done { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => None,
    }
}

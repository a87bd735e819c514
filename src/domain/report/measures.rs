//! RTO and where the time went, measured from the record: every number follows from the times of events.

use std::collections::BTreeMap;

use crate::domain::ids::{PhaseId, StepId};
use crate::domain::run::apply::{apply, open};
use crate::domain::run::log::Recorded;
use crate::domain::run::state::{Happened, Run, Seen, StepState};
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Localized;

/// Where the time went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measures {
    /// From the impact until the service was back; `None` while it is not.
    pub rto: Option<Span>,
    /// What was promised.
    pub target: Span,
    /// From the impact until the run was started.
    pub detect: Span,
    /// Each phase in turn, until the service was back.
    pub phases: Vec<PhaseMeasure>,
    /// Time with a question to people open and nothing else running, and time with a call or probe running,
    /// added up over steps.
    pub waited: Span,
    /// See `waited`.
    pub worked: Span,
}

/// A phase's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseMeasure {
    /// Its name.
    pub title: Localized,
    /// How much later the service came back because of it: from the end of the phases before to its own end.
    pub share: Span,
    /// Waiting for people, added up over its steps.
    pub waited: Span,
    /// Calls and probes, added up over its steps.
    pub worked: Span,
}

#[derive(Debug, Clone, Default)]
struct StepTimes {
    waited: u64,
    worked: u64,
    changed_at: Option<Timestamp>,
    settled_at: Vec<Timestamp>,
}

/// Measures a run from its record; `None` if the record does not begin with the start.
pub fn measure(record: &[Recorded], now: Timestamp) -> Option<Measures> {
    let mut entries = record.iter().map(|recorded| &recorded.entry);
    let mut run = open(entries.next()?)?;
    let mut times: BTreeMap<StepId, StepTimes> = BTreeMap::new();
    for entry in entries {
        let before = entry.event.step().and_then(|step| {
            let at = run.steps.get(step)?;
            Some((step.clone(), at.state.clone()))
        });
        apply(&mut run, entry);
        let Some((step, state)) = before else { continue };
        let Some(after) = run.steps.get(&step) else { continue };
        let times = times.entry(step.clone()).or_default();
        if after.state != state {
            add(times, &state, entry.at.since(times.changed_at.unwrap_or(entry.at)));
            times.changed_at = Some(entry.at);
            if run.is_settled(&step) {
                times.settled_at.push(entry.at);
            }
        }
    }
    let end = run.ended_at().unwrap_or(now);
    let phases = phases(&run, &times, end);
    Some(Measures {
        rto: run.restored_at.map(|at| at.since(run.impact_at)),
        target: run.rto(),
        detect: run.started_at.since(run.impact_at),
        waited: Span(times.values().map(|times| times.waited).sum()),
        worked: Span(times.values().map(|times| times.worked).sum()),
        phases,
    })
}

fn add(times: &mut StepTimes, state: &StepState, took: Span) {
    match state {
        // In doubt, but seen under way: it is the other side that is awaited.
        StepState::InDoubt { seen: Some(Seen { happened: Happened::Running, .. }), .. } => {
            times.worked += took.ms();
        }
        StepState::Ready
        | StepState::Declined { .. }
        | StepState::Blind { .. }
        | StepState::InDoubt { .. }
        | StepState::Failed { .. } => times.waited += took.ms(),
        StepState::Previewing
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. } => times.worked += took.ms(),
        StepState::Waiting
        | StepState::Done { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => {}
    }
}

fn phases(run: &Run, times: &BTreeMap<StepId, StepTimes>, end: Timestamp) -> Vec<PhaseMeasure> {
    let mut reached = run.started_at;
    let of = |phase: &PhaseId| {
        let steps = run.runbook.steps.iter().filter(|step| step.phase == *phase);
        steps.filter_map(|step| times.get(&step.id)).collect::<Vec<_>>()
    };
    run.runbook
        .phases
        .iter()
        .map(|phase| {
            let steps = of(&phase.id);
            let settled = steps.iter().flat_map(|times| times.settled_at.iter().copied());
            let until = settled.filter(|at| *at <= end).max().unwrap_or(reached).max(reached);
            let share = until.since(reached);
            reached = until;
            PhaseMeasure {
                title: phase.title.clone(),
                share,
                waited: Span(steps.iter().map(|times| times.waited).sum()),
                worked: Span(steps.iter().map(|times| times.worked).sum()),
            }
        })
        .collect()
}

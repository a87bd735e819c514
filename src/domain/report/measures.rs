//! RTO and where the time went, measured from the record: every number follows from the times of events.

use std::collections::BTreeMap;

use super::spent::{On, Spent, spent};
use crate::domain::ids::{PhaseId, StepId};
use crate::domain::run::log::Recorded;
use crate::domain::run::{Event, Run};
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Localized;

/// Where the time went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measures {
    /// From the impact until the service was back; `None` while it is not.
    pub rto: Option<Span>,
    /// What was promised.
    pub target: Span,
    /// From the impact until something rang; until the run was started, if nothing did.
    pub detect: Span,
    /// From then until the run was started; `None` if nothing rang.
    pub declare: Option<Span>,
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

/// Measures a run from its record; `None` if the record does not begin with the start.
pub fn measure(record: &[Recorded], now: Timestamp) -> Option<Measures> {
    let (run, steps) = spent(record)?;
    let all = |on| Span(steps.values().map(|spent| spent.all(on).ms()).sum());
    let alarm_at = alarm_at(&run, record);
    Some(Measures {
        rto: run.restored_at.map(|at| at.since(run.impact_at)),
        target: run.rto(),
        detect: alarm_at.unwrap_or(run.started_at).since(run.impact_at),
        declare: alarm_at.map(|at| run.started_at.since(at)),
        phases: phases(&run, &steps, run.ended_at().unwrap_or(now)),
        waited: all(On::People),
        worked: all(On::Machines),
    })
}

/// When the first alert rang, if one did between the impact and the start.
pub(super) fn alarm_at(run: &Run, record: &[Recorded]) -> Option<Timestamp> {
    let noted = record.iter().filter_map(|recorded| {
        let Event::Alerted { alert } = &recorded.entry.event else { return None };
        Some(alert.as_ref())
    });
    let all = run.declared.alerts.iter().chain(noted).filter(|alert| !alert.is_over);
    all.map(|alert| alert.at).filter(|at| *at >= run.impact_at && *at <= run.started_at).min()
}

fn phases(run: &Run, times: &BTreeMap<StepId, Spent>, end: Timestamp) -> Vec<PhaseMeasure> {
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
            let all = |on| Span(steps.iter().map(|spent| spent.all(on).ms()).sum());
            let settled = steps.iter().flat_map(|spent| spent.settled_at.iter().copied());
            let until = settled.filter(|at| *at <= end).max().unwrap_or(reached).max(reached);
            let share = until.since(reached);
            reached = until;
            PhaseMeasure {
                title: phase.title.clone(),
                share,
                waited: all(On::People),
                worked: all(On::Machines),
            }
        })
        .collect()
}

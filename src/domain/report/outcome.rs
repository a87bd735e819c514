//! What one run adds to the figures over many: small, plain, read off its record once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::loss::{Store, losses};
use super::measures::alarm_at;
use super::spent::{On, Spent, spent};
use crate::domain::ids::{Digest, EnvironmentId, RunId, RunbookId, StepId};
use crate::domain::run::declared::Severity;
use crate::domain::run::log::Recorded;
use crate::domain::run::{Event, Kind, Run, Status};
use crate::domain::runbook::Step;
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::canonical;

/// What of a step is only said, or how long it may take: the drills themselves correct the times.
const SAID: [&str; 6] = ["title", "note", "phase", "typical", "worst", "nag"];

/// What became of one run. What was not measured is `None`, and never nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which.
    pub run: RunId,
    /// Where.
    pub environment: EnvironmentId,
    /// What it was for.
    pub kind: Kind,
    /// How bad it was, if somebody said.
    pub severity: Option<Severity>,
    /// Since when the service was hit.
    pub impact_at: Timestamp,
    /// When the first alert rang, if one did before the start.
    pub alarm_at: Option<Timestamp>,
    /// When the run was started.
    pub started_at: Timestamp,
    /// When the service was back.
    pub restored_at: Option<Timestamp>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The longest time without service that was promised.
    pub rto: Span,
    /// The longest stretch of lost writes that was promised.
    pub rpo: Span,
    /// How much the database lost: the worst of what was measured.
    pub loss: Option<Span>,
    /// Of an exercise that is over: whether it showed what it was to show.
    pub held: Option<bool>,
    /// The steps that were done.
    pub steps: Vec<Practised>,
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practised {
    /// Of which runbook.
    pub runbook: RunbookId,
    /// Which.
    pub step: StepId,
    /// What it did: see [`definition`].
    pub definition: Digest,
    /// When, the last time.
    pub done_at: Timestamp,
    /// How long it took: the calls and looks, or the people of a step that people do.
    pub took: Span,
}

impl Outcome {
    /// Reads it off the record of a run; `None` if that does not begin with the start.
    pub fn of(record: &[Recorded]) -> Option<Self> {
        let (run, times) = spent(record)?;
        let of_database = losses(record).into_iter().filter(|loss| loss.store == Store::Database);
        let closed_at = match run.status {
            Status::Closed { at, .. } => Some(at),
            Status::Open | Status::Held { .. } => None,
        };
        Some(Self {
            run: run.id.clone(),
            environment: run.environment.id.clone(),
            kind: run.kind,
            severity: run.declared.severity,
            impact_at: run.impact_at,
            alarm_at: alarm_at(&run, record),
            started_at: run.started_at,
            restored_at: run.restored_at,
            closed_at,
            rto: run.rto(),
            rpo: run.environment.objectives.rpo,
            loss: of_database.flat_map(|loss| loss.figures).map(|figure| figure.loss).max(),
            held: held(&run, closed_at),
            steps: practised(&run, record, &times),
        })
    }
}

/// Runbooks state no hypothesis yet but the one that all of them make: the service is back in time.
fn held(run: &Run, closed_at: Option<Timestamp>) -> Option<bool> {
    let is_back = |at: Timestamp| at.since(run.impact_at) <= run.rto();
    closed_at.filter(|_| run.kind == Kind::Exercise).map(|_| run.restored_at.is_some_and(is_back))
}

fn practised(run: &Run, record: &[Recorded], times: &BTreeMap<StepId, Spent>) -> Vec<Practised> {
    let mut attached = BTreeMap::new();
    let mut done = BTreeMap::new();
    for Recorded { entry, .. } in record {
        if let Event::RunbookAttached { runbook } = &entry.event {
            attached.extend(runbook.steps.iter().map(|step| (step.id.clone(), &runbook.id)));
        }
        if let Event::StepDone { step, .. } = &entry.event {
            done.insert(step, entry.at);
        }
    }
    let practised = |(id, done_at): (&StepId, Timestamp)| {
        let step = run.runbook.step(id)?;
        let on = if step.action.is_human() { On::People } else { On::Machines };
        Some(Practised {
            runbook: attached.get(id).copied().unwrap_or(&run.runbook.id).clone(),
            step: id.clone(),
            definition: definition(step),
            done_at,
            took: times.get(id)?.all(on),
        })
    };
    done.into_iter().filter_map(practised).collect()
}

/// The digest of what a step does, of whom it asks and when it opens.
pub fn definition(step: &Step) -> Digest {
    let mut all = serde_json::to_value(step).unwrap_or_default();
    if let Value::Object(fields) = &mut all {
        fields.retain(|name, _| !SAID.contains(&name.as_str()));
    }
    Digest::of(canonical(&all).as_bytes())
}

//! When each step of a runbook was last done in earnest or in an exercise, and whether it is still that step. A tabletop
//! calls nothing, so it shows nothing of a step.

use serde_json::Value;

use super::outcome::Outcome;
use crate::domain::ids::{Digest, EnvironmentId, RunId, RunbookId, StepId};
use crate::domain::run::Kind;
use crate::domain::runbook::{Runbook, Step};
use crate::domain::time::Timestamp;
use crate::domain::value::{Localized, canonical};

/// What of a step is only said, or how long it may take: the drills themselves correct the times.
const SAID: [&str; 6] = ["title", "note", "phase", "typical", "worst", "nag"];

/// A step, and when it was done last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercised {
    /// Of which runbook.
    pub runbook: RunbookId,
    /// Which.
    pub step: StepId,
    /// What people call it.
    pub title: Localized,
    /// The last time; `None`: never.
    pub last: Option<Last>,
}

/// The last time a step was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// In which run.
    pub run: RunId,
    /// Where.
    pub environment: EnvironmentId,
    /// When.
    pub at: Timestamp,
    /// What it does today is not what it did then.
    pub is_changed: bool,
}

/// The steps of a runbook as it is today, in its order.
pub fn exercised(runbook: &Runbook, outcomes: &[Outcome]) -> Vec<Exercised> {
    let real = || outcomes.iter().filter(|outcome| outcome.kind != Kind::Tabletop);
    let last = |step: &Step| {
        let all = real().flat_map(|outcome| outcome.steps.iter().map(move |done| (outcome, done)));
        let of_it = all.filter(|(_, done)| done.runbook == runbook.id && done.step == step.id);
        let (outcome, done) = of_it.max_by_key(|(_, done)| done.done_at)?;
        Some(Last {
            run: outcome.run.clone(),
            environment: outcome.environment.clone(),
            at: done.done_at,
            is_changed: done.definition != definition(step),
        })
    };
    let steps = runbook.steps.iter().map(|step| Exercised {
        runbook: runbook.id.clone(),
        step: step.id.clone(),
        title: step.title.clone(),
        last: last(step),
    });
    steps.collect()
}

/// The digest of what a step does, of whom it asks and when it opens.
pub fn definition(step: &Step) -> Digest {
    let mut all = serde_json::to_value(step).unwrap_or_default();
    if let Value::Object(fields) = &mut all {
        fields.retain(|name, _| !SAID.contains(&name.as_str()));
    }
    Digest::of(canonical(&all).as_bytes())
}

//! When each step of a runbook was last done in earnest or in an exercise, and whether it is still that step. A tabletop
//! calls nothing, so it shows nothing of a step.

use super::outcome::{Outcome, definition};
use crate::domain::ids::{EnvironmentId, RunId, RunbookId, StepId};
use crate::domain::run::Kind;
use crate::domain::runbook::{Runbook, Step};
use crate::domain::time::Timestamp;
use crate::domain::value::Localized;

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

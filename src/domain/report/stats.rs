//! All that is said of many runs, as every surface shows it.

use super::exercised::{Exercised, exercised};
use super::kpis::{Kpis, StepTimes, kpis, step_times};
use super::outcome::Outcome;
use crate::domain::ids::EnvironmentId;
use crate::domain::runbook::Runbook;
use crate::domain::time::Timestamp;

/// The figures of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Which.
    pub environment: EnvironmentId,
    /// Of when they are.
    pub at: Timestamp,
    /// All of it, then quarters and months, the newest first.
    pub kpis: Vec<Kpis>,
    /// How long steps took.
    pub times: Vec<StepTimes>,
    /// When the steps of today's runbooks were last done, in whatever environment: exercises are not for production.
    pub exercised: Vec<Exercised>,
}

impl Stats {
    /// Of these runs of all environments, and these runbooks.
    pub fn of<'a>(
        environment: &EnvironmentId,
        outcomes: &[Outcome],
        runbooks: impl IntoIterator<Item = &'a Runbook>,
        now: Timestamp,
    ) -> Self {
        let here = outcomes.iter().filter(|outcome| outcome.environment == *environment);
        let here: Vec<Outcome> = here.cloned().collect();
        let steps = runbooks.into_iter().flat_map(|runbook| exercised(runbook, outcomes));
        Self {
            environment: environment.clone(),
            at: now,
            kpis: kpis(&here, now),
            times: step_times(&here),
            exercised: steps.collect(),
        }
    }
}

//! What the runbooks would do in an environment: every step that may open there, its parameters filled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Place;
use crate::domain::ids::{RunbookId, StepId};
use crate::domain::runbook::{condition, template};

/// A step, by its runbook and its id.
pub(super) type StepKey = (RunbookId, StepId);

/// What keeps a step from being allowed, or from being known to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lack {
    /// `rds:FailoverGlobalCluster` and the ARN it is not allowed on.
    pub(super) denied: Vec<String>,
    /// Why something could not be asked, and what to do about that: a key.
    pub(super) unasked: Option<(String, &'static str)>,
}

/// What steps lack; a step that is surely allowed is not in it.
pub(super) type Missing = BTreeMap<StepKey, Lack>;

/// A step as it would be done.
#[derive(Debug, Clone)]
pub(super) struct Use<'a> {
    pub(super) step: StepKey,
    /// The name of its action.
    pub(super) action: &'a str,
    /// Its parameters.
    pub(super) with: Map<String, Value>,
}

/// All steps that may open here. One whose templates cannot be filled does nothing, and is told by another check.
pub(super) fn uses<'a>(place: Place<'a>) -> Vec<Use<'a>> {
    let scope = template::scope(place.environment, "OPS-DR", "incident");
    let never = |when: &String| condition::never(when, place.environment);
    let steps = place
        .runbooks
        .iter()
        .flat_map(|runbook| runbook.steps.iter().map(move |step| (&runbook.id, step)));
    let used = steps.filter_map(|(runbook, step)| {
        if step.action.is_human() || step.when.as_ref().is_some_and(never) {
            return None;
        }
        let Ok(Value::Object(with)) =
            template::fill(&Value::Object(step.action.with.clone()), &scope)
        else {
            return None;
        };
        Some(Use { step: (runbook.clone(), step.id.clone()), action: &step.action.name, with })
    });
    used.collect()
}

/// `region-failover/promote-database, …`, for people.
pub(super) fn names(steps: &BTreeSet<StepKey>) -> String {
    let names: Vec<String> =
        steps.iter().map(|(runbook, step)| format!("{runbook}/{step}")).collect();
    names.join(", ")
}

//! What the runbooks would do in an environment: every step that may open there, its parameters filled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Place;
use crate::domain::ids::{RunbookId, StepId};
use crate::domain::runbook::{condition, template};

/// A step, by its runbook and its id.
pub(super) type StepKey = (RunbookId, StepId);

/// What steps are not allowed, by step: `rds:FailoverGlobalCluster` and the ARN it is not allowed on.
pub(super) type Missing = BTreeMap<StepKey, Vec<String>>;

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

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::actions::doctor::rights::Known;
    use crate::domain::environment::Environment;
    use crate::domain::runbook::Runbook;
    use crate::domain::runbook::check::check;
    use crate::domain::time::Timestamp;

    pub(in crate::actions::doctor) fn environment() -> Environment {
        serde_json::from_value(json!({
            "id": "staging", "kind": "staging", "account": "111111111111",
            "regions": {"primary": "eu-west-1", "dr": "us-east-1"},
            "objectives": {"rto": "1h", "rpo": "5m"},
            "chat": {"war_room": "C0ROOM", "language": "en", "time_zone": "UTC", "run_prefix": "OPS-DR"},
            "people": [], "document": {"zone": "Z1", "may": false},
        }))
        .unwrap()
    }

    #[test]
    fn only_steps_that_may_open_here_are_asked_about() {
        let step = |id: &str, more: &str, with: &str| {
            format!(
                "  - {{id: {id}, title: {{en: A, fr: A}}, phase: all, owner: ic, typical: 1m, worst: 2m, \
                 gate: confirm, verify: {{expect: \"facts.ttl == 30\", timeout: 1m}}, {more} action: {{{with}}}}}\n"
            )
        };
        let ttl = |zone: &str| {
            format!("route53.set_ttl: {{zone: \"{zone}\", name: a.test, seconds: 30}}")
        };
        let text = [
            "id: test\ntitle: {en: T, fr: T}\nphases: [{id: all, title: {en: A, fr: A}}]\nrestored_by: one\nsteps:\n",
            &step("one", "", &ttl("${zone}")),
            &step("two", "when: \"env.may\",", &ttl("Z2")),
            &step("three", "", &ttl("${zones.none}")),
        ]
        .concat();
        let runbook: Runbook = check("test.yaml", &text, &[]).unwrap();
        let (environment, known) = (environment(), Known::default());
        let runbooks = [&runbook];
        let place = Place {
            environment: &environment,
            runbooks: &runbooks,
            now: Timestamp(0),
            known: &known,
        };
        let found = uses(place);
        let found: Vec<_> =
            found.iter().map(|one| (one.step.1.as_str(), &one.with["zone"])).collect();
        assert_eq!(found, [("one", &json!("Z1"))]);
    }
}

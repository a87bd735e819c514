//! What conditions name: facts the action reports, steps that exist, values every environment defines. A name that is
//! wrong would not fail at night; it would be unknown for ever, and the step would wait.

use super::action::defined;
use super::graph::Graph;
use super::step::{Draft, opens_in};
use crate::domain::environment::Environment;
use crate::domain::ids::StepId;
use crate::domain::runbook::condition::{self, Reference};
use crate::domain::runbook::template;
use crate::domain::yaml::reader::At;
use crate::domain::yaml::tree::Place;
use crate::domain::yaml::{Problems, near, quoted};

/// Which condition of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    When,
    Guard,
    Expect,
    /// A parameter that takes a fact of another step.
    With,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Self::When => "`when`",
            Self::Guard => "`guard`",
            Self::Expect => "`expect`",
            Self::With => "a parameter",
        }
    }
}

/// Checks the conditions of one step.
pub(super) fn check(
    draft: &Draft,
    graph: &Graph<'_>,
    environments: &[Environment],
    problems: &mut Problems,
) {
    let environments = &opens_in(draft.when.as_ref(), environments);
    let all =
        [(Which::When, &draft.when), (Which::Guard, &draft.guard), (Which::Expect, &draft.expect)];
    for (which, text) in all {
        if let Some(text) = text {
            one(which, text, draft, graph, environments, problems);
        }
    }
    for (path, at) in draft.action.iter().flat_map(|action| &action.taken) {
        let path = path.split('.').map(ToOwned::to_owned).collect();
        step(
            Which::With,
            &Reference { path, is_tested: false, is_open: false },
            draft,
            graph,
            *at,
            problems,
        );
    }
}

fn one(
    which: Which,
    (text, at): &At<String>,
    draft: &Draft,
    graph: &Graph<'_>,
    environments: &[&Environment],
    problems: &mut Problems,
) {
    let at = *at;
    let found = match condition::references(text) {
        Ok(found) => found,
        Err(error) => {
            problems.add(
                at,
                format!("{}: {error}", which.name()),
                "conditions are CEL: `facts.n == 0 && regions.dr != 'x'`",
            );
            return;
        }
    };
    for function in
        found.functions.iter().filter(|name| !condition::FUNCTIONS.contains(&name.as_str()))
    {
        problems.add(
            at,
            format!("unknown function {}", quoted(function)),
            near(function, condition::FUNCTIONS),
        );
    }
    for reference in &found.values {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["facts", ..] if which == Which::When => {
                let hint = "use the facts of an earlier step: `steps['id'].facts.name`";
                problems.add(at, "`facts` in `when`: nothing has been measured yet", hint);
            }
            ["facts", name, ..] => {
                if let Some(action) = &draft.action {
                    fact(name, &action.spec, at, problems);
                }
            }
            ["env", rest @ ..] if !rest.is_empty() && !reference.is_tested => {
                defined(&rest.join("."), at, environments, problems);
            }
            ["regions", name] if !["primary", "dr"].contains(name) => {
                problems.add(
                    at,
                    format!("unknown region {}", quoted(name)),
                    near(name, ["primary", "dr"]),
                );
            }
            ["run", name] if !template::RUN_FIELDS.contains(name) => {
                problems.add(
                    at,
                    format!("a run has no {}", quoted(name)),
                    near(name, template::RUN_FIELDS),
                );
            }
            ["steps", ..] => step(which, reference, draft, graph, at, problems),
            ["facts" | "env" | "regions" | "run", ..] => {}
            [root, ..] => {
                problems.add(
                    at,
                    format!("unknown name {}", quoted(root)),
                    near(root, condition::ROOTS),
                );
            }
            [] => {}
        }
    }
}

fn fact(name: &str, spec: &crate::domain::action::ActionSpec, at: Place, problems: &mut Problems) {
    if spec.facts.iter().all(|fact| fact != name) {
        let message = format!("`{}` reports no fact {}", spec.name, quoted(name));
        problems.add(at, message, near(name, spec.facts.iter().map(String::as_str)));
    }
}

fn step(
    which: Which,
    reference: &Reference,
    draft: &Draft,
    graph: &Graph<'_>,
    at: Place,
    problems: &mut Problems,
) {
    let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    let [_, name, rest @ ..] = path.as_slice() else {
        problems.add(at, "`steps` needs the name of a step", "write `steps['id'].state`");
        return;
    };
    let id = StepId::parse(name).ok();
    let Some((id, other)) = id.and_then(|id| graph.find(&id).map(|other| (id, other))) else {
        problems.add(at, format!("unknown step {}", quoted(name)), graph.near(name));
        return;
    };
    if matches!(which, Which::When | Which::With) && !graph.waits_for(draft, &id) {
        let hint = format!("add `{id}` to `needs`");
        problems.add(
            at,
            format!("{} speaks of `{id}`, which may not have ended by then", which.name()),
            hint,
        );
    }
    match rest {
        ["state"] => {}
        ["facts", name, ..] => {
            if let Some(action) = &other.action {
                fact(name, &action.spec, at, problems);
            }
        }
        _ => {
            let message =
                format!("`steps['{id}']` has `state` and `facts.<name>` and nothing else");
            problems.add(at, message, format!("write `steps['{id}'].state`"));
        }
    }
}

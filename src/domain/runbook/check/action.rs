//! The action of a step: its name, its parameters by the action's own table, and every template in them held against
//! every environment there is.

use std::sync::Arc;

use serde_json::Value;

use crate::domain::action::{ActionSpec, Known};
use crate::domain::environment::Environment;
use crate::domain::runbook::document::ActionCall;
use crate::domain::runbook::template;
use crate::domain::yaml::reader::{self, At, Mapping};
use crate::domain::yaml::shape::{Field, Shape};
use crate::domain::yaml::tree::{Node, Place, Tree};
use crate::domain::yaml::{Problems, near, quoted};

/// An action whose name is known.
#[derive(Debug)]
pub(super) struct ReadAction {
    /// As the runbook keeps it.
    pub call: ActionCall,
    /// Its row.
    pub spec: Arc<ActionSpec>,
    /// Steps it names in `seen`.
    pub seen: Vec<At<String>>,
    /// What its parameters take from other steps: `steps.open-ticket.facts.key`.
    pub taken: Vec<At<String>>,
}

/// Reads `{name: {parameters}}`.
pub(super) fn read(
    node: &Node,
    known: &Known,
    environments: &[&Environment],
    problems: &mut Problems,
) -> Option<ReadAction> {
    let hint = "write `action: {k8s.scale: {…}}`, one action with its parameters";
    let Tree::Map(entries) = &node.value else {
        problems.add(node.at, format!("`action` must be a mapping, not {}", node.kind()), hint);
        return None;
    };
    let [entry] = entries.as_slice() else {
        let message = format!("`action` must name exactly one action, not {}", entries.len());
        problems.add(node.at, message, hint);
        return None;
    };
    let Some(spec) = known.find(&entry.key) else {
        let known = near(&entry.key, known.all().map(|spec| spec.name.as_str()));
        problems.add(entry.at, format!("unknown action {}", quoted(&entry.key)), known);
        return None;
    };
    let nothing = Node { value: Tree::Map(vec![]), at: entry.at };
    let parameters = if entry.node.value == Tree::Null { &nothing } else { &entry.node };
    let what = format!("`{}`", spec.name);
    for path in &spec.environment {
        defined(path, entry.at, environments, problems);
    }
    let fields = spec.fields();
    let mapping = Mapping::read(parameters, &what, &fields, problems)?;
    let mut taken = vec![];
    for field in &fields {
        if let Some(value) = mapping.get(field.name) {
            taken.extend(parameter(field, value, environments, problems));
        }
    }
    if let Some(flag) = mapping.get("allow_data_loss").filter(|_| spec.name == "aurora.failover")
        && flag.value != Tree::Flag(true)
    {
        let why = "without it AWS does a switchover, which hangs when the region is really gone; \
                   for a move without loss use `aurora.switchover`";
        problems.add(flag.at, "`allow_data_loss` must be true, written out", why);
    }
    let text = |item: &Node| match &item.value {
        Tree::Text(text) => Some((text.clone(), item.at)),
        Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::List(_) | Tree::Map(_) => None,
    };
    let seen = match mapping.get("seen").map(|node| &node.value) {
        Some(Tree::List(items)) => items.iter().filter_map(text).collect(),
        Some(Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::Map(_))
        | None => {
            vec![]
        }
    };
    let Value::Object(with) = parameters.json() else { return None };
    let operation = spec.source.as_ref().map(|_| Box::new(ActionSpec::clone(spec)));
    let call = ActionCall { name: spec.name.clone(), with, operation };
    Some(ReadAction { call, spec: Arc::clone(spec), seen, taken })
}

/// Checks a parameter, and gives what it takes from other steps.
fn parameter(
    field: &Field<'_>,
    node: &Node,
    environments: &[&Environment],
    problems: &mut Problems,
) -> Vec<At<String>> {
    if field.shape == Shape::Localized {
        reader::localized(node, field.name, problems);
    }
    let before = problems.count();
    let (mut has_templates, mut taken) = (false, vec![]);
    node.each_text(&mut |text, at| {
        for path in template::paths(&Value::String(text.to_owned())) {
            has_templates = true;
            match path {
                // Filled once that step is done; the conditions' rules say whether it may be named.
                Ok(path) if path.starts_with("steps.") => taken.push((path, at)),
                Ok(path) => defined(&path, at, environments, problems),
                Err(fault) => problems.add(at, fault.to_string(), "`$${` stands for `${`"),
            }
        }
    });
    if problems.count() > before || field.shape == Shape::Localized || !taken.is_empty() {
        return taken;
    }
    let value = node.json();
    if !has_templates {
        if template::fault(field, &value).is_some() {
            reader::wrong(node, field.name, field.shape, problems);
        }
        return taken;
    }
    for environment in environments {
        let scope = template::scope(environment, "OPS-DR", "incident");
        let fault = match template::fill(&value, &scope) {
            Ok(filled) => template::fault(field, &filled),
            Err(missing) => missing.first().map(ToString::to_string),
        };
        if let Some(fault) = fault {
            problems.add(node.at, format!("in environment `{}`: {fault}", environment.id), "");
        }
    }
    taken
}

/// Reports a path that not every environment defines.
pub(super) fn defined(
    path: &str,
    at: Place,
    environments: &[&Environment],
    problems: &mut Problems,
) {
    if let Some(rest) = path.strip_prefix("run.") {
        if !template::RUN_FIELDS.contains(&rest) {
            problems.add(at, format!("a run has no `{path}`"), near(rest, template::RUN_FIELDS));
        }
        return;
    }
    let lacks = |one: &&Environment| template::find(&one.document, path).is_none();
    let lacking: Vec<&Environment> = environments.iter().copied().filter(lacks).collect();
    if lacking.is_empty() {
        return;
    }
    if lacking.len() == environments.len() {
        let mut known = Vec::new();
        environments.iter().for_each(|one| names(&one.document, "", &mut known));
        known.retain(|name| name.split('.').count() == path.split('.').count());
        let hint = near(path, known.iter().map(String::as_str));
        let hint = if hint.starts_with("did") {
            hint
        } else {
            "add it to the files in deploy/environments".to_owned()
        };
        problems.add(at, format!("no environment defines `{path}`"), hint);
    } else {
        let list: Vec<String> = lacking.iter().map(|one| format!("`{}`", one.id)).collect();
        let message = format!("`{path}` is not defined in environment {}", list.join(", "));
        problems.add(
            at,
            message,
            "every environment must define what a runbook names, for a run may start in any of them; a step that is not \
             for all of them says so, as in `when: has(env.redis)`",
        );
    }
}

fn names(value: &Value, prefix: &str, found: &mut Vec<String>) {
    if let Value::Object(map) = value {
        for (key, value) in map {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            names(value, &name, found);
            found.push(name);
        }
    }
}

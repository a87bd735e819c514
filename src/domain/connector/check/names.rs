//! What an operation names: its parameters, the environment, other operations. A name that is wrong would not fail
//! when the file is read, but at night.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Places, at, reads};
use crate::domain::connector::render::sole;
use crate::domain::connector::{Auth, Connector, Operation, Other};
use crate::domain::runbook::template;
use crate::domain::yaml::tree::{Node, Place};
use crate::domain::yaml::{Problems, near, quoted};

/// What of a call a template may name, as `${call.token}`.
const CALL_FIELDS: [&str; 4] = ["token", "step", "opened_at", "opened_at_ms"];

/// Checks what the operations name.
pub(super) fn check(
    connector: &Connector,
    root: &Node,
    places: &Places<'_>,
    problems: &mut Problems,
) {
    for text in shared(connector) {
        for path in template::paths(&Value::String(text)) {
            if let Ok(path) = &path
                && ["with.", "taken.", "call."].iter().any(|own| path.starts_with(own))
            {
                let message = format!("{} is not known here", quoted(&format!("${{{path}}}")));
                problems.add(
                    root.at,
                    message,
                    "`url`, `auth` and `headers` are filled from the environment",
                );
            }
            faulty(&path, root.at, problems);
        }
    }
    if let Some(ask) = &connector.doctor {
        asked(connector, ask, at(root, "doctor"), problems);
    }
    for (name, operation) in &connector.operations {
        let Some(node) = places.get(name) else { continue };
        own(operation, node, problems);
        if let Some(sight) = &operation.probe {
            other(connector, operation, &sight.ask, at(node, "probe"), true, problems);
        }
        if let Some(undo) = &operation.undo {
            other(connector, operation, undo, at(node, "undo"), false, problems);
        }
        let looked =
            operation.probe.as_ref().and_then(|one| connector.operation(&one.ask.operation));
        let facts: Vec<&str> = [Some(operation), looked]
            .into_iter()
            .flatten()
            .flat_map(|one| one.facts.keys().map(String::as_str))
            .collect();
        for fact in operation.pretend.keys().filter(|fact| !facts.contains(&fact.as_str())) {
            let message = format!("`pretend` tells a fact that there is not: {}", quoted(fact));
            problems.add(at(node, "pretend"), message, near(fact, facts.iter().copied()));
        }
    }
}

/// The templates of an operation's own request.
fn own(operation: &Operation, node: &Node, problems: &mut Problems) {
    for (key, value) in request(operation) {
        let place = at(node, key);
        for path in template::paths(&value) {
            faulty(&path, place, problems);
            if let Ok(path) = &path {
                known(operation, path, place, problems);
            }
        }
        absent(operation, &value, place, problems);
    }
}

/// A template's path that cannot be one, or names what a run or a call has not.
fn faulty(path: &Result<String, template::Missing>, place: Place, problems: &mut Problems) {
    match path {
        Err(fault) => problems.add(place, fault.to_string(), "`$${` stands for `${`"),
        Ok(path) => {
            if let Some(rest) = path.strip_prefix("run.")
                && rest != "id"
            {
                problems.add(place, format!("a connector knows no `{path}`"), "write `${run.id}`");
            }
            if let Some(rest) = path.strip_prefix("call.")
                && !CALL_FIELDS.contains(&rest)
            {
                problems.add(place, format!("a call has no `{path}`"), near(rest, CALL_FIELDS));
            }
        }
    }
}

/// A parameter that there is.
fn known(operation: &Operation, path: &str, place: Place, problems: &mut Problems) {
    if path.starts_with("taken.") {
        let hint = "what was answered is known to `probe` and `undo` only";
        problems.add(place, format!("`${{{path}}}` is not known here"), hint);
    }
    let Some(rest) = path.strip_prefix("with.") else { return };
    let names = || operation.parameters.iter().map(|one| one.parameter.name.as_str());
    let first = rest.split('.').next().unwrap_or(rest);
    if !names().any(|name| name == first) {
        let message = format!("the operation has no parameter {}", quoted(first));
        problems.add(place, message, near(first, names()));
    }
}

/// A parameter that may be left out stands alone, where its whole line can be left out.
fn absent(operation: &Operation, value: &Value, place: Place, problems: &mut Problems) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::Array(items) => {
            items.iter().for_each(|one| inside(operation, one, place, problems));
        }
        Value::Object(map) => map.values().for_each(|one| inside(operation, one, place, problems)),
        Value::String(_) => needed(operation, value, place, problems),
    }
}

fn inside(operation: &Operation, value: &Value, place: Place, problems: &mut Problems) {
    if sole(value).is_none() {
        absent(operation, value, place, problems);
    }
}

fn needed(operation: &Operation, value: &Value, place: Place, problems: &mut Problems) {
    for path in template::paths(value).into_iter().flatten() {
        let Some(rest) = path.strip_prefix("with.") else { continue };
        let first = rest.split('.').next().unwrap_or(rest);
        let given = operation.parameters.iter().find(|one| one.parameter.name == first);
        if given.is_some_and(|one| !one.parameter.is_required && one.default.is_none()) {
            let message =
                format!("{} may be left out, and then this text has a hole", quoted(first));
            let hint = "make it `required: true`, give it a `default`, or let it be the whole value of a key";
            problems.add(place, message, hint);
        }
    }
}

/// Another operation, and what it is given.
fn other(
    connector: &Connector,
    operation: &Operation,
    other: &Other,
    place: Place,
    is_probe: bool,
    problems: &mut Problems,
) {
    let Some(target) = connector.operation(&other.operation) else {
        let names = connector.operations.keys().map(String::as_str);
        let message = format!("there is no operation {}", quoted(&other.operation));
        problems.add(place, message, near(&other.operation, names));
        return;
    };
    if is_probe != reads(target) {
        let hint = if is_probe { "a probe only reads" } else { "an undo changes something" };
        problems.add(place, format!("`{}` cannot be asked for that", other.operation), hint);
    }
    for (name, value) in &other.with {
        if target.parameters.iter().all(|one| one.parameter.name != *name) {
            let names = target.parameters.iter().map(|one| one.parameter.name.as_str());
            let message = format!("`{}` has no parameter {}", other.operation, quoted(name));
            problems.add(place, message, near(name, names));
        }
        for path in template::paths(value) {
            faulty(&path, place, problems);
            match path {
                Ok(path) if path.starts_with("taken.") => taken(operation, &path, place, problems),
                Ok(path) => known(operation, &path, place, problems),
                Err(_) => {}
            }
        }
    }
    let all = handed_on(operation, target, other);
    for one in target.parameters.iter().filter(|one| one.parameter.is_required) {
        let name = &one.parameter.name;
        if !all.contains(name.as_str()) {
            let message = format!("`{}` wants a {}", other.operation, quoted(name));
            problems.add(place, message, format!("give it in `with`: {{{name}: …}}"));
        }
    }
}

/// What the doctor asks: an operation that reads and tells something, given all that it wants from the environment.
fn asked(connector: &Connector, ask: &Other, place: Place, problems: &mut Problems) {
    let Some(target) = connector.operation(&ask.operation) else {
        let names = connector.operations.keys().map(String::as_str);
        let message = format!("there is no operation {}", quoted(&ask.operation));
        problems.add(place, message, near(&ask.operation, names));
        return;
    };
    if !reads(target) || target.facts.is_empty() {
        let hint = "the doctor only reads, and takes an answer without any of its facts for none";
        problems.add(place, format!("`{}` cannot be asked for that", ask.operation), hint);
    }
    let names = || target.parameters.iter().map(|one| one.parameter.name.as_str());
    for name in ask.with.keys().filter(|name| names().all(|one| one != name.as_str())) {
        let message = format!("`{}` has no parameter {}", ask.operation, quoted(name));
        problems.add(place, message, near(name, names()));
    }
    for one in target.parameters.iter().filter(|one| one.parameter.is_required) {
        let name = &one.parameter.name;
        if !ask.with.contains_key(name) {
            let message = format!("`{}` wants a {}", ask.operation, quoted(name));
            problems.add(place, message, format!("give it in `with`: {{{name}: …}}"));
        }
    }
    for path in ask.with.values().flat_map(template::paths) {
        faulty(&path, place, problems);
        if let Ok(path) = &path
            && ["with.", "taken.", "call."].iter().any(|own| path.starts_with(own))
        {
            let hint = "the doctor fills it from the environment";
            problems.add(place, format!("`${{{path}}}` is not known here"), hint);
        }
    }
}

fn taken(operation: &Operation, path: &str, place: Place, problems: &mut Problems) {
    let rest = path.strip_prefix("taken.").unwrap_or(path);
    let first = rest.split('.').next().unwrap_or(rest);
    if !operation.facts.contains_key(first) {
        let message = format!("the answer gives no fact {}", quoted(first));
        problems.add(place, message, near(first, operation.facts.keys().map(String::as_str)));
    }
}

/// The parameters another operation gets: those named, and those that both have.
fn handed_on<'a>(
    operation: &'a Operation,
    target: &'a Operation,
    other: &'a Other,
) -> BTreeSet<&'a str> {
    let own = operation
        .parameters
        .iter()
        .filter(|one| one.parameter.is_required || one.default.is_some());
    let own = own.map(|one| one.parameter.name.as_str());
    let both = own.filter(|name| target.parameters.iter().any(|one| one.parameter.name == *name));
    both.chain(other.with.keys().map(String::as_str)).collect()
}

/// The parts of a request that hold templates, by their keys.
fn request(operation: &Operation) -> Vec<(&'static str, Value)> {
    let headers = operation.headers.values().map(|text| Value::String(text.clone()));
    let mut all = vec![
        ("path", Value::String(operation.path.clone())),
        ("query", Value::Object(operation.query.clone())),
    ];
    all.extend(headers.map(|text| ("headers", text)));
    all.extend(operation.body.clone().map(|body| ("body", body)));
    all
}

/// The texts that all operations share.
fn shared(connector: &Connector) -> Vec<String> {
    let base = &connector.base;
    let mut all: Vec<String> = base.headers.values().cloned().collect();
    all.push(base.url.clone());
    match &base.auth {
        None | Some(Auth::Bearer { .. } | Auth::Header { .. }) => {}
        Some(Auth::Basic { user, .. }) => all.push(user.clone()),
        Some(Auth::GithubApp { app, installation, .. }) => {
            all.extend([app.clone(), installation.clone()]);
        }
        Some(Auth::GoogleServiceAccount { scope, .. }) => all.push(scope.clone()),
        Some(Auth::AwsSigv4 { service, region }) => all.extend([service.clone(), region.clone()]),
    }
    all
}

/// What of the environment an operation names, with what it looks and with what takes it back.
pub(in crate::domain::connector) fn environment(connector: &Connector, name: &str) -> Vec<String> {
    let own = connector.operation(name);
    let probe = own.and_then(|own| own.probe.as_ref()).map(|sight| &sight.ask);
    let undo = own.and_then(|own| own.undo.as_ref());
    let target = |other: Option<&Other>| connector.operation(&other?.operation);
    let mut found = BTreeSet::new();
    let mut look = |value: &Value| {
        let outside = |path: &String| {
            let root = path.split('.').next().unwrap_or(path);
            !["with", "run", "call", "taken"].contains(&root)
        };
        found.extend(template::paths(value).into_iter().flatten().filter(outside));
    };
    shared(connector).into_iter().for_each(|text| look(&Value::String(text)));
    for operation in [own, target(probe), target(undo)].into_iter().flatten() {
        request(operation).iter().for_each(|(_, value)| look(value));
    }
    for other in [probe, undo].into_iter().flatten() {
        other.with.values().for_each(&mut look);
    }
    found.into_iter().collect()
}

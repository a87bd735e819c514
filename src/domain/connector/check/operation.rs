//! One operation by itself. What it says of others is `names`'.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{entries, header, headers, name, timeout};
use crate::domain::action::{Danger, Parameter, Repeat};
use crate::domain::connector::{Fact, Given, Operation, Other, Sight, ask, fields};
use crate::domain::yaml::reader::{self, Mapping};
use crate::domain::yaml::shape::Shape;
use crate::domain::yaml::tree::Node;
use crate::domain::yaml::{Problems, near, quoted};

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const DANGERS: [(&str, Danger); 3] =
    [("reads", Danger::Reads), ("changes", Danger::Changes), ("grave", Danger::Grave)];
const REPEATS: [(&str, Repeat); 3] = [
    ("names_state", Repeat::NamesState),
    ("acts_again", Repeat::ActsAgain),
    ("token", Repeat::Token),
];

pub(super) fn read(id: &str, node: &Node, problems: &mut Problems) -> Option<Operation> {
    let what = format!("operation {}", quoted(id));
    let mapping = Mapping::read(node, &what, fields::OPERATION, problems)?;
    let about = mapping.text("about", problems);
    let danger = word(mapping, "danger", &DANGERS, problems);
    let repeat = repeat(mapping, danger, problems);
    let method = mapping.text("method", problems);
    if let Some((method, at)) = &method
        && !METHODS.contains(&method.as_str())
    {
        let message = format!("unknown method {}", quoted(method));
        problems.add(*at, message, near(method, METHODS));
    }
    let path = mapping.text("path", problems);
    if let Some((path, at)) = &path
        && (!path.starts_with('/') || path.contains(['?', '#', ' ']))
    {
        let hint = "it begins with `/`; what follows a `?` stands in `query`";
        problems.add(*at, format!("{} is not a path", quoted(path)), hint);
    }
    let token_header = mapping.text("token_header", problems);
    if let Some((name, at)) = &token_header {
        // The key it carries is no secret, whatever the header is called.
        header(&name.to_ascii_lowercase().replace("key", ""), *at, problems);
    }
    let facts = facts(mapping, problems);
    let operation = Operation {
        about: about?.0,
        danger: danger?,
        repeat: repeat?,
        method: method?.0,
        path: path?.0,
        query: object(mapping, "query", problems),
        headers: headers(mapping, problems),
        token_header: token_header.map(|(name, _)| name),
        body: mapping.get("body").map(Node::json),
        body_secrets: texts(mapping, "body_secrets", problems),
        expect: statuses(mapping, "expect", problems),
        any_answer: any_answer(mapping, problems),
        timeout: timeout(mapping, problems),
        parameters: parameters(mapping, problems),
        facts,
        probe: mapping.get("probe").and_then(|node| probe(node, problems)),
        undo: mapping.get("undo").and_then(|node| undo(node, problems)),
        pretend: object(mapping, "pretend", problems),
    };
    agrees(&operation, node, problems);
    Some(operation)
}

/// What does not go together.
fn agrees(operation: &Operation, node: &Node, problems: &mut Problems) {
    let reads = super::reads(operation);
    if reads && !matches!(operation.method.as_str(), "GET" | "HEAD" | "POST") {
        let hint = "write `danger: changes` or `danger: grave`";
        problems.add(super::at(node, "method"), "a request that reads is a GET, or a POST", hint);
    }
    for key in ["probe", "undo", "token_header"] {
        let there = match key {
            "probe" => operation.probe.is_some(),
            "undo" => operation.undo.is_some(),
            _ => operation.token_header.is_some(),
        };
        if reads && there {
            problems.add(super::at(node, key), format!("what only reads has no `{key}`"), "");
        }
    }
    for pointer in operation.body_secrets.keys() {
        let found = operation.body.as_ref().and_then(|body| body.pointer(pointer));
        if found != Some(&Value::String("secret".to_owned())) {
            let hint =
                "write the word `secret` in the body where it is put in: `routing_key: secret`";
            let message = format!("nothing in the body waits for a secret at {}", quoted(pointer));
            problems.add(super::at(node, "body_secrets"), message, hint);
        }
    }
}

fn repeat(mapping: Mapping<'_>, danger: Option<Danger>, problems: &mut Problems) -> Option<Repeat> {
    let said = mapping.get("repeat").map(|node| node.at);
    match (danger, said) {
        (Some(Danger::Reads), None) => Some(Repeat::ReadsOnly),
        (Some(Danger::Reads), Some(at)) => {
            problems.add(at, "what only reads may be repeated", "leave `repeat` out");
            None
        }
        (_, None) => {
            let hint = "`names_state` (a second call changes nothing), `token` (the system knows the key again) or \
                        `acts_again`: people in doubt are told";
            problems.add(mapping.at, "it does not say what a second call comes to: `repeat`", hint);
            None
        }
        (_, Some(_)) => word(mapping, "repeat", &REPEATS, problems),
    }
}

/// One of some words.
fn word<T: Copy>(
    mapping: Mapping<'_>,
    key: &str,
    words: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let (text, at) = mapping.text(key, problems)?;
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let near = near(&text, words.iter().map(|(word, _)| *word));
        problems.add(at, format!("unknown {key} {}", quoted(&text)), near);
    }
    found.map(|(_, value)| *value)
}

fn any_answer(mapping: Mapping<'_>, problems: &mut Problems) -> bool {
    word(mapping, "answer", &[("json", false), ("any", true)], problems).unwrap_or(false)
}

fn object(mapping: Mapping<'_>, key: &str, problems: &mut Problems) -> Map<String, Value> {
    let Some(node) = mapping.get(key) else { return Map::new() };
    let pairs = entries(node, key, problems).iter();
    pairs.map(|entry| (entry.key.clone(), entry.node.json())).collect()
}

fn texts(mapping: Mapping<'_>, key: &str, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(node) = mapping.get(key) else { return found };
    for entry in entries(node, key, problems) {
        if let Some(text) = reader::text(&entry.node, &entry.key, Shape::Text, problems) {
            found.insert(entry.key.clone(), text.to_owned());
        }
    }
    found
}

/// `[200, 204]`.
fn statuses(mapping: Mapping<'_>, key: &str, problems: &mut Problems) -> Vec<u16> {
    let Some(node) = mapping.get(key) else { return vec![] };
    let list = node.json();
    let number = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let all: Option<Vec<u16>> = list.as_array().and_then(|all| all.iter().map(number).collect());
    let all = all.filter(|all| !all.is_empty() && all.iter().all(|one| (200..600).contains(one)));
    all.unwrap_or_else(|| {
        problems.add(node.at, format!("`{key}` must be a list of statuses"), "write `[200, 204]`");
        vec![]
    })
}

fn parameters(mapping: Mapping<'_>, problems: &mut Problems) -> Vec<Given> {
    let Some(node) = mapping.get("parameters") else { return vec![] };
    let mut found = vec![];
    for entry in entries(node, "parameters", problems) {
        name(&entry.key, entry.at, problems);
        let what = format!("parameter {}", quoted(&entry.key));
        let Some(one) = Mapping::read(&entry.node, &what, fields::PARAMETER, problems) else {
            continue;
        };
        let is_path = one.get("type").is_some_and(|node| node.json() == "path");
        let shape = if is_path || one.get("type").is_none() {
            Some(Shape::Text)
        } else {
            word(one, "type", &Shape::OF_PARAMETERS, problems)
        };
        let is_required = one.flag("required", problems);
        let default = one.get("default").map(Node::json);
        if is_required && default.is_some() {
            problems.add(one.at, "what must be given has no `default`", "leave one of them out");
        }
        let about = one.text("about", problems);
        if let (Some(shape), Some((about, _))) = (shape, about) {
            let parameter = Parameter { name: entry.key.clone(), shape, is_required, about };
            found.push(Given { parameter, default, is_path });
        }
    }
    found
}

fn facts(mapping: Mapping<'_>, problems: &mut Problems) -> BTreeMap<String, Fact> {
    let mut found = BTreeMap::new();
    let Some(node) = mapping.get("facts") else { return found };
    for entry in entries(node, "facts", problems) {
        name(&entry.key, entry.at, problems);
        let what = format!("fact {}", quoted(&entry.key));
        let Some(one) = Mapping::read(&entry.node, &what, fields::FACT, problems) else { continue };
        let from = expression(one, "from", problems);
        let example = one.get("example").map(Node::json);
        if let (Some(from), Some(example)) = (from, example) {
            found.insert(entry.key.clone(), Fact { from, example });
        }
    }
    found
}

fn expression(mapping: Mapping<'_>, key: &str, problems: &mut Problems) -> Option<String> {
    let (text, at) = mapping.text(key, problems)?;
    if let Some(why) = ask::fault(&text) {
        problems.add(at, format!("`{key}`: {why}"), "see https://jmespath.org: `body.items[0].id`");
    }
    Some(text)
}

fn probe(node: &Node, problems: &mut Problems) -> Option<Sight> {
    let mapping = Mapping::read(node, "`probe`", fields::PROBE, problems)?;
    let operation = mapping.text("operation", problems);
    let with = object(mapping, "with", problems);
    let done = expression(mapping, "done", problems);
    let running = expression(mapping, "running", problems);
    let absent = statuses(mapping, "absent", problems);
    let ask = Other { operation: operation?.0, with };
    Some(Sight { ask, done: done?, running, absent })
}

fn undo(node: &Node, problems: &mut Problems) -> Option<Other> {
    let mapping = Mapping::read(node, "`undo`", fields::UNDO, problems)?;
    other(mapping, problems)
}

/// What the doctor asks.
pub(super) fn doctor(node: &Node, problems: &mut Problems) -> Option<Other> {
    other(Mapping::read(node, "`doctor`", fields::DOCTOR, problems)?, problems)
}

fn other(mapping: Mapping<'_>, problems: &mut Problems) -> Option<Other> {
    let operation = mapping.text("operation", problems);
    let with = object(mapping, "with", problems);
    Some(Other { operation: operation?.0, with })
}

//! From the text of a connector's file to a [`Connector`], or to every problem it has.

mod names;
mod operation;

use std::collections::BTreeMap;

use super::fields;
use super::{Auth, Base, Connector, Operation, Rate};
use crate::domain::action;
use crate::domain::time::Span;
use crate::domain::yaml::reader::{self, Mapping};
use crate::domain::yaml::shape::Shape;
use crate::domain::yaml::tree::{self, Node, Place, Tree};
use crate::domain::yaml::{Diagnostic, Problems, near, quoted};
pub(super) use names::environment;

/// Longest wait for an answer: well inside the time a look may take.
const LONGEST_WAIT: Span = Span::seconds(18);
/// Most characters of a name.
const LONGEST_NAME: usize = 40;

/// Headers that are not a connector's to set.
pub const OURS: [&str; 7] =
    ["host", "content-length", "content-type", "transfer-encoding", "connection", "te", "upgrade"];
/// What a header is called that holds a secret.
pub const SECRET: [&str; 6] = ["authorization", "cookie", "token", "secret", "password", "key"];

/// Checks the text of a connector.
///
/// # Errors
/// Every problem, with its place.
pub fn check(file: &str, text: &str) -> Result<Connector, Vec<Diagnostic>> {
    let mut problems = Problems::new(file);
    let root = match tree::parse(text) {
        Ok(root) => root,
        Err(fault) => {
            problems.fault(fault);
            return problems.or(None);
        }
    };
    reader::lengths(&root, &mut problems);
    let connector = read(&root, &mut problems);
    problems.or(connector)
}

fn read(root: &Node, problems: &mut Problems) -> Option<Connector> {
    let mapping = Mapping::read(root, "the connector", fields::CONNECTOR, problems)?;
    let id = mapping.text("id", problems);
    if let Some((id, at)) = &id {
        name(id, *at, problems);
        let system = |spec: &action::ActionSpec| spec.name.split('.').next() == Some(id);
        if action::all().any(system) {
            let message = format!("{} is a system of dr-buddy itself", quoted(id));
            problems.add(
                *at,
                message,
                "choose another id: its actions would be mistaken for those",
            );
        }
    }
    let base = base(mapping, problems);
    let mut operations = BTreeMap::new();
    let node = mapping.get("operations")?;
    let entries = entries(node, "operations", problems);
    if entries.is_empty() && matches!(node.value, Tree::Map(_)) {
        problems.add(node.at, "the connector has no operations", "");
    }
    let mut places = BTreeMap::new();
    for entry in entries {
        name(&entry.key, entry.at, problems);
        places.insert(entry.key.clone(), &entry.node);
        if let Some(operation) = operation::read(&entry.key, &entry.node, problems) {
            operations.insert(entry.key.clone(), operation);
        }
    }
    let is_whole = operations.len() == places.len();
    let doctor = mapping.get("doctor").and_then(|node| operation::doctor(node, problems));
    let connector = Connector { id: id?.0, base: base?, doctor, operations };
    if is_whole {
        names::check(&connector, root, &places, problems);
    }
    Some(connector)
}

fn base(mapping: Mapping<'_>, problems: &mut Problems) -> Option<Base> {
    let url = mapping.text("url", problems);
    if let Some((text, at)) = &url
        && !text.starts_with("${")
        && !(text.starts_with("https://") || text.starts_with("http://"))
    {
        let hint =
            "write `https://api.example.com`, or a value of the environment: `${github.api}`";
        problems.add(*at, format!("{} is not where a system is", quoted(text)), hint);
    }
    let auth = mapping.get("auth").map(|node| auth(node, problems));
    let request_id = mapping.text("request_id", problems).map(|(text, _)| text);
    Some(Base {
        url: url?.0,
        auth: auth.flatten(),
        headers: headers(mapping, problems),
        request_id: request_id.map(|name| name.to_ascii_lowercase()),
        rate: mapping.get("rate").and_then(|node| rate(node, problems)),
        timeout: timeout(mapping, problems).unwrap_or(Span::seconds(10)),
    })
}

fn timeout(mapping: Mapping<'_>, problems: &mut Problems) -> Option<Span> {
    let (span, at) = mapping.span("timeout", problems)?;
    if span > LONGEST_WAIT || span == Span(0) {
        let message = format!("nobody can wait {span}");
        problems.add(at, message, format!("write {LONGEST_WAIT} or less"));
    }
    Some(span)
}

fn rate(node: &Node, problems: &mut Problems) -> Option<Rate> {
    let mapping = Mapping::read(node, "`rate`", fields::RATE, problems)?;
    let calls = whole(mapping, "calls", problems);
    let per = mapping.span("per", problems);
    let (calls, (per, at)) = (calls?, per?);
    if calls == 0 || per == Span(0) || per > Span::minutes(1) {
        problems.add(at, "this is no rate", "at least one call, in a minute at most");
    }
    Some(Rate { calls, per })
}

fn auth(node: &Node, problems: &mut Problems) -> Option<Auth> {
    let known = || near("", fields::AUTH.iter().map(|(name, _)| *name));
    let [entry] = entries(node, "auth", problems) else {
        problems.add(node.at, "`auth` must name exactly one way", known());
        return None;
    };
    let Some((way, table)) = fields::AUTH.iter().find(|(name, _)| *name == entry.key) else {
        let near = near(&entry.key, fields::AUTH.iter().map(|(name, _)| *name));
        problems.add(entry.at, format!("unknown way {}", quoted(&entry.key)), near);
        return None;
    };
    let mapping = Mapping::read(&entry.node, &format!("`{way}`"), table, problems)?;
    let mut text = |key: &str| mapping.text(key, problems).map(|(text, _)| text);
    let secret = text("secret");
    Some(match *way {
        "bearer" => Auth::Bearer { secret: secret? },
        "basic" => Auth::Basic { user: text("user")?, secret: secret? },
        "github_app" => {
            let (app, installation) = (text("app"), text("installation"));
            Auth::GithubApp { app: app?, installation: installation?, secret: secret? }
        }
        "google_service_account" => {
            Auth::GoogleServiceAccount { scope: text("scope")?, secret: secret? }
        }
        "aws_sigv4" => {
            let (service, region) = (text("service"), text("region"));
            Auth::AwsSigv4 { service: service?, region: region? }
        }
        _ => {
            let (name, prefix) = (text("name"), text("prefix"));
            Auth::Header { name: name?, prefix: prefix.unwrap_or_default(), secret: secret? }
        }
    })
}

/// Headers by name: texts that hold no secret.
fn headers(mapping: Mapping<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(node) = mapping.get("headers") else { return found };
    for entry in entries(node, "headers", problems) {
        header(&entry.key, entry.at, problems);
        if let Some(text) = reader::text(&entry.node, &entry.key, Shape::Text, problems) {
            found.insert(entry.key.clone(), text.to_owned());
        }
    }
    found
}

fn header(name: &str, at: Place, problems: &mut Problems) {
    let lower = name.to_ascii_lowercase();
    let is_token = lower.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !is_token || lower.is_empty() || OURS.contains(&lower.as_str()) {
        problems.add(at, format!("{} is not a header that can be set", quoted(name)), "");
    } else if SECRET.iter().any(|word| lower.contains(word)) {
        let hint = "what a header shows stands on cards: write `auth`, whose secret is only named";
        problems.add(at, format!("the header {} would hold a secret", quoted(name)), hint);
    }
}

/// The entries of a mapping.
fn entries<'a>(node: &'a Node, key: &str, problems: &mut Problems) -> &'a [tree::Entry] {
    if let Tree::Map(entries) = &node.value {
        return entries;
    }
    reader::wrong(node, key, Shape::Mapping, problems);
    &[]
}

/// A whole number of a key.
fn whole(mapping: Mapping<'_>, key: &str, problems: &mut Problems) -> Option<u32> {
    let node = mapping.get(key)?;
    let number = node.json().as_u64().and_then(|number| u32::try_from(number).ok());
    if number.is_none() {
        reader::wrong(node, key, Shape::Whole, problems);
    }
    number
}

/// A name: the parts of an action's name, of parameters and of facts.
fn name(text: &str, at: Place, problems: &mut Problems) {
    let starts = text.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !starts || !rest || text.len() > LONGEST_NAME {
        let hint = format!("lower-case letters, digits and `_`, at most {LONGEST_NAME}");
        problems.add(at, format!("{} is not a name", quoted(text)), hint);
    }
}

/// The operation with its own places, for what is checked once all are read.
type Places<'a> = BTreeMap<String, &'a Node>;

/// The node of a key, or of the whole.
fn at(node: &Node, key: &str) -> Place {
    let Tree::Map(entries) = &node.value else { return node.at };
    entries.iter().find(|entry| entry.key == key).map_or(node.at, |entry| entry.node.at)
}

/// Whether an operation changes nothing.
fn reads(operation: &Operation) -> bool {
    operation.danger == action::Danger::Reads
}

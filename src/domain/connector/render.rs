//! From an operation and what a step gives it to the parts of one request. What a runbook gives stands where the
//! connector's author put it and nowhere else: in a path it is one segment, in a body one value.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{Auth, Base, Given, Operation, Other};
use crate::domain::runbook::template::{self, Missing};

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// What templates of an operation are filled from.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    values: Value,
}

/// The parts of a request, without secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Where the system is.
    pub base: String,
    /// Below it, encoded.
    pub path: String,
    /// Parameters in the URL.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<Value>,
    /// How we prove who we are.
    pub auth: Option<Auth>,
}

impl Scope {
    /// The environment's document, and beside it the run's id, what is known of the call (`token`, `step`, `opened_at`)
    /// and what the operation is given.
    pub fn new(document: &Value, run: &str, call: Value, with: Map<String, Value>) -> Self {
        let mut values = if document.is_object() { document.clone() } else { json!({}) };
        if let Value::Object(map) = &mut values {
            map.insert("run".to_owned(), json!({"id": run}));
            map.insert("call".to_owned(), call);
            map.insert("with".to_owned(), Value::Object(with));
            map.remove("taken");
        }
        Self { values }
    }

    /// The same with what was taken out of the answer of a call.
    #[must_use]
    pub fn taken(mut self, facts: Map<String, Value>) -> Self {
        if let Value::Object(map) = &mut self.values {
            map.insert("taken".to_owned(), Value::Object(facts));
        }
        self
    }

    /// The same for another operation.
    #[must_use]
    pub fn given(mut self, with: Map<String, Value>) -> Self {
        if let Value::Object(map) = &mut self.values {
            map.insert("with".to_owned(), Value::Object(with));
        }
        self
    }

    /// What an expression over an answer may speak of besides.
    pub fn about(&self, status: Option<u16>, body: Option<Value>) -> Value {
        let part = |name: &str| self.values.get(name).cloned().unwrap_or_default();
        json!({
            "status": status, "body": body,
            "with": part("with"), "taken": part("taken"), "run": part("run"), "call": part("call"),
        })
    }

    fn text(&self, text: &str) -> Result<String, Vec<Missing>> {
        match template::fill(&Value::String(text.to_owned()), &self.values)? {
            Value::String(text) => Ok(text),
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => Ok(other.to_string()),
        }
    }
}

/// What is given, and the defaults of what is not.
pub fn with(operation: &Operation, given: &Map<String, Value>) -> Map<String, Value> {
    let value = |one: &Given| {
        let name = &one.parameter.name;
        Some((name.clone(), given.get(name).or(one.default.as_ref())?.clone()))
    };
    operation.parameters.iter().filter_map(value).collect()
}

/// What another operation is given.
///
/// # Errors
/// What cannot be filled.
pub fn other(other: &Other, scope: &Scope) -> Result<Map<String, Value>, Vec<Missing>> {
    match filled(&Value::Object(other.with.clone()), scope)? {
        Value::Object(with) => Ok(with),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(Map::new())
        }
    }
}

/// The parts of a request.
///
/// # Errors
/// What cannot be filled, or would lead out of its place.
pub fn parts(base: &Base, operation: &Operation, scope: &Scope) -> Result<Parts, Vec<Missing>> {
    let mut headers = BTreeMap::new();
    for (name, text) in base.headers.iter().chain(&operation.headers) {
        headers.insert(name.clone(), scope.text(text)?);
    }
    let query = match filled(&Value::Object(operation.query.clone()), scope)? {
        Value::Object(query) => pairs(&query),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            vec![]
        }
    };
    Ok(Parts {
        base: scope.text(&base.url)?,
        path: path(operation, scope)?,
        query,
        headers,
        body: operation.body.as_ref().map(|body| filled(body, scope)).transpose()?,
        auth: base.auth.as_ref().map(|auth| auth_of(auth, scope)).transpose()?,
    })
}

fn auth_of(auth: &Auth, scope: &Scope) -> Result<Auth, Vec<Missing>> {
    let mut auth = auth.clone();
    let texts = match &mut auth {
        Auth::Bearer { .. } | Auth::Header { .. } => vec![],
        Auth::Basic { user, .. } => vec![user],
        Auth::GithubApp { app, installation, .. } => vec![app, installation],
        Auth::GoogleServiceAccount { scope, .. } => vec![scope],
        Auth::AwsSigv4 { service, region } => vec![service, region],
    };
    for text in texts {
        *text = scope.text(text)?;
    }
    Ok(auth)
}

/// Texts and numbers as they stand in a URL; lists repeat their name.
fn pairs(query: &Map<String, Value>) -> Vec<(String, String)> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let mut found = vec![];
    for (name, value) in query {
        match value {
            Value::Array(items) => {
                found.extend(items.iter().map(|item| (name.clone(), plain(item))));
            }
            Value::Null => {}
            one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                found.push((name.clone(), plain(one)));
            }
        }
    }
    found
}

fn path(operation: &Operation, scope: &Scope) -> Result<String, Vec<Missing>> {
    let with = scope.values.get("with").and_then(Value::as_object);
    let encoded = with.into_iter().flatten().map(|(name, value)| {
        let given = operation.parameters.iter().find(|one| one.parameter.name == *name);
        (name.clone(), segment(value, given.is_some_and(|one| one.is_path)))
    });
    let path = scope.clone().given(encoded.collect()).text(&operation.path)?;
    let wrong = |why: &str| vec![Missing { template: path.clone(), why: why.to_owned() }];
    if path.contains(['?', '#', '\\']) || path.contains(|c: char| c.is_control() || c == ' ') {
        return Err(wrong("is not a path"));
    }
    if path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) && path != "/" {
        return Err(wrong("has an empty part, or one that leads elsewhere"));
    }
    Ok(path)
}

/// A value as one segment of a path, or as several.
fn segment(value: &Value, is_path: bool) -> Value {
    let encode = |text: &str| utf8_percent_encode(text, SEGMENT).to_string();
    match value {
        Value::String(text) if is_path => {
            text.split('/').map(encode).collect::<Vec<_>>().join("/").into()
        }
        Value::String(text) => encode(text).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.clone()
        }
    }
}

/// The value filled; what is nothing but a parameter that was not given is left out of its mapping or list.
fn filled(value: &Value, scope: &Scope) -> Result<Value, Vec<Missing>> {
    template::fill(&without(value, scope), &scope.values)
}

fn without(value: &Value, scope: &Scope) -> Value {
    let stays = |value: &Value| !is_left_out(value, scope);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        Value::Array(items) => {
            items.iter().filter(|item| stays(item)).map(|item| without(item, scope)).collect()
        }
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| stays(value));
            Value::Object(kept.map(|(key, value)| (key.clone(), without(value, scope))).collect())
        }
    }
}

fn is_left_out(value: &Value, scope: &Scope) -> bool {
    let Some(path) = sole(value) else { return false };
    path.starts_with("with.") && template::find(&scope.values, &path).is_none()
}

/// The path of a text that is nothing but one template.
pub(super) fn sole(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    match template::paths(value).as_slice() {
        [Ok(path)] if text == format!("${{{path}}}") => Some(path.clone()),
        _ => None,
    }
}

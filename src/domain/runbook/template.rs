//! Templates: `${aurora.dr.arn}` in the parameters of an action, filled from the environment and the run, once, at
//! preview. A value that is nothing but one template keeps the type of what it names; inside a text it becomes text.
//! `$${` stands for `${`. `${steps.open-ticket.facts.key}` is what a step found that has ended by then.

use serde_json::{Map, Value, json};

use crate::domain::action::ActionSpec;
use crate::domain::environment::Environment;
use crate::domain::time::Span;
use crate::domain::yaml::MAX_TEXT;
use crate::domain::yaml::shape::{Field, Shape};

/// What of the run a template may name, as `${run.id}`.
pub const RUN_FIELDS: [&str; 2] = ["id", "kind"];

/// A template that could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{template}` {why}")]
pub struct Missing {
    /// As written: `${aurora.dr.arn}`.
    pub template: String,
    /// Why not, to follow the template in a sentence.
    pub why: String,
}

/// What templates are filled from: the environment's document with `run` beside it.
pub fn scope(environment: &Environment, run_id: &str, run_kind: &str) -> Value {
    let mut scope = environment.document.clone();
    if let Value::Object(map) = &mut scope {
        map.insert("run".to_owned(), json!({"id": run_id, "kind": run_kind}));
    }
    scope
}

/// Fills every template in `value`, or says which cannot be filled.
pub fn fill(value: &Value, scope: &Value) -> Result<Value, Vec<Missing>> {
    let mut missing = Vec::new();
    let filled = fill_in(value, scope, &mut missing);
    if missing.is_empty() { Ok(filled) } else { Err(missing) }
}

/// Every template in `value` as its path (`aurora.dr.arn`), or as the fault it is.
pub fn paths(value: &Value) -> Vec<Result<String, Missing>> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![],
        Value::String(text) => pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Text(_) => None,
                Piece::Path(path) => Some(Ok(path.to_owned())),
                Piece::Bad(fault) => Some(Err(fault)),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(paths).collect(),
        Value::Object(map) => map.values().flat_map(paths).collect(),
    }
}

/// What a path names in `scope`; list elements by their number.
pub fn find<'a>(scope: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path.split('.').try_fold(scope, |value, key| match value {
        Value::Object(map) => map.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })?;
    (!found.is_null()).then_some(found)
}

/// The filled parameters, if they are what the action's table asks for; else what is wrong, one sentence each.
pub fn checked(spec: &ActionSpec, filled: &Value) -> Result<Map<String, Value>, Vec<String>> {
    let Value::Object(map) = filled else {
        return Err(vec!["the parameters are not a mapping".to_owned()]);
    };
    let mut wrong = Vec::new();
    for field in &spec.fields() {
        match map.get(field.name) {
            Some(value) => wrong.extend(fault(field, value)),
            None if field.is_required => wrong.push(format!("`{}` is missing", field.name)),
            None => {}
        }
    }
    let known = |key: &&String| spec.parameters.iter().all(|field| field.name != **key);
    wrong.extend(map.keys().filter(known).map(|key| format!("`{key}` is not a parameter")));
    if wrong.is_empty() { Ok(map.clone()) } else { Err(wrong) }
}

/// What is wrong with a filled value, or nothing.
pub fn fault(field: &Field<'_>, value: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let fits = match field.shape {
        Shape::Text => text(value),
        Shape::Texts => {
            value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(text))
        }
        Shape::Whole => value.is_u64(),
        Shape::Flag => value.is_boolean(),
        Shape::Span => value.as_str().is_some_and(|text| Span::parse(text).is_ok()),
        Shape::Any => !value.is_null(),
        Shape::Mapping => value.as_object().is_some_and(|map| !map.is_empty()),
        Shape::Localized => value.get("en").is_some_and(text) && value.get("fr").is_some_and(text),
        // No action has such a parameter; a test of the action table sees to it.
        Shape::Id
        | Shape::Ids
        | Shape::Role
        | Shape::Roles
        | Shape::Condition
        | Shape::Defined(_) => false,
    };
    (!fits).then(|| format!("`{}` must be {}", field.name, field.shape.expected()))
}

enum Piece<'a> {
    Text(&'a str),
    Path(&'a str),
    Bad(Missing),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            found.extend([Piece::Text(escaped), Piece::Text("${")]);
            rest = after;
            continue;
        }
        found.push(Piece::Text(before));
        let bad = |shown: &str, why: &str| {
            let template = format!("${{{}", shown.chars().take(60).collect::<String>());
            Piece::Bad(Missing { template, why: why.to_owned() })
        };
        let Some((path, after)) = after.split_once('}') else {
            found.push(bad(after, "has no closing `}`"));
            return found;
        };
        let part = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        found.push(if path.split('.').all(part) {
            Piece::Path(path)
        } else {
            bad(&format!("{path}}}"), "is not a dotted path such as `${aurora.dr.arn}`")
        });
        rest = after;
    }
    found.push(Piece::Text(rest));
    found.retain(|piece| !matches!(piece, Piece::Text("")));
    found
}

fn fill_in(value: &Value, scope: &Value, missing: &mut Vec<Missing>) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::Array(items) => items.iter().map(|item| fill_in(item, scope, missing)).collect(),
        Value::Object(map) => {
            let filled = map.iter().map(|(key, item)| (key.clone(), fill_in(item, scope, missing)));
            Value::Object(filled.collect())
        }
        Value::String(text) => fill_text(text, scope, missing),
    }
}

fn fill_text(text: &str, scope: &Value, missing: &mut Vec<Missing>) -> Value {
    let not =
        |path: &str, why: &str| Missing { template: format!("${{{path}}}"), why: why.to_owned() };
    let pieces = pieces(text);
    if let [Piece::Path(path)] = pieces.as_slice() {
        return find(scope, path).cloned().unwrap_or_else(|| {
            missing.push(not(path, "is not defined"));
            Value::Null
        });
    }
    let mut filled = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Path(path) => match find(scope, path) {
                None => missing.push(not(path, "is not defined")),
                Some(Value::String(text)) => filled.push_str(text),
                Some(scalar @ (Value::Bool(_) | Value::Number(_))) => {
                    filled.push_str(&scalar.to_string());
                }
                Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
                    missing
                        .push(not(path, "is a list or a mapping and cannot stand inside a text"));
                }
            },
            Piece::Bad(fault) => missing.push(fault.clone()),
        }
    }
    if filled.chars().count() > 2 * MAX_TEXT {
        missing.push(not("…", "makes the text too long"));
    }
    Value::String(filled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::action;

    fn env() -> Value {
        json!({"a": {"b": "x", "n": 3, "list": ["p", {"q": true}]}, "ws": ["one", "two"], "nil": null})
    }

    #[test]
    fn a_whole_template_keeps_its_type_and_others_become_text() {
        let value = json!({"n": "${a.n}", "t": "v${a.n}-${a.b}", "l": "${ws}", "e": "$${a.b} $x", "q": ["${a.list.1.q}"]});
        let filled = fill(&value, &env()).unwrap();
        assert_eq!(
            filled,
            json!({"n": 3, "t": "v3-x", "l": ["one", "two"], "e": "${a.b} $x", "q": [true]})
        );
        assert_eq!(paths(&value).len(), 5);
    }

    #[test]
    fn what_cannot_be_filled_is_named() {
        let missing = fill(&json!(["${a.c}", "x ${ws}", "${", "${a b}", "${nil}", "${}"]), &env())
            .unwrap_err();
        let names: Vec<_> = missing.iter().map(|one| one.template.as_str()).collect();
        assert_eq!(names, ["${a.c}", "${ws}", "${", "${a b}", "${nil}", "${}"]);
    }

    #[test]
    fn filled_parameters_are_held_against_the_table() {
        let spec = action::find("k8s.scale").unwrap();
        let good = json!({"context": "c", "namespace": "n", "workloads": ["w"], "replicas": 0});
        assert!(checked(spec, &good).is_ok());
        let bad = json!({"context": 1, "workloads": [], "replicas": -1, "extra": true});
        assert_eq!(checked(spec, &bad).unwrap_err().len(), 5);
        let spec = action::find("http.check").unwrap();
        let least = json!({"url": "https://a.example/"});
        assert_eq!(checked(spec, &least).map(Value::Object), Ok(least), "the rest may be left out");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[$}{a.bé0 ]{0,40}") {
            fill(&json!(text), &env()).ok();
            prop_assert_eq!(paths(&json!(text)).iter().any(Result::is_err), pieces(&text).iter().any(|p| matches!(p, Piece::Bad(_))));
        }
    }
}

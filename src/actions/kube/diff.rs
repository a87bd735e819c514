//! What differs between an object as it is and as the server says it would be: the fields to put back, and the lines that
//! people read.
//!
//! A field ends at a list: what stands in a list has no name that lasts, so a list is put back whole. For people a list is
//! opened up, because a whole list of containers says nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::actions::params::clip;

/// What the server writes by itself, at every change or for its own book-keeping.
const OF_THE_SERVER: [&str; 6] =
    ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"];
/// Longer texts are shown from shortly before they differ.
const WHOLE: usize = 80;

/// One field that changes. Absent is `null`: the server keeps no nulls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    /// The keys that lead to it.
    pub(super) at: Vec<String>,
    pub(super) before: Value,
    pub(super) after: Value,
}

/// One line for people: a path, and the two values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) what: String,
    /// `None`: it is not there.
    pub(super) now: Option<String>,
    pub(super) after: Option<String>,
}

/// Every field in which `after` is not `before`, but for status and what the server writes by itself.
pub(super) fn diff(before: &Value, after: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    fields(&mut Vec::new(), &content(before), &content(after), &mut found);
    found
}

/// What somebody wanted the object to be.
fn content(object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(map) = &mut object {
        map.remove("status");
        if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
            metadata.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
        }
    }
    object
}

fn fields(at: &mut Vec<String>, before: &Value, after: &Value, found: &mut Vec<Field>) {
    if before == after {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        for key in keys(old, new) {
            at.push(key.clone());
            fields(at, value(old, key), value(new, key), found);
            at.pop();
        }
    } else {
        let (before, after) = (before.clone(), after.clone());
        found.push(Field { at: at.clone(), before, after });
    }
}

fn keys<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> BTreeSet<&'a String> {
    old.keys().chain(new.keys()).collect()
}

fn value<'a>(map: &'a Map<String, Value>, key: &str) -> &'a Value {
    map.get(key).unwrap_or(&Value::Null)
}

impl Field {
    /// `.data.dr_mode`, as Kubernetes itself names fields.
    pub(super) fn path(&self) -> String {
        self.at.iter().map(|key| format!(".{key}")).collect()
    }

    /// The lines that show it.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut found = Vec::new();
        lines(&self.path(), &self.before, &self.after, &mut found);
        found
    }
}

impl Field {
    /// Makes it what it would be.
    pub(super) fn put_into(&self, object: &mut Value) {
        if let Value::Object(map) = object {
            put(map, &self.at, &self.after);
        }
    }
}

/// A merge patch that makes each field what it was.
pub(super) fn restoring(fields: &[Field]) -> Value {
    let mut patch = Map::new();
    for field in fields {
        put(&mut patch, &field.at, &field.before);
    }
    Value::Object(patch)
}

fn put(map: &mut Map<String, Value>, at: &[String], value: &Value) {
    match at {
        [] => {}
        [last] => {
            map.insert(last.clone(), value.clone());
        }
        [first, rest @ ..] => {
            let inner = map.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn lines(at: &str, before: &Value, after: &Value, found: &mut Vec<Line>) {
    if before == after {
        return;
    }
    let nothing = Map::new();
    let map = |value: &Value| match value {
        Value::Object(map) if !map.is_empty() => Some(map.clone()),
        Value::Null => Some(nothing.clone()),
        Value::Object(_)
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => None,
    };
    match (map(before), map(after)) {
        (Some(old), Some(new)) => {
            for key in keys(&old, &new) {
                lines(&format!("{at}.{key}"), value(&old, key), value(&new, key), found);
            }
        }
        _ => match (named(before), named(after)) {
            (Some(old), Some(new)) => {
                for key in keys(&old, &new) {
                    lines(&format!("{at}[{key}]"), value(&old, key), value(&new, key), found);
                }
            }
            _ => found.push(line(at, before, after)),
        },
    }
}

/// The elements of a list by their `name`, as containers, ports and variables have one.
fn named(list: &Value) -> Option<Map<String, Value>> {
    let items = match list {
        Value::Null => return Some(Map::new()),
        Value::Array(items) if !items.is_empty() => items,
        Value::Array(_)
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_) => {
            return None;
        }
    };
    let mut found = Map::new();
    for item in items {
        let name = item.get("name").and_then(Value::as_str)?;
        if found.insert(name.to_owned(), item.clone()).is_some() {
            return None;
        }
    }
    Some(found)
}

fn line(at: &str, before: &Value, after: &Value) -> Line {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    };
    let (now, after) = match (text(before), text(after)) {
        (Some(now), Some(after)) => {
            let (now, after) = apart(&now, &after);
            (Some(now), Some(after))
        }
        other => other,
    };
    let shown = |text: String| if text.is_empty() { "\"\"".to_owned() } else { clip(&text) };
    Line { what: at.to_owned(), now: now.map(shown), after: after.map(shown) }
}

/// Two long texts from shortly before they differ, so that what is cut off is not the difference.
fn apart(one: &str, other: &str) -> (String, String) {
    if one.len().max(other.len()) <= WHOLE {
        return (one.to_owned(), other.to_owned());
    }
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let skip = same.saturating_sub(WHOLE / 4);
    let rest = |text: &str| {
        let rest: String = text.chars().skip(skip).collect();
        if skip == 0 { rest } else { format!("…{rest}") }
    };
    (rest(one), rest(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn shown(before: &Value, after: &Value) -> Vec<(String, Option<String>, Option<String>)> {
        let lines = diff(before, after).into_iter().flat_map(|field| field.lines());
        lines.map(|line| (line.what, line.now, line.after)).collect()
    }

    #[test]
    fn what_the_server_writes_is_no_change_and_the_rest_is_shown_by_its_path() {
        let before = json!({
            "metadata": {"name": "a", "resourceVersion": "1", "managedFields": [1], "labels": {"x": "1"}},
            "data": {"dr_mode": "false", "gone": "y"}, "status": {"seen": 1},
        });
        let after = json!({
            "metadata": {"name": "a", "resourceVersion": "2", "managedFields": [], "labels": {"x": "1"}},
            "data": {"dr_mode": "true", "new": {"a": 1}}, "status": {"seen": 2},
        });
        let some = |text: &str| Some(text.to_owned());
        let wanted = [
            (".data.dr_mode".to_owned(), some("false"), some("true")),
            (".data.gone".to_owned(), some("y"), None),
            (".data.new.a".to_owned(), None, some("1")),
        ];
        assert_eq!(shown(&before, &after), wanted);
        assert_eq!(diff(&after, &after), []);
    }

    #[test]
    fn a_list_is_one_field_and_its_named_elements_are_shown_apart() {
        let of = |mode: &str| {
            json!({"spec": {"containers": [
                {"name": "api", "env": [{"name": "DR", "value": mode}]}, {"name": "side"},
            ]}})
        };
        let found = diff(&of("off"), &of("on"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path(), ".spec.containers");
        let lines = found[0].lines();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].what, ".spec.containers[api].env[DR].value");
        let plain = diff(&json!({"a": [1, 2]}), &json!({"a": [1]}));
        assert_eq!(plain[0].lines()[0].now.as_deref(), Some("[1,2]"));
    }

    #[test]
    fn long_texts_are_shown_where_they_differ() {
        let long = |end: &str| json!({"data": {"file": format!("{}{end}", "x".repeat(500))}});
        let [(_, Some(now), Some(after))] = &shown(&long("one\nline"), &long("two"))[..] else {
            panic!("one line")
        };
        assert!(now.ends_with("one line") && after.ends_with("two"), "{now} {after}");
        assert!(now.starts_with('…'));
    }

    /// Merges as RFC 7386 says, and as the API server does.
    fn merge(target: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let map = target.as_object_mut().unwrap();
        for (key, value) in patch {
            if value.is_null() {
                map.remove(key);
            } else {
                merge(map.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![any::<bool>().prop_map(Value::from), "[ab]{0,2}".prop_map(Value::from)];
        let inner = leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 1..3)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        });
        prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_put_back_is_exactly_what_was(before in object(), after in object()) {
            let mut now = after.clone();
            merge(&mut now, &restoring(&diff(&before, &after)));
            prop_assert_eq!(now, before);
        }
    }
}

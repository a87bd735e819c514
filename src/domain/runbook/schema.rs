//! The JSON Schema of runbooks, for editors. Made from the tables the check uses, so that it cannot say something else;
//! what a schema cannot say (graph, templates, facts, gates against dangers) only the check does.

use serde_json::{Map, Value, json};

use super::document::MAX_STEPS;
use super::fields;
use crate::domain::action::Known;
use crate::domain::actor::Role;
use crate::domain::yaml::MAX_TEXT;
use crate::domain::yaml::shape::{Field, Shape};

/// The schema, draft 2020-12, with the actions there are.
pub fn schema(known: &Known) -> Value {
    let mut defined: Map<String, Value> = fields::DEFINED
        .iter()
        .map(|(name, table)| ((*name).to_owned(), mapping(table, false)))
        .collect();
    defined.insert("phases".into(), list("#/$defs/phase", None));
    defined.insert("steps".into(), list("#/$defs/step", Some(MAX_STEPS)));
    defined.insert("action".into(), actions(known));
    let words = |words: &[&str], other: &str| json!({"oneOf": [{"enum": words}, {"$ref": other}]});
    defined.insert("gate".into(), words(&["none", "confirm"], "#/$defs/people_gate"));
    defined.insert("on_failure".into(), words(&["hold", "continue"], "#/$defs/fallback"));
    defined.insert("code".into(), json!({"enum": ["required"]}));
    defined.insert("localized".into(), localized());
    defined.insert(
        "id".into(),
        json!({"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 48}),
    );
    defined.insert("span".into(), json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}));
    defined.insert("role".into(), json!({"enum": Role::ALL.map(Role::name)}));
    defined.insert("template".into(), json!({"type": "string", "pattern": "^\\$\\{[^}]+\\}$"}));
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dr-buddy runbook",
        "$ref": "#/$defs/runbook",
    });
    if let Value::Object(root) = &mut root {
        root.insert("$defs".into(), Value::Object(defined));
    }
    root
}

/// The schema as the file in `prompts/` holds it.
pub fn text(known: &Known) -> String {
    format!("{:#}\n", schema(known))
}

fn list(item: &str, most: Option<usize>) -> Value {
    let mut list = json!({"type": "array", "minItems": 1, "items": {"$ref": item}});
    if let (Value::Object(list), Some(most)) = (&mut list, most) {
        list.insert("maxItems".into(), most.into());
    }
    list
}

fn localized() -> Value {
    let text = json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT});
    json!({
        "type": "object", "additionalProperties": false, "required": ["en", "fr"],
        "properties": {"en": text, "fr": text},
    })
}

fn actions(known: &Known) -> Value {
    let each = known.all().map(|spec| {
        let mut parameters = mapping(&spec.fields(), true);
        if let Value::Object(map) = &mut parameters {
            map.insert("description".into(), spec.about.clone().into());
            if !spec.parameters.iter().any(|field| field.is_required) {
                map.insert("type".into(), json!(["object", "null"]));
            }
        }
        (spec.name.clone(), parameters)
    });
    json!({
        "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
        "properties": each.collect::<Map<String, Value>>(),
    })
}

fn mapping(table: &[Field<'_>], may_be_template: bool) -> Value {
    let required: Vec<&str> =
        table.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    let properties: Map<String, Value> = table
        .iter()
        .map(|field| (field.name.to_owned(), property(field, may_be_template)))
        .collect();
    json!({
        "type": "object", "additionalProperties": false, "required": required, "properties": properties,
    })
}

fn property(field: &Field<'_>, may_be_template: bool) -> Value {
    let reference = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    let list = |item: Value| json!({"type": "array", "items": item});
    let text = json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT});
    let plain = match field.shape {
        Shape::Text => text,
        Shape::Texts => json!({"type": "array", "minItems": 1, "items": text}),
        Shape::Whole => json!({"type": "integer", "minimum": 0}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Span => reference("span"),
        Shape::Any => json!({}),
        Shape::Mapping => json!({"type": "object", "minProperties": 1}),
        Shape::Localized => reference("localized"),
        Shape::Id => reference("id"),
        Shape::Ids => list(reference("id")),
        Shape::Role => reference("role"),
        Shape::Roles => list(reference("role")),
        Shape::Condition => json!({"type": "string", "maxLength": super::condition::MAX_CONDITION}),
        Shape::Defined(name) => reference(name),
    };
    let is_typed = matches!(field.shape, Shape::Texts | Shape::Whole | Shape::Flag | Shape::Span);
    let mut property = if may_be_template && is_typed {
        json!({"anyOf": [plain, reference("template")]})
    } else {
        plain
    };
    if let (Value::Object(map), false) = (&mut property, field.about.is_empty()) {
        map.insert("description".into(), field.about.into());
    }
    property
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action;

    #[test]
    fn every_reference_leads_somewhere() {
        fn each(value: &Value, see: &mut dyn FnMut(&str)) {
            match value {
                Value::Object(map) => {
                    map.get("$ref").and_then(Value::as_str).into_iter().for_each(&mut *see);
                    map.values().for_each(|value| each(value, see));
                }
                Value::Array(items) => items.iter().for_each(|item| each(item, see)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let schema = schema(&Known::default());
        each(&schema, &mut |reference| {
            assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        });
    }

    #[test]
    fn no_action_has_a_parameter_of_a_shape_that_is_the_documents_own() {
        for spec in action::all() {
            for field in spec.fields() {
                let own = matches!(
                    field.shape,
                    Shape::Id
                        | Shape::Ids
                        | Shape::Role
                        | Shape::Roles
                        | Shape::Condition
                        | Shape::Defined(_)
                );
                assert!(!own, "{}.{}", spec.name, field.name);
            }
        }
    }
}

//! What a step wants of one object, as its runbook says it, checked before anything is asked.
//!
//! Refused here: what would put a secret's values into the record, because a request stands in the record whole; other
//! namespaces than the one the step names; and fields that are the server's own.

use serde_json::{Map, Value, json};

use super::edit::Edit;
use super::workload::check_dns;
use crate::actions::params::{flag, text, unsafe_because};
use crate::actions::{Call, LookError};
use crate::domain::text::told;

/// Longest manifest or patch: the record keeps it with what was there before.
const LARGEST: usize = 64 * 1024;
/// What of the metadata a step may set.
const METADATA: [&str; 4] = ["name", "namespace", "labels", "annotations"];

/// One object and what is wanted of it.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) edit: Edit,
}

/// `k8s.apply`: a manifest.
pub(super) fn manifest(call: &Call<'_>, namespace: &str) -> Result<Wanted, LookError> {
    let mut manifest = mapping(call, "manifest")?.clone();
    let (api_version, kind) = (part(&manifest, "apiVersion")?, part(&manifest, "kind")?);
    let Some(Value::Object(metadata)) = manifest.get_mut("metadata") else {
        return Err(unsafe_because("the manifest has no metadata"));
    };
    let name = part(metadata, "name")?;
    let elsewhere = metadata.get("namespace").filter(|other| **other != *namespace);
    if let Some(elsewhere) = elsewhere {
        let elsewhere = elsewhere.as_str().unwrap_or("something that is no name");
        let args = [name.as_str(), elsewhere, namespace];
        return Err(unsafe_because(told("trouble.other_namespace", &args)));
    }
    metadata.insert("namespace".into(), namespace.into());
    check(&kind, &name, &manifest)?;
    let edit = Edit::Apply { manifest: Value::Object(manifest), force: flag(call, "force") };
    Ok(Wanted { api_version, kind, name, edit })
}

/// `k8s.patch`: a JSON merge patch.
pub(super) fn patch(call: &Call<'_>, _namespace: &str) -> Result<Wanted, LookError> {
    let (api_version, kind) = (text(call, "api_version")?, text(call, "kind")?);
    let name = text(call, "name")?;
    let patch = mapping(call, "patch")?;
    for fixed in ["apiVersion", "kind"] {
        if patch.contains_key(fixed) {
            return Err(unsafe_because(format!("a patch cannot change `{fixed}`")));
        }
    }
    let metadata = patch.get("metadata").and_then(Value::as_object);
    if metadata.is_some_and(|map| map.contains_key("name") || map.contains_key("namespace")) {
        return Err(unsafe_because("a patch cannot change the name or namespace of an object"));
    }
    check(kind, name, patch)?;
    let edit = Edit::Merge(Value::Object(patch.clone()));
    let (api_version, kind, name) = (api_version.to_owned(), kind.to_owned(), name.to_owned());
    Ok(Wanted { api_version, kind, name, edit })
}

fn mapping<'a>(call: &Call<'a>, name: &str) -> Result<&'a Map<String, Value>, LookError> {
    let map = call.with.get(name).and_then(Value::as_object);
    map.ok_or_else(|| unsafe_because(told("trouble.no_parameter", &[name])))
}

fn part(map: &Map<String, Value>, name: &str) -> Result<String, LookError> {
    let text = map.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| unsafe_because(format!("the manifest has no `{name}`")))?;
    Ok(text.to_owned())
}

fn check(kind: &str, name: &str, body: &Map<String, Value>) -> Result<(), LookError> {
    check_dns("object", name)?;
    if body.contains_key("status") {
        return Err(unsafe_because("`status` is written by controllers, not by steps"));
    }
    let metadata = body.get("metadata").cloned().unwrap_or_else(|| json!({}));
    let Value::Object(metadata) = metadata else {
        return Err(unsafe_because("`metadata` is not a mapping"));
    };
    if let Some(other) = metadata.keys().find(|key| !METADATA.contains(&key.as_str())) {
        let may = METADATA.join(", ");
        return Err(unsafe_because(format!(
            "`metadata.{other}` cannot be set by a step: {may} can"
        )));
    }
    let secret = ["data", "stringData"].into_iter().filter_map(|field| body.get(field));
    let keys: Vec<&str> = secret
        .filter(|_| kind == "Secret")
        .flat_map(|values| values.as_object().into_iter().flat_map(Map::keys))
        .map(String::as_str)
        .collect();
    if kind == "Secret" && ["data", "stringData"].iter().any(|field| body.contains_key(*field)) {
        return Err(unsafe_because(told("trouble.secret_values", &[name, &keys.join(", ")])));
    }
    let length = Value::Object(body.clone()).to_string().len();
    if length > LARGEST {
        let detail = format!("{length} bytes are too many for one step: at most {LARGEST}");
        return Err(unsafe_because(detail));
    }
    Ok(())
}

/// What of a patch the server did not take, by its path: a misspelt field is dropped without a word.
pub(super) fn dropped(patch: &Value, tried: &Value) -> Option<String> {
    let Value::Object(patch) = patch else { return None };
    patch.iter().find_map(|(key, wanted)| match tried.get(key) {
        None if wanted.is_null() || wanted.as_object().is_some_and(Map::is_empty) => None,
        None if wanted.as_object().is_some_and(only_nulls) => None,
        None => Some(format!(".{key}")),
        Some(found) => dropped(wanted, found).map(|rest| format!(".{key}{rest}")),
    })
}

fn only_nulls(map: &Map<String, Value>) -> bool {
    map.values().all(|value| value.is_null() || value.as_object().is_some_and(only_nulls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_the_server_does_not_know_is_named() {
        let patch = json!({"spec": {"replicas": 1, "replcas": 2, "gone": null, "no": {"x": null}}});
        assert_eq!(
            dropped(&patch, &json!({"spec": {"replicas": 1}})).as_deref(),
            Some(".spec.replcas")
        );
        assert_eq!(dropped(&patch, &json!({"spec": {"replicas": 1, "replcas": 2}})), None);
    }

    #[test]
    fn values_of_a_secret_are_named_and_never_shown() {
        let body = |field: &str| {
            let mut body = Map::new();
            body.insert(field.into(), json!({"DATABASE_URL": "s3cr3t"}));
            body
        };
        for field in ["data", "stringData"] {
            let said = check("Secret", "db", &body(field)).unwrap_err().said();
            assert!(said.contains("DATABASE_URL") && !said.contains("s3cr3t"), "{said}");
            assert!(check("ConfigMap", "db", &body(field)).is_ok());
        }
        for field in ["resourceVersion", "uid", "ownerReferences", "finalizers", "generateName"] {
            let body = json!({"metadata": {"name": "a", field: "1"}});
            assert!(check("ConfigMap", "a", body.as_object().unwrap()).is_err(), "{field}");
        }
        assert!(check("ConfigMap", "a/../b", &Map::new()).is_err());
        assert!(check("ConfigMap", "a", json!({"status": {}}).as_object().unwrap()).is_err());
    }
}

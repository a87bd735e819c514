//! What people see of the change of one object, and what is sent when they agree.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::diff::{Field, Line};
use super::edit::{Edit, MANAGER, Owner, managers, owners};
use super::served::Target;
use crate::actions::params::{json_of, put};
use crate::domain::run::preview::{Change, Preview, Remark};
use crate::domain::text::told;

/// Lines that are shown; what is more is counted.
const LINES: usize = 40;

/// Exactly what is sent, and what was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) context: String,
    pub(super) server: String,
    pub(super) target: Target,
    pub(super) edit: Edit,
    pub(super) fields: Vec<Field>,
    pub(super) taken: Vec<Owner>,
}

pub(super) fn is_create(edit: &Edit) -> bool {
    matches!(edit, Edit::Create(_))
}

pub(super) fn facts(exists: bool, differences: Option<usize>) -> Map<String, Value> {
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(&mut facts, "exists", Some(exists));
    put(&mut facts, "applied", Some(differences == Some(0)));
    put(&mut facts, "differences", differences);
    facts
}

/// The preview of it.
pub(super) fn shown(request: &Request, live: Option<&Value>) -> Preview {
    let Request { target, edit, fields, taken, .. } = request;
    let name = target.to_string();
    let absent = || told("told.absent", &[]);
    let mut changes: Vec<Change> = Vec::new();
    let mut binding = Map::new();
    match edit {
        Edit::Create(manifest) => {
            let (now, after) = (absent(), told("told.created", &[]));
            changes.push(Change { what: name.clone(), now, after });
            let of = |key: &&String| !["apiVersion", "kind", "metadata"].contains(&key.as_str());
            let new = manifest.as_object().into_iter().flat_map(Map::keys).filter(of);
            let new = new.map(|key| Field {
                at: vec![key.clone()],
                before: Value::Null,
                after: manifest.get(key).cloned().unwrap_or_default(),
            });
            changes.extend(lines(&name, &new.collect::<Vec<_>>()));
            binding.insert(name.clone(), Value::Null);
        }
        Edit::Delete { uid } => {
            let (now, after) = (told("told.there", &[]), told("told.deleted", &[]));
            changes.push(Change { what: name.clone(), now, after });
            binding.insert(name.clone(), uid.clone().into());
        }
        Edit::Apply { .. } | Edit::Merge(_) | Edit::Nothing => {
            changes.extend(lines(&name, fields));
            let was = |field: &Field| (format!("{name} {}", field.path()), field.before.clone());
            binding.extend(fields.iter().map(was));
        }
    }
    let mut remarks = Vec::new();
    if changes.is_empty() {
        let (now, after) = (told("told.as_wanted", &[&name]), told("told.unchanged", &[]));
        changes.push(Change { what: name.clone(), now, after });
        remarks.push(Remark::new("remark.k8s.nothing_to_change", &[]));
    }
    if changes.len() > LINES {
        let more = (changes.len() - LINES).to_string();
        remarks.push(Remark::new("remark.k8s.more_changes", &[("count", &more)]));
        changes.truncate(LINES);
    }
    if !taken.is_empty() {
        remarks.push(Remark::new("remark.k8s.takes", &[("owners", &owners(taken))]));
    }
    let others = live.map(managers).unwrap_or_default();
    let others: Vec<&str> = others.into_iter().filter(|other| *other != MANAGER).collect();
    if !others.is_empty() {
        let who = others.join(", ");
        remarks.push(Remark::new("remark.k8s.written_by", &[("who", &who)]));
    }
    remarks.push(Remark::new("remark.k8s.controllers", &[]));
    let (operation, context) = (&request.operation, &request.context);
    let differences = match edit {
        Edit::Create(_) | Edit::Delete { .. } => None,
        Edit::Apply { .. } | Edit::Merge(_) | Edit::Nothing => Some(fields.len()),
    };
    Preview {
        request: json_of(request),
        binding,
        facts: facts(live.is_some(), differences),
        changes,
        calls: vec![format!(
            "k8s:{} {name} in {context}, namespace {}",
            operation.to_ascii_lowercase(),
            target.namespace
        )],
        remarks,
    }
}

fn lines(name: &str, fields: &[Field]) -> Vec<Change> {
    let absent = || told("told.absent", &[]);
    let all = fields.iter().flat_map(Field::lines);
    let change = |line: Line| Change {
        what: format!("{name} {}", line.what),
        now: line.now.unwrap_or_else(absent),
        after: line.after.unwrap_or_else(absent),
    };
    all.map(change).collect()
}

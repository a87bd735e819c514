//! One change of one object, whatever its kind: tried as a dry run, shown as the difference that makes, done only while
//! the difference still is the one that was shown.
//!
//! What is sent is not compared with what is there by us: the API server knows which fields a manifest owns and fills in
//! what is left out. So it is asked, with `dryRun=All`, what would become of the object. Right before the change the
//! object is read, tried once more, and changed under the resource version just read: anything in between is a 409,
//! which did nothing, so looking again is safe, a few times.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::diff::{Field, diff};
use super::served::Target;
use super::tally::Went;
use super::{Cluster, Trouble};
use crate::actions::params::unsafe_because;
use crate::faults::place;

/// The name under which fields are owned.
pub(super) const MANAGER: &str = "dr-buddy";
/// Times a conflict is looked at again.
const MOST_CONFLICTS: usize = 4;

/// What is done to the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Edit {
    /// It was not there.
    Create(Value),
    /// Server-side apply.
    Apply {
        /// The fields that are wanted, and no others.
        manifest: Value,
        /// Take fields that somebody else owns.
        force: bool,
    },
    /// A JSON merge patch.
    Merge(Value),
    /// What we created ourselves, and only that.
    Delete {
        /// Another object of the same name is another object.
        uid: String,
    },
    /// It already is as it should be.
    Nothing,
}

impl Edit {
    /// As it is called in records.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Create(_) => "Create",
            Self::Apply { .. } => "Apply",
            Self::Merge(_) => "Patch",
            Self::Delete { .. } => "Delete",
            Self::Nothing => "Nothing",
        }
    }
}

/// A field and who owns it, as the API server says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) field: String,
    pub(super) manager: String,
}

impl Owner {
    /// From one cause of a 409: the manager stands in quotes.
    pub(super) fn of(field: &str, message: &str) -> Self {
        let manager = message.split('"').nth(1).unwrap_or(message);
        Self { field: field.to_owned(), manager: manager.to_owned() }
    }
}

/// `.data.dr_mode (argocd-controller), …`.
pub(super) fn owners(all: &[Owner]) -> String {
    let each = all.iter().map(|owner| format!("{} ({})", owner.field, owner.manager));
    each.collect::<Vec<_>>().join(", ")
}

/// What a change would come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) fields: Vec<Field>,
    /// What it takes from others.
    pub(super) taken: Vec<Owner>,
    /// It must be insisted on.
    pub(super) force: bool,
}

/// What the API server says of the object.
pub(super) fn version(live: &Value) -> Option<&str> {
    live.pointer("/metadata/resourceVersion").and_then(Value::as_str)
}

/// Everybody who wrote to it.
pub(super) fn managers(live: &Value) -> Vec<&str> {
    let all = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut names: Vec<&str> = all
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("manager").and_then(Value::as_str))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// An apply that insists, or that does not; anything else as it is.
fn forced(edit: &Edit, force: bool) -> Edit {
    match edit {
        Edit::Apply { manifest, .. } => Edit::Apply { manifest: manifest.clone(), force },
        Edit::Create(_) | Edit::Merge(_) | Edit::Delete { .. } | Edit::Nothing => edit.clone(),
    }
}

/// The body under a resource version, so that it is refused if the object has moved.
fn at(body: &Value, version: Option<&str>) -> Value {
    let mut body = body.clone();
    if let (Some(version), Value::Object(map)) = (version, &mut body) {
        let metadata = map.entry("metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.insert("resourceVersion".into(), version.into());
        }
    }
    body
}

impl Cluster {
    /// The object, or that it is not there.
    pub(super) async fn live(&self, target: &Target) -> Result<Option<Value>, Trouble> {
        match self.get(&target.path(), &target.name).await {
            Ok(live) => Ok(Some(live)),
            Err(Trouble::Refused { code: 404, .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    async fn send(
        &self,
        target: &Target,
        edit: &Edit,
        version: Option<&str>,
        dry_run: bool,
    ) -> Result<Value, Trouble> {
        let (path, name) = (target.path(), &target.name);
        let manager = || Some(MANAGER.to_owned());
        let patching = |force, patch: Patch<Value>| {
            let params =
                PatchParams { dry_run, force, field_manager: manager(), ..PatchParams::default() };
            path.patch(name, &params, &patch)
        };
        let request = match edit {
            Edit::Create(manifest) => {
                let params = PostParams { dry_run, field_manager: manager() };
                path.create(&params, manifest.to_string().into_bytes())
            }
            Edit::Apply { manifest, force } => {
                patching(*force, Patch::Apply(at(manifest, version)))
            }
            Edit::Merge(patch) => patching(false, Patch::Merge(at(patch, version))),
            Edit::Delete { uid } => {
                let same = Preconditions { uid: Some(uid.clone()), resource_version: None };
                let params = DeleteParams { dry_run, ..DeleteParams::background() };
                path.delete(name, &params.preconditions(same))
            }
            Edit::Nothing => return Ok(Value::Null),
        };
        let request = request.map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        if dry_run {
            return self.client.request(request).await.map_err(|error| Trouble::of(&error));
        }
        self.write(request).await
    }

    /// What the change would come to, tried on the server without keeping it.
    pub(super) async fn plan(
        &self,
        target: &Target,
        edit: &Edit,
        live: &Value,
        version: Option<&str>,
    ) -> Result<Planned, Trouble> {
        let owned = match self.send(target, &forced(edit, false), version, true).await {
            Err(Trouble::Owned(owned)) => owned,
            tried => {
                let fields = diff(live, &tried?);
                return Ok(Planned { fields, ..Planned::default() });
            }
        };
        // What we wrote by another kind of call (a patch, a way back) is ours all the same.
        let taken: Vec<Owner> = owned.into_iter().filter(|one| one.manager != MANAGER).collect();
        if !taken.is_empty() && !matches!(edit, Edit::Apply { force: true, .. }) {
            return Err(Trouble::Owned(taken));
        }
        let tried = self.send(target, &forced(edit, true), version, true).await?;
        Ok(Planned { fields: diff(live, &tried), taken, force: true })
    }

    /// Does it, if it still comes to what was shown.
    pub(super) async fn edit(&self, target: &Target, edit: &Edit, shown: &Planned) -> Went {
        for _ in 0..MOST_CONFLICTS {
            match self.edit_once(target, edit, shown).await {
                Ok(went) => return went,
                Err(Trouble::Refused { code: 409, .. }) => {}
                Err(Trouble::Unclear(detail)) => return Went::Unclear(detail),
                Err(sure) => return Went::Not(sure.look(self)),
            }
        }
        Went::Not(unsafe_because(format!("{target} changes all the time (409)")))
    }

    async fn edit_once(
        &self,
        target: &Target,
        edit: &Edit,
        shown: &Planned,
    ) -> Result<Went, Trouble> {
        // Looking and trying change nothing, however they end.
        let live = match self.live(target).await {
            Ok(live) => live,
            Err(trouble) => return Ok(Went::Not(trouble.look(self))),
        };
        let changed = |why: &str| Ok(Went::Not(unsafe_because(format!("{target} {why}"))));
        let mut force = false;
        let version = match (edit, &live) {
            (Edit::Nothing, _) | (Edit::Delete { .. }, None) => return Ok(Went::Already),
            (Edit::Create(_), None) => None,
            (Edit::Create(_), Some(_)) => {
                return changed("was made by somebody else since it was shown");
            }
            (Edit::Apply { .. } | Edit::Merge(_), None) => {
                return changed("is gone since it was shown");
            }
            (Edit::Delete { uid }, Some(live)) => {
                if live.pointer("/metadata/uid").and_then(Value::as_str) != Some(uid) {
                    return changed("is another object of the same name");
                }
                None
            }
            (Edit::Apply { .. } | Edit::Merge(_), Some(live)) => {
                let Some(version) = version(live) else {
                    return changed("has no resource version");
                };
                match self.plan(target, edit, live, Some(version)).await {
                    Ok(now) if now.fields.is_empty() => return Ok(Went::Already),
                    Ok(now) if now.fields == shown.fields && now.taken == shown.taken => {
                        force = now.force;
                    }
                    Ok(_) => return changed("has changed since it was shown"),
                    Err(moved @ Trouble::Refused { code: 409, .. }) => return Err(moved),
                    Err(trouble) => return Ok(Went::Not(trouble.look(self))),
                }
                Some(version)
            }
        };
        place(format_args!("before the change of {target}"));
        let sent = self.send(target, &forced(edit, force), version, false).await;
        place(format_args!("after the change of {target}"));
        match (edit, sent) {
            (_, Ok(_)) => Ok(Went::Applied),
            // Somebody else was faster: theirs, not ours.
            (Edit::Create(_) | Edit::Delete { .. }, Err(moved @ Trouble::Refused { .. })) => {
                Ok(Went::Not(moved.look(self)))
            }
            (_, Err(trouble)) => Err(trouble),
        }
    }
}

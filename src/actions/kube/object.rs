//! `k8s.apply` and `k8s.patch`: one object, changed as its runbook says, and put back as it was.
//!
//! What is saved for the way back is each changed field as it was, not the object: what others changed meanwhile stays.
//! An object that was not there before is deleted again, but only the very one we made.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::diff::{Field, restoring};
use super::edit::{Edit, MANAGER, Planned, managers};
use super::served::Target;
use super::shown::{Request, facts, is_create, shown};
use super::tally::Tally;
use super::wanted::{Wanted, dropped, manifest, patch};
use super::workload::check_dns;
use super::{Cluster, KubeSettings};
use crate::actions::fence::context_inside;
use crate::actions::params::{failed, request, text, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Direction, Preview};
use crate::domain::text::told;

/// Most that is kept of what was there.
const LARGEST: usize = 256 * 1024;

/// Changes one object.
#[derive(Debug)]
pub(in crate::actions) struct Object {
    settings: KubeSettings,
    wanted: fn(&Call<'_>, &str) -> Result<Wanted, LookError>,
}

impl Object {
    /// `k8s.apply`.
    pub(in crate::actions) fn apply(settings: KubeSettings) -> Self {
        Self { settings, wanted: manifest }
    }

    /// `k8s.patch`.
    pub(in crate::actions) fn patch(settings: KubeSettings) -> Self {
        Self { settings, wanted: patch }
    }

    async fn look(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let (context, namespace) = (text(call, "context")?, text(call, "namespace")?);
        context_inside(call.environment, context)?;
        check_dns("namespace", namespace)?;
        let saved = saved(call)?;
        let wanted = (self.wanted)(call, namespace)?;
        let cluster = Cluster::connect(&self.settings, context).await?;
        let target = match &saved {
            Some(saved) => saved.target.clone(),
            None => Target {
                served: cluster.served(&[&wanted.api_version], &wanted.kind).await?,
                namespace: namespace.to_owned(),
                name: wanted.name,
            },
        };
        let live = cluster.live(&target).await.map_err(|trouble| trouble.look(&cluster))?;
        let edit = match &saved {
            Some(saved) => back(saved, live.as_ref())?,
            None => forward(wanted.edit, &target, live.as_ref())?,
        };
        let planned = cluster.try_out(&target, &edit, live.as_ref()).await?;
        let request = Request {
            service: "k8s".into(),
            operation: edit.operation().into(),
            context: context.to_owned(),
            server: cluster.server.clone(),
            target,
            edit,
            fields: planned.fields,
            taken: planned.taken,
        };
        Ok(shown(&request, live.as_ref()))
    }

    async fn see(&self, asked: &Request) -> Result<Probe, LookError> {
        let cluster = Cluster::connect(&self.settings, &asked.context).await?;
        let target = &asked.target;
        let live = cluster.live(target).await.map_err(|trouble| trouble.look(&cluster))?;
        let name = target.to_string();
        let (happened, differences) = match (&asked.edit, &live) {
            (Edit::Nothing, _) => (Happened::Done, Some(0)),
            (Edit::Delete { .. }, None) => (Happened::Done, Some(0)),
            (Edit::Delete { uid }, Some(live)) => {
                let is_ours = live.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid);
                let ends = live.pointer("/metadata/deletionTimestamp").is_some();
                match (is_ours, ends) {
                    (true, false) => (Happened::Never, Some(1)),
                    (true, true) => (Happened::Running, Some(1)),
                    (false, _) => (Happened::Done, Some(0)),
                }
            }
            (Edit::Create(_), None) => (Happened::Never, None),
            (Edit::Apply { .. } | Edit::Merge(_), None) => (Happened::Unknown, None),
            (edit @ (Edit::Create(_) | Edit::Apply { .. } | Edit::Merge(_)), Some(live)) => {
                // Force, so that what others took since is counted, not refused: nothing is kept.
                let edit = match edit {
                    Edit::Create(manifest) | Edit::Apply { manifest, .. } => {
                        &Edit::Apply { manifest: manifest.clone(), force: true }
                    }
                    Edit::Merge(_) | Edit::Delete { .. } | Edit::Nothing => edit,
                };
                let now = cluster.plan(target, edit, live, None).await;
                let now = now.map_err(|trouble| trouble.look(&cluster))?.fields;
                let ours = managers(live).contains(&MANAGER);
                let happened = if now.is_empty() && (ours || !is_create(&asked.edit)) {
                    Happened::Done
                } else if now == asked.fields && !is_create(&asked.edit) {
                    Happened::Never
                } else {
                    Happened::Unknown
                };
                (happened, Some(now.len()))
            }
        };
        let saw = match (&live, differences) {
            (None, _) => told("told.not_there", &[&name]),
            (Some(_), Some(0)) => told("told.as_wanted", &[&name]),
            (Some(_), many) => told("told.differs", &[&name, &many.unwrap_or(0).to_string()]),
        };
        Ok(Probe { happened, facts: facts(live.is_some(), differences), saw })
    }
}

/// For an undo, what was done.
fn saved(call: &Call<'_>) -> Result<Option<Request>, LookError> {
    if call.direction == Direction::Do {
        return Ok(None);
    }
    let before =
        call.before.ok_or_else(|| unsafe_because("it was not recorded what there was before"))?;
    request::<Request>(&before.request).map(Some)
}

fn forward(edit: Edit, target: &Target, live: Option<&Value>) -> Result<Edit, LookError> {
    match (edit, live) {
        (Edit::Apply { manifest, .. }, None) => Ok(Edit::Create(manifest)),
        (Edit::Merge(_), None) => {
            let detail = format!("there is no {target} in namespace {}", target.namespace);
            Err(unsafe_because(detail))
        }
        (edit, _) => Ok(edit),
    }
}

/// What puts back what was done.
fn back(saved: &Request, live: Option<&Value>) -> Result<Edit, LookError> {
    let target = &saved.target;
    match (&saved.edit, live) {
        (Edit::Create(_), None) | (Edit::Nothing | Edit::Delete { .. }, _) => Ok(Edit::Nothing),
        (Edit::Create(_), Some(live)) => {
            let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
            match uid.filter(|_| managers(live).contains(&MANAGER)) {
                Some(uid) => Ok(Edit::Delete { uid: uid.to_owned() }),
                None => {
                    let detail = format!("{target} is not the one that was created: left alone");
                    Err(unsafe_because(detail))
                }
            }
        }
        (Edit::Apply { .. } | Edit::Merge(_), Some(_)) if saved.fields.is_empty() => {
            Ok(Edit::Nothing)
        }
        (Edit::Apply { .. } | Edit::Merge(_), Some(_)) => Ok(Edit::Merge(restoring(&saved.fields))),
        (Edit::Apply { .. } | Edit::Merge(_), None) => {
            Err(unsafe_because(format!("{target} is gone: there is nothing to put back")))
        }
    }
}

impl Cluster {
    /// The dry run of a preview.
    async fn try_out(
        &self,
        target: &Target,
        edit: &Edit,
        live: Option<&Value>,
    ) -> Result<Planned, LookError> {
        if matches!(edit, Edit::Nothing | Edit::Delete { .. }) {
            return Ok(Planned::default());
        }
        let nothing = Value::Object(Map::new());
        let tried = self.plan(target, edit, live.unwrap_or(&nothing), None).await;
        let planned = tried.map_err(|trouble| trouble.look(self))?;
        let secret = |field: &Field| {
            field.at.first().is_some_and(|first| first == "data" || first == "stringData")
        };
        if target.served.kind == "Secret" && planned.fields.iter().any(secret) {
            return Err(unsafe_because(told("trouble.secret_values", &[&target.name, ""])));
        }
        // The record keeps what was there.
        let bytes = |field: &Field| field.before.to_string().len() + field.after.to_string().len();
        if planned.fields.iter().map(bytes).sum::<usize>() > LARGEST {
            let detail = format!("what changes in {target} is larger than {LARGEST} bytes");
            return Err(unsafe_because(detail));
        }
        if let (Edit::Merge(patch), Some(live)) = (edit, live) {
            let mut tried = live.clone();
            planned.fields.iter().for_each(|field| field.put_into(&mut tried));
            if let Some(path) = dropped(patch, &tried) {
                let detail = format!("the API server knows no field `{path}` in {target}");
                return Err(unsafe_because(detail));
            }
        }
        // All of a new object differs from nothing: its manifest says what is in it.
        Ok(if is_create(edit) { Planned::default() } else { planned })
    }
}

#[async_trait]
impl Action for Object {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        super::within(&self.settings, call, self.look(call)).await
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let seen = match super::asked::<Request>(self, call, value).await {
            Ok(asked) => super::within(&self.settings, call, self.see(&asked)).await,
            Err(error) => Err(error),
        };
        seen.unwrap_or_else(|error| super::blind(&error))
    }

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        let asked: Request = match request(approved.request()) {
            Ok(asked) => asked,
            Err(error) => return failed(error),
        };
        let cluster = match Cluster::same(&self.settings, &asked.context, &asked.server).await {
            Ok(cluster) => cluster,
            Err(error) => return failed(error),
        };
        let Request { target, edit, fields, taken, operation, .. } = asked;
        let shown = Planned { fields, taken, force: false };
        let one = (target.to_string(), cluster.edit(&target, &edit, &shown));
        let tally = Tally::of(&self.settings, std::iter::once(one)).await;
        tally.outcome(&cluster, &operation, &target.namespace)
    }

    /// A dry run needs the right to make the change: without the role for doing, a preview is refused and says so.
    /// Other kinds than `ConfigMap` are for the administrator to add, by name.
    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[Permission::Kube("get configmaps")],
            act: &[
                Permission::Kube("get configmaps"),
                Permission::Kube("create configmaps"),
                Permission::Kube("patch configmaps"),
                Permission::Kube("delete configmaps"),
            ],
        }
    }
}

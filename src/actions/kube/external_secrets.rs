//! `external_secrets.sync`: the External Secrets Operator reads its secrets again, now.
//!
//! An annotation that changes makes it do so. The time written is when the step opened, so a second call changes
//! nothing. Done is not the annotation but the operator's own word: a refresh since then, later than the one that was
//! seen right before the call, and `Ready`. Of a call that died before that was recorded, the server tells when it wrote.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use kube::api::{Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::edit::MANAGER;
use super::restart::is_at_least;
use super::served::Served;
use super::tally::{Tally, Went};
use super::workload::check_dns;
use super::{Cluster, KubeSettings, Trouble};
use crate::actions::fence::context_inside;
use crate::actions::params::{failed, json_of, put, request, text, texts, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;
use crate::faults::place;

/// The newest first.
const VERSIONS: [&str; 2] = ["external-secrets.io/v1", "external-secrets.io/v1beta1"];
/// What makes the operator refresh; the name its documentation uses.
const ANNOTATION: &str = "force-sync";
/// Secrets in one step at most.
const MOST: usize = 50;

/// Refreshes `ExternalSecret`s.
#[derive(Debug)]
pub(in crate::actions) struct Sync {
    settings: KubeSettings,
}

/// Exactly what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    service: String,
    operation: String,
    context: String,
    server: String,
    namespace: String,
    served: Served,
    names: Vec<String>,
    at: String,
}

/// What the API server says of one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    name: String,
    asked_at: Option<String>,
    /// When we wrote to it last, as the server tells.
    written_at: Option<String>,
    refreshed_at: Option<String>,
    is_ready: bool,
    store: Option<String>,
}

impl Seen {
    fn of(name: &str, object: &Value) -> Self {
        let text = |at: &str| object.pointer(at).and_then(Value::as_str).map(ToOwned::to_owned);
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let is = |one: &Value, at: &str, wanted: &str| {
            one.get(at).and_then(Value::as_str) == Some(wanted)
        };
        let mut conditions = conditions.into_iter().flatten();
        let writers = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        let ours = writers.into_iter().flatten().filter(|one| is(one, "manager", MANAGER));
        let written_at = ours.filter_map(|one| one.get("time")?.as_str()).max();
        Self {
            name: name.to_owned(),
            asked_at: text(&format!("/metadata/annotations/{ANNOTATION}")),
            written_at: written_at.map(ToOwned::to_owned),
            refreshed_at: text("/status/refreshTime"),
            is_ready: conditions.any(|one| is(one, "type", "Ready") && is(one, "status", "True")),
            store: text("/spec/secretStoreRef/name"),
        }
    }

    fn was_asked(&self, at: &str) -> bool {
        self.asked_at.as_deref().is_some_and(|then| is_at_least(then, at))
    }

    /// Refreshed since `at`, and not before we asked: `before` is what the call itself saw, if that was recorded.
    fn is_synced(&self, at: &str, before: Option<&Value>) -> bool {
        let refreshed = self.refreshed_at.as_deref();
        let since = |at: &str| refreshed.is_some_and(|then| is_at_least(then, at));
        let is_new = match before {
            Some(before) => refreshed != before.as_str(),
            None => self.written_at.as_deref().is_some_and(since),
        };
        self.was_asked(at) && since(at) && is_new && self.is_ready
    }
}

impl Sync {
    pub(in crate::actions) fn new(settings: KubeSettings) -> Self {
        Self { settings }
    }

    async fn look(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        if call.direction == Direction::Undo {
            return Err(unsafe_because("a refresh has no way back"));
        }
        let (context, namespace) = (text(call, "context")?, text(call, "namespace")?);
        context_inside(call.environment, context)?;
        check_dns("namespace", namespace)?;
        let mut names: Vec<String> =
            texts(call, "names")?.into_iter().map(ToOwned::to_owned).collect();
        names.sort();
        names.dedup();
        if names.len() > MOST {
            return Err(unsafe_because(format!("more than {MOST} ExternalSecrets in one step")));
        }
        for name in &names {
            check_dns("ExternalSecret", name)?;
        }
        let cluster = Cluster::connect(&self.settings, context).await?;
        let served = cluster.served(&VERSIONS, "ExternalSecret").await?;
        let at = call.opened_at.rfc3339();
        let asked = Request {
            service: "k8s".into(),
            operation: "PatchForceSync".into(),
            context: context.to_owned(),
            server: cluster.server.clone(),
            namespace: namespace.to_owned(),
            served,
            names,
            at: at.clone(),
        };
        let all = cluster.external_secrets(&asked).await?;
        let never = || told("told.never", &[]);
        let what =
            |seen: &Seen| told("told.synced_at", &[&format!("externalsecret/{}", seen.name)]);
        let change = |seen: &Seen| Change {
            what: what(seen),
            now: seen.refreshed_at.clone().unwrap_or_else(never),
            after: told("told.after", &[&at]),
        };
        let mut stores: Vec<&str> = all.iter().filter_map(|seen| seen.store.as_deref()).collect();
        stores.sort_unstable();
        stores.dedup();
        let stores = stores.join(", ");
        Ok(Preview {
            binding: all.iter().map(|seen| (seen.name.clone(), json!(seen.asked_at))).collect(),
            facts: facts(&all, &asked, &Map::new()),
            changes: all.iter().map(change).collect(),
            calls: asked
                .names
                .iter()
                .map(|name| {
                    format!("k8s:patch externalsecret/{name} in {context}, namespace {namespace}")
                })
                .collect(),
            remarks: vec![
                Remark::new("remark.k8s.secret_store", &[("stores", &stores)]),
                Remark::new("remark.k8s.pods_keep_secrets", &[]),
            ],
            request: json_of(&asked),
        })
    }

    async fn see(&self, call: &Call<'_>, asked: &Request) -> Result<Probe, LookError> {
        let cluster = Cluster::same(&self.settings, &asked.context, &asked.server).await?;
        let all = cluster.external_secrets(asked).await?;
        let before = before(call, asked);
        let was_asked = all.iter().filter(|seen| seen.was_asked(&asked.at)).count();
        let happened = if was_asked == 0 {
            Happened::Never
        } else if was_asked < all.len() {
            Happened::Unknown
        } else if all.iter().all(|seen| seen.is_synced(&asked.at, before.get(&seen.name))) {
            Happened::Done
        } else {
            Happened::Running
        };
        let each = |seen: &Seen| {
            let refreshed = seen.refreshed_at.clone();
            let refreshed = refreshed.unwrap_or_else(|| told("told.never", &[]));
            let key = if seen.is_ready { "told.secret_ready" } else { "told.secret_not_ready" };
            told(key, &[&seen.name, &refreshed])
        };
        let saw = all.iter().map(each).collect::<Vec<_>>().join("\n");
        Ok(Probe { happened, facts: facts(&all, asked, &before), saw })
    }
}

/// When each was refreshed last before the call, as the call itself saw it.
fn before(call: &Call<'_>, asked: &Request) -> Map<String, Value> {
    let is_ours = |evidence: &&Value| {
        let text = |name: &str| evidence.get(name).and_then(Value::as_str);
        text("operation") == Some(&asked.operation)
            && text("server") == Some(&asked.server)
            && text("namespace") == Some(&asked.namespace)
            && text("at") == Some(&asked.at)
    };
    let found = call.past.iter().rfind(is_ours).and_then(|evidence| evidence.get("refreshed"));
    found.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn facts(all: &[Seen], asked: &Request, before: &Map<String, Value>) -> Map<String, Value> {
    let is_synced = |seen: &&Seen| seen.is_synced(&asked.at, before.get(&seen.name));
    let synced = all.iter().filter(is_synced).count();
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(&mut facts, "requested", Some(all.iter().all(|seen| seen.was_asked(&asked.at))));
    put(&mut facts, "synced", Some(synced == all.len()));
    put(&mut facts, "fresh", Some(synced));
    put(&mut facts, "ready", Some(all.iter().filter(|seen| seen.is_ready).count()));
    put(&mut facts, "total", Some(all.len()));
    facts
}

impl Cluster {
    async fn external_secrets(&self, asked: &Request) -> Result<Vec<Seen>, LookError> {
        let path = asked.served.path(&asked.namespace);
        let path = &path;
        let each = asked.names.iter().map(|name| async move {
            let found = self.get(path, name).await;
            let what = format!("externalsecret/{name}");
            found
                .map(|object| Seen::of(name, &object))
                .map_err(|trouble| trouble.looking_for(self, &what, &asked.namespace))
        });
        try_join_all(each).await
    }

    async fn force_sync(&self, asked: &Request, seen: &Seen) -> Went {
        if seen.was_asked(&asked.at) {
            return Went::Already;
        }
        let name = &seen.name;
        let patch = Patch::Merge(json!({"metadata": {"annotations": {ANNOTATION: asked.at}}}));
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let writing = asked.served.path(&asked.namespace).patch(name, &params, &patch);
        let writing = match writing {
            Ok(writing) => writing,
            Err(error) => {
                let trouble = Trouble::of(&kube::Error::BuildRequest(error));
                return Went::Not(trouble.look(self));
            }
        };
        place(format_args!("before the refresh of {name}"));
        let written = self.write(writing).await;
        place(format_args!("after the refresh of {name}"));
        match written {
            Ok(_) => Went::Applied,
            Err(Trouble::Unclear(detail)) => Went::Unclear(detail),
            Err(sure) => Went::Not(sure.look(self)),
        }
    }
}

#[async_trait]
impl Action for Sync {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        super::within(&self.settings, call, self.look(call)).await
    }

    async fn probe(&self, call: &Call<'_>, value: &Value) -> Probe {
        let seen = match super::asked::<Request>(self, call, value).await {
            Ok(asked) => super::within(&self.settings, call, self.see(call, &asked)).await,
            Err(error) => Err(error),
        };
        seen.unwrap_or_else(|error| super::blind(&error))
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let asked: Request = match request(approved.request()) {
            Ok(asked) => asked,
            Err(error) => return failed(error),
        };
        let ready = super::within(&self.settings, call, async {
            let cluster = Cluster::same(&self.settings, &asked.context, &asked.server).await?;
            let all = cluster.external_secrets(&asked).await?;
            Ok((cluster, all))
        });
        let (cluster, all) = match ready.await {
            Ok(ready) => ready,
            Err(error) => return failed(error),
        };
        let each = all.iter().map(|seen| {
            (format!("externalsecret/{}", seen.name), cluster.force_sync(&asked, seen))
        });
        let tally = Tally::of(&self.settings, each).await;
        let mut outcome = tally.outcome(&cluster, &asked.operation, &asked.namespace);
        if let Outcome::Accepted { evidence } | Outcome::Unknown { evidence, .. } = &mut outcome
            && let Some(evidence) = evidence.as_object_mut()
        {
            // A second call that finds the annotation there has not asked: the first one's word counts.
            let new = all.iter().filter(|seen| !seen.was_asked(&asked.at));
            let new = new.map(|seen| (seen.name.clone(), json!(seen.refreshed_at)));
            let mut refreshed = before(call, &asked);
            refreshed.extend(new);
            evidence.insert("at".into(), asked.at.clone().into());
            evidence.insert("refreshed".into(), Value::Object(refreshed));
        }
        outcome
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[Permission::Kube("get externalsecrets.external-secrets.io")],
            act: &[
                Permission::Kube("get externalsecrets.external-secrets.io"),
                Permission::Kube("patch externalsecrets.external-secrets.io"),
            ],
        }
    }
}

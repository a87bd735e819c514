//! `k8s.suspend_cronjobs`: no new jobs in a namespace, and later exactly those again that this step stopped.
//!
//! Which `CronJob`s there are is part of what was approved: one that appears, or that somebody resumes in between, voids
//! the approval. Jobs that run already go on: suspending does not end them, and the facts count them.

use async_trait::async_trait;
use kube::api::{ListParams, Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::edit::{MANAGER, version};
use super::served::Served;
use super::tally::{Tally, Went};
use super::workload::check_dns;
use super::{Cluster, KubeSettings, Trouble};
use crate::actions::fence::context_inside;
use crate::actions::params::{
    failed, json_of, optional_text, put, request, text, texts, unsafe_because,
};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;
use crate::faults::place;

/// `batch/v1` since 1.21; older clusters only have the beta.
const VERSIONS: [&str; 2] = ["batch/v1", "batch/v1beta1"];
/// `CronJob`s in one step at most.
const MOST: u32 = 200;
/// Times a conflict is looked at again.
const MOST_CONFLICTS: usize = 4;

/// Suspends `CronJob`s.
#[derive(Debug)]
pub(in crate::actions) struct SuspendCronJobs {
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
    /// Those that are changed, and no others.
    jobs: Vec<String>,
    suspend: bool,
}

/// One `CronJob` as the server tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    name: String,
    suspended: bool,
    running: u64,
}

impl Seen {
    fn of(object: &Value) -> Option<Self> {
        let running = object.pointer("/status/active").and_then(Value::as_array);
        Some(Self {
            name: object.pointer("/metadata/name")?.as_str()?.to_owned(),
            suspended: object.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false),
            running: running.map_or(0, |jobs| jobs.len() as u64),
        })
    }
}

impl SuspendCronJobs {
    pub(in crate::actions) fn new(settings: KubeSettings) -> Self {
        Self { settings }
    }

    async fn look(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let (context, namespace) = (text(call, "context")?, text(call, "namespace")?);
        context_inside(call.environment, context)?;
        check_dns("namespace", namespace)?;
        let saved = saved(call)?;
        let suspend = saved.is_none();
        let cluster = Cluster::connect(&self.settings, context).await?;
        let served = cluster.served(&VERSIONS, "CronJob").await?;
        let all = cluster.cronjobs(&served, call, namespace, saved.as_deref()).await?;
        let change: Vec<&Seen> = all.iter().filter(|seen| seen.suspended != suspend).collect();
        let what = |seen: &Seen| told("told.suspended", &[&format!("cronjob/{}", seen.name)]);
        let mut remarks = vec![Remark::new("remark.k8s.controllers", &[])];
        let running: u64 = all.iter().map(|seen| seen.running).sum();
        if suspend && running > 0 {
            let count = running.to_string();
            remarks.push(Remark::new("remark.k8s.jobs_go_on", &[("count", &count)]));
        }
        let gone = saved.iter().flatten().filter(|name| all.iter().all(|seen| seen.name != **name));
        let gone: Vec<&str> = gone.map(String::as_str).collect();
        if !gone.is_empty() {
            let names = gone.join(", ");
            remarks.push(Remark::new("remark.k8s.cronjobs_gone", &[("names", &names)]));
        }
        if change.is_empty() {
            remarks.push(Remark::new("remark.k8s.nothing_to_change", &[]));
        }
        let shown = |seen: &Seen| Change {
            what: what(seen),
            now: seen.suspended.to_string(),
            after: suspend.to_string(),
        };
        let calls = change.iter().map(|seen| {
            format!("k8s:patch cronjob/{} in {context}, namespace {namespace}", seen.name)
        });
        Ok(Preview {
            binding: all.iter().map(|seen| (what(seen), seen.suspended.into())).collect(),
            facts: facts(&all),
            changes: all.iter().map(shown).collect(),
            calls: calls.collect(),
            remarks,
            request: json_of(&Request {
                service: "k8s".into(),
                operation: "PatchSuspend".into(),
                context: context.to_owned(),
                server: cluster.server.clone(),
                namespace: namespace.to_owned(),
                served,
                jobs: change.iter().map(|seen| seen.name.clone()).collect(),
                suspend,
            }),
        })
    }

    async fn see(&self, call: &Call<'_>, asked: &Request) -> Result<Probe, LookError> {
        let cluster = Cluster::connect(&self.settings, &asked.context).await?;
        let saved = saved(call)?;
        let namespace = &asked.namespace;
        let all = cluster.cronjobs(&asked.served, call, namespace, saved.as_deref()).await?;
        let state = |name: &String| {
            let seen = all.iter().find(|seen| seen.name == *name);
            seen.map(|seen| seen.suspended == asked.suspend)
        };
        let states: Vec<Option<bool>> = asked.jobs.iter().map(state).collect();
        let happened = if states.iter().all(|state| *state == Some(true)) {
            Happened::Done
        } else if states.iter().all(|state| *state == Some(false)) {
            Happened::Never
        } else {
            Happened::Unknown
        };
        let facts = facts(&all);
        let number = |name: &str| facts.get(name).map(ToString::to_string).unwrap_or_default();
        let [suspended, total, running] = ["suspended", "total", "running"].map(number);
        let saw = told("told.cronjobs", &[&suspended, &total, &running]);
        Ok(Probe { happened, facts, saw })
    }
}

/// For an undo, those that were suspended by the step itself.
fn saved(call: &Call<'_>) -> Result<Option<Vec<String>>, LookError> {
    if call.direction == Direction::Do {
        return Ok(None);
    }
    let before =
        call.before.ok_or_else(|| unsafe_because("it was not recorded what there was before"))?;
    request::<Request>(&before.request).map(|request| Some(request.jobs))
}

fn facts(all: &[Seen]) -> Map<String, Value> {
    let suspended = all.iter().filter(|seen| seen.suspended).count();
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(&mut facts, "suspended", Some(suspended));
    put(&mut facts, "active", Some(all.len() - suspended));
    put(&mut facts, "total", Some(all.len()));
    put(&mut facts, "running", Some(all.iter().map(|seen| seen.running).sum::<u64>()));
    facts
}

impl Cluster {
    /// Those the step means: all of the namespace, those it names, those with a label; for an undo, those it changed.
    async fn cronjobs(
        &self,
        served: &Served,
        call: &Call<'_>,
        namespace: &str,
        saved: Option<&[String]>,
    ) -> Result<Vec<Seen>, LookError> {
        let mut wanted = ListParams::default().limit(MOST + 1);
        if let (Some(selector), None) = (optional_text(call, "selector"), saved) {
            wanted = wanted.labels(selector);
        }
        let list = self.list(&served.path(namespace), &wanted).await;
        let list = list.map_err(|trouble| trouble.look(self))?;
        let items = list.get("items").and_then(Value::as_array);
        let Some(items) = items else {
            return Err(unsafe_because("the API server sent no list"));
        };
        let mut all: Vec<Seen> = items.iter().filter_map(Seen::of).collect();
        if all.len() > MOST as usize {
            return Err(unsafe_because(format!("more than {MOST} CronJobs in one step")));
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(saved) = saved {
            all.retain(|seen| saved.contains(&seen.name));
        } else if call.with.contains_key("names") {
            let names = texts(call, "names")?;
            if let Some(missing) =
                names.iter().find(|name| all.iter().all(|seen| seen.name != **name))
            {
                let detail = format!("404: there is no cronjob/{missing} in namespace {namespace}");
                return Err(LookError::Refused { system: self.system(), detail });
            }
            all.retain(|seen| names.contains(&seen.name.as_str()));
        }
        Ok(all)
    }

    async fn suspend(&self, asked: &Request, name: &str) -> Went {
        for _ in 0..MOST_CONFLICTS {
            match self.suspend_once(asked, name).await {
                Ok(went) => return went,
                Err(Trouble::Refused { code: 409, .. }) => {}
                Err(Trouble::Unclear(detail)) => return Went::Unclear(detail),
                Err(sure) => return Went::Not(sure.look(self)),
            }
        }
        Went::Not(unsafe_because(format!("cronjob/{name} changes all the time (409)")))
    }

    async fn suspend_once(&self, asked: &Request, name: &str) -> Result<Went, Trouble> {
        let path = asked.served.path(&asked.namespace);
        let live = match self.get(&path, name).await {
            Ok(live) => live,
            // Reading changes nothing, however it ends.
            Err(trouble) => return Ok(Went::Not(trouble.look(self))),
        };
        if Seen::of(&live).is_some_and(|seen| seen.suspended == asked.suspend) {
            return Ok(Went::Already);
        }
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": version(&live)}, "spec": {"suspend": asked.suspend},
        }));
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let writing = path
            .patch(name, &params, &patch)
            .map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        place(format_args!("before the suspending of {name}"));
        let written = self.write(writing).await;
        place(format_args!("after the suspending of {name}"));
        written.map(|_| Went::Applied)
    }
}

#[async_trait]
impl Action for SuspendCronJobs {
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

    async fn run(&self, _call: &Call<'_>, approved: &Approved) -> Outcome {
        let asked: Request = match request(approved.request()) {
            Ok(asked) => asked,
            Err(error) => return failed(error),
        };
        let cluster = match Cluster::same(&self.settings, &asked.context, &asked.server).await {
            Ok(cluster) => cluster,
            Err(error) => return failed(error),
        };
        let each = asked
            .jobs
            .iter()
            .map(|name| (format!("cronjob/{name}"), cluster.suspend(&asked, name)));
        let tally = Tally::of(&self.settings, each).await;
        tally.outcome(&cluster, "PatchSuspend", &asked.namespace)
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[Permission::Kube("list cronjobs.batch")],
            act: &[
                Permission::Kube("get cronjobs.batch"),
                Permission::Kube("patch cronjobs.batch"),
            ],
        }
    }
}

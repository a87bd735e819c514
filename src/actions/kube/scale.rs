//! `k8s.scale`: another number of replicas.
//!
//! The approval is bound to the replicas of each workload, not to resource versions: those move with every pod that
//! becomes ready, and an approval would be void before it is given. Right before the PATCH the `/scale` subresource is read;
//! if it is what was shown, the PATCH carries the resource version just read, so the API server refuses it (409) when
//! anything moved in between. A 409 did nothing, so reading and comparing again is safe, a few times.

use async_trait::async_trait;
use kube::api::{Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::tally::{Tally, Went};
use super::workload::{Name, Seen, check_dns, named};
use super::{Cluster, KubeSettings, Trouble};
use crate::actions::fence::context_inside;
use crate::actions::params::{failed, json_of, put, request, text, unsafe_because, whole};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;
use crate::faults::place;

/// Times a conflict is looked at again.
const MOST_CONFLICTS: usize = 4;

/// Scales workloads.
#[derive(Debug)]
pub(in crate::actions) struct Scale {
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
    workloads: Vec<One>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    workload: Name,
    from: u64,
    replicas: u64,
}

impl Scale {
    pub(in crate::actions) fn new(settings: KubeSettings) -> Self {
        Self { settings }
    }

    async fn look(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        let (context, namespace) = (text(call, "context")?, text(call, "namespace")?);
        context_inside(call.environment, context)?;
        check_dns("namespace", namespace)?;
        let names = named(call)?;
        let saved = saved(call)?;
        let cluster = Cluster::connect(&self.settings, context).await?;
        let all = cluster.see_all(namespace, &names).await?;
        let mut workloads = Vec::new();
        for seen in &all {
            let replicas = match &saved {
                None => u64::from(whole(call, "replicas")?),
                Some(saved) => saved
                    .iter()
                    .find(|one| one.workload == seen.name)
                    .map(|one| one.from)
                    .ok_or_else(|| {
                        unsafe_because(format!("it was not recorded how many {} had", seen.name))
                    })?,
            };
            workloads.push(One { workload: seen.name.clone(), from: seen.replicas, replicas });
        }
        let what = |one: &One| told("told.replicas", &[&one.workload.to_string()]);
        let change = |one: &One| Change {
            what: what(one),
            now: one.from.to_string(),
            after: one.replicas.to_string(),
        };
        let mut remarks = vec![Remark::new("remark.k8s.controllers", &[])];
        if workloads.iter().any(|one| one.replicas == 0) {
            remarks.push(Remark::new("remark.k8s.pods_end", &[]));
        }
        let targets: Vec<u64> = workloads.iter().map(|one| one.replicas).collect();
        Ok(Preview {
            binding: workloads.iter().map(|one| (what(one), Value::from(one.from))).collect(),
            facts: facts(&cluster, namespace, &all, &targets).await.0,
            changes: workloads.iter().map(change).collect(),
            calls: workloads
                .iter()
                .map(|one| {
                    format!("k8s:patch {}/scale in {context}, namespace {namespace}", one.workload)
                })
                .collect(),
            remarks,
            request: json_of(&Request {
                service: "k8s".into(),
                operation: "PatchScale".into(),
                context: context.to_owned(),
                server: cluster.server.clone(),
                namespace: namespace.to_owned(),
                workloads,
            }),
        })
    }

    async fn see(&self, asked: &Request) -> Result<Probe, LookError> {
        let cluster = Cluster::connect(&self.settings, &asked.context).await?;
        let names: Vec<Name> = asked.workloads.iter().map(|one| one.workload.clone()).collect();
        let all = cluster.see_all(&asked.namespace, &names).await?;
        let targets: Vec<u64> = asked.workloads.iter().map(|one| one.replicas).collect();
        let (facts, at_target) = facts(&cluster, &asked.namespace, &all, &targets).await;
        let pairs = || asked.workloads.iter().zip(&all);
        let happened = if pairs().all(|(one, seen)| seen.replicas == one.replicas) {
            match at_target {
                Some(true) => Happened::Done,
                Some(false) => Happened::Running,
                None => Happened::Unknown,
            }
        } else if pairs().all(|(one, seen)| seen.replicas == one.from) {
            Happened::Never
        } else {
            Happened::Unknown
        };
        let each = |seen: &Seen| {
            let args = [seen.name.to_string(), seen.replicas.to_string(), seen.ready.to_string()];
            told("told.scaled", &args.each_ref().map(String::as_str))
        };
        let saw = all.iter().map(each).collect::<Vec<_>>().join("\n");
        Ok(Probe { happened, facts, saw })
    }
}

/// For an undo, what every workload had.
fn saved(call: &Call<'_>) -> Result<Option<Vec<One>>, LookError> {
    if call.direction == Direction::Do {
        return Ok(None);
    }
    let before =
        call.before.ok_or_else(|| unsafe_because("it was not recorded what there was before"))?;
    request::<Request>(&before.request).map(|request| Some(request.workloads))
}

impl Cluster {
    async fn scale_once(&self, namespace: &str, one: &One) -> Result<Went, Trouble> {
        let path = one.workload.path(namespace);
        let name = &one.workload.name;
        let built = |error| Trouble::of(&kube::Error::BuildRequest(error));
        let scale = match self.get_scale(&path, name).await {
            Ok(scale) => scale,
            // Reading changes nothing, however it ends.
            Err(trouble) => return Ok(Went::Not(trouble.look(self))),
        };
        // Zero is left out on the wire.
        let now = scale.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(0);
        if now == one.replicas {
            return Ok(Went::Already);
        }
        if now != one.from {
            let detail = format!("{} has {now} replicas, {} were shown", one.workload, one.from);
            return Ok(Went::Not(unsafe_because(detail)));
        }
        let version = scale.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        let Some(version) = version else {
            return Ok(Went::Not(unsafe_because("the API server named no resource version")));
        };
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": version}, "spec": {"replicas": one.replicas},
        }));
        let params =
            PatchParams { field_manager: Some("dr-buddy".into()), ..PatchParams::default() };
        let writing = path.patch_subresource("scale", name, &params, &patch).map_err(built)?;
        place(format_args!("before the scaling of {}", one.workload));
        let written = self.write(writing).await;
        place(format_args!("after the scaling of {}", one.workload));
        written.map(|_| Went::Applied)
    }

    async fn scale(&self, namespace: &str, one: &One) -> Went {
        for _ in 0..MOST_CONFLICTS {
            match self.scale_once(namespace, one).await {
                Ok(went) => return went,
                Err(Trouble::Refused { code: 409, .. }) => {}
                Err(Trouble::Unclear(detail)) => return Went::Unclear(detail),
                Err(sure) => return Went::Not(sure.look(self)),
            }
        }
        Went::Not(unsafe_because(format!("{} changes all the time (409)", one.workload)))
    }
}

#[async_trait]
impl Action for Scale {
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
        let request: Request = match request(approved.request()) {
            Ok(request) => request,
            Err(error) => return failed(error),
        };
        let same = Cluster::same(&self.settings, &request.context, &request.server).await;
        let cluster = match same {
            Ok(cluster) => cluster,
            Err(error) => return failed(error),
        };
        let each = request
            .workloads
            .iter()
            .map(|one| (one.workload.to_string(), cluster.scale(&request.namespace, one)));
        let tally = Tally::of(&self.settings, each).await;
        tally.outcome(&cluster, "PatchScale", &request.namespace)
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[
                Permission::Kube("get deployments.apps"),
                Permission::Kube("get rollouts.argoproj.io"),
                Permission::Kube("list pods"),
            ],
            act: &[
                Permission::Kube("get deployments.apps/scale"),
                Permission::Kube("get rollouts.argoproj.io/scale"),
                Permission::Kube("patch deployments.apps/scale"),
                Permission::Kube("patch rollouts.argoproj.io/scale"),
            ],
        }
    }
}

/// The facts, and whether every workload has what it should; unknown when pods that end cannot be counted.
async fn facts(
    cluster: &Cluster,
    namespace: &str,
    all: &[Seen],
    targets: &[u64],
) -> (Map<String, Value>, Option<bool>) {
    let mut at_target = Some(true);
    for (seen, target) in all.iter().zip(targets) {
        let reached = seen.replicas == *target
            && seen.is_observed
            && seen.ready == *target
            && seen.existing == *target;
        let reached = match (reached, target) {
            (true, 0) => cluster.alive(namespace, seen).await.map(|alive| alive == 0),
            (reached, _) => Some(reached),
        };
        at_target = match (at_target, reached) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            (Some(true), Some(true)) => Some(true),
        };
    }
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(&mut facts, "replicas", Some(all.iter().map(|seen| seen.replicas).sum::<u64>()));
    put(&mut facts, "ready", Some(all.iter().map(|seen| seen.ready).sum::<u64>()));
    put(&mut facts, "at_target", at_target);
    (facts, at_target)
}

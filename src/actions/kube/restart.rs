//! `k8s.restart`: what `kubectl rollout restart` does, for Deployments and Argo Rollouts.
//!
//! The time written is when the step opened: a second call writes the same and restarts nothing. A workload that
//! somebody restarted later is left alone, because an earlier time would restart it once more.

use async_trait::async_trait;
use kube::api::{Patch, PatchParams};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::tally::{Tally, Went};
use super::workload::{Kind, Name, Seen, check_dns, named};
use super::{Cluster, KubeSettings, Trouble};
use crate::actions::fence::context_inside;
use crate::actions::params::{failed, json_of, put, request, text, unsafe_because};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Change, Direction, Preview, Remark};
use crate::domain::text::told;
use crate::faults::place;

/// Restarts workloads.
#[derive(Debug)]
pub(in crate::actions) struct Restart {
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
    workloads: Vec<Name>,
    restarted_at: String,
}

impl Restart {
    pub(in crate::actions) fn new(settings: KubeSettings) -> Self {
        Self { settings }
    }

    async fn look(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        if call.direction == Direction::Undo {
            return Err(unsafe_because("a restart has no way back"));
        }
        let (context, namespace) = (text(call, "context")?, text(call, "namespace")?);
        context_inside(call.environment, context)?;
        check_dns("namespace", namespace)?;
        let names = named(call)?;
        let cluster = Cluster::connect(&self.settings, context).await?;
        let all = cluster.see_all(namespace, &names).await?;
        let at = call.opened_at.rfc3339();
        let what = |seen: &Seen| told("told.restarted_at", &[&seen.name.to_string()]);
        let before =
            |seen: &Seen| seen.restarted_at.clone().unwrap_or_else(|| told("told.never", &[]));
        let change = |seen: &Seen| Change {
            what: what(seen),
            now: before(seen),
            after: if seen.was_restarted(&at) { before(seen) } else { at.clone() },
        };
        let mut remarks = vec![Remark::new("remark.k8s.restart_rolls", &[])];
        if all.iter().any(|seen| seen.replicas == 0) {
            remarks.push(Remark::new("remark.k8s.nothing_runs", &[]));
        }
        Ok(Preview {
            binding: all.iter().map(|seen| (what(seen), Value::from(before(seen)))).collect(),
            facts: facts(&all, &at),
            changes: all.iter().map(change).collect(),
            calls: names
                .iter()
                .map(|name| format!("k8s:patch {name} in {context}, namespace {namespace}"))
                .collect(),
            remarks,
            request: json_of(&Request {
                service: "k8s".into(),
                operation: "PatchRestartedAt".into(),
                context: context.to_owned(),
                server: cluster.server.clone(),
                namespace: namespace.to_owned(),
                workloads: names,
                restarted_at: at,
            }),
        })
    }

    async fn see(&self, asked: &Request) -> Result<Probe, LookError> {
        let cluster = Cluster::connect(&self.settings, &asked.context).await?;
        let all = cluster.see_all(&asked.namespace, &asked.workloads).await?;
        let at = &asked.restarted_at;
        let restarted = all.iter().filter(|seen| seen.was_restarted(at)).count();
        let happened = if restarted == 0 {
            Happened::Never
        } else if restarted < all.len() {
            Happened::Unknown
        } else if all.iter().all(|seen| seen.has_settled(at)) {
            Happened::Done
        } else {
            Happened::Running
        };
        let each = |seen: &Seen| {
            let ready = seen.ready.min(seen.updated).to_string();
            told("told.updated", &[&seen.name.to_string(), &ready, &seen.replicas.to_string()])
        };
        let saw = all.iter().map(each).collect::<Vec<_>>().join("\n");
        Ok(Probe { happened, facts: facts(&all, at), saw })
    }
}

impl Seen {
    fn was_restarted(&self, at: &str) -> bool {
        self.restarted_at.as_deref().is_some_and(|then| is_at_least(then, at))
    }

    fn has_settled(&self, at: &str) -> bool {
        let kind = match self.name.kind {
            Kind::Deployment => true,
            Kind::Rollout => {
                self.phase.as_deref() == Some("Healthy")
                    && self.restart_done_at.as_deref().is_some_and(|done| is_at_least(done, at))
            }
        };
        kind && self.is_settled()
    }
}

/// Compares instants, not texts: kubectl writes the local offset. What is not an instant is not late enough.
pub(super) fn is_at_least(then: &str, at: &str) -> bool {
    match (then.parse::<jiff::Timestamp>(), at.parse::<jiff::Timestamp>()) {
        (Ok(then), Ok(at)) => then >= at,
        _ => false,
    }
}

impl Cluster {
    async fn restart(&self, asked: &Request, name: &Name) -> Went {
        match self.restart_once(asked, name).await {
            Ok(went) => went,
            Err(Trouble::Unclear(detail)) => Went::Unclear(detail),
            Err(sure) => Went::Not(sure.look(self)),
        }
    }

    async fn restart_once(&self, asked: &Request, name: &Name) -> Result<Went, Trouble> {
        let path = name.path(&asked.namespace);
        let seen = match self.see(&asked.namespace, name).await {
            Ok(seen) => seen,
            // Reading changes nothing, however it ends.
            Err(trouble) => return Ok(Went::Not(trouble.look(self))),
        };
        if seen.was_restarted(&asked.restarted_at) {
            return Ok(Went::Already);
        }
        let at = &asked.restarted_at;
        let patch = match name.kind {
            Kind::Deployment => Patch::Strategic(json!({
                "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": at}}}},
            })),
            Kind::Rollout => Patch::Merge(json!({"spec": {"restartAt": at}})),
        };
        let params =
            PatchParams { field_manager: Some("dr-buddy".into()), ..PatchParams::default() };
        let writing = path
            .patch(&name.name, &params, &patch)
            .map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        place(format_args!("before the restart of {name}"));
        let written = self.write(writing).await;
        place(format_args!("after the restart of {name}"));
        written.map(|_| Went::Applied)
    }
}

#[async_trait]
impl Action for Restart {
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
            .map(|name| (name.to_string(), cluster.restart(&request, name)));
        let tally = Tally::of(&self.settings, each).await;
        tally.outcome(&cluster, "PatchRestartedAt", &request.namespace)
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[
                Permission::Kube("get deployments.apps"),
                Permission::Kube("get rollouts.argoproj.io"),
            ],
            act: &[
                Permission::Kube("get deployments.apps"),
                Permission::Kube("get rollouts.argoproj.io"),
                Permission::Kube("patch deployments.apps"),
                Permission::Kube("patch rollouts.argoproj.io"),
            ],
        }
    }
}

fn facts(all: &[Seen], at: &str) -> Map<String, Value> {
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(&mut facts, "restarted", Some(all.iter().all(|seen| seen.was_restarted(at))));
    put(&mut facts, "ready", Some(all.iter().map(|seen| seen.ready).sum::<u64>()));
    put(&mut facts, "desired", Some(all.iter().map(|seen| seen.replicas).sum::<u64>()));
    put(&mut facts, "settled", Some(all.iter().all(Seen::is_settled)));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_compared_not_their_texts() {
        assert!(is_at_least("2026-11-20T15:18:20+01:00", "2026-11-20T14:18:20Z"));
        assert!(!is_at_least("2026-11-20T14:18:20+01:00", "2026-11-20T14:18:20Z"));
        assert!(!is_at_least("yesterday", "2026-11-20T14:18:20Z"));
    }
}

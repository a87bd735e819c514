//! `k8s.wait_ready`: is everything that should run there, and ready? It only reads; a step's `verify` waits for it.
//!
//! Ready is what the newest specification asks for: an old pod that still answers does not count, and neither does a
//! workload that nobody wants any pods of, because nothing of it would answer.

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use kube::api::ListParams;
use kube::core::Request as Path;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::readiness::{Kind, Name, Seen};
use super::workload::check_dns;
use super::{Cluster, KubeSettings, Trouble};
use crate::actions::fence::context_inside;
use crate::actions::params::{
    failed, json_of, optional_text, put, request, text, texts, unsafe_because,
};
use crate::actions::{Action, Call, Happened, LookError, Outcome, Permission, Permissions, Probe};
use crate::domain::run::preview::{Approved, Direction, Preview};
use crate::domain::text::told;

/// Workloads in one step at most.
const MOST: u32 = 50;

/// Looks whether workloads are ready.
#[derive(Debug)]
pub(in crate::actions) struct WaitReady {
    settings: KubeSettings,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    service: String,
    operation: String,
    context: String,
    server: String,
    namespace: String,
    workloads: Vec<Name>,
    selector: Option<String>,
}

impl WaitReady {
    pub(in crate::actions) fn new(settings: KubeSettings) -> Self {
        Self { settings }
    }

    async fn look(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        if call.direction == Direction::Undo {
            return Err(unsafe_because("looking has no way back"));
        }
        let (context, namespace) = (text(call, "context")?, text(call, "namespace")?);
        context_inside(call.environment, context)?;
        check_dns("namespace", namespace)?;
        let selector = optional_text(call, "selector").map(ToOwned::to_owned);
        let workloads = match (&selector, call.with.contains_key("workloads")) {
            (None, _) => texts(call, "workloads")?,
            (Some(_), false) => vec![],
            (Some(_), true) => {
                return Err(unsafe_because("write either `workloads` or `selector`, not both"));
            }
        };
        let mut workloads =
            workloads.into_iter().map(Name::parse).collect::<Result<Vec<_>, _>>()?;
        workloads.sort();
        workloads.dedup();
        let cluster = Cluster::connect(&self.settings, context).await?;
        let asked = Request {
            service: "k8s".into(),
            operation: "WaitReady".into(),
            context: context.to_owned(),
            server: cluster.server.clone(),
            namespace: namespace.to_owned(),
            workloads,
            selector,
        };
        let (all, restarts) = cluster.ready(&asked).await?;
        Ok(Preview {
            binding: Map::new(),
            facts: facts(&all, restarts),
            changes: vec![],
            calls: vec![format!("k8s:get workloads in {context}, namespace {namespace}")],
            remarks: vec![],
            request: json_of(&asked),
        })
    }

    async fn see(&self, asked: &Request) -> Result<Probe, LookError> {
        let cluster = Cluster::same(&self.settings, &asked.context, &asked.server).await?;
        let (all, restarts) = cluster.ready(asked).await?;
        let is_ready = all.iter().all(Seen::is_ready);
        let happened = if is_ready { Happened::Done } else { Happened::Running };
        let each = |seen: &Seen| {
            let ready = seen.ready.min(seen.updated).to_string();
            told("told.updated", &[&seen.name, &ready, &seen.wanted.to_string()])
        };
        let saw = all.iter().map(each).collect::<Vec<_>>().join("\n");
        Ok(Probe { happened, facts: facts(&all, restarts), saw })
    }
}

fn facts(all: &[Seen], restarts: Option<u64>) -> Map<String, Value> {
    let mut facts = Map::new();
    put(&mut facts, "reachable", Some(true));
    put(
        &mut facts,
        "ready",
        Some(all.iter().map(|seen| seen.ready.min(seen.updated)).sum::<u64>()),
    );
    put(&mut facts, "wanted", Some(all.iter().map(|seen| seen.wanted).sum::<u64>()));
    put(&mut facts, "unready", Some(all.iter().filter(|seen| !seen.is_ready()).count()));
    put(&mut facts, "all_ready", Some(all.iter().all(Seen::is_ready)));
    put(&mut facts, "restarts", restarts);
    facts
}

impl Cluster {
    /// The workloads that are meant, and how often their containers were started again, where that can be seen.
    async fn ready(&self, asked: &Request) -> Result<(Vec<Seen>, Option<u64>), LookError> {
        let namespace = &asked.namespace;
        let all = match &asked.selector {
            None => self.by_name(asked).await?,
            Some(selector) => self.by_label(namespace, selector).await?,
        };
        if all.is_empty() {
            let selector = asked.selector.as_deref().unwrap_or_default();
            let detail = format!("there is no workload with `{selector}` in namespace {namespace}");
            return Err(LookError::Refused { system: self.system(), detail });
        }
        if all.len() > MOST as usize {
            return Err(unsafe_because(format!("more than {MOST} workloads in one step")));
        }
        let restarts = join_all(all.iter().map(|seen| self.restarts(namespace, seen))).await;
        Ok((all, restarts.into_iter().sum()))
    }

    async fn by_name(&self, asked: &Request) -> Result<Vec<Seen>, LookError> {
        let namespace = &asked.namespace;
        let each = asked.workloads.iter().map(|Name { kind, name }| async move {
            let seen = self.get(&kind.path(namespace), name).await;
            let what = format!("{}/{name}", kind.word());
            seen.map(|object| Seen::of(*kind, &object))
                .map_err(|trouble| trouble.looking_for(self, &what, namespace))
        });
        try_join_all(each).await
    }

    async fn by_label(&self, namespace: &str, selector: &str) -> Result<Vec<Seen>, LookError> {
        let wanted = ListParams::default().labels(selector).limit(MOST + 1);
        let each = Kind::ALL.into_iter().map(|kind| {
            let wanted = &wanted;
            async move {
                match self.list(&kind.path(namespace), wanted).await {
                    Ok(list) => {
                        let items = list.get("items").and_then(Value::as_array);
                        let items = items.into_iter().flatten();
                        Ok(items.map(|object| Seen::of(kind, object)).collect())
                    }
                    // A cluster without Argo Rollouts.
                    Err(Trouble::Refused { code: 404, .. }) => Ok(vec![]),
                    Err(trouble) => Err(trouble.look(self)),
                }
            }
        });
        let all: Vec<Vec<Seen>> = try_join_all(each).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn restarts(&self, namespace: &str, seen: &Seen) -> Option<u64> {
        let path = Path::new(format!("/api/v1/namespaces/{namespace}/pods"));
        let wanted = ListParams::default().labels(seen.pods.as_deref()?).limit(500);
        let list = self.list(&path, &wanted).await.ok()?;
        let pods = list.get("items")?.as_array()?.iter();
        let containers =
            pods.filter_map(|pod| pod.pointer("/status/containerStatuses")?.as_array());
        Some(
            containers
                .flatten()
                .filter_map(|one| one.get("restartCount").and_then(Value::as_u64))
                .sum(),
        )
    }
}

#[async_trait]
impl Action for WaitReady {
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

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let seen = match request::<Request>(approved.request()) {
            Ok(asked) => super::within(&self.settings, call, self.see(&asked)).await,
            Err(error) => Err(error),
        };
        match seen {
            Ok(Probe { facts, saw, .. }) => Outcome::Accepted {
                evidence: json!({"service": "k8s", "operation": "WaitReady", "facts": facts, "saw": saw}),
            },
            Err(error) => failed(error),
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[
                Permission::Kube("get deployments.apps"),
                Permission::Kube("list deployments.apps"),
                Permission::Kube("get statefulsets.apps"),
                Permission::Kube("list statefulsets.apps"),
                Permission::Kube("get daemonsets.apps"),
                Permission::Kube("list daemonsets.apps"),
                Permission::Kube("get rollouts.argoproj.io"),
                Permission::Kube("list rollouts.argoproj.io"),
                Permission::Kube("list pods"),
            ],
            act: &[],
        }
    }
}

//! Workloads: Deployments and Argo Rollouts, read as JSON, because only a few fields matter and a Rollout has no type.

use kube::core::Request as Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cluster, Trouble};
use crate::actions::params::{texts, unsafe_because};
use crate::actions::{Call, LookError};

/// Workloads in one action at most.
const MOST: usize = 50;

/// What kind of thing runs the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// `apps/v1`.
    Deployment,
    /// `argoproj.io/v1alpha1`.
    Rollout,
}

/// `deployment/ai-worker`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Name {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Deployment => "deployment",
            Kind::Rollout => "rollout",
        };
        write!(f, "{kind}/{}", self.name)
    }
}

impl Name {
    pub(super) fn parse(text: &str) -> Result<Self, LookError> {
        let (kind, name) = match text.split_once('/') {
            None => (Kind::Deployment, text),
            Some(("deployment", name)) => (Kind::Deployment, name),
            Some(("rollout", name)) => (Kind::Rollout, name),
            Some(_) => {
                let detail = format!("`{text}` is neither `deployment/…` nor `rollout/…`");
                return Err(unsafe_because(detail));
            }
        };
        check_dns("workload", name)?;
        Ok(Self { kind, name: name.to_owned() })
    }

    /// The path of its collection.
    pub(super) fn path(&self, namespace: &str) -> Path {
        Path::new(match self.kind {
            Kind::Deployment => format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
            Kind::Rollout => format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts"),
        })
    }
}

/// The workloads a step names, each once, in order.
pub(super) fn named(call: &Call<'_>) -> Result<Vec<Name>, LookError> {
    let mut names =
        texts(call, "workloads")?.into_iter().map(Name::parse).collect::<Result<Vec<_>, _>>()?;
    if names.len() > MOST {
        return Err(unsafe_because(format!("more than {MOST} workloads in one step")));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// These become parts of a path: nothing but what Kubernetes allows in a name.
pub(super) fn check_dns(what: &str, name: &str) -> Result<(), LookError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if (1..=253).contains(&name.len())
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Ok(());
    }
    Err(unsafe_because(format!("`{name}` is not a valid {what} name")))
}

/// What the API server says of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: Name,
    /// Wanted replicas. A Deployment without the field has one.
    pub(super) replicas: u64,
    /// Pods that exist, not counting those that end.
    pub(super) existing: u64,
    pub(super) updated: u64,
    pub(super) ready: u64,
    /// The controller has seen the newest specification.
    pub(super) is_observed: bool,
    /// When it was last told to restart.
    pub(super) restarted_at: Option<String>,
    /// A Rollout only: when it last did.
    pub(super) restart_done_at: Option<String>,
    /// A Rollout only.
    pub(super) phase: Option<String>,
    /// Which pods are its own.
    pub(super) selector: Option<String>,
}

impl Seen {
    pub(super) fn of(name: &Name, object: &Value) -> Self {
        let number = |at: &str| object.pointer(at).and_then(Value::as_u64);
        let text = |at: &str| object.pointer(at).and_then(Value::as_str).map(ToOwned::to_owned);
        // A Rollout writes it as text.
        let observed = number("/status/observedGeneration").or_else(|| {
            text("/status/observedGeneration").and_then(|generation| generation.parse().ok())
        });
        let generation = number("/metadata/generation").unwrap_or(0);
        let restarted_at = match name.kind {
            Kind::Deployment => {
                text("/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt")
            }
            Kind::Rollout => text("/spec/restartAt"),
        };
        Self {
            name: name.clone(),
            replicas: number("/spec/replicas").unwrap_or(1),
            existing: number("/status/replicas").unwrap_or(0),
            updated: number("/status/updatedReplicas").unwrap_or(0),
            ready: number("/status/readyReplicas").unwrap_or(0),
            is_observed: observed.is_some_and(|observed| observed >= generation),
            restarted_at,
            restart_done_at: text("/status/restartedAt"),
            phase: text("/status/phase"),
            selector: selector(object),
        }
    }

    /// Everything that was asked for runs, and nothing else.
    pub(super) fn is_settled(&self) -> bool {
        self.is_observed
            && self.updated == self.replicas
            && self.ready == self.replicas
            && self.existing == self.replicas
    }
}

pub(super) fn selector(object: &Value) -> Option<String> {
    let selector = object.pointer("/spec/selector")?.clone();
    let selector: k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector =
        serde_json::from_value(selector).ok()?;
    let selector = kube::core::Selector::try_from(selector).ok()?.to_string();
    // An empty selector would be every pod of the namespace.
    (!selector.is_empty()).then_some(selector)
}

impl Cluster {
    pub(super) async fn see(&self, namespace: &str, name: &Name) -> Result<Seen, Trouble> {
        self.get(&name.path(namespace), &name.name).await.map(|object| Seen::of(name, &object))
    }

    pub(super) async fn see_all(
        &self,
        namespace: &str,
        names: &[Name],
    ) -> Result<Vec<Seen>, LookError> {
        let all = names.iter().map(|name| async move {
            let seen = self.see(namespace, name).await;
            seen.map_err(|trouble| trouble.looking_for(self, &name.to_string(), namespace))
        });
        futures_util::future::try_join_all(all).await
    }

    /// Pods that are not over yet, those that are just ending included: they still write.
    pub(super) async fn alive(&self, namespace: &str, seen: &Seen) -> Option<u64> {
        let path = Path::new(format!("/api/v1/namespaces/{namespace}/pods"));
        let wanted = kube::api::ListParams::default().labels(seen.selector.as_deref()?).limit(500);
        let list: Value = self.client.request(path.list(&wanted).ok()?).await.ok()?;
        let is_over = |pod: &&Value| {
            matches!(
                pod.pointer("/status/phase").and_then(Value::as_str),
                Some("Succeeded" | "Failed")
            )
        };
        let pods = list.get("items")?.as_array()?;
        Some(pods.iter().filter(|pod| !is_over(pod)).count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_cannot_leave_its_path() {
        assert_eq!(Name::parse("api").unwrap().to_string(), "deployment/api");
        assert_eq!(Name::parse("rollout/api").unwrap().kind, Kind::Rollout);
        for bad in
            ["", "rollout/", "pod/x", "deployment/../x", "a/b/c", "A", "x?y", "deployment/.."]
        {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_status_of_an_older_specification_is_not_settled() {
        let name = Name::parse("api").unwrap();
        let object = |observed: u64| {
            json!({
                "metadata": {"generation": 3}, "spec": {"replicas": 2},
                "status": {"observedGeneration": observed, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2},
            })
        };
        assert!(!Seen::of(&name, &object(2)).is_settled());
        assert!(Seen::of(&name, &object(3)).is_settled());
        let empty = Seen::of(&name, &json!({}));
        assert_eq!((empty.replicas, empty.selector.clone()), (1, None));
        assert!(!empty.is_settled());
    }
}

//! When a workload is ready: Deployments and their kin, and Argo Rollouts, read as JSON.

use kube::core::Request as Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::workload::{check_dns, selector};
use crate::actions::LookError;
use crate::actions::params::unsafe_because;

/// What kind of thing runs the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Rollout,
}

impl Kind {
    pub(super) const ALL: [Self; 4] =
        [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Rollout];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Rollout => "rollout",
        }
    }

    pub(super) fn path(self, namespace: &str) -> Path {
        let group = match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps/v1",
            Self::Rollout => "argoproj.io/v1alpha1",
        };
        Path::new(format!("/apis/{group}/namespaces/{namespace}/{}s", self.word()))
    }
}

/// `statefulset/queue`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Name {
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl Name {
    pub(super) fn parse(text: &str) -> Result<Self, LookError> {
        let (word, name) = text.split_once('/').unwrap_or(("deployment", text));
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.word() == word) else {
            let known = Kind::ALL.map(Kind::word).join(", ");
            return Err(unsafe_because(format!("`{text}` is none of {known}")));
        };
        check_dns("workload", name)?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// What the API server says of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) wanted: u64,
    pub(super) ready: u64,
    /// Of those, as the newest specification has them.
    pub(super) updated: u64,
    pub(super) is_observed: bool,
    /// Which pods are its own.
    pub(super) pods: Option<String>,
}

impl Seen {
    pub(super) fn of(kind: Kind, object: &Value) -> Self {
        let number = |at: &str| object.pointer(at).and_then(Value::as_u64);
        let (wanted, ready, updated) = match kind {
            Kind::Deployment | Kind::StatefulSet | Kind::Rollout => (
                number("/spec/replicas").unwrap_or(1),
                number("/status/readyReplicas"),
                number("/status/updatedReplicas"),
            ),
            Kind::DaemonSet => (
                number("/status/desiredNumberScheduled").unwrap_or(0),
                number("/status/numberReady"),
                number("/status/updatedNumberScheduled"),
            ),
        };
        // A Rollout writes it as text.
        let observed = object.pointer("/status/observedGeneration");
        let observed = observed.and_then(|seen| {
            seen.as_u64().or_else(|| seen.as_str().and_then(|text| text.parse().ok()))
        });
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        Self {
            name: format!("{}/{name}", kind.word()),
            wanted,
            ready: ready.unwrap_or(0),
            updated: updated.unwrap_or(0),
            is_observed: observed
                .is_some_and(|seen| seen >= number("/metadata/generation").unwrap_or(0)),
            pods: selector(object),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_observed
            && self.wanted > 0
            && self.ready == self.wanted
            && self.updated == self.wanted
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn old_pods_and_no_pods_are_not_ready() {
        let of = |updated: u64, observed: Value, wanted: u64| {
            let object = json!({
                "metadata": {"name": "a", "generation": 3}, "spec": {"replicas": wanted},
                "status": {"readyReplicas": wanted, "updatedReplicas": updated, "observedGeneration": observed},
            });
            Seen::of(Kind::Rollout, &object).is_ready()
        };
        assert!(of(2, json!(3), 2) && of(2, json!("3"), 2));
        assert!(!of(1, json!(3), 2), "an old pod answers");
        assert!(!of(2, json!(2), 2), "an older specification");
        assert!(!of(0, json!(3), 0), "nobody wants any");
        let daemons = json!({
            "metadata": {"generation": 1},
            "status": {"observedGeneration": 1, "desiredNumberScheduled": 3, "numberReady": 3, "updatedNumberScheduled": 3},
        });
        assert!(Seen::of(Kind::DaemonSet, &daemons).is_ready());
        assert!(Name::parse("pod/x").is_err() && Name::parse("deployment/../x").is_err());
    }
}

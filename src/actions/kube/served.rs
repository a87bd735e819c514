//! One object by what it is and where: kinds are looked up at the API server, which may serve another version than the
//! one before it, and knows kinds nobody told us of.

use kube::api::ListParams;
use kube::core::Request as Path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::workload::check_dns;
use super::{Cluster, Trouble};
use crate::actions::LookError;
use crate::actions::params::unsafe_because;

/// A kind as an API server serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Served {
    /// `apps/v1`, or `v1`.
    pub(super) api_version: String,
    /// `Deployment`.
    pub(super) kind: String,
    /// `deployments`, as paths have it.
    pub(super) plural: String,
}

impl Served {
    /// The path of its collection.
    pub(super) fn path(&self, namespace: &str) -> Path {
        Path::new(format!("{}/namespaces/{namespace}/{}", base(&self.api_version), self.plural))
    }
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) served: Served,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.served.kind.to_ascii_lowercase(), self.name)
    }
}

impl Target {
    pub(super) fn path(&self) -> Path {
        self.served.path(&self.namespace)
    }
}

fn base(api_version: &str) -> String {
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    format!("{root}/{api_version}")
}

/// These become parts of a path.
fn check_version(api_version: &str) -> Result<(), LookError> {
    match api_version.split_once('/') {
        None => check_dns("API version", api_version),
        Some((group, version)) => {
            check_dns("API group", group)?;
            check_dns("API version", version)
        }
    }
}

impl Cluster {
    /// The namespaced kind in the first of these versions that is served.
    pub(super) async fn served(
        &self,
        api_versions: &[&str],
        kind: &str,
    ) -> Result<Served, LookError> {
        for api_version in api_versions {
            check_version(api_version)?;
            let all = match self.list(&Path::new(base(api_version)), &ListParams::default()).await {
                Ok(all) => all,
                Err(Trouble::Refused { code: 404, .. }) => continue,
                Err(trouble) => return Err(trouble.look(self)),
            };
            let Some((plural, namespaced)) = find(&all, kind) else { continue };
            if !namespaced {
                let detail = format!(
                    "a {kind} belongs to the whole cluster: steps only change what is in a namespace"
                );
                return Err(unsafe_because(detail));
            }
            check_dns("resource", &plural)?;
            let (api_version, kind) = ((*api_version).to_owned(), kind.to_owned());
            return Ok(Served { api_version, kind, plural });
        }
        Err(LookError::Refused {
            system: self.system(),
            detail: format!("it serves no {kind} in {}", api_versions.join(" or ")),
        })
    }
}

/// The plural of a kind in a list of resources, and whether it lives in namespaces. Subresources have a slash.
fn find(all: &Value, kind: &str) -> Option<(String, bool)> {
    let text = |one: &Value, at: &str| one.get(at).and_then(Value::as_str).map(ToOwned::to_owned);
    all.get("resources")?.as_array()?.iter().find_map(|one| {
        let plural = text(one, "name").filter(|name| !name.contains('/'))?;
        let namespaced = one.get("namespaced").and_then(Value::as_bool)?;
        (text(one, "kind").as_deref() == Some(kind)).then_some((plural, namespaced))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_found_by_its_name_and_never_a_part_of_it() {
        let all = json!({"resources": [
            {"name": "deployments/scale", "kind": "Scale", "namespaced": true},
            {"name": "deployments/status", "kind": "Deployment", "namespaced": true},
            {"name": "deployments", "kind": "Deployment", "namespaced": true},
            {"name": "nodes", "kind": "Node", "namespaced": false},
        ]});
        assert_eq!(find(&all, "Deployment"), Some(("deployments".into(), true)));
        assert_eq!(find(&all, "Node"), Some(("nodes".into(), false)));
        assert_eq!(find(&all, "Scale"), None);
        assert_eq!(find(&json!({}), "Node"), None);
        assert!(check_version("../v1").is_err() && check_version("a/b/c").is_err());
        assert_eq!(base("v1"), "/api/v1");
        assert_eq!(base("apps/v1"), "/apis/apps/v1");
    }
}

//! May we? Asked of the API server itself, for ourselves: a review keeps nothing there.

use futures_util::future::try_join_all;
use kube::api::PostParams;
use kube::core::Request as Path;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Cluster, KubeSettings, Trouble};
use crate::actions::LookError;

/// Something to be done with a kind of things: `patch deployments.apps/scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Right {
    pub(in crate::actions) verb: String,
    /// `deployments`
    pub(in crate::actions) plural: String,
    /// `apps`; empty for those that were there first.
    pub(in crate::actions) group: String,
    /// `scale`; empty for the thing itself.
    pub(in crate::actions) part: String,
}

impl Right {
    /// Reads `patch deployments.apps/scale`.
    pub(in crate::actions) fn parse(text: &str) -> Option<Self> {
        let (verb, resource) = text.split_once(' ')?;
        let (path, part) = resource.split_once('/').unwrap_or((resource, ""));
        let (plural, group) = path.split_once('.').unwrap_or((path, ""));
        let [verb, plural, group, part] = [verb, plural, group, part].map(ToOwned::to_owned);
        Some(Self { verb, plural, group, part })
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        let slash = if self.part.is_empty() { "" } else { "/" };
        let Self { verb, plural, group, part } = self;
        write!(f, "{verb} {plural}{dot}{group}{slash}{part}")
    }
}

/// Those of the rights that we do not have in this namespace.
pub(in crate::actions) async fn denied(
    settings: &KubeSettings,
    context: &str,
    namespace: &str,
    rights: &[Right],
) -> Result<Vec<Right>, LookError> {
    let work = async {
        let cluster = Cluster::connect(settings, context).await?;
        let all = rights.iter().map(|right| cluster.may(namespace, right));
        let may = try_join_all(all).await.map_err(|trouble| trouble.look(&cluster))?;
        let denied = rights.iter().zip(may).filter(|(_, may)| !may).map(|(right, _)| right.clone());
        Ok(denied.collect())
    };
    timeout(settings.whole, work).await.unwrap_or_else(|_| {
        let system = format!("cluster {context}");
        Err(LookError::Unreachable { system, detail: "no answer in time".into() })
    })
}

impl Cluster {
    async fn may(&self, namespace: &str, right: &Right) -> Result<bool, Trouble> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "namespace": namespace, "verb": right.verb, "group": right.group,
                "resource": right.plural, "subresource": right.part,
            }},
        });
        let built = |error| Trouble::of(&kube::Error::BuildRequest(error));
        let path = Path::new("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let review = review.to_string().into_bytes();
        let request = path.create(&PostParams::default(), review).map_err(built)?;
        let answer = timeout(self.read, self.client.request::<Value>(request)).await;
        let answer = answer.map_err(|_| Trouble::Unclear("no answer in time".into()))?;
        let answer = answer.map_err(|error| Trouble::of(&error))?;
        Ok(answer.pointer("/status/allowed").and_then(Value::as_bool) == Some(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_reads_as_it_is_written() {
        for text in ["patch deployments.apps/scale", "list pods", "get rollouts.argoproj.io"] {
            assert_eq!(Right::parse(text).unwrap().to_string(), text);
        }
        let right = Right::parse("get externalsecrets.external-secrets.io").unwrap();
        assert_eq!(
            (right.plural.as_str(), right.group.as_str()),
            ("externalsecrets", "external-secrets.io")
        );
        assert_eq!(Right::parse("pods"), None);
    }
}

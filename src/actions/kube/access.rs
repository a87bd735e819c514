//! What we may do in a cluster, as its API server says: `SelfSubjectAccessReview`. Asking changes nothing, and everybody
//! may ask for themselves.

use futures_util::future::join_all;
use kube::api::PostParams;
use kube::core::Request as Path;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Cluster, KubeSettings, Trouble};
use crate::actions::LookError;

/// Questions at a time.
const AT_ONCE: usize = 8;

/// A verb on a kind in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::actions) struct Access {
    pub(in crate::actions) namespace: String,
    verb: String,
    /// `deployments`.
    plural: String,
    /// `apps`; empty for the oldest kinds.
    group: String,
    /// `scale`, or empty.
    part: String,
}

impl Access {
    /// Of `patch deployments.apps/scale`.
    pub(in crate::actions) fn of(rule: &str, namespace: &str) -> Option<Self> {
        let (verb, resource) = rule.split_once(' ')?;
        let (path, part) = resource.split_once('/').unwrap_or((resource, ""));
        let (plural, group) = path.split_once('.').unwrap_or((path, ""));
        let [verb, plural, group, part] = [verb, plural, group, part].map(ToOwned::to_owned);
        Some(Self { namespace: namespace.to_owned(), verb, plural, group, part })
    }

    /// As it was given to [`Self::of`].
    pub(in crate::actions) fn rule(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        let slash = if self.part.is_empty() { "" } else { "/" };
        let Self { verb, plural, group, part, .. } = self;
        format!("{verb} {plural}{dot}{group}{slash}{part}")
    }

    fn review(&self) -> Value {
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "namespace": self.namespace, "verb": self.verb, "group": self.group,
                "resource": self.plural, "subresource": self.part,
            }},
        })
    }
}

/// Whether we may, in the order of the questions.
pub(in crate::actions) async fn may(
    settings: &KubeSettings,
    context: &str,
    questions: &[&Access],
) -> Vec<Result<bool, LookError>> {
    let cluster = match Cluster::connect(settings, context).await {
        Ok(cluster) => cluster,
        Err(error) => return questions.iter().map(|_| Err(error.clone())).collect(),
    };
    let all = async {
        let mut all = vec![];
        for some in questions.chunks(AT_ONCE) {
            all.extend(join_all(some.iter().map(|access| cluster.may(access))).await);
        }
        all.into_iter().map(|one| one.map_err(|trouble| trouble.look(&cluster))).collect()
    };
    timeout(settings.whole, all).await.unwrap_or_else(|_| {
        let error = Trouble::Unclear("no answer in time".into()).look(&cluster);
        questions.iter().map(|_| Err(error.clone())).collect()
    })
}

impl Cluster {
    async fn may(&self, access: &Access) -> Result<bool, Trouble> {
        let path = Path::new("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let request = path
            .create(&PostParams::default(), access.review().to_string().into_bytes())
            .map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        let answer: Value = timeout(self.read, self.client.request(request))
            .await
            .map_err(|_| Trouble::Unclear("no answer in time".into()))?
            .map_err(|error| Trouble::of(&error))?;
        let allowed = answer.pointer("/status/allowed").and_then(Value::as_bool);
        allowed.ok_or_else(|| Trouble::Unclear("an answer that cannot be read".into()))
    }
}

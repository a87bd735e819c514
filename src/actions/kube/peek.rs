//! Reading whatever is there: for checks, which ask for little of many things.

use futures_util::future::try_join_all;
use kube::api::ListParams;
use kube::core::Request as Path;
use serde_json::Value;
use tokio::time::timeout;

use super::workload::{Name, check_dns};
use super::{Cluster, KubeSettings, Trouble};
use crate::actions::LookError;

/// What the API server answers at each of these paths: JSON, or else text; nothing where there is no such thing.
pub(in crate::actions) async fn peek(
    settings: &KubeSettings,
    context: &str,
    paths: &[String],
) -> Result<Vec<Option<Value>>, LookError> {
    let cluster = Cluster::connect(settings, context).await?;
    let read = async |path: &String| {
        let request = Path::new(path).list(&ListParams::default());
        let request = request.map_err(|error| Trouble::of(&kube::Error::BuildRequest(error)))?;
        let asked = timeout(cluster.read, cluster.client.request_text(request)).await;
        match asked.map_err(|_| Trouble::Unclear("no answer in time".into()))? {
            Ok(text) => Ok(Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))),
            Err(error) => {
                let trouble = Trouble::of(&error);
                let is_absent = matches!(trouble, Trouble::Refused { code: 404, .. });
                if is_absent { Ok(None) } else { Err(trouble) }
            }
        }
    };
    try_join_all(paths.iter().map(read)).await.map_err(|trouble: Trouble| trouble.look(&cluster))
}

/// `appprojects.argoproj.io`, as the API server calls the objects of a kind.
pub(in crate::actions) async fn plural_of(
    settings: &KubeSettings,
    context: &str,
    (api_version, kind): (&str, &str),
) -> Result<String, LookError> {
    let cluster = Cluster::connect(settings, context).await?;
    let plural = cluster.served(&[api_version], kind).await?.plural;
    let group = api_version.split_once('/').map(|(group, _)| group);
    Ok(group.map_or_else(|| plural.clone(), |group| format!("{plural}.{group}")))
}

/// The path of `deployment/x` or `rollout/x`.
pub(in crate::actions) fn workload_path(
    namespace: &str,
    workload: &str,
) -> Result<String, LookError> {
    check_dns("namespace", namespace)?;
    let name = Name::parse(workload)?;
    Ok(format!("{}/{}", name.path(namespace).url_path, name.name))
}

/// The path of an object of a namespace.
pub(in crate::actions) fn object_path(
    api_version: &str,
    namespace: &str,
    (plural, name): (&str, &str),
) -> Result<String, LookError> {
    check_dns("namespace", namespace)?;
    check_dns(plural, name)?;
    Ok(format!("/apis/{api_version}/namespaces/{namespace}/{plural}/{name}"))
}

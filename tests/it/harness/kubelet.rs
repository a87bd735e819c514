//! The part of a cluster that makes deployments settle, and nothing more: it writes to `status` what would be true
//! once all pods run. No pods are made. Dropped, it stops: a region whose nodes are dead.
#![expect(clippy::disallowed_methods, reason = "the task ends with the value that holds it")]

use futures_util::TryStreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::json;
use tokio::task::JoinHandle;

use super::kube::Kube;

/// A running controller.
#[derive(Debug)]
pub(crate) struct Kubelet {
    task: JoinHandle<()>,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Lets the deployments of one namespace in one region settle.
pub(crate) async fn kubelet(kube: &Kube, context: &str, namespace: &str) -> Kubelet {
    let api: Api<Deployment> = Api::namespaced(kube.client(context).await, namespace);
    let task = tokio::spawn(async move {
        loop {
            // A watch ends by itself after a while; a conflict is settled by the next round.
            if let Err(error) = settle_all(&api).await {
                eprintln!("kubelet: {error}");
                tokio::task::yield_now().await;
            }
        }
    });
    Kubelet { task }
}

async fn settle_all(api: &Api<Deployment>) -> kube::Result<()> {
    let all = api.list(&ListParams::default()).await?;
    let version = all.metadata.resource_version.clone().unwrap_or_default();
    for deployment in &all.items {
        settle(api, deployment).await?;
    }
    let events = api.watch(&WatchParams::default(), &version).await?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(deployment) | WatchEvent::Modified(deployment) => {
                settle(api, &deployment).await?;
            }
            WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(error) => return Err(kube::Error::Api(error)),
        }
    }
    Ok(())
}

async fn settle(api: &Api<Deployment>, deployment: &Deployment) -> kube::Result<()> {
    let generation = deployment.metadata.generation;
    let observed = deployment.status.as_ref().and_then(|status| status.observed_generation);
    if observed == generation {
        return Ok(());
    }
    let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = json!({ "status": {
        "observedGeneration": generation,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
        "unavailableReplicas": 0,
    }});
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    match api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await {
        // Deleted in between.
        Err(kube::Error::Api(error)) if error.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

#[tokio::test]
async fn a_restart_settles_while_the_kubelet_lives() {
    let kube = super::kube().await;
    let namespace = kube.namespace("settle").await;
    kube.deployment("us", &namespace, "api", 2).await;
    let running = kubelet(kube, "us", &namespace).await;
    let wait = async |generation: i64| {
        super::eventually("the deployment settles", 10, || async {
            let status = kube.get("us", &namespace, "api").await.status?;
            (status.observed_generation == Some(generation)).then_some(status)
        })
        .await
    };
    assert_eq!(wait(1).await.available_replicas, Some(2));
    let restart = json!({ "spec": { "template": { "metadata": { "annotations": {
        "kubectl.kubernetes.io/restartedAt": "2026-11-20T10:00:00Z"
    }}}}});
    kube.patch("us", &namespace, "api", restart).await;
    assert_eq!(wait(2).await.updated_replicas, Some(2));
    let marks = kube.template_annotations("us", &namespace, "api").await;
    assert_eq!(marks["kubectl.kubernetes.io/restartedAt"], "2026-11-20T10:00:00Z");

    drop(running);
    kube.patch("us", &namespace, "api", json!({ "spec": { "replicas": 5 } })).await;
    let found = kube.get("us", &namespace, "api").await;
    assert_eq!(found.metadata.generation, Some(3));
    assert_eq!(found.status.unwrap().observed_generation, Some(2), "nobody is at work any more");
}

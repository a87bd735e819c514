//! `k8s.wait_ready`, judged by a real API server whose pods a test pretends.

use dr_buddy::actions::{Happened, LookError};
use serde_json::{Value, json};

use super::Step;
use super::kube::actions;
use crate::harness::{Kube, eventually, kube, kubelet};

fn wait(kube: &Kube, namespace: &str, what: (&str, Value)) -> Step {
    let mut with = json!({"context": "eu", "namespace": namespace});
    with[what.0] = what.1;
    Step::new(&actions(kube.kubeconfig.clone()), "k8s.wait_ready", with)
}

#[tokio::test]
async fn ready_is_what_the_newest_specification_asks_for() {
    let kube = kube().await;
    let namespace = kube.namespace("ready").await;
    kube.deployment("eu", &namespace, "api", 2).await;
    kube.deployment("eu", &namespace, "web", 3).await;
    let step = wait(kube, &namespace, ("workloads", json!(["api", "deployment/web"])));
    let preview = step.preview().await;
    let probe = step.probe(&preview).await;
    assert_eq!(probe.happened, Happened::Running, "nothing runs yet: {}", probe.saw);
    assert_eq!([&probe.facts["wanted"], &probe.facts["unready"]], [&json!(5), &json!(2)]);
    let running = kubelet(kube, "eu", &namespace).await;
    let done = eventually("all is ready", 20, || async {
        let probe = step.probe(&preview).await;
        (probe.happened == Happened::Done).then_some(probe)
    })
    .await;
    assert_eq!(
        ["ready", "wanted", "unready", "all_ready", "restarts"]
            .map(|fact| done.facts[fact].clone()),
        [json!(5), json!(5), json!(0), json!(true), json!(0)]
    );
    assert!(done.saw.contains("told.updated deployment/web | 3 | 3"), "{}", done.saw);

    // The nodes die, the specification moves on: what was ready is so no more.
    drop(running);
    kube.patch("eu", &namespace, "api", json!({"spec": {"replicas": 4}})).await;
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["all_ready"]), (Happened::Running, &json!(false)));
}

#[tokio::test]
async fn workloads_are_found_by_their_labels_and_restarts_are_counted() {
    let kube = kube().await;
    let namespace = kube.namespace("ready").await;
    kube.deployment("eu", &namespace, "api", 1).await;
    kube.deployment("eu", &namespace, "other", 1).await;
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let pod = json!({
        "metadata": {"name": "api-1", "labels": {"app": "api"}},
        "spec": {"containers": [{"name": "app", "image": "i"}]},
    });
    kube.create(&pods, &pod).await;
    let status = json!({"status": {"containerStatuses": [{
        "name": "app", "image": "i", "imageID": "i", "ready": true, "restartCount": 7,
    }]}});
    kube.merge(&format!("{pods}/api-1/status"), &status).await;
    let step = wait(kube, &namespace, ("selector", json!("app=api")));
    let preview = step.preview().await;
    assert_eq!([&preview.facts["wanted"], &preview.facts["restarts"]], [&json!(1), &json!(7)]);

    let none = wait(kube, &namespace, ("selector", json!("app=none")));
    let none = none.action.preview(&none.call()).await;
    assert!(matches!(none, Err(LookError::Refused { .. })), "nothing is not ready: {none:?}");
    let missing = wait(kube, &namespace, ("workloads", json!(["gone"])));
    let missing = missing.action.preview(&missing.call()).await;
    assert!(matches!(missing, Err(LookError::Refused { .. })), "{missing:?}");
    wait(kube, &namespace, ("workloads", json!(["pod/api-1"]))).refusal().await;
}

//! `k8s.apply`, `k8s.patch` and `k8s.suspend_cronjobs`, judged by a real API server.

use dr_buddy::actions::{Happened, LookError};
use serde_json::{Value, json};

use super::kube::actions;
use super::kube_contract::{content, cronjob};
use super::{Step, is_accepted, is_failed};
use crate::harness::{Kube, kube};

/// A `ConfigMap` that `kubectl` made, in a namespace of its own.
async fn shop(kube: &Kube, data: Value) -> (String, String) {
    let namespace = kube.namespace("object").await;
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "overrides"}, "data": data,
    });
    kube.create(&path, &object).await;
    (namespace, format!("{path}/overrides"))
}

fn apply(kube: &Kube, namespace: &str, data: Value, force: bool) -> Step {
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "overrides"}, "data": data,
    });
    let with =
        json!({"context": "eu", "namespace": namespace, "manifest": manifest, "force": force});
    Step::new(&actions(kube.kubeconfig.clone()), "k8s.apply", with)
}

async fn data(kube: &Kube, path: &str) -> Value {
    kube.object(path).await.expect("it is there")["data"].clone()
}

#[tokio::test]
async fn each_changed_field_is_shown_and_a_field_of_somebody_else_is_only_taken_by_force() {
    let kube = kube().await;
    let (namespace, path) = shop(kube, json!({"dr_mode": "false", "kept": "1"})).await;
    let said = apply(kube, &namespace, json!({"dr_mode": "true"}), false).refusal().await;
    assert_eq!(said, "trouble.owned .data.dr_mode (kubectl)");

    let mut step = apply(kube, &namespace, json!({"dr_mode": "true", "added": "2"}), true);
    let preview = step.preview().await;
    let lines: Vec<_> = preview.changes.iter().map(|c| [&*c.what, &*c.now, &*c.after]).collect();
    assert_eq!(
        lines,
        [
            ["configmap/overrides .data.added", "told.absent", "2"],
            ["configmap/overrides .data.dr_mode", "false", "true"],
        ]
    );
    let takes = preview.remarks.iter().find(|remark| remark.key == "remark.k8s.takes").unwrap();
    assert_eq!(takes.args["owners"], ".data.dr_mode (kubectl)");
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(data(kube, &path).await, json!({"dr_mode": "true", "kept": "1", "added": "2"}));
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);

    // What others write stays, what somebody puts back is seen.
    kube.merge(&path, &json!({"data": {"dr_mode": "false", "theirs": "3"}})).await;
    let reverted = step.probe(&preview).await;
    assert_eq!((reverted.happened, &reverted.facts["applied"]), (Happened::Unknown, &json!(false)));
    kube.merge(&path, &json!({"data": {"dr_mode": "true"}})).await;
    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert!(is_accepted(&back.run(&preview).await));
    assert_eq!(data(kube, &path).await, json!({"dr_mode": "false", "kept": "1", "theirs": "3"}));
    assert_eq!(back.probe(&preview).await.happened, Happened::Done);

    // What we put back ourselves needs no force to be applied anew.
    let mut again = apply(kube, &namespace, json!({"dr_mode": "true"}), false);
    let preview = again.preview().await;
    assert!(preview.remarks.iter().all(|remark| remark.key != "remark.k8s.takes"));
    assert!(is_accepted(&again.run(&preview).await));
    assert_eq!(data(kube, &path).await["dr_mode"], "true");
}

#[tokio::test]
async fn what_moved_since_it_was_shown_is_left_alone() {
    let kube = kube().await;
    let (namespace, path) = shop(kube, json!({"dr_mode": "false"})).await;
    let mut step = apply(kube, &namespace, json!({"dr_mode": "true"}), true);
    let preview = step.preview().await;
    // Another field: the approval still holds.
    kube.merge(&path, &json!({"data": {"other": "x"}})).await;
    assert_eq!(step.preview().await.binding, preview.binding);
    kube.merge(&path, &json!({"data": {"dr_mode": "maybe"}})).await;
    assert_ne!(step.preview().await.binding, preview.binding);
    assert!(is_failed(&step.run(&preview).await));
    assert_eq!(data(kube, &path).await["dr_mode"], "maybe");

    // An object that appears where one would have been created, and one that is not ours any more.
    let mut new = apply(kube, &namespace, json!({"a": "1"}), false);
    new.with["manifest"]["metadata"]["name"] = "new".into();
    let creating = new.preview().await;
    assert_eq!(creating.changes[0].after, "told.created");
    let theirs = json!({"metadata": {"name": "new"}, "data": {"a": "theirs"}});
    let configmaps = format!("/api/v1/namespaces/{namespace}/configmaps");
    kube.create(&configmaps, &theirs).await;
    assert!(is_failed(&new.run(&creating).await));
    let path = format!("{configmaps}/new");
    assert_eq!(data(kube, &path).await["a"], "theirs");
    let refused = new.back(creating).refusal().await;
    assert!(refused.contains("left alone"), "{refused}");
    assert_eq!(data(kube, &path).await["a"], "theirs");
}

#[tokio::test]
async fn what_would_be_a_mistake_is_refused_before_anything_is_sent() {
    let kube = kube().await;
    let (namespace, _) = shop(kube, json!({"a": "1"})).await;
    let before = kube.everything(&namespace).await;
    let base = || apply(kube, &namespace, json!({"a": "2"}), true);
    let with = |pointer: &str, value: Value| {
        let mut step = base();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        step.with["manifest"].pointer_mut(parent).unwrap()[key] = value;
        step
    };
    let other = with("/metadata/namespace", "kube-system".into()).refusal().await;
    assert!(other.starts_with("trouble.other_namespace overrides | kube-system"), "{other}");
    let mut secret = with("/kind", "Secret".into());
    secret.with["manifest"]["data"] = json!({"DATABASE_URL": "czNjcjN0"});
    let said = secret.refusal().await;
    assert_eq!(said, "trouble.secret_values overrides | DATABASE_URL");
    for (pointer, value) in [
        ("/metadata/resourceVersion", json!("1")),
        ("/metadata/name", json!("../x")),
        ("/status", json!({"x": 1})),
    ] {
        with(pointer, value).refusal().await;
    }
    let mut role = with("/kind", "ClusterRole".into());
    role.with["manifest"]["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
    assert!(role.refusal().await.contains("whole cluster"));
    let unknown = with("/kind", "Nonsense".into());
    let unknown = unknown.action.preview(&unknown.call()).await;
    assert!(matches!(unknown, Err(LookError::Refused { .. })), "{unknown:?}");
    let mut elsewhere = base();
    elsewhere.with["context"] = "arn:aws:eks:eu-west-1:999999999999:cluster/shop".into();
    assert!(elsewhere.refusal().await.starts_with("trouble.other_account"));
    assert_eq!(kube.everything(&namespace).await, before);
}

fn patch(kube: &Kube, namespace: &str, kind: [&str; 3], patch: Value) -> Step {
    let [api_version, kind, name] = kind;
    let with = json!({
        "context": "eu", "namespace": namespace, "api_version": api_version, "kind": kind,
        "name": name, "patch": patch,
    });
    Step::new(&actions(kube.kubeconfig.clone()), "k8s.patch", with)
}

#[tokio::test]
async fn a_patch_is_shown_by_its_fields_and_puts_back_those_alone() {
    let kube = kube().await;
    let namespace = kube.namespace("object").await;
    kube.deployment("eu", &namespace, "api", 2).await;
    let api = ["apps/v1", "Deployment", "api"];
    let containers = json!([{"name": "app", "image": "registry.test/shop:2"}]);
    let wanted = json!({"spec": {
        "paused": true, "template": {"spec": {"containers": containers}},
    }});
    let before = kube.everything(&namespace).await;
    let mut step = patch(kube, &namespace, api, wanted);
    let preview = step.preview().await;
    let whats: Vec<&str> = preview.changes.iter().map(|change| change.what.as_str()).collect();
    assert!(whats.contains(&"deployment/api .spec.paused"), "{whats:?}");
    let image = "deployment/api .spec.template.spec.containers[app].image";
    let image = preview.changes.iter().find(|change| change.what == image).expect("it is shown");
    assert_eq!([&*image.now, &*image.after], ["registry.test/shop:1", "registry.test/shop:2"]);
    assert!(is_accepted(&step.run(&preview).await));
    // Meanwhile somebody scales: that is not ours to put back.
    kube.patch("eu", &namespace, "api", json!({"spec": {"replicas": 5}})).await;
    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert!(is_accepted(&back.run(&preview).await));
    let mut expected = content(&before);
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/api");
    expected[&path]["spec"]["replicas"] = 5.into();
    assert_eq!(content(&kube.everything(&namespace).await), expected);

    // What the same field has become meanwhile was not shown to anybody.
    let mut stale = patch(kube, &namespace, api, json!({"spec": {"replicas": 0}}));
    let preview = stale.preview().await;
    kube.patch("eu", &namespace, "api", json!({"spec": {"replicas": 7}})).await;
    assert!(is_failed(&stale.run(&preview).await));
    assert_eq!(kube.replicas("eu", &namespace, "api").await, 7);

    let misspelt = patch(kube, &namespace, api, json!({"spec": {"pausd": true}}));
    let said = misspelt.refusal().await;
    assert!(said.contains(".spec.pausd"), "{said}");
    for bad in [json!({"kind": "X"}), json!({"metadata": {"name": "y"}}), json!({"status": {}})] {
        patch(kube, &namespace, api, bad).refusal().await;
    }
    patch(kube, &namespace, ["v1", "Secret", "db"], json!({"data": {"a": "b"}})).refusal().await;
    let missing = patch(kube, &namespace, ["v1", "ConfigMap", "none"], json!({"data": {"a": "b"}}));
    assert!(missing.refusal().await.contains("there is no"));
}

fn suspend(kube: &Kube, namespace: &str, more: &Value) -> Step {
    let mut with = json!({"context": "eu", "namespace": namespace});
    with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Step::new(&actions(kube.kubeconfig.clone()), "k8s.suspend_cronjobs", with)
}

#[tokio::test]
async fn only_what_was_suspended_by_the_step_is_resumed() {
    let kube = kube().await;
    let namespace = kube.namespace("object").await;
    for (name, suspended) in [("report", false), ("cleanup", false), ("old", true)] {
        cronjob(kube, &namespace, name, suspended).await;
    }
    let path = |name: &str| format!("/apis/batch/v1beta1/namespaces/{namespace}/cronjobs/{name}");
    let is_suspended =
        async |name: &str| kube.object(&path(name)).await.unwrap()["spec"]["suspend"].clone();

    let few = suspend(kube, &namespace, &json!({"selector": "app=report"})).preview().await;
    assert_eq!(few.facts["total"], 1);
    let named = suspend(kube, &namespace, &json!({"names": ["old", "cleanup"]})).preview().await;
    assert_eq!(named.request["jobs"], json!(["cleanup"]));
    let missing = suspend(kube, &namespace, &json!({"names": ["gone"]}));
    let missing = missing.action.preview(&missing.call()).await;
    assert!(matches!(missing, Err(LookError::Refused { .. })), "{missing:?}");

    let mut step = suspend(kube, &namespace, &json!({}));
    let preview = step.preview().await;
    assert_eq!(preview.request["served"]["api_version"], "batch/v1beta1", "it is what there is");
    assert_eq!(
        ["suspended", "active", "total"].map(|fact| preview.facts[fact].clone()),
        [1, 2, 3].map(Value::from)
    );
    assert!(is_accepted(&step.run(&preview).await));
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["active"]), (Happened::Done, &json!(0)));

    // One more appears: what was approved did not know of it, and is done all the same.
    cronjob(kube, &namespace, "late", false).await;
    assert_eq!(step.probe(&preview).await.facts["active"], 1);
    assert_ne!(step.preview().await.binding, preview.binding);

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert!(is_accepted(&back.run(&preview).await));
    assert_eq!(back.probe(&preview).await.happened, Happened::Done);
    for (name, suspended) in [("report", false), ("cleanup", false), ("old", true)] {
        assert_eq!(is_suspended(name).await, suspended, "{name}");
    }
}

//! Experiments of Chaos Mesh and Litmus are objects: made, watched and surely deleted with `k8s.apply` and its way back,
//! judged by a real API server that knows their kinds. Their controllers are not there: the test does what they do.

use dr_buddy::actions::Happened;
use serde_json::{Value, json};

use super::kube::actions;
use super::{Step, is_accepted};
use crate::harness::{Kube, eventually, kube};

/// Group and version, kind, plural, and an experiment as its project documents it.
fn experiments() -> [(&'static str, &'static str, &'static str, Value); 2] {
    let pods = json!({"namespaces": ["luneo-platform"], "labelSelectors": {"app": "luneo-api"}});
    [
        (
            "chaos-mesh.org",
            "PodChaos",
            "podchaos",
            json!({"action": "pod-kill", "mode": "one", "duration": "60s", "selector": pods}),
        ),
        (
            "litmuschaos.io",
            "ChaosEngine",
            "chaosengines",
            json!({
                "engineState": "active", "chaosServiceAccount": "litmus-admin",
                "appinfo": {"appns": "luneo-platform", "applabel": "app=luneo-api", "appkind": "deployment"},
                "experiments": [{"name": "pod-delete"}],
            }),
        ),
    ]
}

/// Makes the kind known, as its project's Helm chart does.
async fn know(kube: &Kube, group: &str, kind: &str, plural: &str) {
    let schema = json!({"openAPIV3Schema": {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        },
    }});
    let version = json!({
        "name": "v1alpha1", "served": true, "storage": true, "schema": schema, "subresources": {"status": {}},
    });
    let names = json!({"kind": kind, "plural": plural, "singular": kind.to_lowercase()});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    });
    kube.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await;
    eventually("its kind is served", 20, || async {
        let list = kube.object(&format!("/apis/{group}/v1alpha1")).await?;
        list["resources"].as_array()?.iter().any(|one| one["kind"] == kind).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_experiment_is_made_watched_and_only_deleted_once_it_is_gone() {
    let kube = kube().await;
    let namespace = kube.namespace("chaos").await;
    for (group, kind, plural, spec) in experiments() {
        know(kube, group, kind, plural).await;
        let path = format!("/apis/{group}/v1alpha1/namespaces/{namespace}/{plural}/drill");
        let manifest = json!({
            "apiVersion": format!("{group}/v1alpha1"), "kind": kind,
            "metadata": {"name": "drill"}, "spec": spec,
        });
        let with = json!({"context": "eu", "namespace": namespace, "manifest": manifest});
        let mut step = Step::new(&actions(kube.kubeconfig.clone()), "k8s.apply", with);
        let preview = step.preview().await;
        assert_eq!(preview.changes[0].after, "told.created", "{kind}");
        assert_eq!(step.probe(&preview).await.happened, Happened::Never, "{kind}");
        assert!(is_accepted(&step.run(&preview).await), "{kind}");
        assert_eq!(kube.object(&path).await.unwrap()["spec"], spec, "{kind}");
        // Its controller takes hold of it and writes down what it does: the step is not put off by that.
        let finalizers = json!({"metadata": {"finalizers": [format!("{group}/records")]}});
        kube.merge(&path, &finalizers).await;
        kube.merge(&format!("{path}/status"), &json!({"status": {"phase": "Running"}})).await;
        let seen = step.probe(&preview).await;
        assert_eq!((seen.happened, &seen.facts["applied"]), (Happened::Done, &json!(true)));

        let mut back = step.back(preview);
        let preview = back.preview().await;
        assert!(is_accepted(&back.run(&preview).await), "{kind}");
        // Deleted, and not gone: what it injected may still be there.
        let seen = back.probe(&preview).await;
        assert_eq!((seen.happened, &seen.facts["applied"]), (Happened::Running, &json!(false)));
        assert!(kube.object(&path).await.is_some(), "{kind}");
        kube.merge(&path, &json!({"metadata": {"finalizers": null}})).await;
        eventually("it is gone", 10, || async { kube.object(&path).await.is_none().then_some(()) })
            .await;
        assert_eq!(back.probe(&preview).await.happened, Happened::Done, "{kind}");
    }
}

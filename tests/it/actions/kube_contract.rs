//! The contract of every action on Kubernetes, written once, on a real API server that gives no more than the roles in
//! `deploy/kubernetes` do: looking writes nothing, an approval runs once, the way back restores exactly what was, and
//! whoever may only look changes nothing. A new action is a rig here.

use dr_buddy::actions::{Happened, LookError};
use dr_buddy::domain::action::{self, Danger, Undo};
use serde_json::{Value, json};

use super::kube::actions;
use super::{Step, is_accepted, is_failed, is_unknown};
use crate::harness::{Kube, Tampering, kube};

/// An action and what it is asked for, in a namespace that [`furnish`] has filled.
pub(super) struct Rig {
    pub(super) name: &'static str,
    pub(super) with: fn() -> Value,
}

pub(super) const RIGS: [Rig; 7] = [
    Rig { name: "k8s.scale", with: || json!({"workloads": ["api"], "replicas": 0}) },
    Rig { name: "k8s.restart", with: || json!({"workloads": ["api"]}) },
    Rig {
        name: "k8s.apply",
        with: || {
            json!({"force": true, "manifest": {
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "overrides", "labels": {"region": "dr"}},
                "data": {"dr_mode": "true", "new": "x"},
            }})
        },
    },
    Rig {
        name: "k8s.apply",
        with: || {
            json!({"manifest": {
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"},
                "data": {"dr_mode": "true"},
            }})
        },
    },
    Rig {
        name: "k8s.patch",
        with: || {
            json!({"api_version": "v1", "kind": "ConfigMap", "name": "overrides",
                "patch": {"data": {"dr_mode": "true", "left": null}, "metadata": {"annotations": {"by": "dr"}}}})
        },
    },
    Rig { name: "k8s.suspend_cronjobs", with: || json!({}) },
    Rig { name: "k8s.wait_ready", with: || json!({"workloads": ["api"]}) },
];

/// What is in every namespace of this test.
async fn furnish(kube: &Kube, namespace: &str) {
    kube.deployment("eu", namespace, "api", 2).await;
    let configmaps = format!("/api/v1/namespaces/{namespace}/configmaps");
    let overrides = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "overrides"},
        "data": {"dr_mode": "false", "left": "alone", "kept": "too"},
    });
    kube.create(&configmaps, &overrides).await;
    for (name, suspend) in [("report", false), ("cleanup", false), ("old", true)] {
        cronjob(kube, namespace, name, suspend).await;
    }
}

pub(super) async fn cronjob(kube: &Kube, namespace: &str, name: &str, suspend: bool) {
    let pods =
        json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    let object = json!({
        "apiVersion": "batch/v1beta1", "kind": "CronJob",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"schedule": "0 3 * * *", "suspend": suspend, "jobTemplate": {"spec": {"template": pods}}},
    });
    kube.create(&format!("/apis/batch/v1beta1/namespaces/{namespace}/cronjobs"), &object).await;
}

/// Without what the server writes at every change.
pub(super) fn content(all: &Value) -> Value {
    let mut all = all.clone();
    for item in all.as_object_mut().unwrap().values_mut() {
        let metadata = item["metadata"].as_object_mut().unwrap();
        for own in ["managedFields", "resourceVersion", "generation", "selfLink"] {
            metadata.remove(own);
        }
    }
    all
}

async fn step(kube: &Kube, rig: &Rig, roles: &[&str]) -> (Step, String) {
    let namespace = kube.namespace("contract").await;
    furnish(kube, &namespace).await;
    let actions = actions(kube.kubeconfig_of(&namespace, roles).await);
    let mut with = (rig.with)();
    with["context"] = "eu".into();
    with["namespace"] = namespace.as_str().into();
    (Step::new(&actions, rig.name, with), namespace)
}

const BOTH: [&str; 2] = ["dr-buddy-look", "dr-buddy-act"];

#[test]
fn every_action_on_kubernetes_has_a_rig() {
    for spec in action::all().filter(|spec| spec.name.starts_with("k8s.")) {
        assert!(RIGS.iter().any(|rig| rig.name == spec.name), "{}", spec.name);
    }
}

#[tokio::test]
async fn looking_writes_nothing_and_one_approval_runs_once_and_has_its_way_back() {
    let kube = kube().await;
    for rig in &RIGS {
        let spec = action::find(rig.name).unwrap();
        let (mut step, namespace) = step(kube, rig, &BOTH).await;
        let before = kube.everything(&namespace).await;
        let preview = step.preview().await;
        let probe = step.probe(&preview).await;
        let found = kube.everything(&namespace).await;
        assert_eq!(found, before, "{}: looking writes nothing", rig.name);
        assert!(!preview.calls.is_empty() && !probe.saw.is_empty(), "{}", rig.name);
        for fact in preview.facts.keys().chain(probe.facts.keys()) {
            assert!(spec.facts.contains(fact), "{}: {fact} is not in its row", rig.name);
        }
        if spec.danger == Danger::Reads {
            assert!(is_accepted(&step.run(&preview).await), "{}", rig.name);
            assert_eq!(kube.everything(&namespace).await, before, "{}", rig.name);
            continue;
        }
        assert!(!preview.changes.is_empty(), "{}", rig.name);
        assert_eq!(probe.happened, Happened::Never, "{}: {probe:?}", rig.name);

        let outcome = step.run(&preview).await;
        assert!(is_accepted(&outcome), "{}: {outcome:?}", rig.name);
        let done = kube.everything(&namespace).await;
        assert_ne!(content(&done), content(&before), "{}: something changed", rig.name);
        let probe = step.probe(&preview).await;
        assert!(
            matches!(probe.happened, Happened::Done | Happened::Running),
            "{}: {probe:?}",
            rig.name
        );
        // Again, as a worker that was paused would.
        let again = step.run(&preview).await;
        let is_harmless = is_accepted(&again) || is_failed(&again);
        assert!(is_harmless, "{}: {again:?}", rig.name);
        assert_eq!(kube.everything(&namespace).await, done, "{}: once", rig.name);

        let mut back = step.back(preview);
        if !matches!(spec.undo, Undo::Possible) {
            assert!(!back.refusal().await.is_empty(), "{}", rig.name);
            continue;
        }
        let preview = back.preview().await;
        assert_eq!(kube.everything(&namespace).await, done, "{}: looking back writes", rig.name);
        let outcome = back.run(&preview).await;
        assert!(is_accepted(&outcome), "{}: {outcome:?}", rig.name);
        let restored = kube.everything(&namespace).await;
        assert_eq!(content(&restored), content(&before), "{}: exactly what was", rig.name);
    }
}

#[tokio::test]
async fn a_cut_connection_is_told_from_nothing_by_the_probe() {
    let kube = kube().await;
    for rig in &RIGS {
        if action::find(rig.name).unwrap().danger == Danger::Reads {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let ([tap, _us], kubeconfig) = kube.tapped(folder.path()).await;
        let (mut step, _) = step(kube, rig, &BOTH).await;
        step.action = actions(kubeconfig).real(rig.name).unwrap();
        if rig.name == "k8s.suspend_cronjobs" {
            step.with.insert("names".into(), json!(["report"]));
        }
        let preview = step.preview().await;
        step.probe(&preview).await;
        let writes = || tap.count("PATCH ") + tap.count("POST ") + tap.count("DELETE ");
        assert_eq!(writes(), 0, "{}: {:?}", rig.name, tap.calls());
        let method = if preview.request["operation"] == "Create" { "POST " } else { "PATCH " };
        tap.spoil_next(method, Tampering::CutBefore);
        let outcome = step.run(&preview).await;
        assert!(is_unknown(&outcome), "{}: {outcome:?}", rig.name);
        assert_eq!(writes(), 1, "{}: it is not sent again", rig.name);
        // Who died before writing the outcome down remembers nothing of the call.
        step.past.clear();
        let probe = step.probe(&preview).await;
        assert_eq!(probe.happened, Happened::Never, "{}: {probe:?}", rig.name);

        tap.spoil_next(method, Tampering::CutAfter);
        assert!(is_unknown(&step.run(&preview).await), "{}", rig.name);
        assert_eq!(writes(), 2, "{}", rig.name);
        step.past.clear();
        let happened = step.probe(&preview).await.happened;
        let is_seen = matches!(happened, Happened::Done | Happened::Running);
        assert!(is_seen, "{}: {happened:?}", rig.name);
    }
}

#[tokio::test]
async fn whoever_may_only_look_changes_nothing() {
    let kube = kube().await;
    for rig in &RIGS {
        if action::find(rig.name).unwrap().danger == Danger::Reads {
            continue;
        }
        let (mut step, namespace) = step(kube, rig, &BOTH).await;
        let preview = step.preview().await;
        let before = kube.everything(&namespace).await;
        let looks = actions(kube.kubeconfig_of(&namespace, &["dr-buddy-look"]).await);
        step.action = looks.real(rig.name).unwrap();
        let outcome = step.run(&preview).await;
        assert!(is_failed(&outcome), "{}: {outcome:?}", rig.name);
        match step.action.preview(&step.call()).await {
            Ok(again) => assert_eq!(again.request, preview.request, "{}", rig.name),
            // A dry run needs the right to make the change.
            Err(LookError::Refused { detail, .. }) => {
                assert!(detail.contains("Forbidden"), "{}: {detail}", rig.name);
                assert!(["k8s.apply", "k8s.patch"].contains(&rig.name), "{}", rig.name);
            }
            Err(other) => panic!("{}: {other:?}", rig.name),
        }
        assert_eq!(kube.everything(&namespace).await, before, "{}", rig.name);
    }
}

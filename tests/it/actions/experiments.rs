//! Experiments of Chaos Mesh and Litmus are objects: made, watched and surely deleted with `k8s.apply` and its way back.
//!
//! That a deleted object is not gone while somebody holds on to it is judged by the real API server, with a kind of its
//! own. It crashes on custom resources (1.20, built with Go 1.19), so the kinds of the two projects are a stand-in's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use dr_buddy::actions::Happened;
use serde_json::{Value, json};

use super::kube::{actions, pointing_at};
use super::{Step, is_accepted};
use crate::harness::{eventually, kube};

/// Group, kind and plural, and an experiment as its project documents it.
fn experiments() -> [(&'static str, &'static str, &'static str, Value); 2] {
    let pods = json!({"namespaces": ["luneo-platform"], "labelSelectors": {"app": "luneo-api"}});
    let kill = json!({"action": "pod-kill", "mode": "one", "duration": "60s", "selector": pods});
    let engine = json!({
        "engineState": "active", "chaosServiceAccount": "litmus-admin",
        "appinfo": {"appns": "luneo-platform", "applabel": "app=luneo-api", "appkind": "deployment"},
        "experiments": [{"name": "pod-delete"}],
    });
    [
        ("chaos-mesh.org", "PodChaos", "podchaos", kill),
        ("litmuschaos.io", "ChaosEngine", "chaosengines", engine),
    ]
}

/// Objects by their path, and what was written.
#[derive(Clone, Default)]
struct Objects {
    all: Arc<Mutex<BTreeMap<String, Value>>>,
    writes: Arc<Mutex<Vec<String>>>,
}

type By = Query<BTreeMap<String, String>>;

async fn serve(
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    Query(by): By,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut path = uri.path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if let ["apis", group, "v1alpha1"] = parts[..] {
        let known = experiments().into_iter().find(|(known, ..)| *known == group);
        let resources = known.map(|(_, kind, plural, _)| {
            json!([{"name": plural, "kind": kind, "namespaced": true, "verbs": ["get", "patch", "delete"]}])
        });
        return Json(json!({"kind": "APIResourceList", "resources": resources})).into_response();
    }
    let mut all = objects.all.lock().unwrap();
    let is_tried = by.get("dryRun").is_some_and(|which| which == "All");
    if method != Method::GET && !is_tried {
        objects.writes.lock().unwrap().push(format!("{method} {path}"));
    }
    let found = match method {
        Method::POST => {
            let mut object: Value = serde_json::from_str(&body).unwrap();
            path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
            let manager = json!([{"manager": by["fieldManager"], "operation": "Update"}]);
            let metadata = object["metadata"].as_object_mut().unwrap();
            metadata.insert("uid".into(), json!(format!("uid of {path}")));
            metadata.insert("resourceVersion".into(), json!("1"));
            metadata.insert("managedFields".into(), manager);
            if !is_tried {
                assert_eq!(all.insert(path, object.clone()), None, "it was not there");
            }
            Some(object)
        }
        Method::PATCH => {
            assert!(is_tried, "a probe only tries");
            assert_eq!(headers["content-type"], "application/apply-patch+yaml");
            let mut object: Value = serde_json::from_str(&body).unwrap();
            let live = &all[&path];
            object["metadata"] = live["metadata"].clone();
            object["status"] = live["status"].clone();
            Some(object)
        }
        Method::DELETE => {
            let options: Value = serde_json::from_str(&body).unwrap();
            let live = all.get_mut(&path).expect("it is there");
            assert_eq!(options["preconditions"]["uid"], live["metadata"]["uid"]);
            live["metadata"]["deletionTimestamp"] = "2026-11-20T14:18:40Z".into();
            let live = live.clone();
            if live["metadata"]["finalizers"].is_null() {
                all.remove(&path);
            }
            Some(live)
        }
        Method::GET => all.get(&path).cloned(),
        other => panic!("{other} {path}"),
    };
    match found {
        Some(found) => Json(found).into_response(),
        None => {
            let status =
                json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404});
            (StatusCode::NOT_FOUND, Json(status)).into_response()
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn stand_in() -> (Objects, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let objects = Objects::default();
    let router = axum::Router::new().fallback(serve).with_state(objects.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (objects, address)
}

#[tokio::test]
async fn a_stand_in_s_experiments_are_made_watched_and_only_deleted_once_they_are_gone() {
    let (objects, address) = stand_in().await;
    for (group, kind, plural, spec) in experiments() {
        let path = format!("/apis/{group}/v1alpha1/namespaces/chaos/{plural}/drill");
        let manifest = json!({
            "apiVersion": format!("{group}/v1alpha1"), "kind": kind,
            "metadata": {"name": "drill"}, "spec": spec,
        });
        let with = json!({"context": "eu", "namespace": "chaos", "manifest": manifest});
        let mut step = Step::new(&actions(pointing_at(&address)), "k8s.apply", with);
        let preview = step.preview().await;
        assert_eq!(preview.changes[0].after, "told.created", "{kind}");
        assert_eq!(step.probe(&preview).await.happened, Happened::Never, "{kind}");
        assert_eq!(*objects.writes.lock().unwrap(), Vec::<String>::new(), "looking writes nothing");
        assert!(is_accepted(&step.run(&preview).await), "{kind}");
        assert_eq!(objects.all.lock().unwrap()[&path]["spec"], spec, "{kind}");
        // Its controller takes hold of it and writes down what it does: the step is not put off by that.
        let hold = |finalizers: Value| {
            let mut all = objects.all.lock().unwrap();
            let live = all.get_mut(&path).unwrap();
            live["metadata"]["finalizers"] = finalizers;
            live["status"] = json!({"phase": "Running"});
        };
        hold(json!([format!("{group}/records")]));
        let seen = step.probe(&preview).await;
        assert_eq!((seen.happened, &seen.facts["applied"]), (Happened::Done, &json!(true)));

        let mut back = step.back(preview);
        let preview = back.preview().await;
        assert!(is_accepted(&back.run(&preview).await), "{kind}");
        // Deleted, and not gone: what it injected may still be there.
        let seen = back.probe(&preview).await;
        assert_eq!((seen.happened, &seen.facts["applied"]), (Happened::Running, &json!(false)));
        objects.all.lock().unwrap().clear();
        assert_eq!(back.probe(&preview).await.happened, Happened::Done, "{kind}");
        let writes = std::mem::take(&mut *objects.writes.lock().unwrap());
        let made = path.strip_suffix("/drill").unwrap();
        assert_eq!(writes, [format!("POST {made}"), format!("DELETE {path}")]);
    }
}

#[tokio::test]
async fn what_was_made_is_not_taken_for_gone_while_somebody_holds_on_to_it() {
    let kube = kube().await;
    let namespace = kube.namespace("held").await;
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/drill");
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "drill"}, "data": {"a": "1"},
    });
    let with = json!({"context": "eu", "namespace": namespace, "manifest": manifest});
    let mut step = Step::new(&actions(kube.kubeconfig.clone()), "k8s.apply", with);
    let preview = step.preview().await;
    assert!(is_accepted(&step.run(&preview).await));
    kube.merge(&path, &json!({"metadata": {"finalizers": ["chaos-mesh.org/records"]}})).await;
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert!(is_accepted(&back.run(&preview).await));
    let seen = back.probe(&preview).await;
    assert_eq!((seen.happened, &seen.facts["applied"]), (Happened::Running, &json!(false)));
    assert!(kube.object(&path).await.is_some());
    kube.merge(&path, &json!({"metadata": {"finalizers": null}})).await;
    eventually("it is gone", 10, || async { kube.object(&path).await.is_none().then_some(()) })
        .await;
    assert_eq!(back.probe(&preview).await.happened, Happened::Done);
}

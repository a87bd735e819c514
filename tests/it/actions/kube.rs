//! `k8s.*`, judged by a real API server.

use std::path::PathBuf;
use std::time::Duration;

use dr_buddy::actions::{ActionSettings, Actions, Happened, KubeSettings, LookError, Outcome};
use serde_json::{Value, json};

use super::{Step, is_accepted, is_failed, is_unknown};
use crate::harness::{kube, kubelet};

pub(super) fn actions(kubeconfig: PathBuf) -> Actions {
    let kube = KubeSettings {
        kubeconfig: Some(kubeconfig),
        whole: Duration::from_secs(10),
        ..KubeSettings::default()
    };
    Actions::new(ActionSettings { kube, ..ActionSettings::default() })
}

fn scale(actions: &Actions, namespace: &str, workloads: Value, replicas: u32) -> Step {
    let with = json!({
        "context": "eu", "namespace": namespace, "workloads": workloads, "replicas": replicas,
    });
    Step::new(actions, "k8s.scale", with)
}

#[tokio::test]
async fn scaling_is_seen_by_the_server_and_put_back_per_workload() {
    let kube = kube().await;
    let namespace = kube.namespace("act").await;
    kube.deployment("eu", &namespace, "ai-worker", 3).await;
    kube.deployment("eu", &namespace, "cron", 1).await;
    let _kubelet = kubelet(kube, "eu", &namespace).await;
    let actions = actions(kube.kubeconfig.clone());
    let mut step = scale(&actions, &namespace, json!(["ai-worker", "deployment/cron"]), 0);
    let preview = step.preview().await;
    assert_eq!(preview.binding["told.replicas deployment/ai-worker"], 3);
    assert_eq!(preview.binding["told.replicas deployment/cron"], 1);
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);

    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    for name in ["ai-worker", "cron"] {
        assert_eq!(kube.replicas("eu", &namespace, name).await, 0);
    }
    let done = crate::harness::eventually("they are gone", 20, || async {
        let probe = step.probe(&preview).await;
        (probe.happened == Happened::Done).then_some(probe)
    })
    .await;
    assert_eq!(done.facts["at_target"], true);

    // A second call finds what it wants and writes nothing.
    let generation = kube.get("eu", &namespace, "cron").await.metadata.generation;
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(kube.get("eu", &namespace, "cron").await.metadata.generation, generation);

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert!(is_accepted(&back.run(&preview).await));
    assert_eq!(kube.replicas("eu", &namespace, "ai-worker").await, 3);
    assert_eq!(kube.replicas("eu", &namespace, "cron").await, 1);
    crate::harness::eventually("they are back", 20, || async {
        (back.probe(&preview).await.happened == Happened::Done).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_workload_that_changed_is_left_alone_and_half_done_is_unknown() {
    let kube = kube().await;
    let namespace = kube.namespace("act").await;
    kube.deployment("eu", &namespace, "one", 2).await;
    kube.deployment("eu", &namespace, "two", 2).await;
    let mut step = scale(&actions(kube.kubeconfig.clone()), &namespace, json!(["one", "two"]), 0);
    let preview = step.preview().await;
    kube.patch("eu", &namespace, "two", json!({"spec": {"replicas": 5}})).await;
    let outcome = step.run(&preview).await;
    let Outcome::Unknown { evidence, .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(evidence["applied"], json!(["deployment/one"]));
    assert!(evidence["not_applied"]["deployment/two"].as_str().unwrap().contains("5 replicas"));
    assert_eq!(kube.replicas("eu", &namespace, "two").await, 5);
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);

    // Where nothing was applied at all it is a failure.
    kube.patch("eu", &namespace, "one", json!({"spec": {"replicas": 4}})).await;
    assert!(is_failed(&step.run(&preview).await));
}

#[tokio::test]
async fn a_status_that_moves_does_not_stop_a_scaling() {
    let kube = kube().await;
    let namespace = kube.namespace("act").await;
    kube.deployment("eu", &namespace, "busy", 2).await;
    let mut step = scale(&actions(kube.kubeconfig.clone()), &namespace, json!(["busy"]), 0);
    let preview = step.preview().await;
    // The resource version moves, the replicas do not: the approval still holds.
    kube.patch("eu", &namespace, "busy", json!({"metadata": {"labels": {"moved": "yes"}}})).await;
    assert_eq!(step.preview().await.binding, preview.binding);
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(kube.replicas("eu", &namespace, "busy").await, 0);
}

#[tokio::test]
async fn a_restart_happens_once_however_often_it_is_called() {
    let kube = kube().await;
    let namespace = kube.namespace("act").await;
    kube.deployment("eu", &namespace, "api", 2).await;
    let with = json!({"context": "eu", "namespace": namespace, "workloads": ["api"]});
    let mut step = Step::new(&actions(kube.kubeconfig.clone()), "k8s.restart", with);
    let preview = step.preview().await;
    assert_eq!(preview.changes[0].now, "told.never");
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    assert!(is_accepted(&step.run(&preview).await));
    let written = kube.template_annotations("eu", &namespace, "api").await;
    assert_eq!(written["kubectl.kubernetes.io/restartedAt"], "2026-11-20T14:18:20Z");
    let running = step.probe(&preview).await;
    assert_eq!(running.happened, Happened::Running, "{}", running.saw);
    assert_eq!(running.facts["restarted"], true);
    assert_eq!(running.facts["settled"], false);

    let generation = kube.get("eu", &namespace, "api").await.metadata.generation;
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(kube.get("eu", &namespace, "api").await.metadata.generation, generation);

    let _kubelet = kubelet(kube, "eu", &namespace).await;
    crate::harness::eventually("it has settled", 20, || async {
        (step.probe(&preview).await.happened == Happened::Done).then_some(())
    })
    .await;
}

#[tokio::test]
async fn contexts_are_named_and_a_dead_cluster_is_a_fact() {
    let kube = kube().await;
    let namespace = kube.namespace("act").await;
    kube.deployment("eu", &namespace, "api", 2).await;
    let actions_now = actions(kube.kubeconfig.clone());
    let mut step = scale(&actions_now, &namespace, json!(["api"]), 0);
    let preview = step.preview().await;
    step.with.insert("context".into(), "prod".into());
    let unknown = step.action.preview(&step.call()).await;
    assert!(matches!(unknown, Err(LookError::Refused { .. })), "{unknown:?}");

    // The same context name, another server: not what was approved.
    let swapped = kube.kubeconfig_named(&[("eu", "us")]);
    let mut elsewhere = scale(&actions(swapped), &namespace, json!(["api"]), 0);
    assert!(is_failed(&elsewhere.run(&preview).await));
    assert_eq!(kube.replicas("eu", &namespace, "api").await, 2);

    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut step = scale(&actions(pointing_at(&dead.to_string())), &namespace, json!(["api"]), 0);
    let gone = step.action.preview(&step.call()).await;
    assert!(matches!(gone, Err(LookError::Unreachable { .. })), "{gone:?}");
    let mut request = preview;
    request.request["server"] = format!("http://{dead}/").into();
    let probe = step.probe(&request).await;
    assert_eq!((probe.happened, &probe.facts["reachable"]), (Happened::Unknown, &json!(false)));
    let outcome = step.run(&request).await;
    assert!(is_failed(&outcome), "nothing was sent: {outcome:?}");
}

#[tokio::test]
async fn a_patch_that_is_answered_with_503_is_sent_once_and_unknown() {
    let (address, patches) = unavailable_for_patches().await;
    let server = format!("http://{address}/");
    let mut step = scale(&actions(pointing_at(&address)), "shop", json!(["api"]), 0);
    let preview = step.preview().await;
    assert_eq!(preview.request["server"], server);
    let outcome = step.run(&preview).await;
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(patches.load(std::sync::atomic::Ordering::SeqCst), 1);
}

pub(super) fn pointing_at(address: &str) -> PathBuf {
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\n\
         users: [{{name: u, user: {{}}}}]\ncontexts: [{{name: eu, context: {{cluster: c, user: u}}}}]\n"
    );
    let file = tempfile::Builder::new().prefix("kubeconfig").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file.into_temp_path().keep().unwrap()
}

/// A stand-in for an API server that reads well and answers every write with 503.
#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn unavailable_for_patches() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use axum::http::{Method, StatusCode};
    use axum::response::IntoResponse;
    let patches = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let counter = std::sync::Arc::clone(&patches);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = axum::Router::new().fallback(move |method: Method| {
        if method == Method::PATCH {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return std::future::ready(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        let object = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}});
        std::future::ready(axum::Json(object).into_response())
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, patches)
}

/// Not on the real server: the 1.20 of the tests, built with Go 1.19, crashes on custom resources.
#[tokio::test]
async fn an_argo_rollout_is_scaled_and_restarted_by_its_own_fields() {
    let (address, object) = one_rollout().await;
    let set = |pointer: &str, value: Value| {
        *object.lock().unwrap().pointer_mut(pointer).unwrap() = value;
    };
    let actions = actions(pointing_at(&address));
    let mut step = scale(&actions, "shop", json!(["rollout/api"]), 3);
    let preview = step.preview().await;
    assert_eq!(preview.binding["told.replicas rollout/api"], 2);
    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    assert_eq!(object.lock().unwrap()["spec"]["replicas"], 3);

    let with = json!({"context": "eu", "namespace": "shop", "workloads": ["rollout/api"]});
    let mut step = Step::new(&actions, "k8s.restart", with);
    let preview = step.preview().await;
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(object.lock().unwrap()["spec"]["restartAt"], "2026-11-20T14:18:20Z");
    assert_eq!(step.probe(&preview).await.happened, Happened::Running);
    let mut status = json!({
        "observedGeneration": "1", "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3,
        "phase": "Healthy",
    });
    set("/status", status.clone());
    assert_eq!(step.probe(&preview).await.happened, Happened::Running, "it has not restarted");
    status["restartedAt"] = "2026-11-20T14:18:21Z".into();
    set("/status", status);
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);
}

/// A stand-in that keeps one Rollout, and knows the two ways to write to it.
#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn one_rollout() -> (String, std::sync::Arc<std::sync::Mutex<Value>>) {
    use axum::Json;
    use axum::http::HeaderMap;
    use axum::routing::get;
    let object = std::sync::Arc::new(std::sync::Mutex::new(json!({
        "metadata": {"generation": 1, "resourceVersion": "7"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "api"}}}, "status": {},
    })));
    let keep = || std::sync::Arc::clone(&object);
    let (whole, scaled, patched, read) = (keep(), keep(), keep(), keep());
    let merge = |headers: &HeaderMap| {
        assert_eq!(headers["content-type"], "application/merge-patch+json");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("dr-buddy/"));
    };
    let base = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api";
    let router = axum::Router::new()
        .route(
            base,
            get(move || std::future::ready(Json(whole.lock().unwrap().clone()))).patch(
                move |headers: HeaderMap, Json(body): Json<Value>| {
                    merge(&headers);
                    let mut object = patched.lock().unwrap();
                    object["spec"]["restartAt"] = body["spec"]["restartAt"].clone();
                    std::future::ready(Json(object.clone()))
                },
            ),
        )
        .route(
            &format!("{base}/scale"),
            get(move || std::future::ready(Json(read.lock().unwrap().clone()))).patch(
                move |headers: HeaderMap, Json(body): Json<Value>| {
                    merge(&headers);
                    assert_eq!(body["metadata"]["resourceVersion"], "7");
                    let mut object = scaled.lock().unwrap();
                    object["spec"]["replicas"] = body["spec"]["replicas"].clone();
                    std::future::ready(Json(object.clone()))
                },
            ),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, object)
}

//! `external_secrets.sync`; the test plays the operator.
//!
//! Not on the real server: the 1.20 of the tests, built with Go 1.19, crashes on custom resources. The stand-in keeps
//! objects as the operator's documentation shows them, and serves the version before the newest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use dr_buddy::actions::{Happened, LookError};
use serde_json::{Value, json};

use super::kube::{actions, pointing_at};
use super::{Step, is_accepted, is_unknown};

/// When the step opens, in every test.
const OPENED: &str = "2026-11-20T14:18:20Z";

/// When the server writes what it is sent, in every test.
const WRITTEN: &str = "2026-11-20T14:18:40Z";

/// Two secrets, refreshed an hour ago.
#[derive(Clone)]
struct Operator {
    address: String,
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// Writes that arrived.
    patches: Arc<Mutex<Vec<String>>>,
    /// Writes of these are answered with 503.
    dead: Arc<Mutex<Vec<String>>>,
}

fn secret(name: &str) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": "shop", "annotations": {"kept": "yes"}},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"name": "aws-us-east-1", "kind": "ClusterSecretStore"},
            "target": {"name": name, "creationPolicy": "Owner"},
            "data": [{"secretKey": "url", "remoteRef": {"key": "shop/db", "property": "url"}}],
        },
        "status": {
            "refreshTime": "2026-11-20T13:18:20Z", "syncedResourceVersion": "1-abc",
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "SecretSynced", "message": "Secret was synced",
                "lastTransitionTime": "2026-11-01T00:00:00Z",
            }],
        },
    })
}

fn reply(found: Option<Value>) -> Response {
    match found {
        Some(found) => Json(found).into_response(),
        None => {
            let status =
                json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404});
            (StatusCode::NOT_FOUND, Json(status)).into_response()
        }
    }
}

impl Operator {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let objects = ["db", "redis"].map(|name| (name.to_owned(), secret(name)));
        let own = Self {
            address: listener.local_addr().unwrap().to_string(),
            objects: Arc::new(Mutex::new(objects.into())),
            patches: Arc::default(),
            dead: Arc::default(),
        };
        let group = "/apis/external-secrets.io/v1beta1";
        let kinds = json!({"kind": "APIResourceList", "resources": [{
            "name": "externalsecrets", "kind": "ExternalSecret", "namespaced": true, "verbs": ["get", "patch"],
        }]});
        let (reads, writes) = (own.clone(), own.clone());
        let read = move |Path(name): Path<String>| {
            std::future::ready(reply(reads.objects.lock().unwrap().get(&name).cloned()))
        };
        let write = move |Path(name): Path<String>,
                          Query(by): Query<BTreeMap<String, String>>,
                          headers: HeaderMap,
                          Json(body): Json<Value>| {
            assert_eq!(headers["content-type"], "application/merge-patch+json");
            std::future::ready(writes.patched(&name, &by["fieldManager"], &body))
        };
        let router = axum::Router::new()
            .route(group, get(move || std::future::ready(Json(kinds))))
            .route(
                &format!("{group}/namespaces/shop/externalsecrets/{{name}}"),
                get(read).patch(write),
            )
            .fallback(|| std::future::ready(reply(None)));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        own
    }

    fn patched(&self, name: &str, by: &str, body: &Value) -> Response {
        self.patches.lock().unwrap().push(name.to_owned());
        if self.dead.lock().unwrap().iter().any(|dead| dead == name) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let mut objects = self.objects.lock().unwrap();
        let object = objects.get_mut(name).expect("it is there");
        assert_eq!(body.as_object().unwrap().len(), 1, "nothing but an annotation: {body}");
        let annotations = body["metadata"]["annotations"].as_object().unwrap();
        object["metadata"]["annotations"].as_object_mut().unwrap().extend(annotations.clone());
        object["metadata"]["managedFields"] =
            json!([{"manager": by, "operation": "Update", "time": WRITTEN}]);
        reply(Some(object.clone()))
    }

    /// The operator has read the store again.
    fn refresh(&self, name: &str, at: &str, ready: &str) {
        let mut objects = self.objects.lock().unwrap();
        let status = &mut objects.get_mut(name).unwrap()["status"];
        status["refreshTime"] = at.into();
        status["conditions"][0]["status"] = ready.into();
    }

    fn step(&self) -> Step {
        let with = json!({"context": "eu", "namespace": "shop", "names": ["redis", "db"]});
        Step::new(&actions(pointing_at(&self.address)), "external_secrets.sync", with)
    }
}

#[tokio::test]
async fn a_refresh_is_asked_for_once_and_done_when_the_operator_says_so() {
    let operator = Operator::start().await;
    let mut step = operator.step();
    let preview = step.preview().await;
    let probe = step.probe(&preview).await;
    assert_eq!(probe.happened, Happened::Never);
    assert_eq!(operator.patches.lock().unwrap().len(), 0, "looking writes nothing");
    assert_eq!(preview.request["served"]["api_version"], "external-secrets.io/v1beta1");
    let row = dr_buddy::domain::action::find("external_secrets.sync").unwrap();
    for fact in preview.facts.keys().chain(probe.facts.keys()) {
        assert!(row.facts.contains(fact), "{fact} is not in its row");
    }
    // The operator's own hourly refresh, after the step opened and before the call: not what was asked for.
    operator.refresh("db", "2026-11-20T14:18:30Z", "True");

    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(*operator.patches.lock().unwrap(), ["db", "redis"]);
    let annotations = operator.objects.lock().unwrap()["db"]["metadata"]["annotations"].clone();
    assert_eq!(annotations, json!({"force-sync": OPENED, "kept": "yes"}));
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["synced"]), (Happened::Running, &json!(false)));
    assert_eq!(probe.facts["fresh"], 0, "{:?}", probe.facts);
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(operator.patches.lock().unwrap().len(), 2, "a second call asks for nothing");

    operator.refresh("db", "2026-11-20T14:18:42Z", "True");
    operator.refresh("redis", "2026-11-20T14:18:42Z", "False");
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["fresh"]), (Happened::Running, &json!(1)));
    assert!(probe.saw.contains("told.secret_not_ready redis | "), "{}", probe.saw);
    operator.refresh("redis", "2026-11-20T14:18:44Z", "True");
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["synced"]), (Happened::Done, &json!(true)));
    step.past.clear();
    let probe = step.probe(&preview).await;
    assert_eq!(probe.happened, Happened::Done, "a call that died unrecorded: {probe:?}");

    let back = step.back(preview);
    assert!(back.refusal().await.contains("no way back"));
}

#[tokio::test]
async fn what_was_refreshed_before_a_call_that_died_unrecorded_is_not_taken_for_its_doing() {
    let operator = Operator::start().await;
    let mut step = operator.step();
    let preview = step.preview().await;
    // Its own hourly refresh of both, after the step opened and before the call.
    for name in ["db", "redis"] {
        operator.refresh(name, "2026-11-20T14:18:30Z", "True");
    }
    assert!(is_accepted(&step.run(&preview).await));
    step.past.clear();
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["fresh"]), (Happened::Running, &json!(0)));
    for name in ["db", "redis"] {
        operator.refresh(name, "2026-11-20T14:18:41Z", "True");
    }
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);
}

#[tokio::test]
async fn half_asked_is_unknown_and_what_is_not_there_is_said() {
    let operator = Operator::start().await;
    let mut step = operator.step();
    let preview = step.preview().await;
    operator.dead.lock().unwrap().push("redis".into());
    assert!(is_unknown(&step.run(&preview).await));
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
    // Nor does anybody know where the call died before it was recorded.
    let recorded = std::mem::take(&mut step.past);
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
    step.past = recorded;
    // Tried again, only what is missing is asked for.
    operator.dead.lock().unwrap().clear();
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(*operator.patches.lock().unwrap(), ["db", "redis", "redis"]);
    for name in ["db", "redis"] {
        operator.refresh(name, "2026-11-20T14:18:42Z", "True");
    }
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);

    let mut other = operator.step();
    other.with.insert("names".into(), json!(["gone"]));
    match other.action.preview(&other.call()).await {
        Err(LookError::Refused { detail, .. }) => assert!(detail.contains("gone"), "{detail}"),
        other => panic!("{other:?}"),
    }
    other.with.insert("names".into(), json!(["../db"]));
    other.refusal().await;
}

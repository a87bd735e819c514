//! What stands before a region's API server: it writes down what changed something, and plays the custom resources, on which
//! the 1.20 of the tests crashes: Argo CD's projects, and `ExternalSecrets` with an operator that really reads the secret.
#![expect(clippy::disallowed_methods, reason = "a cluster ends with the value that holds it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use dr_buddy::engine::clock::{Clock, SystemClock};
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use super::gate::{Book, pass, serve};

/// How long the operator takes to read a secret again.
const REFRESH: Duration = Duration::from_millis(300);

/// An `ExternalSecret` and the secret it is a copy of.
pub(super) const COPIES: [(&str, &str); 2] =
    [("database", "shop/DATABASE_URL"), ("redis", "shop/REDIS_URL")];

/// A region's API server, as the product meets it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) endpoint: String,
    objects: Arc<Objects>,
    task: JoinHandle<()>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Default)]
struct Objects {
    /// By path.
    all: Mutex<BTreeMap<String, Value>>,
    /// What the operator has copied, by `ExternalSecret`.
    copied: Mutex<BTreeMap<String, String>>,
}

#[derive(Clone)]
struct Shared {
    region: &'static str,
    server: String,
    client: reqwest::Client,
    book: Book,
    objects: Arc<Objects>,
    aws: SdkConfig,
}

impl Cluster {
    pub(super) async fn open(
        region: &'static str,
        (server, client): (String, reqwest::Client),
        namespace: &str,
        aws: SdkConfig,
        book: Book,
    ) -> Self {
        let objects = Arc::<Objects>::default();
        let put = |path: String, object: Value| {
            objects.all.lock().expect("nobody panics while holding it").insert(path, object);
        };
        let project = "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/shop";
        put(project.to_owned(), object("argoproj.io/v1alpha1", "AppProject", "shop", json!({})));
        for (name, key) in COPIES {
            let path = format!(
                "/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets/{name}"
            );
            let spec = json!({
                "secretStoreRef": {"name": "aws", "kind": "ClusterSecretStore"},
                "data": [{"secretKey": "url", "remoteRef": {"key": key}}],
            });
            put(path.clone(), object("external-secrets.io/v1", "ExternalSecret", name, spec));
            refresh(&objects, &aws, &path).await;
        }
        let copies = Arc::clone(&objects);
        let shared = Shared { region, server, client, book, objects, aws };
        let (endpoint, task) = serve(Router::new().fallback(answer).with_state(shared)).await;
        Self { endpoint, objects: copies, task }
    }

    /// The copy that pods get when they start.
    pub(super) fn copied(&self, name: &str) -> String {
        let copied = self.objects.copied.lock().expect("nobody panics while holding it");
        copied.get(name).expect("it was copied at the start").clone()
    }

    /// The windows in which the project is not synced.
    pub(super) fn sync_windows(&self) -> Value {
        let all = self.objects.all.lock().expect("nobody panics while holding it");
        let project = all.iter().find(|(path, _)| path.ends_with("/appprojects/shop"));
        project.expect("it is there").1["spec"]["syncWindows"].clone()
    }
}

fn object(api_version: &str, kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "spec": spec,
        "metadata": {"name": name, "uid": name, "resourceVersion": "1", "annotations": {}},
    })
}

/// The operator reads the store, and says so.
async fn refresh(objects: &Objects, aws: &SdkConfig, path: &str) {
    let (name, key) = {
        let all = objects.all.lock().expect("nobody panics while holding it");
        let one = &all[path];
        let key = one["spec"]["data"][0]["remoteRef"]["key"].as_str().expect("it names one");
        (one["metadata"]["name"].as_str().expect("it has one").to_owned(), key.to_owned())
    };
    let client = aws_sdk_secretsmanager::Client::new(aws);
    let read = client.get_secret_value().secret_id(key).send().await;
    let value = read.expect("the secret is there").secret_string().expect("it is text").to_owned();
    objects.copied.lock().expect("nobody panics while holding it").insert(name, value);
    let mut all = objects.all.lock().expect("nobody panics while holding it");
    let one = all.get_mut(path).expect("it is there");
    one["status"] = json!({
        "refreshTime": SystemClock::default().now().rfc3339(),
        "conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced"}],
    });
}

async fn answer(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 4 << 20).await.expect("requests are small");
    let (method, uri) = (head.method.clone(), head.uri.clone());
    let tries = uri.query().is_some_and(|query| query.contains("dryRun=All"));
    let id = head.headers.get("audit-id").and_then(|id| id.to_str().ok()).unwrap_or("").to_owned();
    let is_custom = ["/apis/external-secrets.io/", "/apis/argoproj.io/"];
    let answer = match is_custom.iter().any(|group| uri.path().starts_with(group)) {
        true => {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (status, said) = custom(&shared, &method, &uri, &body);
            (status, axum::Json(said)).into_response()
        }
        false => pass(&shared.client, &shared.server, head, body).await,
    };
    if method != Method::GET && !tries {
        let name = format!("{method} {}", uri.path());
        shared.book.note(shared.region, name, &id, answer.status());
    }
    answer
}

/// What a server with these definitions would answer.
fn custom(shared: &Shared, method: &Method, uri: &Uri, body: &Value) -> (StatusCode, Value) {
    let kind = |plural: &str, kind: &str| {
        let one =
            json!({"name": plural, "kind": kind, "namespaced": true, "verbs": ["get", "patch"]});
        (StatusCode::OK, json!({"kind": "APIResourceList", "resources": [one]}))
    };
    let failed = |status: StatusCode, reason: &str| {
        let code = status.as_u16();
        (status, json!({"kind": "Status", "status": "Failure", "reason": reason, "code": code}))
    };
    match uri.path() {
        "/apis/external-secrets.io/v1" => return kind("externalsecrets", "ExternalSecret"),
        "/apis/argoproj.io/v1alpha1" => return kind("appprojects", "AppProject"),
        _ => {}
    }
    let mut all = shared.objects.all.lock().expect("nobody panics while holding it");
    let Some(live) = all.get_mut(uri.path()) else {
        return failed(StatusCode::NOT_FOUND, "NotFound");
    };
    if *method == Method::GET {
        return (StatusCode::OK, live.clone());
    }
    assert_eq!(*method, Method::PATCH, "{uri}");
    let version = body.pointer("/metadata/resourceVersion");
    if version.is_some_and(|version| *version != live["metadata"]["resourceVersion"]) {
        return failed(StatusCode::CONFLICT, "Conflict");
    }
    let mut changed = live.clone();
    merge(&mut changed, body);
    if uri.query().is_some_and(|query| query.contains("dryRun=All")) {
        return (StatusCode::OK, changed);
    }
    let number: u32 = live["metadata"]["resourceVersion"].as_str().unwrap_or("0").parse().unwrap();
    changed["metadata"]["resourceVersion"] = (number + 1).to_string().into();
    changed["metadata"]["managedFields"] = json!([{"manager": "dr-buddy"}]);
    let asks = changed["metadata"]["annotations"] != live["metadata"]["annotations"];
    *live = changed.clone();
    if asks {
        let (objects, aws) = (Arc::clone(&shared.objects), shared.aws.clone());
        let path = uri.path().to_owned();
        tokio::spawn(async move {
            tokio::time::sleep(REFRESH).await;
            refresh(&objects, &aws, &path).await;
        });
    }
    (StatusCode::OK, changed)
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let all = target.as_object_mut().expect("it is one now");
    for (key, value) in patch {
        if value.is_null() {
            all.remove(key);
        } else {
            merge(all.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

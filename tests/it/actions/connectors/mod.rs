//! Connectors, as they are shipped, against the vendors' own descriptions of their APIs, against real servers, and
//! where neither can be had against a stand-in; against everything that is not an answer; and that no secret shows.

mod bad_answers;
mod certificates;
mod doctor;
mod documented;
mod hidden;
mod kept;
mod own;
mod prism;
mod servers;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use dr_buddy::actions::{
    ActionSettings, Actions, AwsCredentials, AwsSettings, HttpSecret, HttpSettings, Kept,
};
use dr_buddy::catalog::documents;
use dr_buddy::domain::connector::check::check;
use dr_buddy::domain::connector::{Auth, Connector};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Step;

/// What every secret is, unless a test says otherwise.
const SECRET: &str = "s3cr3t-of-a-connector";

/// The connector as it is shipped.
fn shipped(id: &str) -> Connector {
    let mut all = documents::connectors(None).expect("what is shipped is silent");
    all.remove(id).unwrap_or_else(|| panic!("there is no connector `{id}`"))
}

/// One that somebody wrote.
fn written(text: &str) -> Connector {
    check("own.yaml", text).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// Settings that let everything go to this origin, with the secrets that the connector names.
fn settings(connector: &Connector, origin: &str, secret: &str) -> HttpSettings {
    let named = connector.base.auth.as_ref().and_then(Auth::secret).map(ToOwned::to_owned);
    let in_bodies = connector.operations.values().flat_map(|one| one.body_secrets.values());
    let secrets = in_bodies.cloned().chain(named).map(|name| {
        let kept = Kept::Text(secret.to_owned().into());
        (name, HttpSecret { kept, origin: origin.to_owned() })
    });
    HttpSettings {
        extra_ca: None,
        origins: BTreeSet::from([origin.to_owned()]),
        secrets: secrets.collect::<BTreeMap<_, _>>(),
    }
}

/// An operation of a connector whose system is at `base`, wherever its environment says it is.
fn step(connector: &Connector, operation: &str, base: &str, with: Value) -> Step {
    step_with(connector, operation, base, with, settings(connector, base, SECRET))
}

fn step_with(
    connector: &Connector,
    operation: &str,
    base: &str,
    with: Value,
    http: HttpSettings,
) -> Step {
    let credentials = AwsCredentials::Static {
        access_key_id: "ANOTREAL".into(),
        secret_access_key: SECRET.to_owned().into(),
    };
    let aws = AwsSettings { credentials, ..AwsSettings::default() };
    let connectors = vec![connector.clone()];
    let actions = Actions::new(ActionSettings { aws, http, connectors, ..Default::default() });
    let mut step = Step::new(&actions, &format!("{}.{operation}", connector.id), with);
    let place = json!({"api": base, "events": base, "user": "bot@example.com"});
    step.environment.document = json!({connector.id.split('_').next().unwrap(): place});
    if connector.id == "google_docs" {
        step.environment.document = json!({"google_docs": place});
    }
    step
}

/// One request that arrived.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    path: String,
    headers: HeaderMap,
    body: Value,
}

/// What a server answers.
type Answering = Arc<dyn Fn(&Asked) -> Response + Send + Sync>;

/// A server that keeps what it was asked.
struct Server {
    base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    async fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(vec![]));
        let (kept, answer): (_, Answering) = (Arc::clone(&asked), Arc::new(answer));
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let body = serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
            let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let one = Asked { method: method.to_string(), path, headers, body };
            kept.lock().unwrap().push(one.clone());
            let answer = answer(&one);
            async move { answer }
        };
        let router = axum::Router::new().fallback(any(handler));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// JSON, with this status.
fn says(status: u16, body: &Value) -> Response {
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, axum::Json(body.clone())).into_response()
}

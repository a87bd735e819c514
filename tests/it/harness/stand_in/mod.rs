//! Stand-ins for what no emulator of AWS knows, in front of one.
//!
//! Each speaks its service's protocol, keeps a little state, takes its time, refuses what AWS refuses; every other call is
//! passed on to the emulator. Their replies are held against botocore's own parser (`tests/judge/aws.py`).

#![expect(clippy::disallowed_methods, reason = "the stand-in ends with the value that holds it")]

mod canned;
mod datastore;
mod documents;
mod switches;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) use self::canned::{At, Canned};
pub(crate) use self::datastore::{DATASTORE, GROUPS};
pub(crate) use self::documents::{AUTOMATION, REPLICA};
pub(crate) use self::switches::{CACHE, CONTROLS, LOAD_BALANCER};

/// How often something says that it is being changed.
const LOOKS_UNTIL_SETTLED: u32 = 2;

/// A call, taken apart.
#[derive(Debug)]
struct Asked {
    /// Signed for: `elasticache`.
    service: String,
    region: String,
    /// `DescribeGlobalReplicationGroups`; of REST services, method and path.
    operation: String,
    form: BTreeMap<String, String>,
    json: Value,
    text: String,
}

impl Asked {
    fn of(head: &Parts, body: &Bytes) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(body).into_owned().collect();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        // `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
        let scope: Vec<&str> = header("authorization").unwrap_or_default().split('/').collect();
        let scoped = |place: usize| scope.get(place).copied().unwrap_or_default().to_owned();
        let target = header("x-amz-target").and_then(|target| target.split('.').nth(1));
        let rest = || format!("{} {}", head.method, head.uri.path());
        let operation = target.map(ToOwned::to_owned).or_else(|| form.get("Action").cloned());
        Self {
            service: scoped(3),
            region: scoped(2),
            operation: operation.unwrap_or_else(rest),
            json: serde_json::from_str(&text).unwrap_or_default(),
            form,
            text,
        }
    }

    fn given(&self, name: &str) -> &str {
        self.form.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What was answered; `model` is botocore's name of the service.
#[derive(Debug)]
struct Reply {
    model: &'static str,
    operation: String,
    status: StatusCode,
    body: String,
}

/// A service, or a part of one.
trait Service: std::fmt::Debug + Send {
    /// The answer, if the call is this one's.
    fn answer(&mut self, asked: &Asked) -> Option<Reply>;
}

#[derive(Debug)]
struct Services {
    all: Vec<Box<dyn Service>>,
    replies: Vec<Value>,
}

/// A running stand-in.
#[derive(Debug)]
pub(crate) struct StandIn {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    state: Arc<Mutex<Services>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    to: String,
    client: reqwest::Client,
    state: Arc<Mutex<Services>>,
}

impl StandIn {
    /// Listens in front of an emulator.
    pub(crate) async fn before(to: &str) -> Self {
        Self::with(to, Canned::default()).await
    }

    /// The same, with answers by heart that come first.
    pub(crate) async fn with(to: &str, canned: Canned) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let all: Vec<Box<dyn Service>> = vec![
            Box::new(canned),
            Box::new(datastore::Datastore::default()),
            Box::new(switches::Cache::default()),
            Box::new(switches::Capacity::default()),
            Box::new(switches::Routing::default()),
            Box::new(documents::Replica::default()),
            Box::new(documents::Automations::default()),
            Box::new(documents::Batches::default()),
        ];
        let state = Arc::new(Mutex::new(Services { all, replies: vec![] }));
        let shared = Shared { to: to.to_owned(), client: super::http(), state: Arc::clone(&state) };
        let router = Router::new().fallback(answer).with_state(shared);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until aborted");
        });
        Self { endpoint, state, task }
    }

    /// Every reply it made up, for the judge: service, operation, status, body.
    pub(crate) fn replies(&self) -> Vec<Value> {
        self.state.lock().expect("nobody panics while holding it").replies.clone()
    }
}

async fn answer(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("requests are small");
    let asked = Asked::of(&head, &body);
    let made = {
        let mut state = shared.state.lock().expect("nobody panics while holding it");
        let made = state.all.iter_mut().find_map(|service| service.answer(&asked));
        if let Some(reply) = &made {
            let reply = json!({
                "service": reply.model, "operation": reply.operation,
                "status": reply.status.as_u16(), "body": reply.body,
            });
            state.replies.push(reply);
        }
        made
    };
    match made {
        Some(reply) => {
            let kind = if reply.body.starts_with('<') { "text/xml" } else { "application/json" };
            let headers = [("content-type", kind), ("x-amzn-requestid", "stand-in-1")];
            (reply.status, headers, reply.body).into_response()
        }
        None => pass(&shared, &head, body).await,
    }
}

async fn pass(shared: &Shared, head: &Parts, body: Bytes) -> Response<Body> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = head.headers.clone();
    headers.remove("content-length");
    let to = format!("{}{path}", shared.to);
    let sent = shared.client.request(head.method.clone(), to).headers(headers).body(body).send();
    let Ok(answer) = sent.await else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::builder().status(answer.status());
    for name in ["content-type", "x-amzn-requestid", "x-amz-request-id"] {
        if let Some(value) = answer.headers().get(name) {
            response = response.header(name, value);
        }
    }
    let bytes = answer.bytes().await.expect("the emulator answers whole");
    response.body(Body::from(bytes)).expect("it came from a response")
}

/// A done call of the query protocol.
fn done(model: &'static str, namespace: &str, operation: &str, result: &str) -> Reply {
    let body = format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>stand-in-1</RequestId></ResponseMetadata></{operation}Response>"
    );
    Reply { model, operation: operation.to_owned(), status: StatusCode::OK, body }
}

/// A refused call of the query protocol.
fn refused(
    model: &'static str,
    operation: &str,
    status: StatusCode,
    code: &str,
    message: &str,
) -> Reply {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>stand-in-1</RequestId></ErrorResponse>"
    );
    Reply { model, operation: operation.to_owned(), status, body }
}

/// An answer in JSON.
fn said(model: &'static str, operation: &str, body: &Value) -> Reply {
    Reply { model, operation: operation.to_owned(), status: StatusCode::OK, body: body.to_string() }
}

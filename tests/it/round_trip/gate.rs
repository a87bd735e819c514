//! The one endpoint of AWS: tells regions by what a request is signed for, so that one of them can die; leads each service to
//! the server that plays it; gives every answer a request id; and writes down what changed something.
#![expect(clippy::disallowed_methods, reason = "a gate ends with the value that holds it")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::life::{Life, Pulse};
use crate::harness::{cut, name_of};

/// A request that asked for a change, as the server it reached saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// `aws`, `eu`, `github` …
    pub(super) at: &'static str,
    /// `FailoverGlobalCluster`, `PATCH /apis/…`.
    pub(super) name: String,
    /// Its request id.
    pub(super) id: String,
    /// Whether it was done.
    pub(super) done: bool,
}

/// What all servers of a world have seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Book(Arc<Mutex<Vec<Change>>>);

impl Book {
    pub(super) fn note(&self, at: &'static str, name: String, id: &str, status: StatusCode) {
        let change = Change { at, name, id: id.to_owned(), done: status.is_success() };
        self.0.lock().expect("nobody panics while holding it").push(change);
    }

    pub(super) fn all(&self) -> Vec<Change> {
        self.0.lock().expect("nobody panics while holding it").clone()
    }
}

/// The running gate.
#[derive(Debug)]
pub(super) struct Gate {
    /// `http://127.0.0.1:PORT`.
    pub(super) endpoint: String,
    task: JoinHandle<()>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    usual: String,
    moto: String,
    book: Book,
    pulse: Pulse,
    client: reqwest::Client,
    answers: Arc<AtomicU64>,
}

impl Gate {
    /// Leads to the stand-ins and what is behind them, nodes and security groups to moto.
    pub(super) async fn open(usual: &str, moto: &str, book: Book, pulse: Pulse) -> Self {
        let shared = Shared {
            usual: usual.to_owned(),
            moto: moto.to_owned(),
            book,
            pulse,
            client: crate::harness::http(),
            answers: Arc::default(),
        };
        let (endpoint, task) = serve(Router::new().fallback(answer).with_state(shared)).await;
        Self { endpoint, task }
    }
}

/// Serves at a port of its own: where, and the task.
pub(super) async fn serve(router: Router) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let task = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves until aborted");
    });
    (endpoint, task)
}

/// The region and the service a request is signed for: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn scope(headers: &HeaderMap) -> (String, String) {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let parts: Vec<&str> = header.unwrap_or_default().split('/').collect();
    let part = |place: usize| parts.get(place).copied().unwrap_or_default().to_owned();
    (part(2), part(3))
}

async fn answer(State(mut shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 4 << 20).await else { return cut() };
    let (region, service) = scope(&head.headers);
    let life = *shared.pulse.borrow();
    if region == "eu-west-1" && life != Life::Alive {
        // One port for all regions cannot be closed for one: the connection breaks off instead.
        drop(shared.pulse.wait_for(|life| *life != Life::Dark).await);
        return cut();
    }
    let name = name_of(&head.method, &head.uri, &head.headers, &body);
    let to = if ["eks", "ec2"].contains(&&*service) { &shared.moto } else { &shared.usual };
    let mut answer = pass(&shared.client, to, head, body).await;
    let id = format!("request-{}", shared.answers.fetch_add(1, Ordering::Relaxed));
    let value = id.parse().expect("it is a header");
    answer.headers_mut().insert("x-amzn-requestid", value);
    let reads = ["Describe", "Get", "List", "GET ", "HEAD "];
    if !reads.iter().any(|read| name.starts_with(read)) {
        shared.book.note("aws", name, &id, answer.status());
    }
    answer
}

/// Hands a request on.
pub(super) async fn pass(
    client: &reqwest::Client,
    to: &str,
    head: Parts,
    body: Bytes,
) -> Response<Body> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = head.headers;
    headers.remove("content-length");
    headers.remove("host");
    let sent = client.request(head.method, format!("{to}{path}")).headers(headers).body(body);
    let Ok(answer) = sent.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if !["transfer-encoding", "connection", "content-length"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    let Ok(bytes) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    response.body(Body::from(bytes)).expect("it came from a response")
}

//! A tap between the product and an AWS emulator: it counts what arrives and can spoil chosen calls.
//!
//! The count is the independent witness that an effect was asked for once, and the spoiling is what no emulator does:
//! throttling, a call that takes long, a connection cut before the request arrived or after it was applied.
#![expect(clippy::disallowed_methods, reason = "the tap ends with the value that holds it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tampering {
    /// It arrives late.
    Delay(Duration),
    /// It is answered with 400 `ThrottlingException` (Kubernetes: 429) and never arrives.
    Throttle,
    /// The connection is cut before the call arrives: it certainly did nothing.
    CutBefore,
    /// The call arrives and takes effect; the connection is cut instead of the answer.
    CutAfter,
    /// The call arrives and takes effect; the answer is late.
    LateAnswer(Duration),
    /// It is answered with a bare 503 and never arrives.
    Unavailable,
}

#[derive(Debug, Default)]
struct Seen {
    calls: Vec<String>,
    answers: Vec<(String, StatusCode)>,
    spoil: VecDeque<(String, Tampering)>,
}

/// A running tap.
#[derive(Debug)]
pub(crate) struct Tap {
    /// Where to send calls: `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    to: String,
    seen: Arc<Mutex<Seen>>,
    client: reqwest::Client,
}

impl Tap {
    /// Listens, and passes everything on to `to`.
    pub(crate) async fn before(to: &str) -> Self {
        Self::with(to, super::http()).await
    }

    /// The same with a client that knows how to speak to `to`.
    pub(crate) async fn with(to: &str, client: reqwest::Client) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = Shared { to: to.to_owned(), seen: Arc::clone(&seen), client };
        let router = Router::new().fallback(pass).with_state(shared);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until aborted");
        });
        Self { endpoint, seen, task }
    }

    /// The names of the calls, in order: `FailoverGlobalCluster`, `GetSecretValue`, `POST /2013-04-01/…`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.seen.lock().expect("nobody panics while holding it").calls.clone()
    }

    /// How often a call whose name begins like this came.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.calls().iter().filter(|call| call.starts_with(name)).count()
    }

    /// What the server behind it said to the last call whose name begins like this.
    pub(crate) fn status(&self, name: &str) -> Option<u16> {
        let seen = self.seen.lock().expect("nobody panics while holding it");
        let mut answers = seen.answers.iter().rev();
        answers.find(|(call, _)| call.starts_with(name)).map(|(_, status)| status.as_u16())
    }

    /// Spoils the next call whose name begins like this.
    pub(crate) fn spoil_next(&self, name: &str, how: Tampering) {
        let mut seen = self.seen.lock().expect("nobody panics while holding it");
        seen.spoil.push_back((name.to_owned(), how));
    }
}

/// The action's name, as each of AWS's protocols says it; a dry run of Kubernetes is a `try`.
pub(crate) fn name_of(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> String {
    if let Some(target) = headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    if uri.query().is_some_and(|query| query.contains("dryRun=All")) {
        return format!("try {method} {}", uri.path());
    }
    let form = std::str::from_utf8(body).unwrap_or_default();
    form.split('&')
        .find_map(|pair| pair.strip_prefix("Action="))
        .map_or_else(|| format!("{method} {}", uri.path()), str::to_owned)
}

/// An answer that breaks off: the client sees a closed connection, as when a network dies.
pub(crate) fn cut() -> Response<Body> {
    let broken = futures_util::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("cut by the tap"))
    });
    Response::builder()
        .header("content-length", "1000")
        .body(Body::from_stream(broken))
        .expect("it is well formed")
}

/// What has arrived goes on to the server, even where its sender dies meanwhile and nobody waits for the answer: a network
/// does not take back what was sent.
async fn pass(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let passed = tokio::spawn(pass_on(shared, request)).await;
    passed.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

async fn pass_on(shared: Shared, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 4 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let name = name_of(&head.method, &head.uri, &head.headers, &body);
    let how = {
        let mut seen = shared.seen.lock().expect("nobody panics while holding it");
        seen.calls.push(name.clone());
        let hit = seen.spoil.iter().position(|(wanted, _)| name.starts_with(wanted.as_str()));
        hit.and_then(|hit| seen.spoil.remove(hit)).map(|(_, how)| how)
    };
    match how {
        Some(Tampering::Throttle) => return throttled(&name, &head.headers),
        Some(Tampering::CutBefore) => return cut(),
        Some(Tampering::Unavailable) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Tampering::Delay(time)) => tokio::time::sleep(time).await,
        Some(Tampering::CutAfter | Tampering::LateAnswer(_)) | None => {}
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = head.headers;
    headers.remove("content-length");
    let sent = shared
        .client
        .request(head.method, format!("{}{path}", shared.to))
        .headers(headers)
        .body(body)
        .send()
        .await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let answered = (name, answer.status());
    shared.seen.lock().expect("nobody panics while holding it").answers.push(answered);
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" && name != "connection" && name != "content-length" {
            response = response.header(name, value);
        }
    }
    let Ok(bytes) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    if how == Some(Tampering::CutAfter) {
        return cut();
    }
    if let Some(Tampering::LateAnswer(time)) = how {
        tokio::time::sleep(time).await;
    }
    response.body(Body::from(bytes)).expect("it came from a response")
}

fn throttled(name: &str, headers: &HeaderMap) -> Response<Body> {
    if name.contains(" /apis/") {
        let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429,"message":"slow down"}"#;
        let kind = [("content-type", "application/json")];
        return (StatusCode::TOO_MANY_REQUESTS, kind, body).into_response();
    }
    if headers.contains_key("x-amz-target") {
        let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
        return (StatusCode::BAD_REQUEST, body).into_response();
    }
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>\
                <Message>Rate exceeded</Message></Error></ErrorResponse>";
    (StatusCode::BAD_REQUEST, [("content-type", "text/xml")], body).into_response()
}

//! Slack's side of Socket Mode, which can be made to do all that Slack does on a bad day: cut a socket before or after
//! the acknowledgement, send an envelope again, ask for a refresh, refuse, say nonsense, stop listening, never answer.
//!
//! `apps.connections.open` is answered here; every other method of the Web API goes to the server behind. Each envelope
//! goes to one of the open sockets, as with Slack. It remembers every acknowledgement, and for how long no socket was
//! open.
#![expect(clippy::disallowed_methods, reason = "measures, and ends with the value that holds it")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::eventually;

/// How the next connection is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// `apps.connections.open` answers this error.
    Refused(&'static str),
    /// `apps.connections.open` answers 429.
    RateLimited(u64),
    /// The connection is taken, and the handshake never answered.
    NoHandshake,
    /// The handshake is answered, and nothing follows.
    NoHello,
    /// `disconnect` with this reason in place of hello, then the end.
    TurnedAway(&'static str),
}

/// What a socket is told to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Say {
    /// A message.
    Text(String),
    /// A message of bytes.
    Binary(Vec<u8>),
    /// A message in so many frames, with a ping between them.
    Split(String, usize),
    /// Says goodbye.
    Close,
    /// Is gone without a word.
    Vanish,
    /// Reads nothing for so long, and so answers no ping either.
    Deaf(Duration),
}

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ack {
    /// On which socket.
    pub(crate) socket: usize,
    /// Of which envelope.
    pub(crate) envelope: String,
    /// The answer in it, or null.
    pub(crate) answer: Value,
}

#[derive(Debug, Default)]
struct Inner {
    token: String,
    behind: Option<String>,
    ws: String,
    meetings: VecDeque<Meeting>,
    asked: usize,
    made: usize,
    open: BTreeMap<usize, UnboundedSender<Say>>,
    ended: Vec<usize>,
    acks: Vec<Ack>,
    envelopes: usize,
    turn: usize,
    none_since: Option<Instant>,
    gap: Duration,
}

impl Inner {
    fn opened(&mut self, socket: usize, say: UnboundedSender<Say>) {
        self.gap += self.none_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.open.insert(socket, say);
    }

    fn closed(&mut self, socket: usize) {
        if self.open.remove(&socket).is_some() && self.open.is_empty() {
            self.none_since = Some(Instant::now());
        }
        self.ended.push(socket);
    }
}

type Shared = Arc<Mutex<Inner>>;

/// Running.
#[derive(Debug)]
pub(crate) struct FakeSockets {
    /// What the product's `SLACK_API_URL` is.
    pub(crate) api_url: String,
    inner: Shared,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for FakeSockets {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Starts it: it takes this app-level token, and the Web API `behind` does all the rest.
pub(crate) async fn fake_sockets(token: &str, behind: Option<String>) -> FakeSockets {
    let bind = || TcpListener::bind(("127.0.0.1", 0));
    let (api, ws) = (bind().await.expect("a port is free"), bind().await.expect("a port is free"));
    let at = |listener: &TcpListener| listener.local_addr().expect("it is bound");
    let inner = Shared::default();
    *lock(&inner) = Inner {
        token: token.to_owned(),
        behind,
        ws: format!("ws://{}/link", at(&ws)),
        ..Inner::default()
    };
    let api_url = format!("http://{}/api", at(&api));
    let router = Router::new()
        .route("/api/{method}", axum::routing::any(handle))
        .with_state(Arc::clone(&inner));
    let serve = async move { axum::serve(api, router).await.expect("it serves until aborted") };
    let shared = Arc::clone(&inner);
    let accept = async move {
        while let Ok((stream, _)) = ws.accept().await {
            drop(tokio::spawn(meet(Arc::clone(&shared), stream)));
        }
    };
    let tasks = [tokio::spawn(serve), tokio::spawn(accept)];
    FakeSockets { api_url, inner, tasks }
}

fn lock(inner: &Shared) -> std::sync::MutexGuard<'_, Inner> {
    inner.lock().expect("nobody panics while holding it")
}

async fn handle(
    State(inner): State<Shared>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != "apps.connections.open" {
        return forward(&inner, &method, query, headers, body).await;
    }
    let mut inner = lock(&inner);
    inner.asked += 1;
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
    let error = match bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")) {
        Some(token) if token == inner.token => None,
        Some(token) if token.starts_with("xoxb-") => Some("not_allowed_token_type"),
        Some(_) => Some("invalid_auth"),
        None => Some("not_authed"),
    };
    let error = error.or(match inner.meetings.front() {
        Some(&Meeting::Refused(error)) => Some(error),
        Some(&Meeting::RateLimited(wait)) => {
            inner.meetings.pop_front();
            let headers = [("retry-after", wait.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, headers, "{}").into_response();
        }
        Some(_) | None => None,
    });
    if let Some(error) = error {
        if matches!(inner.meetings.front(), Some(Meeting::Refused(_))) {
            inner.meetings.pop_front();
        }
        return axum::Json(json!({ "ok": false, "error": error })).into_response();
    }
    let url = format!("{}?ticket={}", inner.ws, inner.asked);
    axum::Json(json!({ "ok": true, "url": url })).into_response()
}

async fn forward(
    inner: &Shared,
    method: &str,
    query: Option<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(behind) = lock(inner).behind.clone() else {
        return axum::Json(json!({ "ok": false, "error": "unknown_method" })).into_response();
    };
    pass_on(&behind, method, query, headers, body).await
}

/// Has another Web API answer.
pub(super) async fn pass_on(
    behind: &str,
    method: &str,
    query: Option<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut request = match query {
        Some(query) => super::http().get(format!("{behind}/{method}?{query}")),
        None => super::http().post(format!("{behind}/{method}")).body(body),
    };
    for name in ["authorization", "content-type"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value.as_bytes());
        }
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let status = StatusCode::from_u16(status).expect("it is one");
            let kind = [("content-type", "application/json")];
            (status, kind, answer.bytes().await.unwrap_or_default()).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn meet(inner: Shared, stream: TcpStream) {
    let (socket, meeting) = {
        let mut inner = lock(&inner);
        inner.made += 1;
        (inner.made, inner.meetings.pop_front())
    };
    if meeting == Some(Meeting::NoHandshake) {
        return std::future::pending().await;
    }
    let Ok(mut ws) = tokio_tungstenite::accept_async(stream).await else { return };
    match meeting {
        Some(Meeting::NoHello) => return std::future::pending().await,
        Some(Meeting::TurnedAway(reason)) => {
            let text = json!({ "type": "disconnect", "reason": reason }).to_string();
            drop(ws.send(Message::text(text)).await);
            drop(ws.close(None).await);
            return;
        }
        Some(_) | None => {}
    }
    let hello = json!({ "type": "hello", "num_connections": 1,
        "debug_info": { "host": "applink-1", "approximate_connection_time": 18060 },
        "connection_info": { "app_id": "A01APP" } });
    if ws.send(Message::text(hello.to_string())).await.is_err() {
        return;
    }
    let (say, said) = unbounded_channel();
    lock(&inner).opened(socket, say);
    talk(&inner, socket, &mut ws, said).await;
    lock(&inner).closed(socket);
}

/// Until one of the two goes away.
async fn talk(
    inner: &Shared,
    socket: usize,
    ws: &mut WebSocketStream<TcpStream>,
    mut said: UnboundedReceiver<Say>,
) {
    loop {
        tokio::select! {
            say = said.recv() => match say {
                Some(Say::Text(text)) => drop(ws.send(Message::text(text)).await),
                Some(Say::Binary(bytes)) => drop(ws.send(Message::binary(bytes)).await),
                Some(Say::Split(text, parts)) => split(ws, &text, parts).await,
                Some(Say::Deaf(time)) => tokio::time::sleep(time).await,
                Some(Say::Close) => {
                    drop(ws.close(None).await);
                    return;
                }
                Some(Say::Vanish) | None => return,
            },
            heard = ws.next() => match heard {
                Some(Ok(Message::Text(text))) => {
                    let mut heard: Value = serde_json::from_str(&text).expect("the app sends JSON");
                    let envelope = heard["envelope_id"].as_str().expect("an id").to_owned();
                    let ack = Ack { socket, envelope, answer: heard["payload"].take() };
                    lock(inner).acks.push(ack);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

async fn split(ws: &mut WebSocketStream<TcpStream>, text: &str, parts: usize) {
    let bytes = text.as_bytes();
    let size = bytes.len().div_ceil(parts);
    for (number, part) in bytes.chunks(size).enumerate() {
        let kind = if number == 0 { Data::Text } else { Data::Continue };
        let is_last = (number + 1) * size >= bytes.len();
        let frame = Frame::message(part.to_vec(), OpCode::Data(kind), is_last);
        drop(ws.send(Message::Frame(frame)).await);
        if !is_last {
            drop(ws.send(Message::Ping(b"between".as_slice().into())).await);
        }
    }
}

impl FakeSockets {
    /// How the next connections are met, in order; then as usual.
    pub(crate) fn meet(&self, meetings: impl IntoIterator<Item = Meeting>) {
        lock(&self.inner).meetings.extend(meetings);
    }

    /// The sockets that are open, oldest first.
    pub(crate) fn open(&self) -> Vec<usize> {
        lock(&self.inner).open.keys().copied().collect()
    }

    /// Waits until so many are open.
    pub(crate) async fn opened(&self, count: usize) -> Vec<usize> {
        eventually(&format!("{count} sockets are open"), 30, || async {
            Some(self.open()).filter(|open| open.len() == count)
        })
        .await
    }

    /// Waits until one has ended.
    pub(crate) async fn ended(&self, socket: usize) {
        eventually(&format!("socket {socket} ends"), 30, || async {
            lock(&self.inner).ended.contains(&socket).then_some(())
        })
        .await;
    }

    /// How often the app asked for an address.
    pub(crate) fn asked(&self) -> usize {
        lock(&self.inner).asked
    }

    /// For how long no socket was open, since the first was.
    pub(crate) fn gap(&self) -> Duration {
        let inner = lock(&self.inner);
        inner.gap + inner.none_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Tells a socket what to do.
    pub(crate) fn say(&self, socket: usize, what: Say) {
        let inner = lock(&self.inner);
        let say = inner.open.get(&socket).unwrap_or_else(|| panic!("socket {socket} is gone"));
        say.send(what).expect("it listens");
    }

    /// Asks for another socket in place of this one.
    pub(crate) fn disconnect(&self, socket: usize, reason: &str) {
        let text = json!({ "type": "disconnect", "reason": reason, "debug_info": {} });
        self.say(socket, Say::Text(text.to_string()));
    }

    /// An envelope with a new id.
    pub(crate) fn envelope(&self, kind: &str, payload: &Value) -> (String, String) {
        let mut inner = lock(&self.inner);
        inner.envelopes += 1;
        let id = format!("envelope-{}", inner.envelopes);
        let envelope = json!({ "envelope_id": id, "type": kind, "payload": payload,
            "accepts_response_payload": kind != "events_api" });
        (id, envelope.to_string())
    }

    /// Sends an envelope on a socket; its id.
    pub(crate) fn send(&self, socket: usize, kind: &str, payload: &Value) -> String {
        let (id, text) = self.envelope(kind, payload);
        self.say(socket, Say::Text(text));
        id
    }

    /// The acknowledgement of an envelope, if it came.
    pub(crate) fn ack(&self, envelope: &str) -> Option<Ack> {
        lock(&self.inner).acks.iter().find(|ack| ack.envelope == envelope).cloned()
    }

    /// Waits for an acknowledgement.
    pub(crate) async fn acked(&self, envelope: &str) -> Ack {
        eventually(&format!("`{envelope}` is acknowledged"), 20, || async { self.ack(envelope) })
            .await
    }

    /// Gives an envelope to one of the sockets; its acknowledgement, if one comes within ten seconds.
    pub(crate) async fn deliver(&self, kind: &str, payload: &Value) -> Option<Ack> {
        let socket = {
            let mut inner = lock(&self.inner);
            inner.turn += 1;
            let at = inner.turn % inner.open.len().max(1);
            *inner.open.keys().nth(at)?
        };
        let envelope = self.send(socket, kind, payload);
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if let Some(ack) = self.ack(&envelope) {
                return Some(ack);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        None
    }
}

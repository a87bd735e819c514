//! Stands where Slack's edge stands: takes what local-slack sends to its one URL and delivers it to the URL the app
//! has for that kind, bytes and signature untouched, or in an envelope on one of the app's sockets, once or twice, and
//! remembers every delivery with its answers.
//!
//! Real Slack has separate URLs for commands, interactions and events; local-slack has one. It also never delivers
//! twice, which Slack does.
#![expect(clippy::disallowed_methods, reason = "measures, and ends with the value that holds it")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::fake_sockets::FakeSockets;

/// What was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryKind {
    /// A slash command.
    Command,
    /// A click, a submitted or closed modal.
    Interaction,
    /// A message, a mention, an opened home.
    Event,
}

/// How often each delivery is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deliveries {
    /// Once.
    Once,
    /// Twice at the same moment.
    Doubled,
}

/// By which way a delivery is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Door {
    /// To the app's URLs.
    #[default]
    Http,
    /// On one of the app's sockets.
    Socket,
    /// By turns; and what is doubled, once by each.
    Both,
    /// On the sockets of local-slack itself: each envelope on all of them, and nothing is remembered here.
    Native,
}

/// One answer of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status; 0 when there was no answer in 10 s.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
    /// Slack shows people an error after 3000.
    pub(crate) took_ms: u128,
}

/// One thing Slack had to say, and what the app answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    /// Its kind.
    pub(crate) kind: DeliveryKind,
    /// The headers that matter: content type, timestamp, signature.
    pub(crate) headers: Vec<(String, String)>,
    /// The raw body.
    pub(crate) body: String,
    /// The answers, as many as deliveries were made.
    pub(crate) answers: Vec<Answer>,
}

impl Delivery {
    /// The JSON within: of an event the body, of an interaction its `payload`, of a command its fields.
    pub(crate) fn payload(&self) -> Value {
        let fields = || url::form_urlencoded::parse(self.body.as_bytes());
        match self.kind {
            DeliveryKind::Event => serde_json::from_str(&self.body).expect("Slack sends JSON"),
            DeliveryKind::Interaction => {
                let payload = fields().find(|(name, _)| name == "payload").expect("it has one").1;
                serde_json::from_str(&payload).expect("Slack sends JSON")
            }
            DeliveryKind::Command => fields()
                .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
                .collect(),
        }
    }
}

/// The paths of the app's three URLs.
#[derive(Debug, Clone)]
pub(crate) struct AppPaths {
    /// For slash commands.
    pub(crate) commands: String,
    /// For interactions.
    pub(crate) interactions: String,
    /// For events.
    pub(crate) events: String,
}

impl Default for AppPaths {
    fn default() -> Self {
        let path = |last: &str| format!("/slack/{last}");
        Self {
            commands: path("commands"),
            interactions: path("interactions"),
            events: path("events"),
        }
    }
}

#[derive(Debug)]
struct Inner {
    base: Option<String>,
    paths: AppPaths,
    deliveries: Deliveries,
    door: Door,
    sockets: Option<Arc<FakeSockets>>,
    made: Vec<Delivery>,
}

impl Inner {
    /// By which ways the next delivery is made.
    fn ways(&self) -> Vec<Door> {
        let turn = if self.made.len().is_multiple_of(2) { Door::Http } else { Door::Socket };
        match (self.door, self.deliveries) {
            (Door::Both, Deliveries::Once) => vec![turn],
            (Door::Both, Deliveries::Doubled) => vec![Door::Http, Door::Socket],
            (door, Deliveries::Once) => vec![door],
            (door, Deliveries::Doubled) => vec![door; 2],
        }
    }
}

/// A running relay.
#[derive(Debug)]
pub(crate) struct Relay {
    /// What local-slack is configured with.
    pub(crate) url: String,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    client: reqwest::Client,
}

impl Relay {
    /// Listens; delivers nothing until [`Self::connect`].
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
        let inner = Arc::new(Mutex::new(Inner {
            base: None,
            paths: AppPaths::default(),
            deliveries: Deliveries::Once,
            door: Door::Http,
            sockets: None,
            made: Vec::new(),
        }));
        let shared = Shared { inner: Arc::clone(&inner), client: super::http() };
        let router = Router::new().fallback(take).with_state(shared);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until aborted");
        });
        Self { url, inner, task }
    }

    fn with<T>(&self, what: impl FnOnce(&mut Inner) -> T) -> T {
        what(&mut self.inner.lock().expect("nobody panics while holding it"))
    }

    /// Says where the app is.
    pub(crate) fn connect(&self, base: &str, paths: AppPaths) {
        self.with(|inner| {
            inner.base = Some(base.trim_end_matches('/').to_owned());
            inner.paths = paths;
        });
    }

    /// Delivers by sockets, too or instead.
    pub(crate) fn through(&self, door: Door, sockets: Arc<FakeSockets>) {
        self.with(|inner| {
            inner.door = door;
            inner.sockets = Some(sockets);
        });
    }

    /// Chooses how often each delivery is made from now on.
    pub(crate) fn deliver(&self, deliveries: Deliveries) {
        self.with(|inner| inner.deliveries = deliveries);
    }

    /// Everything delivered and answered so far, in order of the answers.
    pub(crate) fn made(&self) -> Vec<Delivery> {
        self.with(|inner| inner.made.clone())
    }
}

fn kind_of(headers: &HeaderMap, body: &[u8]) -> DeliveryKind {
    let form = headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.contains("urlencoded"));
    match (form, body.starts_with(b"payload=")) {
        (false, _) => DeliveryKind::Event,
        (true, true) => DeliveryKind::Interaction,
        (true, false) => DeliveryKind::Command,
    }
}

async fn take(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = kind_of(&headers, &body);
    let (url, sockets, ways) = {
        let inner = shared.inner.lock().expect("nobody panics while holding it");
        let path = match kind {
            DeliveryKind::Command => &inner.paths.commands,
            DeliveryKind::Interaction => &inner.paths.interactions,
            DeliveryKind::Event => &inner.paths.events,
        };
        let url = inner.base.as_ref().map(|base| format!("{base}{path}"));
        (url, inner.sockets.clone(), inner.ways())
    };
    let Some(url) = url else { return StatusCode::BAD_GATEWAY.into_response() };
    let kept: Vec<(String, String)> =
        ["content-type", "x-slack-request-timestamp", "x-slack-signature"]
            .into_iter()
            .filter_map(|name| {
                Some((name.to_owned(), headers.get(name)?.to_str().ok()?.to_owned()))
            })
            .collect();
    let text = String::from_utf8_lossy(&body).into_owned();
    let mut delivery = Delivery { kind, headers: kept, body: text, answers: Vec::new() };
    let again = [("x-slack-retry-num", "1"), ("x-slack-retry-reason", "http_timeout")];
    let made = ways.into_iter().enumerate().map(|(number, way)| {
        let is_again = number > 0 && kind == DeliveryKind::Event;
        let again = if is_again { &again[..] } else { &[] };
        let (shared, url, delivery, sockets) = (&shared, &url, &delivery, sockets.as_ref());
        let body = body.clone();
        async move {
            match (way, sockets) {
                (Door::Socket, Some(sockets)) => enclose(sockets, delivery).await,
                _ => deliver(&shared.client, url, &delivery.headers, again, &body).await,
            }
        }
    });
    let answers = futures_util::future::join_all(made).await;
    let first = answers.first().expect("there is always one").clone();
    delivery.answers = answers;
    shared.inner.lock().expect("nobody panics while holding it").made.push(delivery);
    let status = StatusCode::from_u16(first.status).unwrap_or(StatusCode::GATEWAY_TIMEOUT);
    (status, first.body).into_response()
}

/// Delivers in an envelope.
async fn enclose(sockets: &FakeSockets, delivery: &Delivery) -> Answer {
    let begun = Instant::now();
    let kind = match delivery.kind {
        DeliveryKind::Command => "slash_commands",
        DeliveryKind::Interaction => "interactive",
        DeliveryKind::Event => "events_api",
    };
    let ack = sockets.deliver(kind, &delivery.payload()).await;
    let took_ms = begun.elapsed().as_millis();
    match ack.map(|ack| ack.answer) {
        Some(Value::Null) => Answer { status: 200, body: String::new(), took_ms },
        Some(answer) => Answer { status: 200, body: answer.to_string(), took_ms },
        None => Answer { status: 0, body: "no acknowledgement".to_owned(), took_ms },
    }
}

async fn deliver(
    client: &reqwest::Client,
    url: &str,
    headers: &[(String, String)],
    more: &[(&str, &str)],
    body: &Bytes,
) -> Answer {
    let begun = Instant::now();
    let mut request = client.post(url).timeout(Duration::from_secs(10)).body(body.clone());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let (status, body) = match request.send().await {
        Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
        Err(error) => (0, error.to_string()),
    };
    Answer { status, body, took_ms: begun.elapsed().as_millis() }
}

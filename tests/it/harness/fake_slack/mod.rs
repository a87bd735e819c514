//! A Slack Web API that is as strict as Slack and can be made to fail: it refuses what breaks Slack's limits with
//! Slack's own error codes, answers 429, answers late, or not at all, and keeps every call in order.
//!
//! It only answers; what Slack *sends* comes from [`crate::harness::local_slack`] or from a test with [`crate::harness::signed`].
#![expect(
    clippy::disallowed_methods,
    reason = "triggers expire, and it ends with the value that holds it"
)]

mod messages;
mod methods;
mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::methods::{perform, refuse};
use crate::harness::signing::now_s;
use crate::harness::slack_rates::Rates;
use crate::harness::slack_schedule::{Schedule, Scheduled};

/// One call, as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// `chat.postMessage`.
    pub(crate) method: String,
    /// Its arguments, `blocks` and `view` as JSON whatever the encoding was.
    pub(crate) arguments: Value,
    /// What was answered; null while a call is spoiled.
    pub(crate) answer: Value,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `{ok: false, error}`; nothing is done.
    Error(String),
    /// 429 with `Retry-After`; nothing is done.
    RateLimited {
        /// Seconds.
        retry_after: u64,
    },
    /// A bare 503; nothing is done.
    Unavailable,
    /// It is done, late.
    Delay(Duration),
    /// It is done, and the answer is lost: the connection stays open until the client gives up.
    AnswerLost,
    /// It is done, and the connection is cut instead of an answer.
    AnswerCut,
    /// The connection is cut; nothing is done.
    Cut,
}

#[derive(Debug, Default)]
struct Inner {
    token: String,
    users: BTreeMap<String, String>,
    locales: BTreeMap<String, String>,
    calls: Vec<Call>,
    faults: VecDeque<(String, Fault)>,
    always: Option<(String, Fault)>,
    schedule: Schedule,
    rates: Rates,
    /// Its clock: so many seconds ahead of ours.
    ahead: i64,
    messages: BTreeMap<(String, String), Value>,
    pins: Vec<(String, String)>,
    groups: BTreeMap<String, Vec<String>>,
    /// How many members of a group it tells at once.
    group_page: Option<usize>,
    /// What the app was not given.
    lacks: BTreeSet<String>,
    triggers: BTreeMap<String, Instant>,
    views: BTreeSet<String>,
    next: u64,
}

/// A running fake.
#[derive(Debug)]
pub(crate) struct FakeSlack {
    /// What the product's `SLACK_API_URL` is.
    pub(crate) api_url: String,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

impl Drop for FakeSlack {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a fake with these people, that takes only this bot token.
pub(crate) async fn fake_slack(token: &str, users: &[(&str, &str)]) -> FakeSlack {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let api_url = format!("http://{}/api", listener.local_addr().expect("it is bound"));
    let users = users.iter().map(|&(id, name)| (id.to_owned(), name.to_owned())).collect();
    let inner = Arc::new(Mutex::new(Inner { token: token.to_owned(), users, ..Inner::default() }));
    let router = Router::new()
        .route("/api/{method}", axum::routing::any(handle))
        .with_state(Arc::clone(&inner));
    let task = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves until aborted");
    });
    FakeSlack { api_url, inner, task }
}

impl FakeSlack {
    fn with<T>(&self, what: impl FnOnce(&mut Inner) -> T) -> T {
        what(&mut self.inner.lock().expect("nobody panics while holding it"))
    }

    /// Somebody writes a message, in a thread if one is named; its `ts`.
    pub(crate) fn says(
        &self,
        user: &str,
        channel: &str,
        thread: Option<&str>,
        text: &str,
    ) -> String {
        self.with(|inner| {
            let ts = inner.new_ts();
            let mut message = json!({ "type": "message", "user": user, "team": "T01TEST", "ts": ts, "text": text });
            if let Some(thread) = thread {
                message["thread_ts"] = json!(thread);
            }
            inner.messages.insert((channel.to_owned(), ts.clone()), message);
            ts
        })
    }

    /// Says in which language somebody has set up their Slack (`fr-FR`).
    pub(crate) fn speaks(&self, user: &str, locale: &str) {
        self.with(|inner| inner.locales.insert(user.to_owned(), locale.to_owned()));
    }

    /// Says who is in a user group from now on.
    pub(crate) fn group(&self, id: &str, users: &[&str]) {
        let users = users.iter().map(|&user| user.to_owned()).collect();
        self.with(|inner| inner.groups.insert(id.to_owned(), users));
    }

    /// Tells so many members of a group at once.
    pub(crate) fn pages_groups(&self, by: usize) {
        self.with(|inner| inner.group_page = Some(by));
    }

    /// The app was installed without this scope, or with it after all.
    pub(crate) fn lacks(&self, scope: &str, is_so: bool) {
        self.with(|inner| match is_so {
            true => inner.lacks.insert(scope.to_owned()),
            false => inner.lacks.remove(scope),
        });
    }

    /// Every call so far, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.with(|inner| inner.calls.clone())
    }

    /// The messages as they stand now, `(channel, ts)` first.
    pub(crate) fn messages(&self) -> BTreeMap<(String, String), Value> {
        self.with(|inner| {
            inner.deliver();
            inner.messages.clone()
        })
    }

    /// What is pinned, `(channel, ts)`.
    pub(crate) fn pins(&self) -> Vec<(String, String)> {
        self.with(|inner| inner.pins.clone())
    }

    /// How often each method was called in its busiest minute.
    pub(crate) fn busiest(&self) -> BTreeMap<String, usize> {
        self.with(|inner| inner.rates.busiest())
    }

    /// The scheduled messages that wait, by their id.
    pub(crate) fn scheduled(&self) -> BTreeMap<String, Scheduled> {
        self.with(|inner| {
            inner.deliver();
            inner.schedule.pending.clone()
        })
    }

    /// Moves its clock on.
    pub(crate) fn advance(&self, seconds: i64) {
        self.with(|inner| inner.ahead += seconds);
    }

    /// Panics if anything was called more often than Slack promises to take it, or before a 429 was over.
    #[track_caller]
    pub(crate) fn no_violation(&self) {
        let found = self.with(|inner| inner.rates.violations.clone());
        assert!(found.is_empty(), "{found:#?}");
    }

    /// Spoils the next call of this method; `*` means any. Several are used up in order.
    pub(crate) fn spoil_next(&self, method: &str, fault: Fault) {
        self.with(|inner| inner.faults.push_back((method.to_owned(), fault)));
    }

    /// Spoils every call of this method (`*`: of any), until told otherwise.
    pub(crate) fn spoil(&self, fault: Option<(&str, Fault)>) {
        let fault = fault.map(|(method, fault)| (method.to_owned(), fault));
        self.with(|inner| inner.always = fault);
    }

    /// A trigger for `views.open`, good for three seconds and one use, as Slack hands out.
    pub(crate) fn trigger(&self) -> String {
        self.trigger_made(Instant::now())
    }

    /// A trigger that somebody took too long to use.
    pub(crate) fn expired_trigger(&self) -> String {
        let ago = Instant::now().checked_sub(Duration::from_secs(4)).expect("the machine is up");
        self.trigger_made(ago)
    }

    fn trigger_made(&self, when: Instant) -> String {
        self.with(|inner| {
            inner.next += 1;
            let id = format!("{}.1.abc", inner.next);
            inner.triggers.insert(id.clone(), when);
            id
        })
    }
}

fn arguments(headers: &HeaderMap, body: &[u8]) -> Value {
    let json = headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.contains("json"));
    if json {
        return serde_json::from_slice(body).unwrap_or(Value::Null);
    }
    let mut found: Value = url::form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    for name in ["blocks", "view", "metadata"] {
        if let Some(parsed) = found[name].as_str().and_then(|text| serde_json::from_str(text).ok())
        {
            found[name] = parsed;
        }
    }
    if let Value::Object(fields) = &mut found {
        fields.retain(|_, value| !value.is_null());
    }
    found
}

async fn handle(
    State(inner): State<Arc<Mutex<Inner>>>,
    Path(method): Path<String>,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let source = if body.is_empty() { Bytes::from(query.unwrap_or_default()) } else { body };
    let arguments = arguments(&headers, &source);
    let bearer = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::to_owned);
    let (fault, answer) = {
        let mut inner = inner.lock().expect("nobody panics while holding it");
        inner.deliver();
        let channel = arguments["channel"].as_str().unwrap_or_default().to_owned();
        inner.rates.called(&method, &channel, Instant::now());
        let hit = inner.faults.iter().position(|(wanted, _)| wanted == "*" || *wanted == method);
        let fault = hit.and_then(|hit| inner.faults.remove(hit)).or_else(|| {
            inner.always.clone().filter(|(wanted, _)| wanted == "*" || *wanted == method)
        });
        let fault = fault.map(|(_, fault)| fault);
        if let Some(Fault::RateLimited { retry_after }) = fault {
            let until = Instant::now() + Duration::from_secs(retry_after);
            inner.rates.stop(&method, &channel, until);
        }
        let answer = match &fault {
            Some(Fault::Error(error)) => refuse(error),
            Some(Fault::RateLimited { .. } | Fault::Unavailable | Fault::Cut) => Value::Null,
            Some(Fault::Delay(_) | Fault::AnswerLost | Fault::AnswerCut) | None => {
                perform(&mut inner, bearer.as_deref(), &method, &arguments)
            }
        };
        inner.calls.push(Call { method, arguments, answer: answer.clone() });
        (fault, answer)
    };
    match fault {
        Some(Fault::RateLimited { retry_after }) => {
            let headers = [("retry-after", retry_after.to_string())];
            let body = json!({ "ok": false, "error": "ratelimited" });
            return (StatusCode::TOO_MANY_REQUESTS, headers, axum::Json(body)).into_response();
        }
        Some(Fault::Unavailable) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::AnswerLost) => std::future::pending().await,
        Some(Fault::AnswerCut | Fault::Cut) => {
            let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            let body = futures_util::stream::once(async { Err::<Bytes, _>(cut) });
            return axum::body::Body::from_stream(body).into_response();
        }
        Some(Fault::Error(_)) | None => {}
    }
    axum::Json(answer).into_response()
}

fn system_s() -> i64 {
    i64::try_from(now_s()).expect("it is a time of this age")
}

impl Inner {
    fn now_s(&self) -> i64 {
        system_s() + self.ahead
    }

    fn new_ts(&mut self) -> String {
        self.next += 1;
        format!("{}.{:06}", self.now_s(), self.next)
    }

    /// Posts the scheduled messages that are due.
    fn deliver(&mut self) {
        let now = self.now_s();
        for due in self.schedule.due(now) {
            let ts = self.new_ts();
            let message = json!({
                "type": "message", "user": "U0BOT", "bot_id": "B0BOT", "ts": ts, "text": due.text,
                "blocks": due.blocks,
            });
            self.messages.insert((due.channel, ts), message);
        }
    }
}

#[cfg(test)]
mod tests;

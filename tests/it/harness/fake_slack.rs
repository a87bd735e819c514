//! A Slack Web API that is as strict as Slack and can be made to fail: it refuses what breaks Slack's limits with
//! Slack's own error codes, answers 429, answers late, or not at all, and keeps every call in order.
//!
//! It only answers; what Slack *sends* comes from [`super::local_slack`] or from a test with [`super::signed`].
#![expect(
    clippy::disallowed_methods,
    reason = "triggers expire, and it ends with the value that holds it"
)]

use std::collections::{BTreeMap, VecDeque};
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

use super::slack_limits::{Surface, violations};

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
}

#[derive(Debug, Default)]
struct Inner {
    token: String,
    users: BTreeMap<String, String>,
    calls: Vec<Call>,
    faults: VecDeque<(String, Fault)>,
    messages: BTreeMap<(String, String), Value>,
    triggers: BTreeMap<String, Instant>,
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

    /// Every call so far, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.with(|inner| inner.calls.clone())
    }

    /// The messages as they stand now, `(channel, ts)` first.
    pub(crate) fn messages(&self) -> BTreeMap<(String, String), Value> {
        self.with(|inner| inner.messages.clone())
    }

    /// Spoils the next call of this method; `*` means any. Several are used up in order.
    pub(crate) fn spoil_next(&self, method: &str, fault: Fault) {
        self.with(|inner| inner.faults.push_back((method.to_owned(), fault)));
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
        let hit = inner.faults.iter().position(|(wanted, _)| wanted == "*" || *wanted == method);
        let fault = hit.and_then(|hit| inner.faults.remove(hit)).map(|(_, fault)| fault);
        let answer = match &fault {
            Some(Fault::Error(error)) => refuse(error),
            Some(Fault::RateLimited { .. } | Fault::Unavailable) => Value::Null,
            Some(Fault::Delay(_) | Fault::AnswerLost) | None => {
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
        Some(Fault::Error(_)) | None => {}
    }
    axum::Json(answer).into_response()
}

fn refuse(error: &str) -> Value {
    json!({ "ok": false, "error": error })
}

fn perform(inner: &mut Inner, bearer: Option<&str>, method: &str, arguments: &Value) -> Value {
    match bearer {
        None => return refuse("not_authed"),
        Some(token) if token != inner.token => return refuse("invalid_auth"),
        Some(_) => {}
    }
    match method {
        "auth.test" => json!({
            "ok": true, "url": "https://shop.slack.test/", "team": "Shop", "user": "dr-buddy",
            "team_id": "T01TEST", "user_id": "U0BOT", "bot_id": "B0BOT",
        }),
        "users.info" => {
            match arguments["user"].as_str().and_then(|id| inner.users.get_key_value(id)) {
                Some((id, name)) => json!({ "ok": true, "user": {
                    "id": id, "team_id": "T01TEST", "name": name, "real_name": name, "deleted": false,
                    "is_bot": false, "tz": "Europe/Paris", "locale": "en-US",
                    "profile": { "real_name": name, "display_name": name },
                }}),
                None => refuse("user_not_found"),
            }
        }
        "chat.postMessage" | "chat.update" | "chat.postEphemeral" => {
            message(inner, method, arguments)
        }
        "views.open" => view(inner, arguments),
        _ => refuse("unknown_method"),
    }
}

/// The error of a message's content, if Slack would refuse it.
fn content(arguments: &Value) -> Result<(), Value> {
    let text = arguments["text"].as_str().unwrap_or_default();
    // Slack only warns about blocks without text; here it is an error, as every message needs its fallback.
    if text.is_empty() {
        return Err(refuse("no_text"));
    }
    if text.chars().count() > 40_000 {
        return Err(refuse("msg_too_long"));
    }
    blocks(&arguments["blocks"], Surface::Message)
}

fn blocks(blocks: &Value, surface: Surface) -> Result<(), Value> {
    if blocks.is_null() {
        return Ok(());
    }
    let Some(blocks) = blocks.as_array() else { return Err(refuse("invalid_blocks_format")) };
    let found = violations(blocks, surface);
    if found.is_empty() {
        return Ok(());
    }
    let mut error = refuse("invalid_blocks");
    error["response_metadata"] = json!({ "messages": found });
    Err(error)
}

fn message(inner: &mut Inner, method: &str, arguments: &Value) -> Value {
    if let Err(refused) = content(arguments) {
        return refused;
    }
    let Some(channel) = arguments["channel"].as_str() else { return refuse("channel_not_found") };
    if method == "chat.postEphemeral" {
        let known = arguments["user"].as_str().is_some_and(|user| inner.users.contains_key(user));
        if !known {
            return refuse("user_not_in_channel");
        }
    }
    let ts = if method == "chat.update" {
        let ts = arguments["ts"].as_str().unwrap_or_default().to_owned();
        if !inner.messages.contains_key(&(channel.to_owned(), ts.clone())) {
            return refuse("message_not_found");
        }
        ts
    } else {
        inner.next += 1;
        format!("1790000000.{:06}", inner.next)
    };
    if method == "chat.postEphemeral" {
        return json!({ "ok": true, "message_ts": ts });
    }
    let mut message = json!({
        "type": "message", "user": "U0BOT", "bot_id": "B0BOT", "ts": ts, "text": arguments["text"],
    });
    for name in ["blocks", "thread_ts", "metadata"] {
        if let Some(value) = arguments.get(name) {
            message[name] = value.clone();
        }
    }
    inner.messages.insert((channel.to_owned(), ts.clone()), message.clone());
    json!({ "ok": true, "channel": channel, "ts": ts, "text": arguments["text"], "message": message })
}

fn view(inner: &mut Inner, arguments: &Value) -> Value {
    let trigger = arguments["trigger_id"].as_str().unwrap_or_default();
    match inner.triggers.remove(trigger) {
        None => return refuse("invalid_trigger_id"),
        Some(made) if made.elapsed() > Duration::from_secs(3) => {
            return refuse("expired_trigger_id");
        }
        Some(_) => {}
    }
    let mut view = arguments["view"].clone();
    let title = view["title"]["text"].as_str().unwrap_or_default().chars().count();
    if !(1..=24).contains(&title)
        || view["private_metadata"].as_str().unwrap_or_default().len() > 3000
    {
        return refuse("invalid_arguments");
    }
    if let Err(refused) = blocks(&view["blocks"], Surface::View) {
        return refused;
    }
    inner.next += 1;
    view["id"] = json!(format!("V{}", inner.next));
    view["state"] = json!({ "values": {} });
    json!({ "ok": true, "view": view })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn call(slack: &FakeSlack, method: &str, arguments: Value) -> Value {
        let request = super::super::http().post(format!("{}/{method}", slack.api_url));
        let sent = request.bearer_auth("xoxb-1").json(&arguments).send().await.unwrap();
        sent.json().await.unwrap()
    }

    fn button(action_id: &str) -> Value {
        let text = json!({ "type": "plain_text", "text": "Run" });
        json!({ "type": "button", "text": text, "action_id": action_id, "value": "r1.s1" })
    }

    #[tokio::test]
    async fn it_keeps_messages_and_every_call_in_order() {
        let slack = fake_slack("xoxb-1", &[("U1", "anna")]).await;
        let posted =
            call(&slack, "chat.postMessage", json!({ "channel": "C1", "text": "a" })).await;
        let ts = posted["ts"].as_str().unwrap();
        let updated =
            call(&slack, "chat.update", json!({ "channel": "C1", "ts": ts, "text": "b" })).await;
        assert_eq!(updated["ok"], true);
        assert_eq!(slack.messages()[&("C1".into(), ts.into())]["text"], "b");
        let gone = json!({ "channel": "C1", "ts": "1.2", "text": "b" });
        assert_eq!(call(&slack, "chat.update", gone).await["error"], "message_not_found");
        let whisper = json!({ "channel": "C1", "user": "U1", "text": "b" });
        assert_eq!(call(&slack, "chat.postEphemeral", whisper).await["ok"], true);
        assert_eq!(
            call(&slack, "users.info", json!({ "user": "U1" })).await["user"]["name"],
            "anna"
        );
        let methods: Vec<_> = slack.calls().into_iter().map(|call| call.method).collect();
        let expected =
            ["chat.postMessage", "chat.update", "chat.update", "chat.postEphemeral", "users.info"];
        assert_eq!(methods, expected);
    }

    #[tokio::test]
    async fn it_refuses_what_slack_refuses() {
        let slack = fake_slack("xoxb-1", &[]).await;
        let section =
            |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
        let named = |id: &str| json!({ "type": "divider", "block_id": id });
        let mut long_value = button("a");
        long_value["value"] = json!("v".repeat(2001));
        let mut long_label = button("a");
        long_label["text"]["text"] = json!("x".repeat(76));
        let bad = [
            json!(vec![json!({ "type": "divider" }); 51]),
            json!([section(&"x".repeat(3001))]),
            json!([section("")]),
            json!([named("b"), named("b")]),
            json!([{ "type": "actions", "elements": [button("a"), button("a")] }]),
            json!([{ "type": "actions", "elements": [long_value] }]),
            json!([{ "type": "actions", "elements": [long_label] }]),
            json!([{ "type": "actions", "elements": vec![button("a"); 26] }]),
            json!([{ "type": "header", "text": { "type": "mrkdwn", "text": "x" } }]),
            json!([{ "type": "banner" }]),
        ];
        for blocks in bad {
            let arguments = json!({ "channel": "C1", "text": "a", "blocks": blocks });
            let answer = call(&slack, "chat.postMessage", arguments).await;
            assert_eq!(answer["error"], "invalid_blocks", "{blocks}");
        }
        let good =
            json!([section("x"), { "type": "actions", "elements": [button("a"), button("b")] }]);
        let mute = json!({ "channel": "C1", "blocks": good });
        assert_eq!(call(&slack, "chat.postMessage", mute).await["error"], "no_text");
        let spoken = json!({ "channel": "C1", "text": "a", "blocks": good });
        assert_eq!(call(&slack, "chat.postMessage", spoken).await["ok"], true);
        let stranger = super::super::http().post(format!("{}/auth.test", slack.api_url));
        let answer: Value = stranger.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"], "not_authed");
    }

    #[tokio::test]
    async fn it_opens_a_modal_only_with_a_fresh_trigger() {
        let slack = fake_slack("xoxb-1", &[]).await;
        let view = json!({ "type": "modal", "title": { "type": "plain_text", "text": "Why" }, "blocks": [] });
        let open = |trigger: String| json!({ "trigger_id": trigger, "view": view });
        let fresh = slack.trigger();
        assert_eq!(call(&slack, "views.open", open(fresh.clone())).await["ok"], true);
        assert_eq!(call(&slack, "views.open", open(fresh)).await["error"], "invalid_trigger_id");
        let old = open(slack.expired_trigger());
        assert_eq!(call(&slack, "views.open", old).await["error"], "expired_trigger_id");
    }

    #[tokio::test]
    async fn it_fails_as_told_and_only_then() {
        let slack = fake_slack("xoxb-1", &[]).await;
        let client = super::super::http();
        let post = || {
            let request = client.post(format!("{}/chat.postMessage", slack.api_url));
            let form = "application/x-www-form-urlencoded";
            request.bearer_auth("xoxb-1").header("content-type", form).body("channel=C1&text=a")
        };
        slack.spoil_next("chat.postMessage", Fault::RateLimited { retry_after: 7 });
        let limited = post().send().await.unwrap();
        assert_eq!(
            (limited.status().as_u16(), &limited.headers()["retry-after"]),
            (429, &"7".parse().unwrap())
        );
        slack.spoil_next("*", Fault::Unavailable);
        assert_eq!(post().send().await.unwrap().status(), 503);
        slack.spoil_next("*", Fault::Error("fatal_error".into()));
        let failed: Value = post().send().await.unwrap().json().await.unwrap();
        assert_eq!(failed["error"], "fatal_error");
        assert!(slack.messages().is_empty());
        slack.spoil_next("*", Fault::AnswerLost);
        assert!(post().timeout(Duration::from_millis(200)).send().await.is_err());
        assert_eq!(slack.messages().len(), 1, "it was posted all the same");
        slack.spoil_next("*", Fault::Delay(Duration::from_millis(10)));
        assert_eq!(post().send().await.unwrap().status(), 200);
    }
}

//! A local Slack of other people's making (`local-slack` 0.1.8), driven as people drive Slack.
//!
//! What it is, read from its source and seen on the wire:
//!
//! - The Web API is at `/api/METHOD`, form or JSON. Known: auth.test, chat.{postMessage, update, delete, postEphemeral,
//!   getPermalink, meMessage}, conversations.{list, info, history, replies, members, open, create}, users.{list, info,
//!   lookupByEmail, conversations}, views.{open, push, update, publish}, reactions.{add, remove}, files.*, team.info,
//!   bots.info, emoji.list, apps.connections.open. Others answer `unknown_method`.
//! - In `mode: events` everything goes to one `requestUrl`, signed with `X-Slack-Signature` and
//!   `X-Slack-Request-Timestamp`; [`super::relay`] spreads it over the app's three URLs. It waits for the answer
//!   without a time limit, then the control call that caused it returns.
//! - **Command**: a form with `token, team_id, team_domain, channel_id, channel_name, user_id, user_name, command, text,
//!   api_app_id, is_enterprise_install=false, response_url, trigger_id`. A JSON answer with `text` or `blocks` becomes
//!   a message (ephemeral if `response_type` says so, else in channel); a plain text answer is dropped.
//! - **`block_actions`**: `payload=` with `type, api_app_id, token, team {id, domain}, is_enterprise_install, user {id,
//!   username, name, team_id}, container {type: message, message_ts, channel_id, is_ephemeral: false}, trigger_id,
//!   channel {id, name}, message (whole), state {values: {}}, response_url, actions [{type, action_id, block_id, value,
//!   text, selected_*, action_ts}]`. No `enterprise` field. It sends what it is told, even of a button that is not
//!   there; [`LocalSlack::click`] looks the button up first, [`LocalSlack::click_stale`] does not.
//! - **`view_submission`**: `type, api_app_id, token, team, is_enterprise_install, user, trigger_id, view {…, id, hash,
//!   private_metadata, state {values}}, response_urls: []`. Inputs left alone come as `{type, value: null}` (or
//!   `selected_option: null`). The answer's `response_action` is obeyed: clear, update, push, errors. Modals are
//!   submitted over the browser's web socket `/ui` only. There is one stack of modals for the whole workspace, not one
//!   per person.
//! - **Mention**: a posted text with `<@BOT>` makes *two* `event_callback`s, first `message`, then `app_mention {type,
//!   user, text, ts, channel, event_ts, thread_ts?}`, with `team_id, api_app_id, event_id, event_time, authorizations`.
//! - In `mode: socket` each envelope goes to all open sockets, the first acknowledgement counts, and after five seconds
//!   without one the control call returns. There is no `disconnect`.
//! - It never redelivers, has no rate limits, keeps no tokens or scopes, lets a trigger live for 30 minutes, and checks
//!   no Block Kit (see [`super::fake_slack`] and [`super::judge`]). It listens on all interfaces: there is no option.
//! - `/_control/log` is its own record (the last 1000) of every Web API call with arguments, every delivery and answer.

use std::fs;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use super::child::Child;
use super::fake_sockets::FakeSockets;
pub(crate) use super::relay::AppPaths;
use super::relay::{Deliveries, Delivery, DeliveryKind, Door, Relay};
use super::{eventually, http, tools};

/// A person of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct SlackUser {
    /// `U0ANNA`.
    pub(crate) id: String,
    /// `anna`.
    pub(crate) name: String,
}

/// A channel; everybody and the bot are in it.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    /// `C0INCIDENT`.
    pub(crate) id: String,
    /// `incident`.
    pub(crate) name: String,
}

/// What the workspace is made of.
#[derive(Debug, Clone)]
pub(crate) struct SlackSetup {
    /// The workspace's id.
    pub(crate) team: String,
    /// The people.
    pub(crate) users: Vec<SlackUser>,
    /// The channels.
    pub(crate) channels: Vec<Channel>,
    /// What requests are signed with.
    pub(crate) signing_secret: String,
    /// The bot's token.
    pub(crate) bot_token: String,
    /// The bot's own user id.
    pub(crate) bot_user: String,
    /// The app-level token, if everything goes by local-slack's own Socket Mode.
    pub(crate) app_token: Option<String>,
}

impl SlackSetup {
    /// `T01TEST` with these people (`("U0ANNA", "anna")`) in these channels (`("C0INCIDENT", "incident")`).
    pub(crate) fn new(users: &[(&str, &str)], channels: &[(&str, &str)]) -> Self {
        let user = |&(id, name): &(&str, &str)| SlackUser { id: id.into(), name: name.into() };
        let channel = |&(id, name): &(&str, &str)| Channel { id: id.into(), name: name.into() };
        Self {
            team: "T01TEST".into(),
            users: users.iter().map(user).collect(),
            channels: channels.iter().map(channel).collect(),
            signing_secret: "8f742231b10e8888abcd99yyyzzz85a5".into(),
            bot_token: "xoxb-test-token".into(),
            bot_user: "U0BOT".into(),
            app_token: None,
        }
    }

    fn config(&self, request_url: &str) -> Value {
        let everybody: Vec<&str> = self
            .users
            .iter()
            .map(|user| user.id.as_str())
            .chain([self.bot_user.as_str()])
            .collect();
        let users: Vec<Value> = self
            .users
            .iter()
            .map(|user| json!({ "id": user.id, "name": user.name, "real_name": user.name }))
            .collect();
        let channels: Vec<Value> = self
            .channels
            .iter()
            .map(|one| json!({ "id": one.id, "name": one.name, "members": everybody }))
            .collect();
        json!({
            "workspace": { "name": "Shop", "domain": "shop", "teamId": self.team },
            "apps": [{
                "appId": "A01APP", "botUserId": self.bot_user, "botName": "dr-buddy",
                "botToken": self.bot_token, "signingSecret": self.signing_secret,
                "mode": if self.app_token.is_some() { "socket" } else { "events" },
                "appToken": self.app_token.as_deref().unwrap_or_default(),
                "requestUrl": request_url,
            }],
            "users": users,
            "channels": channels,
        })
    }
}

/// A person presses a button.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Click<'a> {
    /// Who.
    pub(crate) user: &'a str,
    /// Where.
    pub(crate) channel: &'a str,
    /// On which message.
    pub(crate) ts: &'a str,
    /// Which button.
    pub(crate) action_id: &'a str,
    /// Its value, as far as known; `None` takes what the message says.
    pub(crate) value: Option<&'a str>,
}

/// A running workspace.
#[derive(Debug)]
pub(crate) struct LocalSlack {
    /// What it was made of.
    pub(crate) setup: SlackSetup,
    base: String,
    relay: Relay,
    client: reqwest::Client,
    _child: Child,
    _folder: TempDir,
}

/// Starts a workspace whose deliveries go nowhere until [`LocalSlack::connect`].
pub(crate) async fn local_slack(setup: SlackSetup) -> LocalSlack {
    let relay = Relay::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("workspace.json");
    fs::write(&config, setup.config(&relay.url).to_string()).expect("it can be written");
    let arguments = ["--config", "workspace.json", "--port", "0", "--base-host", "127.0.0.1"];
    let program = tools::local_slack();
    let mut child = Child::start("local-slack", folder.path(), &program, arguments, &[]);
    // Port 0: the kernel chooses and local-slack says which, so nobody can be quicker.
    let base = eventually("local-slack says where it is", 60, || {
        child.must_live();
        let said = child.said();
        async move {
            let rest = said.split_once("Web UI:")?.1;
            rest.lines().next().filter(|_| rest.contains('\n')).map(|url| url.trim().to_owned())
        }
    })
    .await;
    let child = super::aws::ready(child, &format!("{base}/_control/state")).await;
    LocalSlack { setup, base, relay, client: http(), _child: child, _folder: folder }
}

impl LocalSlack {
    /// What the product's `SLACK_API_URL` is.
    pub(crate) fn api_url(&self) -> String {
        format!("{}/api", self.base)
    }

    /// The page on which people see a channel.
    pub(crate) fn page(&self, channel: &str) -> String {
        format!("{}/#/{channel}", self.base)
    }

    /// Says where the app listens: `http://127.0.0.1:PORT`.
    pub(crate) fn connect(&self, app: &str, paths: AppPaths) {
        self.relay.connect(app, paths);
    }

    /// Delivers by the app's sockets, too or instead.
    pub(crate) fn through(&self, door: Door, sockets: Arc<FakeSockets>) {
        self.relay.through(door, sockets);
    }

    /// Chooses how often each delivery is made from now on.
    pub(crate) fn deliver(&self, deliveries: Deliveries) {
        self.relay.deliver(deliveries);
    }

    /// Everything the app was sent, with its answers.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.relay.made()
    }

    async fn control(&self, what: &str, body: Value) {
        let url = format!("{}/_control/{what}", self.base);
        let answer = self.client.post(url).json(&body).send().await.expect("local-slack answers");
        let status = answer.status();
        let text = answer.text().await.expect("local-slack answers");
        assert!(status.is_success(), "{what} {body}: {status} {text}");
    }

    async fn ask(&self, path: &str) -> Value {
        let url = format!("{}/_control/{path}", self.base);
        let answer = self.client.get(url).send().await.expect("local-slack answers");
        answer.json().await.expect("local-slack answers JSON")
    }

    /// Somebody types a slash command (`/dr`, `start region-failover`). Returns when the app has answered.
    pub(crate) async fn command(&self, user: &str, channel: &str, command: &str, text: &str) {
        let body = json!({ "user": user, "channel": channel, "command": command, "text": text });
        self.control("command", body).await;
    }

    /// Somebody writes a message that begins with the bot's name. Returns when the app has answered.
    pub(crate) async fn mention(&self, user: &str, channel: &str, text: &str) {
        let text = format!("<@{}> {text}", self.setup.bot_user);
        self.control("message", json!({ "user": user, "channel": channel, "text": text })).await;
    }

    /// Somebody writes a message; its `ts`. Returns when the app has answered.
    pub(crate) async fn say(&self, user: &str, channel: &str, text: &str) -> String {
        self.control("message", json!({ "user": user, "channel": channel, "text": text })).await;
        let messages = self.messages(channel).await;
        let theirs = messages.iter().rev().find(|message| message["user"] == user);
        theirs.and_then(|message| message["ts"].as_str()).expect("it is there").to_owned()
    }

    /// Somebody puts a reaction on a message, or takes it off. Returns when the app has answered.
    pub(crate) async fn react(&self, user: &str, channel: &str, ts: &str, name: &str, on: bool) {
        let body =
            json!({ "user": user, "channel": channel, "ts": ts, "name": name, "present": on });
        self.control("reaction", body).await;
    }

    /// Somebody opens the app's home. Returns when the app has answered.
    pub(crate) async fn open_home(&self, user: &str) {
        self.control("open-home", json!({ "user": user })).await;
    }

    /// The author of a message changes it, or without a text deletes it.
    pub(crate) async fn rewrite(&self, user: &str, channel: &str, ts: &str, text: Option<&str>) {
        let (mut socket, _) = self.browser().await;
        let mut told = json!({ "t": "delete_message", "user": user, "channel": channel, "ts": ts });
        if let Some(text) = text {
            told["t"] = json!("edit_message");
            told["text"] = json!(text);
        }
        socket.send(Message::text(told.to_string())).await.expect("local-slack listens");
        eventually("the message has changed", 15, || async {
            let messages = self.messages(channel).await;
            let now = messages.iter().find(|message| message["ts"] == ts);
            (now.map(|message| message["text"].as_str().unwrap_or_default()) == text).then_some(())
        })
        .await;
    }

    /// Somebody presses a button that the message has now. Returns when the app has answered.
    pub(crate) async fn click(&self, click: Click<'_>) {
        let messages = self.messages(click.channel).await;
        let message = messages.iter().find(|message| message["ts"] == click.ts);
        let message = message.unwrap_or_else(|| panic!("no message {} to click on", click.ts));
        let (block, button) = button(message, click).unwrap_or_else(|| {
            panic!("no button {click:?} in {message:#}");
        });
        self.interact(click, &block, button["value"].clone(), button["text"].clone()).await;
    }

    /// Somebody presses a button on a screen that was drawn before the message changed.
    pub(crate) async fn click_stale(&self, click: Click<'_>, block_id: &str) {
        let text = json!({ "type": "plain_text", "text": "old" });
        self.interact(click, block_id, json!(click.value), text).await;
    }

    async fn interact(&self, click: Click<'_>, block_id: &str, value: Value, text: Value) {
        let mut action = json!({
            "type": "button", "action_id": click.action_id, "block_id": block_id, "text": text,
        });
        if !value.is_null() {
            action["value"] = value;
        }
        let body = json!({
            "user": click.user, "channel": click.channel, "messageTs": click.ts, "action": action,
        });
        self.control("interact", body).await;
    }

    /// The messages of a channel, oldest first, ephemeral ones included (`subtype: ephemeral`, `ephemeral_to`).
    pub(crate) async fn messages(&self, channel: &str) -> Vec<Value> {
        let found = self.ask(&format!("messages/{channel}")).await;
        found["messages"].as_array().cloned().unwrap_or_default()
    }

    /// What only this person sees in a channel.
    pub(crate) async fn ephemeral_to(&self, user: &str, channel: &str) -> Vec<Value> {
        let mut messages = self.messages(channel).await;
        messages.retain(|message| message["ephemeral_to"] == user);
        messages
    }

    /// local-slack's own record: `{id, time, direction, kind, summary, detail}`.
    pub(crate) async fn log(&self) -> Vec<Value> {
        self.ask("log").await["log"].as_array().cloned().unwrap_or_default()
    }

    /// How often the app called a method of the Web API.
    pub(crate) async fn called(&self, method: &str) -> usize {
        let ours = |entry: &&Value| entry["kind"] == "web_api" && entry["summary"] == method;
        self.log().await.iter().filter(ours).count()
    }

    /// The modal on top, if one is open.
    pub(crate) async fn modal(&self) -> Option<Value> {
        let (_, state) = self.browser().await;
        state["modalStack"].as_array()?.last().cloned()
    }

    /// Somebody fills in and submits the modal on top: `(block_id, action_id, {type, value} | {type, selected_option})`.
    /// Returns when the app has answered.
    pub(crate) async fn submit_modal(&self, user: &str, inputs: &[(&str, &str, Value)]) {
        let (mut socket, state) = self.browser().await;
        assert!(!state["modalStack"].as_array().is_none_or(Vec::is_empty), "no modal is open");
        let mut values = json!({});
        for (block, action, value) in inputs {
            values[*block][*action] = value.clone();
        }
        let submitted = || {
            let mut made = self.deliveries();
            made.retain(|one| {
                one.kind == DeliveryKind::Interaction && one.payload()["type"] == "view_submission"
            });
            made.len()
        };
        let before = submitted();
        let submit = json!({ "t": "view_submit", "user": user, "values": values }).to_string();
        socket.send(Message::text(submit)).await.expect("local-slack listens");
        eventually("the modal is answered", 15, || async { (submitted() > before).then_some(()) })
            .await;
    }

    /// Somebody closes the modal on top.
    pub(crate) async fn close_modal(&self, user: &str) {
        let (mut socket, state) = self.browser().await;
        let open = state["modalStack"].as_array().map_or(0, Vec::len);
        let close = json!({ "t": "view_close", "user": user }).to_string();
        socket.send(Message::text(close)).await.expect("local-slack listens");
        eventually("the modal is closed", 15, || async {
            let (_, state) = self.browser().await;
            (state["modalStack"].as_array().map_or(0, Vec::len) < open).then_some(())
        })
        .await;
    }

    /// Opens the browser's web socket; returns it with the state it begins with.
    async fn browser(
        &self,
    ) -> (impl futures_util::Sink<Message, Error: std::fmt::Debug> + Unpin, Value) {
        let url = format!("{}/ui", self.base.replacen("http", "ws", 1));
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("it upgrades");
        loop {
            let message = socket.next().await.expect("it talks").expect("it talks well");
            let Ok(text) = message.to_text() else { continue };
            let Ok(mut message) = serde_json::from_str::<Value>(text) else { continue };
            if message["t"] == "init" {
                return (socket, message["state"].take());
            }
        }
    }
}

/// The block id and the button that a click means.
fn button(message: &Value, click: Click<'_>) -> Option<(String, Value)> {
    let blocks = message["blocks"].as_array()?;
    blocks.iter().find_map(|block| {
        let elements = block["elements"].as_array().into_iter().flatten();
        let accessory = block.get("accessory").into_iter();
        let found = elements.chain(accessory).find(|element| {
            element["action_id"] == click.action_id
                && click.value.is_none_or(|value| element["value"] == value)
        })?;
        let block_id = block["block_id"].as_str().unwrap_or("unnamed").to_owned();
        Some((block_id, found.clone()))
    })
}

#[cfg(test)]
mod tests;

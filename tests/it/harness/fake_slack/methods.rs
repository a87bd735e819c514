//! What each method of the Web API does, and what it refuses.

use serde_json::{Value, json};

use super::Inner;
use super::messages::{history, message, pin, replies};
use super::views::{refilled, view};
use crate::harness::slack_limits::{Surface, violations};

pub(super) fn refuse(error: &str) -> Value {
    json!({ "ok": false, "error": error })
}

pub(super) fn perform(
    inner: &mut Inner,
    bearer: Option<&str>,
    method: &str,
    arguments: &Value,
) -> Value {
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
                    "is_bot": false, "tz": "Europe/Paris", "locale": inner.locales.get(id).map_or("en-US", String::as_str),
                    "profile": { "real_name": name, "display_name": name },
                }}),
                None => refuse("user_not_found"),
            }
        }
        "chat.postMessage" | "chat.update" | "chat.postEphemeral" => {
            message(inner, method, arguments)
        }
        "views.open" => view(inner, arguments),
        "views.update" => refilled(inner, arguments),
        "pins.add" => pin(inner, arguments),
        "chat.scheduleMessage" => match content(arguments) {
            Ok(()) => {
                let now = inner.now_s();
                inner.schedule.schedule(arguments, now)
            }
            Err(refused) => refused,
        },
        "chat.deleteScheduledMessage" => {
            let now = inner.now_s();
            inner.schedule.delete(arguments, now)
        }
        "chat.scheduledMessages.list" => inner.schedule.list(arguments),
        "conversations.history" => history(inner, arguments),
        "conversations.replies" => replies(inner, arguments),
        "usergroups.users.list" => members(inner, arguments),
        "chat.getPermalink" => {
            let part = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
            let (channel, ts) = (part("channel"), part("message_ts"));
            let link =
                format!("https://shop.slack.test/archives/{channel}/p{}", ts.replace('.', ""));
            json!({ "ok": true, "channel": channel, "permalink": link })
        }
        _ => refuse("unknown_method"),
    }
}

/// Who is in a user group, from a cursor on.
fn members(inner: &Inner, arguments: &Value) -> Value {
    let scope = "usergroups:read";
    if inner.lacks.contains(scope) {
        return json!({ "ok": false, "error": "missing_scope", "needed": scope, "provided": "chat:write" });
    }
    let text = |name: &str| arguments[name].as_str().unwrap_or_default();
    let Some(users) = inner.groups.get(text("usergroup")) else {
        return refuse("no_such_subteam");
    };
    let from: usize = text("cursor").parse().unwrap_or(0);
    let page = inner.group_page.unwrap_or(usize::MAX);
    let here: Vec<_> = users.iter().skip(from).take(page).collect();
    let more = from + here.len() < users.len();
    let next = if more { (from + here.len()).to_string() } else { String::new() };
    json!({ "ok": true, "users": here, "response_metadata": { "next_cursor": next } })
}

/// The error of a message's content, if Slack would refuse it.
pub(super) fn content(arguments: &Value) -> Result<(), Value> {
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

pub(super) fn blocks(blocks: &Value, surface: Surface) -> Result<(), Value> {
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

//! Messages as the fake keeps them: posted, edited, read back, pinned.

use serde_json::{Value, json};

use super::Inner;
use super::methods::{content, refuse};

/// The newest messages first; metadata only where they are asked for.
pub(super) fn history(inner: &Inner, arguments: &Value) -> Value {
    let channel = arguments["channel"].as_str().unwrap_or_default();
    let limit = arguments["limit"].as_str().and_then(|limit| limit.parse().ok()).unwrap_or(100);
    let before = arguments["cursor"].as_str().filter(|cursor| !cursor.is_empty());
    let in_thread =
        |message: &Value| message.get("thread_ts").is_some_and(|ts| *ts != message["ts"]);
    let here = inner.messages.iter().filter(|((at, _), one)| at == channel && !in_thread(one));
    let bound = |name: &str| arguments[name].as_str().map(str::to_owned);
    let here = here.filter(|((_, ts), _)| {
        bound("oldest").is_none_or(|oldest| **ts >= *oldest)
            && bound("latest").is_none_or(|latest| **ts <= *latest)
    });
    let older = here.filter(|((_, ts), _)| before.is_none_or(|before| ts.as_str() < before));
    let mut found: Vec<Value> = older.map(|(_, message)| message.clone()).rev().collect();
    let more = found.len() > limit;
    found.truncate(limit);
    if arguments["include_all_metadata"] != "true" {
        for message in found.iter_mut().filter_map(Value::as_object_mut) {
            message.remove("metadata");
        }
    }
    let last = found.last().map(|message| message["ts"].clone()).unwrap_or_default();
    let next = if more { last } else { json!("") };
    json!({ "ok": true, "messages": found, "has_more": more,
        "response_metadata": { "next_cursor": next } })
}

/// A message with its answers, or one answer, by its `ts`.
pub(super) fn replies(inner: &Inner, arguments: &Value) -> Value {
    let part = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
    let (channel, ts) = (part("channel"), part("ts"));
    let Some(first) = inner.messages.get(&(channel.clone(), ts.clone())) else {
        return refuse("thread_not_found");
    };
    let here = inner.messages.iter().filter(|((at, _), _)| *at == channel);
    let answers = here.filter(|((_, own), one)| *own != ts && one["thread_ts"] == *ts);
    let mut found: Vec<Value> = vec![first.clone()];
    found.extend(answers.map(|(_, message)| message.clone()));
    if arguments["include_all_metadata"] != "true" {
        for message in found.iter_mut().filter_map(Value::as_object_mut) {
            message.remove("metadata");
        }
    }
    json!({ "ok": true, "messages": found, "has_more": false })
}

pub(super) fn message(inner: &mut Inner, method: &str, arguments: &Value) -> Value {
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
        inner.new_ts()
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
    let at = (channel.to_owned(), ts.clone());
    // An edit that names no metadata leaves them as they are, and a message in its thread.
    for name in ["metadata", "thread_ts"] {
        if let Some(kept) = inner.messages.get(&at).and_then(|before| before.get(name))
            && message.get(name).is_none()
        {
            message[name] = kept.clone();
        }
    }
    inner.messages.insert(at, message.clone());
    json!({ "ok": true, "channel": channel, "ts": ts, "text": arguments["text"], "message": message })
}

/// A channel takes a hundred.
pub(super) fn pin(inner: &mut Inner, arguments: &Value) -> Value {
    let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
    let at = (text("channel"), text("timestamp"));
    if !inner.messages.contains_key(&at) {
        return refuse("message_not_found");
    }
    if inner.pins.contains(&at) {
        return refuse("already_pinned");
    }
    if inner.pins.iter().filter(|(channel, _)| *channel == at.0).count() >= 100 {
        return refuse("too_many_pins");
    }
    inner.pins.push(at);
    json!({ "ok": true })
}

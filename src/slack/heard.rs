//! What Slack tells of messages that may be on the timeline, or come to be.

use serde_json::Value;

use super::room::EVENT_TYPE;
use super::sender::{Sender, text};
use crate::domain::run::chat::Source;

/// The shortcut's name in the manifest.
pub const SHORTCUT: &str = "add-to-timeline";

/// What Slack tells of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Somebody put a reaction on it, or took one off.
    Reaction {
        /// Who, and in which channel.
        sender: Sender,
        /// `stopwatch`.
        name: String,
        /// Whether it is there now.
        is_there: bool,
        /// On which message.
        source: Source,
    },
    /// It says something else now.
    Changed {
        /// Which message.
        source: Source,
        /// The message as it is now.
        message: Value,
    },
    /// It is gone.
    Deleted {
        /// Which message.
        source: Source,
        /// The message as it was, if Slack told.
        message: Option<Value>,
    },
}

/// Reads an event about a message.
pub(super) fn heard(payload: &Value) -> Option<Heard> {
    text(payload, "/event_id")?;
    let event = payload.get("event")?;
    if is_about_ours(payload, event) {
        return None;
    }
    let kind = (text(event, "/type")?, text(event, "/subtype"));
    match (kind.0.as_str(), kind.1.as_deref()) {
        ("reaction_added" | "reaction_removed", _) => {
            let channel = text(event, "/item/channel")?;
            let source = Source::parse(&channel, &text(event, "/item/ts")?)?;
            let (user, team) = (text(event, "/user")?, text(payload, "/team_id"));
            let sender = Sender { user, team, channel: Some(channel), ..Sender::default() };
            // A hand of another colour is the same hand.
            let name = text(event, "/reaction")?.split("::").next()?.to_owned();
            Some(Heard::Reaction { sender, name, is_there: kind.0 == "reaction_added", source })
        }
        ("message", Some("message_changed")) => {
            let message = event.get("message")?.clone();
            let source = Source::parse(&text(event, "/channel")?, &text(&message, "/ts")?)?;
            // A message with answers is not deleted but emptied.
            let is_gone = text(&message, "/subtype").as_deref() == Some("tombstone");
            if is_gone {
                let message = event.get("previous_message").cloned();
                return Some(Heard::Deleted { source, message });
            }
            Some(Heard::Changed { source, message })
        }
        ("message", Some("message_deleted")) => {
            let source = Source::parse(&text(event, "/channel")?, &text(event, "/deleted_ts")?)?;
            Some(Heard::Deleted { source, message: event.get("previous_message").cloned() })
        }
        _ => None,
    }
}

/// Whether a message was posted by us. Put on the timeline, a card would add an entry with each move of its clock, and
/// each entry moves the card.
pub(super) fn is_ours(payload: &Value, message: &Value) -> bool {
    let app = text(payload, "/api_app_id");
    let of_app = |at| app.is_some() && text(message, at) == app;
    of_app("/app_id")
        || of_app("/bot_profile/app_id")
        || text(message, "/metadata/event_type").as_deref() == Some(EVENT_TYPE)
}

fn is_about_ours(payload: &Value, event: &Value) -> bool {
    let mut all = payload.get("authorizations").and_then(Value::as_array).into_iter().flatten();
    let author = text(event, "/item_user").or_else(|| text(event, "/message/user"));
    let is_us = |one: &Value| {
        one.get("is_bot") == Some(&Value::Bool(true)) && text(one, "/user_id") == author
    };
    author.is_some() && all.any(is_us)
        || event.get("message").is_some_and(|message| is_ours(payload, message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_concerns_our_own_cards_is_not_heard() {
        let told = |event: Value| {
            let us = json!([{"user_id": "U0BOT", "is_bot": true}]);
            heard(&json!({"event_id": "E1", "team_id": "T1", "api_app_id": "A1",
                "authorizations": us, "event": event}))
        };
        let item = json!({"type": "message", "channel": "C1", "ts": "1.000001"});
        let added = |author: &str| {
            json!({"type": "reaction_added", "user": "U1", "reaction": "stopwatch",
                "item": item, "item_user": author})
        };
        assert!(told(added("U0LEO")).is_some());
        assert_eq!(told(added("U0BOT")), None);
        let changed = |more: Value| {
            let mut message = json!({"ts": "1.000001", "text": "x"});
            message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"type": "message", "subtype": "message_changed", "channel": "C1", "message": message})
        };
        assert!(told(changed(json!({"user": "U0LEO"}))).is_some());
        for ours in [
            json!({"user": "U0BOT"}),
            json!({"app_id": "A1"}),
            json!({"bot_profile": {"app_id": "A1"}}),
            json!({"metadata": {"event_type": "dr_buddy_message"}}),
        ] {
            assert_eq!(told(changed(ours.clone())), None, "{ours}");
        }
    }

    #[test]
    fn what_is_not_about_a_message_is_not_heard() {
        let event =
            |event: Value| heard(&json!({"event_id": "E1", "team_id": "T1", "event": event}));
        let item = json!({"type": "message", "channel": "C1", "ts": "1.000001"});
        let added = json!({"type": "reaction_added", "user": "U1", "reaction": "stopwatch::skin-tone-2", "item": item});
        let Some(Heard::Reaction { name, is_there: true, .. }) = event(added) else {
            panic!("not heard")
        };
        assert_eq!(name, "stopwatch");
        let gone = json!({"type": "message", "subtype": "message_changed", "channel": "C1",
            "message": {"subtype": "tombstone", "ts": "1.000001"}, "previous_message": {"text": "x"}});
        assert!(matches!(event(gone), Some(Heard::Deleted { .. })));
        for other in [
            json!({"type": "message", "user": "U1", "text": "hello", "channel": "C1", "ts": "1.000001"}),
            json!({"type": "reaction_added", "user": "U1", "reaction": "x", "item": {"type": "file"}}),
            json!({"type": "message", "subtype": "message_deleted", "channel": "C1"}),
            json!("message"),
        ] {
            assert_eq!(event(other.clone()), None, "{other}");
        }
    }
}

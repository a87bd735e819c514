//! What Slack sends, read leniently: only what is needed is looked at, and nothing else can be wrong.

use serde_json::Value;

use super::render::WORDS;
use crate::domain::comms::Press;

/// Who asked, where, and how to answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// The workspace, if Slack said (an organisation-wide install may not).
    pub team: Option<String>,
    /// The user id.
    pub user: String,
    /// The channel id.
    pub channel: Option<String>,
    /// For opening a form; valid for three seconds.
    pub trigger: Option<String>,
}

/// A slash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slash {
    /// Who.
    pub sender: Sender,
    /// What was typed after the command.
    pub text: String,
}

/// An interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// A press on one of our buttons.
    Click(Sender, Press),
    /// A form that was sent, with its words.
    Sent(Sender, Press, String),
    /// A button or form of somebody else, or of another version of ours.
    NotOurs(Sender),
    /// Something we have no use for (a form that was closed).
    Ignored,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Slack checks the address.
    Challenge(String),
    /// Somebody mentioned us.
    Mention {
        /// Who.
        sender: Sender,
        /// The text, without the mention.
        text: String,
        /// Names the event; a repeat has the same.
        id: String,
    },
    /// Something we have no use for.
    Ignored,
}

/// The payload cannot be what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unreadable payload: {0}")]
pub struct Unreadable(&'static str);

fn text(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn form(body: &[u8]) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(body).into_owned()
}

/// Reads a slash command's body.
///
/// # Errors
/// When nobody sent it.
pub fn slash(body: &[u8]) -> Result<Slash, Unreadable> {
    let mut sender = Sender::default();
    let mut typed = String::new();
    for (name, value) in form(body) {
        match name.as_str() {
            "user_id" => sender.user = value,
            "team_id" => sender.team = Some(value),
            "channel_id" => sender.channel = Some(value),
            "trigger_id" => sender.trigger = Some(value),
            "text" => typed = value,
            _ => {}
        }
    }
    if sender.user.is_empty() {
        return Err(Unreadable("a command without a user"));
    }
    Ok(Slash { sender, text: typed })
}

/// Reads an interaction's body: a form with one field, `payload`, that holds JSON.
///
/// # Errors
/// When it is not that, or nobody sent it.
pub fn interaction(body: &[u8]) -> Result<Interaction, Unreadable> {
    let payload = form(body).find(|(name, _)| name == "payload").map(|(_, value)| value);
    let payload = payload.ok_or(Unreadable("no `payload` field"))?;
    let payload: Value =
        serde_json::from_str(&payload).map_err(|_| Unreadable("`payload` is not JSON"))?;
    let sender = Sender {
        user: text(&payload, "/user/id").ok_or(Unreadable("an interaction without a user"))?,
        team: text(&payload, "/team/id").or_else(|| text(&payload, "/user/team_id")),
        channel: text(&payload, "/channel/id").or_else(|| text(&payload, "/container/channel_id")),
        trigger: text(&payload, "/trigger_id"),
    };
    match text(&payload, "/type").as_deref() {
        Some("block_actions") => {
            let action = text(&payload, "/actions/0/action_id").unwrap_or_default();
            let value = text(&payload, "/actions/0/value").unwrap_or_default();
            Ok(match Press::parse(&action, &value) {
                Ok(press) => Interaction::Click(sender, press),
                Err(_) => Interaction::NotOurs(sender),
            })
        }
        Some("view_submission") => {
            let action = text(&payload, "/view/callback_id").unwrap_or_default();
            let value = text(&payload, "/view/private_metadata").unwrap_or_default();
            let words = format!("/view/state/values/{WORDS}/{WORDS}/value");
            let words = text(&payload, &words).unwrap_or_default();
            Ok(match Press::parse(&action, &value) {
                Ok(press) => Interaction::Sent(sender, press, words),
                Err(_) => Interaction::NotOurs(sender),
            })
        }
        Some(_) => Ok(Interaction::Ignored),
        None => Err(Unreadable("an interaction without a type")),
    }
}

/// Reads an event's body.
///
/// # Errors
/// When it is not JSON.
pub fn event(body: &[u8]) -> Result<Happening, Unreadable> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Unreadable("not JSON"))?;
    if text(&body, "/type").as_deref() == Some("url_verification") {
        return Ok(Happening::Challenge(text(&body, "/challenge").unwrap_or_default()));
    }
    if text(&body, "/event/type").as_deref() != Some("app_mention") {
        return Ok(Happening::Ignored);
    }
    let (Some(user), Some(id)) = (text(&body, "/event/user"), text(&body, "/event_id")) else {
        return Ok(Happening::Ignored);
    };
    let said = text(&body, "/event/text").unwrap_or_default();
    let said = match said.split_once('>') {
        Some((mention, rest)) if mention.trim_start().starts_with("<@") => rest.to_owned(),
        Some(_) | None => said,
    };
    let sender = Sender {
        user,
        team: text(&body, "/team_id"),
        channel: text(&body, "/event/channel"),
        trigger: None,
    };
    Ok(Happening::Mention { sender, text: said, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn body(payload: &Value) -> Vec<u8> {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload.to_string())
            .finish()
            .into_bytes()
    }

    #[test]
    fn a_click_with_a_null_team_is_a_click() {
        let payload = json!({
            "type": "block_actions", "team": null, "user": {"id": "U1"}, "trigger_id": "t",
            "container": {"channel_id": "C1"}, "surprise": {"new": ["field"]},
            "actions": [{"action_id": "resume", "value": "OPS-1||", "type": "button"}],
        });
        let Ok(Interaction::Click(sender, press)) = interaction(&body(&payload)) else {
            panic!("not a click");
        };
        assert_eq!(sender.team, None);
        assert_eq!(sender.channel.as_deref(), Some("C1"));
        assert_eq!(press.action_id(), "resume");
    }

    #[test]
    fn a_mention_loses_its_mention() {
        let body = json!({
            "type": "event_callback", "event_id": "E1", "team_id": "T1",
            "event": {"type": "app_mention", "user": "U1", "channel": "C1", "text": "<@UBOT> status"},
        });
        let Ok(Happening::Mention { text, .. }) = event(body.to_string().as_bytes()) else {
            panic!("not a mention");
        };
        assert_eq!(text.trim(), "status");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop((slash(&bytes), interaction(&bytes), event(&bytes)));
        }

        #[test]
        fn no_json_makes_it_panic(kind in "block_actions|view_submission|x", user in ".*", action in ".*", value in ".*") {
            let payload = json!({
                "type": kind, "user": {"id": user}, "actions": [{"action_id": action, "value": value}],
                "view": {"callback_id": action, "private_metadata": value, "state": {"values": [1]}},
            });
            drop(interaction(&body(&payload)));
        }
    }
}

//! What Slack sends, read leniently: only what is needed is looked at, and nothing else can be wrong.

use serde_json::{Value, json};

use super::filled::{CALLBACK, Filled};
use super::heard::{self, Heard};
use super::menu::Menu;
use super::render::{CODE, OFFER, PAGE, TIMELINE, WORDS};
use super::sender::text;
use crate::domain::code::Typed;
use crate::domain::comms::{Press, Written};
use crate::domain::ids::{Digest, RunId};
use crate::domain::value::Language;

pub use super::sender::Sender;

/// The choice of a language at home.
pub(super) const LANGUAGE: &str = "language";
/// The button at home that declares a disaster.
pub(super) const DECLARE: &str = "declare";

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
    /// A form that was sent, with what was written.
    Sent(Sender, Press, Written),
    /// A press on the button that shows the timeline of a run.
    Timeline(Sender, RunId),
    /// A press on a button that belongs to no run.
    Menu(Sender, Menu),
    /// An answer to an offer of alerts, by its number: an incident, or none.
    Offer(Sender, u64, bool),
    /// The form that opens a run, with what was filled in.
    Declared(Sender, Box<Filled>),
    /// A message is to be put on the timeline.
    Marked(Sender, Value),
    /// Somebody chose their language at home.
    Language(Sender, Language),
    /// Somebody declares a disaster at home.
    Declare(Sender),
    /// A button or form of somebody else, or of another version of ours.
    NotOurs(Sender),
    /// Something we have no use for (a form that was closed, a button that led to the page).
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
    },
    /// Somebody opened the app's home.
    Home(Sender),
    /// Something about a message, perhaps of the timeline.
    Heard(Heard),
    /// Something we have no use for.
    Ignored,
}

/// The payload cannot be what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unreadable payload: {0}")]
pub struct Unreadable(&'static str);

/// What a door takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A slash command.
    Command,
    /// A press, a form that was sent or closed.
    Interaction,
    /// An event: a mention.
    Event,
}

/// The payload in a body of HTTP: of a command its fields, of an interaction the JSON in its field `payload`.
///
/// # Errors
/// When it is not that.
pub fn of_body(kind: Kind, body: &[u8]) -> Result<Value, Unreadable> {
    let mut fields = url::form_urlencoded::parse(body).into_owned();
    match kind {
        Kind::Command => Ok(fields.map(|(name, value)| (name, Value::String(value))).collect()),
        Kind::Interaction => {
            let payload = fields.find(|(name, _)| name == "payload").map(|(_, value)| value);
            let payload = payload.ok_or(Unreadable("no `payload` field"))?;
            serde_json::from_str(&payload).map_err(|_| Unreadable("`payload` is not JSON"))
        }
        Kind::Event => serde_json::from_slice(body).map_err(|_| Unreadable("not JSON")),
    }
}

/// Names what was asked by what Slack names it: a repeat has the same name, by whichever door and in whichever
/// envelope it comes; a second press has another trigger.
pub fn key(kind: Kind, payload: &Value) -> String {
    let names: &[&str] = match kind {
        Kind::Command => &["/team_id", "/user_id", "/channel_id", "/trigger_id", "/text"],
        Kind::Interaction => &[
            "/type",
            "/team/id",
            "/user/team_id",
            "/user/id",
            "/trigger_id",
            "/actions/0/action_ts",
            "/actions/0/action_id",
            "/actions/0/value",
            "/actions/0/selected_option/value",
            "/callback_id",
            "/message_ts",
            "/view/id",
            "/view/hash",
            "/view/callback_id",
            "/view/private_metadata",
            "/view/state",
        ],
        Kind::Event => &["/event_id"],
    };
    let named: Vec<_> = names.iter().map(|name| payload.pointer(name)).collect();
    let named = json!([format!("{kind:?}"), named]).to_string();
    format!("slack/{}", Digest::of(named.as_bytes()))
}

/// Reads a slash command.
///
/// # Errors
/// When nobody sent it.
pub fn slash(payload: &Value) -> Result<Slash, Unreadable> {
    let sender = Sender {
        user: text(payload, "/user_id").ok_or(Unreadable("a command without a user"))?,
        team: text(payload, "/team_id"),
        channel: text(payload, "/channel_id"),
        trigger: text(payload, "/trigger_id"),
        ..Sender::default()
    };
    Ok(Slash { sender, text: text(payload, "/text").unwrap_or_default() })
}

/// Reads an interaction.
///
/// # Errors
/// When nobody sent it, or it has no type.
pub fn interaction(payload: &Value) -> Result<Interaction, Unreadable> {
    let sender = Sender {
        user: text(payload, "/user/id").ok_or(Unreadable("an interaction without a user"))?,
        team: text(payload, "/team/id"),
        home: text(payload, "/user/team_id"),
        channel: text(payload, "/channel/id").or_else(|| text(payload, "/container/channel_id")),
        trigger: text(payload, "/trigger_id"),
    };
    match text(payload, "/type").as_deref() {
        Some("block_actions") => {
            let action = text(payload, "/actions/0/action_id").unwrap_or_default();
            let value = text(payload, "/actions/0/value").unwrap_or_default();
            if let Some(menu) = Menu::parse(&action) {
                return Ok(Interaction::Menu(sender, menu));
            }
            // The browser is on its way already; Slack tells all the same, and wants it acknowledged.
            if action == PAGE {
                return Ok(Interaction::Ignored);
            }
            if action == TIMELINE {
                return Ok(match RunId::parse(&value) {
                    Ok(run) => Interaction::Timeline(sender, run),
                    Err(_) => Interaction::NotOurs(sender),
                });
            }
            if OFFER.contains(&action.as_str()) {
                return Ok(offer(sender, &action, &value));
            }
            let chosen = text(payload, "/actions/0/selected_option/value");
            if action == DECLARE {
                return Ok(Interaction::Declare(sender));
            }
            if let (LANGUAGE, Some(chosen)) = (action.as_str(), chosen) {
                let language = Language::parse(&chosen);
                return Ok(match language {
                    Some(language) => Interaction::Language(sender, language),
                    None => Interaction::NotOurs(sender),
                });
            }
            Ok(match Press::parse(&action, &value) {
                Ok(press) => Interaction::Click(sender, press),
                Err(_) => Interaction::NotOurs(sender),
            })
        }
        Some("view_submission") => {
            let action = text(payload, "/view/callback_id").unwrap_or_default();
            if action == CALLBACK {
                return Ok(Interaction::Declared(sender, Box::new(Filled::read(payload))));
            }
            let value = text(payload, "/view/private_metadata").unwrap_or_default();
            let input = |id: &str| text(payload, &format!("/view/state/values/{id}/{id}/value"));
            let written = Written {
                words: input(WORDS).unwrap_or_default(),
                code: input(CODE).map(|code| Typed::new(&code)),
            };
            Ok(match Press::parse(&action, &value) {
                Ok(press) => Interaction::Sent(sender, press, written),
                Err(_) => Interaction::NotOurs(sender),
            })
        }
        Some("message_action")
            if text(payload, "/callback_id").as_deref() == Some(heard::SHORTCUT) =>
        {
            let message = payload.get("message").cloned().unwrap_or_default();
            if heard::is_ours(payload, &message) {
                return Ok(Interaction::NotOurs(sender));
            }
            Ok(Interaction::Marked(sender, message))
        }
        Some(_) => Ok(Interaction::Ignored),
        None => Err(Unreadable("an interaction without a type")),
    }
}

fn offer(sender: Sender, action: &str, value: &str) -> Interaction {
    let is_incident = OFFER.first() == Some(&action);
    match value.parse() {
        Ok(offer) => Interaction::Offer(sender, offer, is_incident),
        Err(_) => Interaction::NotOurs(sender),
    }
}

/// Reads an event.
pub fn event(payload: &Value) -> Happening {
    if text(payload, "/type").as_deref() == Some("url_verification") {
        return Happening::Challenge(text(payload, "/challenge").unwrap_or_default());
    }
    if text(payload, "/event/type").as_deref() == Some("app_home_opened") {
        return home(payload).map_or(Happening::Ignored, Happening::Home);
    }
    if text(payload, "/event/type").as_deref() != Some("app_mention") {
        return heard::heard(payload).map_or(Happening::Ignored, Happening::Heard);
    }
    let user = text(payload, "/event/user").filter(|_| text(payload, "/event_id").is_some());
    let Some(user) = user else {
        return Happening::Ignored;
    };
    let said = text(payload, "/event/text").unwrap_or_default();
    let said = match said.split_once('>') {
        Some((mention, rest)) if mention.trim_start().starts_with("<@") => rest.to_owned(),
        Some(_) | None => said,
    };
    // In a shared channel the event comes to our workspace, and says where its author is at home. An organisation's
    // id (E…) stands there as well.
    let home = text(payload, "/event/user_team").filter(|team| team.starts_with('T'));
    let sender = Sender {
        user,
        team: text(payload, "/team_id"),
        home: home.or_else(|| text(payload, "/event/team")),
        channel: text(payload, "/event/channel"),
        ..Sender::default()
    };
    Happening::Mention { sender, text: said }
}

/// Who opened the tab of that name; it is in no channel where anything could be said.
fn home(payload: &Value) -> Option<Sender> {
    text(payload, "/event_id")?;
    let is_home = text(payload, "/event/tab").is_none_or(|tab| tab == "home");
    let user = text(payload, "/event/user").filter(|_| is_home)?;
    Some(Sender { user, team: text(payload, "/team_id"), ..Sender::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_click_with_a_null_team_is_a_click() {
        let payload = json!({
            "type": "block_actions", "team": null, "user": {"id": "U1"}, "trigger_id": "t",
            "container": {"channel_id": "C1"}, "surprise": {"new": ["field"]},
            "actions": [{"action_id": "resume", "value": "OPS-1||", "type": "button"}],
        });
        let Ok(Interaction::Click(sender, press)) = interaction(&payload) else {
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
        let Happening::Mention { text, .. } = event(&body) else {
            panic!("not a mention");
        };
        assert_eq!(text.trim(), "status");
    }

    #[test]
    fn a_repeat_by_another_door_has_the_same_name_and_a_second_press_has_not() {
        let press = |trigger: &str, user: &str| {
            json!({
                "type": "block_actions", "team": {"id": "T1"}, "user": {"id": user}, "trigger_id": trigger,
                "actions": [{"action_id": "run", "value": "a|b|c", "action_ts": "1.1"}],
            })
        };
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.append_pair("payload", &press("1.2", "U1").to_string()).finish();
        let by_http = of_body(Kind::Interaction, body.as_bytes()).unwrap();
        let name = |payload: &Value| key(Kind::Interaction, payload);
        let mut by_socket = press("1.2", "U1");
        by_socket["response_url"] = json!("https://hooks.slack.com/actions/other");
        assert_eq!(name(&by_http), name(&by_socket));
        for other in [press("1.3", "U1"), press("1.2", "U2")] {
            assert_ne!(name(&by_http), name(&other), "{other}");
        }
        let command =
            json!({"team_id": "T1", "user_id": "U1", "trigger_id": "1.2", "text": "start"});
        let by_http = of_body(Kind::Command, b"text=start&user_id=U1&trigger_id=1.2&team_id=T1");
        assert_eq!(key(Kind::Command, &command), key(Kind::Command, &by_http.unwrap()));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for kind in [Kind::Command, Kind::Interaction, Kind::Event] {
                let Ok(payload) = of_body(kind, &bytes) else { continue };
                drop((key(kind, &payload), slash(&payload), interaction(&payload), event(&payload)));
            }
        }

        #[test]
        fn no_json_makes_it_panic(kind in "block_actions|view_submission|x", user in ".*", action in ".*", value in ".*") {
            let payload = json!({
                "type": kind, "user": {"id": user}, "actions": [{"action_id": action, "value": value}],
                "view": {"callback_id": action, "private_metadata": value, "state": {"values": [1]}},
            });
            drop(interaction(&payload));
        }
    }
}

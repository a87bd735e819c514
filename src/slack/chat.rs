//! Messages of the chat on the timeline: a reaction or a shortcut marks one, what its author changes is followed. What
//! people asked is on the record before Slack gets its acknowledgement; a reaction's message is read by the outbox.

use serde_json::Value;
use tracing::{info, warn};

use super::calls::part;
use super::client::SlackClientHandle;
use super::handle::{Inbound, Reply};
use super::payload::{Sender, text};
use super::room::EVENT_TYPE;
use crate::desk::Answer;
use crate::domain::actor::{Actor, Surface};
use crate::domain::environment::Environment;
use crate::domain::run::chat::{ChatAsk, News, Source, Words};
use crate::domain::run::{MessageKey, Request, Run};
use crate::domain::text::Text;
use crate::engine::channel::ChannelError;

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

impl Inbound {
    /// Does what follows from what was heard; mostly nothing.
    pub(super) async fn heard(&self, key: &str, heard: Heard) -> Reply {
        let follow = |news| ChatAsk::Follow(news);
        let (source, by, ask, sender) = match heard {
            Heard::Reaction { name, .. }
                if name != self.desk.environment.chat.timeline_reaction =>
            {
                return Reply::Taken;
            }
            Heard::Reaction { sender, is_there: true, source, .. } => {
                return self.mark(key, sender, source).await;
            }
            Heard::Reaction { sender, source, .. } => {
                (source, self.actor(&sender), ChatAsk::Unmark, Some(sender))
            }
            Heard::Changed { source, message } => {
                let text = plain(&self.desk.environment, &message);
                (source, Actor::Engine, follow(News::Edited(text)), None)
            }
            Heard::Deleted { source, message } => {
                let text = message.map(|message| plain(&self.desk.environment, &message));
                (source, Actor::Engine, follow(News::Deleted(text)), None)
            }
        };
        let run = match self.desk.run_with(&source).await {
            Ok(Some(run)) => run,
            Ok(None) => return Reply::Taken,
            Err(error) => return not_looked_up(&error),
        };
        let request = Request::Chat { source, ask };
        let answer = self.desk.about_chat(key, &by, &run.id, &request).await;
        match (answer, sender) {
            (answer, Some(sender)) => self.after_click(sender, &by, answer),
            (Answer::Done { .. } | Answer::CodeAsked(_) | Answer::Refused(_), None) => Reply::Taken,
            (Answer::Failed(_), None) => Reply::NotRecorded,
        }
    }

    /// Somebody put the reaction on a message. While no run is open, it is a reaction like any other.
    async fn mark(&self, key: &str, sender: Sender, source: Source) -> Reply {
        let run = match self.desk.open_run().await {
            Ok(Some(run)) => run,
            Ok(None) => return Reply::Taken,
            Err(error) => return not_looked_up(&error),
        };
        let by = self.actor(&sender);
        let place = match self.is_war_room(&run, &source).await {
            // Slack tells the ids of channels; the environment may name its war room.
            true => self.elsewhere(&Sender { channel: None, ..sender.clone() }, &by),
            false => self.elsewhere(&sender, &by),
        };
        // Whoever may mark nothing here has put an emoji on a message: no answer, however many do.
        if place.is_some() || by.person().is_none() {
            return Reply::Taken;
        }
        let request = Request::Chat { source, ask: ChatAsk::Mark(None) };
        let answer = self.desk.about_chat(key, &by, &run.id, &request).await;
        self.after_click(sender, &by, answer)
    }

    async fn is_war_room(&self, run: &Run, source: &Source) -> bool {
        let card = self.desk.engine.store.posted(&run.id, &MessageKey::Run).await;
        card.is_ok_and(|card| card.is_some_and(|card| card.channel == source.channel()))
    }

    /// Somebody used the shortcut, with which Slack tells the message.
    pub(super) async fn mark_told(
        &self,
        key: &str,
        sender: Sender,
        by: &Actor,
        message: &Value,
    ) -> Reply {
        let channel = sender.channel.as_deref().unwrap_or_default();
        let ts = text(message, "/ts").unwrap_or_default();
        let Some(source) = Source::parse(channel, &ts) else {
            info!(actor = ?by, "Refused a shortcut without a message");
            let refused = Answer::Refused(Text::key("refused.not_ours"));
            return self.after_click(sender, by, refused);
        };
        let words = words(&self.desk.environment, message, None);
        let request = Request::Chat { source, ask: ChatAsk::Mark(Some(words)) };
        match self.desk.ask_open_run(key, by, &request).await {
            Answer::Done { text, .. } => {
                self.tell_later(sender, by, text);
                Reply::Taken
            }
            other @ (Answer::CodeAsked(_) | Answer::Refused(_) | Answer::Failed(_)) => {
                self.after_click(sender, by, other)
            }
        }
    }
}

fn not_looked_up(error: &crate::store::StoreError) -> Reply {
    warn!(error = %error, "Cannot look for the run of a message");
    Reply::NotRecorded
}

impl SlackClientHandle {
    /// What a message says, in a channel or in a thread of it; `None` if it is not there.
    pub(super) async fn words_of(
        &self,
        environment: &Environment,
        source: &Source,
    ) -> Result<Option<Words>, ChannelError> {
        let ts = Some(source.ts().to_owned());
        let arguments = |first: Option<(&'static str, Option<String>)>| {
            let one = [
                ("channel", Some(source.channel().to_owned())),
                ("oldest", ts.clone()),
                ("latest", ts.clone()),
                ("inclusive", Some("true".to_owned())),
                ("limit", Some("1".to_owned())),
            ];
            first.into_iter().chain(one).collect::<Vec<_>>()
        };
        let is_it = |message: &Value| message["ts"] == source.ts();
        let found = |answer: &Value| {
            let messages: Vec<Value> = part(answer, "messages").unwrap_or_default();
            messages.into_iter().find(is_it)
        };
        let mut message = found(&self.read("conversations.history", &arguments(None)).await?);
        if message.is_none() {
            // What was answered in a thread is not among the messages of the channel.
            let thread = arguments(Some(("ts", ts.clone())));
            message = match self.read("conversations.replies", &thread).await {
                Ok(answer) => found(&answer),
                Err(ChannelError::Failed { detail }) if detail == "thread_not_found" => None,
                Err(error) => return Err(error),
            };
        }
        let Some(message) = message else { return Ok(None) };
        let link = [
            ("channel", Some(source.channel().to_owned())),
            ("message_ts", Some(source.ts().to_owned())),
        ];
        let link = match self.read("chat.getPermalink", &link).await {
            Ok(answer) => part(&answer, "permalink"),
            Err(error) => {
                info!(error = %error, "A marked message stays without a link");
                None
            }
        };
        Ok(Some(words(environment, &message, link)))
    }
}

fn words(environment: &Environment, message: &Value, link: Option<String>) -> Words {
    Words { author: author(environment, message), text: plain(environment, message), link }
}

/// Who wrote a message: of the team, or by the name that Slack has for them.
fn author(environment: &Environment, message: &Value) -> Actor {
    let team = text(message, "/team");
    let user = text(message, "/user").filter(|_| text(message, "/bot_id").is_none());
    let known = user.as_deref().and_then(|user| match &team {
        Some(team) => environment.person_in_slack(Some(team), user),
        None => one_of(environment, user),
    });
    let name = || {
        let bot = text(message, "/username").or_else(|| text(message, "/bot_profile/name"));
        bot.or(user.clone()).or_else(|| text(message, "/bot_id")).unwrap_or_default()
    };
    match known {
        Some(person) => Actor::Person { id: person.id.clone(), via: Surface::Slack },
        None => Actor::Stranger { name: name().chars().take(40).collect(), via: Surface::Slack },
    }
}

/// The one person with this user id, if Slack does not say in which workspace: for naming, never for rights.
fn one_of<'a>(
    environment: &'a Environment,
    user: &str,
) -> Option<&'a crate::domain::environment::Person> {
    let mut found =
        environment.people.iter().filter(|person| person.slack.as_deref() == Some(user));
    found.next().filter(|_| found.next().is_none())
}

/// The text of a message as people read it; of one without, what its attachments say, or how its files are called.
fn plain(environment: &Environment, message: &Value) -> String {
    let text_of = |value: &Value, names: &[&str]| {
        names.iter().find_map(|name| text(value, name)).unwrap_or_default()
    };
    let mut said = text_of(message, &["/text"]);
    for (list, names) in
        [("attachments", &["/text", "/fallback"][..]), ("files", &["/title", "/name"])]
    {
        if said.trim().is_empty() {
            let parts = message.get(list).and_then(Value::as_array).into_iter().flatten();
            let parts: Vec<_> = parts.map(|part| text_of(part, names)).collect();
            said = parts.join("\n");
        }
    }
    unmarked(environment, &said)
}

/// Without Slack's markup: `<@U012>` is `@mia`, `<https://x|here>` is `here (https://x)`, `&amp;` is `&`.
fn unmarked(environment: &Environment, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let Some((inside, behind)) = after.split_once('>') else { break };
        out.push_str(before);
        out.push_str(&token(environment, inside));
        rest = behind;
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn token(environment: &Environment, inside: &str) -> String {
    let (what, label) =
        inside.split_once('|').map_or((inside, None), |(what, label)| (what, Some(label)));
    if let Some(user) = what.strip_prefix('@') {
        let person = one_of(environment, user).map(|person| person.id.as_str());
        return format!("@{}", person.or(label).unwrap_or(user));
    }
    for (begins, shown) in [("#", "#"), ("!subteam^", "@"), ("!", "@")] {
        if let Some(name) = what.strip_prefix(begins) {
            let name = label.unwrap_or(name).trim_start_matches('@');
            return format!("{shown}{name}");
        }
    }
    match label {
        Some(label) if label != what => format!("{label} ({what})"),
        Some(_) | None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, CatalogSources};
    use crate::domain::ids::EnvironmentId;

    fn environment() -> Environment {
        let catalog = Catalog::load(&CatalogSources::default()).unwrap();
        let mut environment =
            catalog.environment(&EnvironmentId::parse("demo").unwrap()).unwrap().clone();
        environment.people[0].slack = Some("U0A".into());
        environment
    }

    #[test]
    fn a_message_is_written_down_as_people_read_it() {
        let environment = environment();
        let first = environment.people[0].id.to_string();
        for (slack, plain) in [
            ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c".to_owned()),
            ("<@U0A> and <@U9|eve>, <@U8>", format!("@{first} and @eve, @U8")),
            ("<!here> <#C1|ops> <!subteam^S1|@db>", "@here #ops @db".to_owned()),
            (
                "<https://x.test/a?b=1&amp;c=2|the graph>",
                "the graph (https://x.test/a?b=1&c=2)".to_owned(),
            ),
            ("<https://x.test> < b", "https://x.test < b".to_owned()),
        ] {
            assert_eq!(unmarked(&environment, slack), plain);
        }
        let bot = json!({"text": "", "bot_id": "B1", "username": "alerts", "attachments": [{"fallback": "disk full"}]});
        assert_eq!(plain(&environment, &bot), "disk full");
        assert_eq!(
            author(&environment, &bot),
            Actor::Stranger { name: "alerts".into(), via: Surface::Slack }
        );
        let known = author(&environment, &json!({"user": "U0A"}));
        assert_eq!(known.person().map(ToString::to_string), Some(first));
    }

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

//! The timeline from chat: people mark what was written, by a reaction or a shortcut; edits and deletions are followed;
//! nothing of it is lost by a death in between.

use dr_buddy::domain::actor::Actor;
use dr_buddy::domain::run::Event;
use dr_buddy::domain::run::chat::{Chat, News, Words};
use serde_json::{Value, json};

use super::people::{ANTOINE, LEO, MIA, ROOM, STRANGER};
use super::raw::interaction;
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Deliveries, Door, Fault, eventually, fake_slack};

const STEP: &str = "pin-dns";

async fn stage(door: Door, api_url: Option<String>) -> Stage {
    let runbooks = vec![("pin.yaml", excerpt("pin", &[STEP]))];
    Stage::open(Script { runbooks, door, api_url, ..Script::default() }).await
}

fn chat(event: &Event) -> Option<&Chat> {
    let Event::Chat { what, .. } = event else { return None };
    Some(what)
}

impl Stage {
    async fn noted(&self, what: &str, is_it: impl Fn(&Chat) -> bool) {
        self.recorded(what, |event| chat(event).is_some_and(&is_it)).await;
    }

    async fn marks(&self) -> usize {
        let record = self.record().await.expect("there is one");
        record.count(|event| matches!(chat(event), Some(Chat::Marked(_))))
    }

    /// What local-slack cannot say, said by the door.
    pub(super) async fn tell(&self, payload: &Value) {
        match &self.sockets {
            None => assert_eq!(self.send("interactions", interaction(payload)).await.0, 200),
            Some(sockets) => {
                sockets.deliver("interactive", payload).await.expect("it is acknowledged");
            }
        }
    }
}

fn says(words: &Words, author: &str, text: &str) -> bool {
    let is_theirs = match &words.author {
        Actor::Person { id, .. } => id.as_str() == author,
        Actor::Stranger { name, .. } => name == author,
        Actor::Engine => false,
    };
    is_theirs && words.text == text
}

#[tokio::test]
async fn what_people_mark_is_on_the_timeline_and_followed() {
    marked(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_as_well() {
    marked(Door::Socket).await;
}

async fn marked(door: Door) {
    let stage = stage(door, None).await;
    let slack = &stage.slack;
    slack.deliver(Deliveries::Doubled);
    // While no run is open, it is a reaction like any other.
    let before = slack.say(LEO, ROOM, "before anything").await;
    slack.react(MIA, ROOM, &before, "stopwatch", true).await;
    stage.type_dr(ANTOINE, "start pin").await;
    stage.button("approve", STEP).await;

    let ts = slack.say(LEO, ROOM, "the disk &amp; the log are full").await;
    slack.react(MIA, ROOM, &ts, "eyes", true).await;
    slack.react(MIA, ROOM, &ts, "stopwatch", true).await;
    slack.react(ANTOINE, ROOM, &ts, "stopwatch", true).await;
    stage
        .noted("the first is read", |what| {
            matches!(what, Chat::Followed(News::Read(words)) if says(words, "leo", "the disk & the log are full"))
        })
        .await;
    assert_eq!(stage.marks().await, 1);

    let other = slack.say(STRANGER, ROOM, "hello").await;
    slack.react(STRANGER, ROOM, &other, "stopwatch", true).await;

    slack.rewrite(LEO, ROOM, &ts, Some("only the disk is full")).await;
    stage
        .noted("the edit", |what| {
            matches!(what, Chat::Followed(News::Edited(text)) if text == "only the disk is full")
        })
        .await;
    // Not his to take back.
    slack.react(ANTOINE, ROOM, &ts, "stopwatch", false).await;
    slack.rewrite(LEO, ROOM, &ts, None).await;
    stage.noted("it is gone", |what| matches!(what, Chat::Followed(News::Deleted(None)))).await;
    slack.react(MIA, ROOM, &ts, "stopwatch", false).await;

    let second = slack.say(LEO, ROOM, "a second thought").await;
    slack.react(MIA, ROOM, &second, "stopwatch", true).await;
    stage
        .noted("the second is read", |what| {
            matches!(what, Chat::Followed(News::Read(words)) if says(words, "leo", "a second thought"))
        })
        .await;
    slack.react(MIA, ROOM, &second, "stopwatch", false).await;
    stage.noted("the mark is taken back", |what| *what == Chat::Unmarked).await;

    let shortcut = |user: &str, trigger: &str| {
        json!({
            "type": "message_action", "callback_id": "add-to-timeline", "trigger_id": trigger,
            "team": { "id": "T01TEST" }, "user": { "id": user, "team_id": "T01TEST" },
            "channel": { "id": ROOM, "name": "war-room" }, "message_ts": second,
            "message": { "type": "message", "user": STRANGER, "team": "T01TEST", "ts": second,
                "text": "by the shortcut" },
        })
    };
    stage.tell(&shortcut(STRANGER, "1.1")).await;
    stage.tell(&shortcut(LEO, "1.2")).await;
    stage.tell(&shortcut(LEO, "1.2")).await;
    stage.whispered(LEO, "Consigné dans").await;
    stage
        .noted("by the shortcut", |what| {
            matches!(what, Chat::Marked(Some(words)) if says(words, STRANGER, "by the shortcut"))
        })
        .await;
    assert_eq!(stage.marks().await, 3);
    let all = stage.record().await.expect("there is one");
    assert_eq!(all.count(|event| chat(event).is_some()), 8, "each once");

    stage.type_dr(MIA, "timeline").await;
    let said = stage.whispered(MIA, "wrote at").await;
    for words in ["says now: only the disk", "Deleted in the chat", "takes back the mark", "📌"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    stage.type_dr(ANTOINE, "timeline").await;
    let said = stage.whispered(ANTOINE, "a écrit à").await;
    assert!(said.contains("Supprimé dans la discussion"), "{said}");
    stage.judged("the timeline from chat").await;
}

#[tokio::test]
async fn a_mark_outlives_the_process_that_took_it() {
    let users = [(ANTOINE, "antoine"), (MIA, "mia"), (LEO, "leo")];
    let slack = fake_slack("xoxb-test-token", &users).await;
    let stage = stage(Door::Http, Some(slack.api_url.clone())).await;
    let start =
        format!("command=%2Fdr&text=start+pin&user_id={ANTOINE}&team_id=T01TEST&channel_id={ROOM}");
    assert_eq!(stage.send("commands", start).await.0, 200);
    let thread = slack.says(ANTOINE, ROOM, None, "who knows the disk?");
    let ts = slack.says(LEO, ROOM, Some(&thread), "it is full");
    slack.spoil(Some(("conversations.history", Fault::Unavailable)));
    let item = json!({ "type": "message", "channel": ROOM, "ts": ts });
    let mark = |id: &str, item: &Value| {
        json!({ "type": "event_callback", "event_id": id, "team_id": "T01TEST",
            "event": { "type": "reaction_added", "user": MIA, "reaction": "stopwatch", "item": item } })
        .to_string()
    };
    assert_eq!(stage.send("events", mark("E1", &item)).await.0, 200);
    eventually("it is asked for", 20, || async {
        slack.calls().iter().any(|call| call.method == "conversations.history").then_some(())
    })
    .await;
    stage.kill();
    slack.spoil(None);
    stage.start().await;
    stage
        .noted("it is read, in its thread, with its link", |what| {
            matches!(what, Chat::Followed(News::Read(words))
                if says(words, "leo", "it is full") && words.link.as_deref().is_some_and(|link| link.contains(ROOM)))
        })
        .await;
    // One that nobody can read is said to be so.
    let gone = json!({ "type": "message", "channel": ROOM, "ts": "1795184300.000001" });
    assert_eq!(stage.send("events", mark("E2", &gone)).await.0, 200);
    stage.noted("it is not there", |what| matches!(what, Chat::Followed(News::Unread(None)))).await;
    slack.no_violation();
}

//! The first half of a failover against a Slack that is as strict as Slack and has bad minutes: every message arrives,
//! none breaks a limit, and each is edited in place.

use std::cell::Cell;
use std::collections::BTreeMap;

use dr_buddy::domain::ids::StepId;
use dr_buddy::domain::run::{Event, MessageKey};
use dr_buddy::store::sqlite::SqliteStore;
use dr_buddy::store::{Posted, Store};
use serde_json::{Value, json};

use super::people::{ANTOINE, Button, LEO, MIA, ROOM, STRANGER, buttons};
use super::raw::interaction;
use super::stage::{Script, Stage};
use crate::harness::{Call, FakeSlack, Fault, eventually, fake_slack, judge};

struct Room {
    stage: Stage,
    slack: FakeSlack,
    clicks: Cell<u32>,
}

impl Room {
    async fn button(&self, action: &str, step: &str) -> Button {
        eventually(&format!("the button `{action}` of `{step}`"), 60, || async {
            self.stage.must_live();
            let messages = self.slack.messages();
            let mut found = messages.values().flat_map(buttons);
            found.find(|button| {
                button.action == action && button.value.split('|').nth(1) == Some(step)
            })
        })
        .await
    }

    /// Presses as Slack says it; the status of the answer.
    async fn press(&self, user: &str, button: &Button, trigger: &str) -> u16 {
        // Slack stamps every click; a click without a stamp of its own is the same click again.
        self.clicks.set(self.clicks.get() + 1);
        let stamp = format!("{}.1", self.clicks.get());
        let payload = json!({
            "type": "block_actions", "user": { "id": user, "team_id": "T01TEST" },
            "team": { "id": "T01TEST" }, "channel": { "id": ROOM }, "trigger_id": trigger,
            "actions": [{ "type": "button", "action_id": button.action, "value": button.value,
                "action_ts": stamp }],
        });
        self.stage.send("interactions", interaction(&payload)).await.0
    }

    fn whispers(&self) -> Vec<Call> {
        let mut calls = self.slack.calls();
        calls.retain(|call| call.method == "chat.postEphemeral" && call.answer["ok"] == true);
        calls
    }
}

fn spoil(slack: &FakeSlack) {
    for method in ["chat.postMessage", "chat.update", "chat.postMessage", "chat.update"] {
        slack.spoil_next(method, Fault::RateLimited { retry_after: 1 });
        slack.spoil_next(method, Fault::Unavailable);
    }
    slack.spoil_next("chat.postMessage", Fault::Error("internal_error".into()));
}

#[tokio::test]
async fn a_strict_slack_with_bad_minutes_gets_every_message_once_and_within_limits() {
    let users = [(ANTOINE, "antoine"), (MIA, "mia"), (LEO, "leo"), (STRANGER, "eve")];
    let slack = fake_slack("xoxb-test-token", &users).await;
    let script = Script { api_url: Some(slack.api_url.clone()), ..Script::default() };
    let room = Room { stage: Stage::open(script).await, slack, clicks: Cell::default() };
    form_after_an_expired_trigger(&room).await;
    spoil(&room.slack);
    let start = format!(
        "command=%2Fdr&text=start+incident&user_id={ANTOINE}&team_id=T01TEST&channel_id={ROOM}"
    );
    assert_eq!(room.stage.send("commands", start).await.0, 200);

    let done = room.button("done", "freeze-controllers").await;
    assert_eq!(room.press(LEO, &done, "").await, 200);
    let go = room.button("go", "decide-go").await;
    assert_eq!(room.press(ANTOINE, &go, "").await, 200);
    assert_eq!(room.press(ANTOINE, &go, "").await, 200);
    eventually("the second GO is refused", 20, || async {
        room.whispers().iter().any(|call| call.arguments["user"] == ANTOINE).then_some(())
    })
    .await;
    let note = room.button("ask-note", "").await;
    assert_eq!(room.press(MIA, &note, &room.slack.trigger()).await, 200);
    assert_eq!(room.press(MIA, &note, &room.slack.expired_trigger()).await, 200);
    assert_eq!(room.press(MIA, &go, "").await, 200);
    spoil(&room.slack);
    let fence = room.button("run", "fence-primary").await;
    assert_eq!(room.press(LEO, &fence, "").await, 200);
    room.button("approve", "promote-database").await;
    room.stage
        .recorded("the fence is proven", |event| {
            matches!(event, Event::StepDone { step, .. } if step.as_str() == "fence-primary")
        })
        .await;
    in_place_and_within_limits(&room).await;
}

/// The form of a start does not open with a trigger that is too old; the button beside the answer has a fresh one.
async fn form_after_an_expired_trigger(room: &Room) {
    let expired = room.slack.expired_trigger();
    let typed = format!(
        "command=%2Fdr&text=start&user_id={ANTOINE}&team_id=T01TEST&channel_id={ROOM}&trigger_id={expired}"
    );
    let (status, answer) = room.stage.send("commands", typed).await;
    assert_eq!(status, 200);
    assert!(answer.contains("menu-start"), "{answer}");
    let start = Button { ts: String::new(), action: "menu-start".to_owned(), value: String::new() };
    assert_eq!(room.press(ANTOINE, &start, &room.slack.trigger()).await, 200);
    eventually("the form is filled", 20, || async {
        let calls = room.slack.calls();
        let filled = |call: &&Call| call.method == "views.update" && call.answer["ok"] == true;
        calls.iter().find(filled).map(|_| ())
    })
    .await;
}

/// The text of every message, and one message for every key.
async fn in_place_and_within_limits(room: &Room) {
    let record = room.stage.record().await.expect("there is one");
    let store = SqliteStore::open_beside(&room.stage.database).await.expect("it can be read");
    let mut keys = vec![MessageKey::Run];
    let steps = record.run.steps.iter().filter(|(_, at)| at.state.name() != "waiting");
    keys.extend(steps.map(|(step, _): (&StepId, _)| MessageKey::Step(step.clone())));
    let mut posted = BTreeMap::new();
    for key in keys {
        let at = eventually(&format!("{key:?} is posted"), 60, || async {
            let posted = store.posted(&record.run.id, &key).await.expect("it can be read");
            posted.filter(Posted::stands)
        })
        .await;
        assert!(posted.insert((at.channel, at.ts), key).is_none(), "two keys in one message");
    }
    // Details stand in the threads of cards.
    let mut shown = room.slack.messages();
    shown.retain(|_, message| message["thread_ts"].is_null());
    assert!(posted.keys().all(|at| shown.contains_key(at)), "{posted:?} {:?}", shown.keys());
    assert_eq!(shown.len(), posted.len(), "a message was posted twice: {shown:#?}");

    eventually("a card is edited", 30, || async {
        let edited = |call: &Call| call.method == "chat.update" && call.answer["ok"] == true;
        room.slack.calls().iter().any(edited).then_some(())
    })
    .await;
    room.slack.no_violation();
    let calls = room.slack.calls();
    let wrong: Vec<&Call> = calls
        .iter()
        .filter(|call| call.answer["ok"] == false)
        .filter(|call| {
            !matches!(call.answer["error"].as_str(), Some("internal_error" | "expired_trigger_id"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let spoiled = calls.iter().filter(|call| call.answer.is_null()).count();
    assert!(spoiled >= 8, "{spoiled} calls were spoiled");
    let views = calls.iter().filter(|call| call.method == "views.open");
    assert_eq!(views.filter(|call| call.answer["ok"] == true).count(), 2);
    let mut payloads: Vec<Value> = Vec::new();
    for call in &calls {
        let payload = match &call.arguments {
            view if view["view"].is_object() => view["view"].clone(),
            message if message["blocks"].is_array() => {
                json!({ "text": message["text"], "blocks": message["blocks"] })
            }
            _ => continue,
        };
        if !payloads.contains(&payload) {
            payloads.push(payload);
        }
    }
    judge("a strict Slack", &payloads);
}

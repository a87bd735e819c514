//! The people of the war room and what they do in Slack: look at a card, press a button, write in a form.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::harness::{Click, eventually};

/// The war room.
pub(crate) const ROOM: &str = "C0WARROOM";
/// Commander, database, platform; speaks French.
pub(crate) const ANTOINE: &str = "U0ANTOINE";
/// Database, platform; speaks English.
pub(crate) const MIA: &str = "U0MIA";
/// Platform, application; speaks French.
pub(crate) const LEO: &str = "U0LEO";
/// In the workspace, but not on the team.
pub(crate) const STRANGER: &str = "U0EVE";

/// How long a card may take: Slack takes one message a second, and several wait their turn.
const CARD: u64 = 60;

/// A button as it stands on somebody's screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Button {
    /// The message.
    pub(crate) ts: String,
    /// `run`.
    pub(crate) action: String,
    /// `RUN|STEP|DIGEST`.
    pub(crate) value: String,
}

impl Button {
    /// The part of the value that names what was shown.
    pub(super) fn digest(&self) -> &str {
        self.value.rsplit('|').next().unwrap_or_default()
    }
}

/// The buttons of a message.
pub(crate) fn buttons(message: &Value) -> Vec<Button> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let blocks = message["blocks"].as_array().into_iter().flatten();
    let elements = blocks.flat_map(|block| block["elements"].as_array().into_iter().flatten());
    elements
        .filter(|element| element["type"] == "button")
        .map(|element| Button {
            ts: text(&message["ts"]),
            action: text(&element["action_id"]),
            value: text(&element["value"]),
        })
        .collect()
}

impl Stage {
    /// The button of the newest card that has it; `step` is empty for the run's own card.
    pub(super) async fn find(&self, action: &str, step: &str) -> Option<Button> {
        let mut messages = self.slack.messages(ROOM).await;
        messages.retain(|message| message["subtype"] != "ephemeral");
        let mut found = messages.iter().rev().flat_map(buttons);
        found.find(|button| button.action == action && button.value.split('|').nth(1) == Some(step))
    }

    /// Waits for a button.
    pub(super) async fn button(&self, action: &str, step: &str) -> Button {
        eventually(&format!("the button `{action}` of `{step}`"), CARD, || {
            self.must_live();
            self.find(action, step)
        })
        .await
    }

    /// Waits for a button that shows something else than this one.
    pub(super) async fn newer(&self, old: &Button, action: &str, step: &str) -> Button {
        eventually(&format!("a new preview of `{step}`"), CARD, || async {
            self.find(action, step).await.filter(|button| button.digest() != old.digest())
        })
        .await
    }

    /// Somebody presses what they see; the card may have changed since.
    pub(super) async fn press(&self, user: &str, button: &Button) {
        let click = Click {
            user,
            channel: ROOM,
            ts: &button.ts,
            action_id: &button.action,
            value: Some(&button.value),
        };
        self.slack.click_stale(click, "block").await;
    }

    /// Two people press the same button at the same moment.
    pub(super) async fn press_both(&self, users: [&str; 2], button: &Button) {
        tokio::join!(self.press(users[0], button), self.press(users[1], button));
    }

    /// Antoine runs a step and Mia approves it, each on the card as it is then.
    pub(super) async fn agree(&self, step: &str) {
        self.press(ANTOINE, &self.button("approve", step).await).await;
        self.press(MIA, &self.button("approve", step).await).await;
    }

    /// Somebody presses a button that wants words, and writes them.
    pub(super) async fn write(&self, user: &str, button: &Button, words: &str) {
        self.press(user, button).await;
        eventually("the form opens", 15, || self.slack.modal()).await;
        let value = match words {
            "" => Value::Null,
            words => json!(words),
        };
        let input = json!({ "type": "plain_text_input", "value": value });
        self.slack.submit_modal(user, &[("words", "words", input)]).await;
    }

    /// Somebody types `/dr …`.
    pub(super) async fn type_dr(&self, user: &str, text: &str) {
        self.slack.command(user, ROOM, "/dr", text).await;
    }

    /// Waits until somebody is told this, and nobody else.
    pub(super) async fn whispered(&self, user: &str, words: &str) -> String {
        eventually(&format!("{user} is told `{words}`"), 20, || async {
            let said = self.slack.ephemeral_to(user, ROOM).await;
            let texts = said.iter().filter_map(|one| one["text"].as_str());
            texts.map(str::to_owned).find(|text| text.contains(words))
        })
        .await
    }

    /// Waits until a message of the room (not a whisper) has these words.
    pub(super) async fn in_the_room(&self, words: &str) -> Value {
        eventually(&format!("the room reads `{words}`"), CARD, || async {
            self.must_live();
            let mut messages = self.slack.messages(ROOM).await;
            messages.retain(|message| message["subtype"] != "ephemeral");
            messages.into_iter().rev().find(|message| message.to_string().contains(words))
        })
        .await
    }
}

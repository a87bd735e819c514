//! App Home: what waits for somebody, with buttons that work from there; kept up to date; and one button for everybody
//! else.

use dr_buddy::domain::run::Event;
use serde_json::{Value, json};

use super::people::{ANTOINE, Button, LEO, MIA, STRANGER, buttons};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Door, eventually};

const STEP: &str = "pin-dns";

impl Stage {
    /// Every home that was published for somebody, oldest first.
    async fn homes_of(&self, user: &str) -> Vec<Value> {
        let log = self.slack.log().await;
        let published = log.iter().filter(|entry| entry["summary"] == "views.publish");
        let theirs = published.filter(|entry| entry["detail"]["user_id"] == user);
        theirs.map(|entry| entry["detail"]["view"].clone()).collect()
    }

    /// Waits until somebody's home, as it is now, has these words.
    async fn home_says(&self, user: &str, words: &str) -> Value {
        eventually(&format!("the home of {user} says `{words}`"), 40, || async {
            self.must_live();
            let home = self.homes_of(user).await.pop();
            home.filter(|home| home.to_string().contains(words))
        })
        .await
    }

    /// Somebody does something at home.
    async fn at_home(&self, user: &str, trigger: &str, action: Value) {
        let mut action = action;
        action["action_ts"] = json!(trigger);
        self.tell(&json!({
            "type": "block_actions", "team": { "id": "T01TEST" }, "trigger_id": trigger,
            "user": { "id": user, "team_id": "T01TEST" },
            "container": { "type": "view", "view_id": "V1" },
            "view": { "id": "V1", "type": "home", "hash": "1.1" }, "actions": [action],
        }))
        .await;
    }

    async fn press_at_home(&self, user: &str, trigger: &str, button: &Button) {
        let action = json!({ "type": "button", "action_id": button.action, "value": button.value });
        self.at_home(user, trigger, action).await;
    }

    /// Waits until what is put before somebody's eyes has these words.
    async fn put_before_their_eyes(&self, words: &str) {
        eventually(&format!("a view that says `{words}`"), 20, || async {
            let log = self.slack.log().await;
            let opened = log.iter().filter(|entry| entry["summary"] == "views.open");
            let mut opened =
                opened.filter(|entry| entry["detail"]["view"].to_string().contains(words));
            opened.next().map(drop)
        })
        .await;
    }
}

#[tokio::test]
async fn what_waits_for_somebody_can_be_done_from_their_home() {
    at_home(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_as_well() {
    at_home(Door::Socket).await;
}

async fn at_home(door: Door) {
    let runbooks = vec![("pin.yaml", excerpt("pin", &[STEP]))];
    let stage = Stage::open(Script { runbooks, door, ..Script::default() }).await;
    for user in [MIA, ANTOINE, STRANGER] {
        stage.slack.open_home(user).await;
    }
    stage.home_says(MIA, "Nothing waits for you now").await;
    stage.home_says(MIA, "No run is open").await;
    stage.home_says(ANTOINE, "Rien ne vous attend").await;
    let strangers = stage.home_says(STRANGER, "You are not on its list").await;
    assert_eq!(buttons(&strangers).len(), 1, "{strangers}");

    stage.type_dr(ANTOINE, "start pin").await;
    let home = stage.home_says(MIA, "1 step waits for you").await;
    stage.home_says(ANTOINE, "De service dans").await;
    let find = |home: &Value, action: &str| {
        let mut found = buttons(home).into_iter();
        found
            .find(|button| button.action == action)
            .unwrap_or_else(|| panic!("no {action}: {home}"))
    };
    stage.press_at_home(MIA, "1.1", &find(&home, "approve")).await;
    stage.recorded("she approved it", |event| matches!(event, Event::ApprovalGiven { .. })).await;
    // A refusal is put before her eyes: there is no channel to whisper in.
    stage.press_at_home(MIA, "1.2", &find(&home, "approve")).await;
    stage.put_before_their_eyes("Not counted twice").await;
    stage.home_says(MIA, "Nothing waits for you now").await;
    let home = stage.home_says(ANTOINE, "1 étape vous attend").await;
    stage.press_at_home(ANTOINE, "1.3", &find(&home, "ask-note")).await;
    stage.put_before_their_eyes("Ajouter une note").await;
    stage.press_at_home(ANTOINE, "1.4", &find(&home, "approve")).await;
    stage.home_says(ANTOINE, "Rien ne vous attend").await;

    // Nobody's run is a stranger's business; the button says who can open one.
    assert_eq!(stage.homes_of(STRANGER).await.pop(), Some(strangers.clone()));
    stage.press_at_home(STRANGER, "1.5", &find(&strangers, "declare")).await;
    stage.put_before_their_eyes("They can open a run").await;
    stage.press_at_home(LEO, "1.6", &find(&strangers, "declare")).await;
    stage.put_before_their_eyes("Ouvrir une exécution").await;

    let french = json!({ "type": "static_select", "action_id": "language",
        "selected_option": { "value": "fr" } });
    stage.at_home(MIA, "1.7", french).await;
    stage.home_says(MIA, "Rien ne vous attend").await;
    stage.type_dr(MIA, "lang en").await;
    stage.slack.open_home(MIA).await;
    stage.home_says(MIA, "Nothing waits for you now").await;
    stage.judged("homes").await;
}

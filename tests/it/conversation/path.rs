//! From `/dr` to a closed run by somebody who never read a manual: they press what is offered, and of a card the
//! button that stands out. Each screen of the path is kept in `target/tests/path`, as Block Kit and as a picture.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use dr_buddy::domain::actor::Role;
use dr_buddy::domain::run::Event;
use dr_buddy::domain::run::declared::Severity;
use serde_json::{Value, json};

use super::people::{ANTOINE, Button, LEO, MIA, ROOM, STRANGER, buttons};
use super::shop::runbook;
use super::stage::{Script, Stage};
use crate::harness::{Door, Scheme, Shot, eventually, now_s, repository, screens};

const TEAM: [&str; 3] = [ANTOINE, MIA, LEO];

/// One of each kind: a look, a decision, a task, a confirmed step, one for two people.
const STEPS: [(&str, &str); 6] = [
    ("assess-dr", "[]"),
    ("decide-go", "[assess-dr]"),
    ("freeze-controllers", "[decide-go]"),
    ("fence-primary", "[freeze-controllers]"),
    ("promote-database", "[fence-primary]"),
    ("stand-down", "[promote-database]"),
];

/// What a step does not bring along.
const OWN: [&str; 3] = ["    needs:", "    phase:", "    on_failure: {fallback"];

/// A small failover, of steps of the shipped one.
fn small() -> String {
    let whole = runbook();
    let mut text = "id: small-failover\ntitle: {en: Small failover, fr: Petite bascule}\n\
        restored_by: promote-database\nphases: [{id: all, title: {en: All, fr: Tout}}]\nsteps:\n"
        .to_owned();
    for (step, needs) in STEPS {
        let start = whole.find(&format!("  - id: {step}\n")).expect("there is such a step");
        let (first, rest) = whole[start..].split_once('\n').expect("it has lines");
        text.push_str(&format!("{first}\n    phase: all\n    needs: {needs}\n"));
        let body = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
        let own = |line: &&str| !OWN.iter().any(|own| line.starts_with(own));
        for line in body.filter(own) {
            let seen = line.trim_start().starts_with("seen:");
            text.push_str(if seen { "        seen: [assess-dr]" } else { line });
            text.push('\n');
        }
    }
    text
}

/// Keeps what is seen on the way.
struct Album<'a> {
    stage: &'a Stage,
    pictures: bool,
    shown: BTreeSet<String>,
}

impl Album<'_> {
    fn folder() -> PathBuf {
        let folder = repository().join("target/tests/path");
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    async fn keep(&mut self, name: &str, screen: &Value) {
        if !self.pictures || !self.shown.insert(name.to_owned()) {
            return;
        }
        let file = format!("{:02}-{name}", self.shown.len());
        let text = serde_json::to_string_pretty(screen).expect("it is JSON");
        let folder = Self::folder();
        fs::write(folder.join(format!("{file}.json")), text).expect("it can be written");
        let shot = Shot {
            url: self.stage.slack.page(ROOM),
            file: folder.join(format!("{file}.png")).display().to_string(),
            size: (1000, 1800),
            scheme: Scheme::Light,
            whole: false,
            actions: vec![json!({ "wait": ".blocks" })],
        };
        tokio::task::spawn_blocking(move || screens(&[shot])).await.expect("it is taken");
    }
}

/// The last answer that only this person sees, once it has this button.
async fn offered(stage: &Stage, user: &str, action: &str) -> (Value, Button) {
    eventually(&format!("{user} is offered `{action}`"), 20, || async {
        let last = stage.slack.ephemeral_to(user, ROOM).await.pop()?;
        let button = buttons(&last).into_iter().find(|button| button.action == action)?;
        Some((last, button))
    })
    .await
}

/// The form that opens a run, once it is filled.
async fn form(stage: &Stage) -> Value {
    eventually("the form is filled", 20, || async {
        stage.slack.modal().await.filter(|view| view["callback_id"] == "start-run")
    })
    .await
}

fn of(block: &str, element: &str, chosen: Value) -> (String, Value) {
    let mut value = chosen;
    value["type"] = element.into();
    (block.to_owned(), value)
}

fn option(value: &str) -> Value {
    json!({ "selected_option": { "value": value } })
}

/// Sends the form with these changes; what was answered.
async fn send(stage: &Stage, user: &str, changes: &[(String, Value)]) -> Value {
    let mut filled = vec![
        of("runbook", "static_select", option("small-failover")),
        of("kind", "radio_buttons", option("exercise")),
        of("impact", "datetimepicker", json!({ "selected_date_time": now_s() - 600 })),
        of("severity", "radio_buttons", option("sev1")),
        of(
            "affected",
            "multi_static_select",
            json!({ "selected_options": [{ "value": "aurora" }] }),
        ),
        of("role-ic", "users_select", json!({ "selected_user": ANTOINE })),
        of("role-platform", "users_select", json!({ "selected_user": LEO })),
    ];
    for (block, value) in changes {
        filled.retain(|(name, _)| name != block);
        filled.push((block.clone(), value.clone()));
    }
    let inputs: Vec<_> =
        filled.iter().map(|(name, value)| (name.as_str(), name.as_str(), value.clone())).collect();
    stage.slack.submit_modal(user, &inputs).await;
    let answer = stage.slack.deliveries().pop().expect("it was delivered").answers.remove(0);
    serde_json::from_str(&answer.body).expect("it is JSON")
}

/// What is wrong stands beside the field it is about, in the language of whoever asks.
async fn wrong_fields(stage: &Stage, user: &str, words: [&str; 4]) {
    let user_of = |user: &str| json!({ "selected_user": user });
    let cases = [
        ("impact", "datetimepicker", json!({ "selected_date_time": now_s() + 3600 })),
        ("role-db", "users_select", user_of(LEO)),
        ("role-ic", "users_select", user_of(STRANGER)),
        ("kind", "radio_buttons", json!({ "selected_option": null })),
    ];
    for ((block, element, chosen), words) in cases.into_iter().zip(words) {
        let answer = send(stage, user, &[of(block, element, chosen)]).await;
        assert_eq!(answer["response_action"], "errors", "{block}: {answer}");
        let errors = answer["errors"].as_object().expect("there are some");
        assert_eq!(errors.len(), 1, "{answer}");
        let said = errors[block].as_str().expect("it stands there");
        assert!(said.contains(words), "{block}: {said}");
    }
    assert!(stage.record().await.is_none(), "nothing was opened");
}

/// What stands out on the cards of the room, and was not pressed by everybody yet.
async fn next(stage: &Stage, pressed: &BTreeSet<(String, String)>) -> Option<(Value, Button)> {
    let mut messages = stage.slack.messages(ROOM).await;
    messages.retain(|message| message["subtype"] != "ephemeral");
    messages.into_iter().find_map(|message| {
        let stands_out = buttons(&message).into_iter().find(|button| {
            let element = json!({ "action_id": button.action });
            is_styled(&message, &element)
                && !pressed.contains(&(button.action.clone(), button.value.clone()))
        })?;
        Some((message, stands_out))
    })
}

fn is_styled(message: &Value, wanted: &Value) -> bool {
    let blocks = message["blocks"].as_array().into_iter().flatten();
    blocks
        .flat_map(|block| block["elements"].as_array().into_iter().flatten())
        .any(|element| element["action_id"] == wanted["action_id"] && element["style"].is_string())
}

#[tokio::test]
async fn by_buttons_alone_a_run_reaches_its_end() {
    let words = [
        "L’impact doit se situer dans le passé",
        "ne peut pas prendre",
        "ne connaît pas",
        "Un choix est nécessaire",
    ];
    walked(Door::Http, ANTOINE, "De quoi s’agit-il", words).await;
}

#[tokio::test]
async fn by_socket_mode_the_same_buttons_lead_to_the_same_end() {
    let words = ["The impact must lie in the past", "cannot take", "knows nobody", "Choose one"];
    walked(Door::Socket, MIA, "What is it?", words).await;
}

async fn walked(door: Door, starter: &str, asked: &str, words: [&str; 4]) {
    let runbooks = vec![("small-failover.yaml", small())];
    let stage = Stage::open(Script { runbooks, door, ..Script::default() }).await;
    let mut album = Album { stage: &stage, pictures: door == Door::Http, shown: BTreeSet::new() };

    stage.type_dr(starter, "").await;
    let (menu, start) = offered(&stage, starter, "menu-start").await;
    album.keep("dr", &menu).await;
    stage.press(starter, &start).await;
    let view = form(&stage).await;
    assert!(view.to_string().contains(asked), "{view:#}");
    album.keep("form", &view).await;
    let only = view["blocks"].as_array().expect("blocks").iter();
    let only = only.filter_map(|block| block["element"]["initial_user"].as_str());
    assert_eq!(
        only.collect::<Vec<_>>(),
        [ANTOINE, LEO, LEO],
        "who alone holds a role is filled in"
    );
    wrong_fields(&stage, starter, words).await;
    let opened = send(&stage, starter, &[]).await;
    assert_eq!(opened["response_action"], "update", "{opened}");
    album.keep("opened", &opened["view"]).await;
    stage.slack.close_modal(starter).await;

    let record = stage.recorded("it is open", |event| matches!(event, Event::RunStarted(_))).await;
    let run = &record.run;
    assert_eq!(run.declared.severity, Some(Severity::Sev1));
    assert!(run.declared.affected.contains("aurora"));
    assert_eq!(run.duty.get(&Role::Platform).map(|person| person.as_str()), Some("leo"));
    let detect = run.started_at.since(run.impact_at).ms();
    assert!((600_000..660_000).contains(&detect), "known {detect} ms after the impact");
    stage.in_the_room("SEV1").await;

    to_the_end(&stage, &mut album).await;
    let card = stage.in_the_room("🏁").await;
    album.keep("closed", &card).await;
    let record = stage.record().await.expect("there is one");
    let settled = record.run.steps.iter().filter(|(_, at)| at.state.name() == "done").count();
    assert_eq!(settled, STEPS.len(), "{:?}", record.run.steps);
    assert_eq!(stage.aws.tap.count("FailoverGlobalCluster"), 1);
    stage.judged(&format!("the path by buttons ({door:?})")).await;
}

/// Presses what stands out, as each of the three, until the run is closed.
async fn to_the_end(stage: &Stage, album: &mut Album<'_>) {
    let mut pressed = BTreeSet::new();
    loop {
        let found = eventually("something stands out, or it is over", 90, || async {
            let closed = |event: &Event| matches!(event, Event::RunClosed { .. });
            if stage.record().await.is_some_and(|record| record.count(closed) > 0) {
                return Some(None);
            }
            next(stage, &pressed).await.map(Some)
        })
        .await;
        let Some((message, button)) = found else { return };
        let step = button.value.split('|').nth(1).unwrap_or_default();
        album.keep(format!("{}-{step}", button.action).trim_end_matches('-'), &message).await;
        pressed.insert((button.action.clone(), button.value.clone()));
        if button.action == "ask-close" {
            let (_, same) = offered(stage, ANTOINE, "ask-close").await;
            assert_eq!(same.value, button.value, "it is offered to who did the last step, too");
            stage.press(ANTOINE, &button).await;
            let form = eventually("the form opens", 15, || stage.slack.modal()).await;
            album.keep("close-form", &form).await;
            let none = json!({ "type": "plain_text_input", "value": null });
            stage.slack.submit_modal(ANTOINE, &[("words", "words", none)]).await;
            continue;
        }
        for user in TEAM {
            stage.press(user, &button).await;
        }
    }
}

#[tokio::test]
async fn who_begins_with_words_or_a_mention_is_offered_the_same_buttons() {
    let runbooks = vec![("small-failover.yaml", small())];
    let stage = Stage::open(Script { runbooks, door: Door::Both, ..Script::default() }).await;
    stage.slack.mention(MIA, ROOM, "").await;
    offered(&stage, MIA, "menu-start").await;
    stage.type_dr(MIA, "next").await;
    offered(&stage, MIA, "menu-start").await;
    // A mention has no trigger: the button has one.
    stage.slack.mention(ANTOINE, ROOM, "start").await;
    let (said, start) = offered(&stage, ANTOINE, "menu-start").await;
    assert!(said.to_string().contains("un formulaire demande"), "{said}");
    stage.press(ANTOINE, &start).await;
    form(&stage).await;

    stage.type_dr(STRANGER, "").await;
    stage.whispered(STRANGER, "I do not know you").await;
    stage.type_dr(STRANGER, "start").await;
    let told = stage.slack.ephemeral_to(STRANGER, ROOM).await;
    assert!(
        told.iter().all(|one| buttons(one).is_empty()),
        "a stranger is offered nothing: {told:?}"
    );

    stage.type_dr(MIA, "start small-failover exercise").await;
    stage.button("go", "decide-go").await;
    stage.type_dr(MIA, "help").await;
    let (help, status) = offered(&stage, MIA, "menu-status").await;
    assert!(help.to_string().contains("/dr status"), "{help}");
    stage.press(MIA, &status).await;
    offered(&stage, MIA, "ask-hold").await;
    stage.type_dr(MIA, "").await;
    let (menu, next) = offered(&stage, MIA, "menu-next").await;
    assert!(menu.to_string().contains("Small failover"), "what is open: {menu}");
    stage.press(MIA, &next).await;
    let (_, go) = offered(&stage, MIA, "go").await;
    stage.press(MIA, &go).await;
    stage.recorded("her GO counts", |event| matches!(event, Event::VoteCast { .. })).await;
    stage.judged("menus").await;
}

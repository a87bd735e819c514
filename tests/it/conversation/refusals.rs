//! What people must not do in Slack: each gets a clear sentence, alone, in their language, and nothing changes.

use std::collections::BTreeMap;

use super::people::{ANTOINE, Button, LEO, MIA, ROOM, STRANGER};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Door, eventually};

const STEP: &str = "promote-database";

struct Case {
    user: &'static str,
    button: Button,
    told: &'static str,
}

fn case(user: &'static str, button: &Button, told: &'static str) -> Case {
    Case { user, button: button.clone(), told }
}

/// What each person alone was told so far.
async fn whispers(stage: &Stage) -> BTreeMap<&'static str, Vec<String>> {
    let mut told = BTreeMap::new();
    for user in [ANTOINE, MIA, LEO, STRANGER] {
        let said = stage.slack.ephemeral_to(user, ROOM).await;
        let texts = said.iter().map(|one| one["text"].as_str().unwrap_or_default().to_owned());
        told.insert(user, texts.collect());
    }
    told
}

#[tokio::test]
async fn what_must_not_be_is_refused_to_the_asker_alone_and_changes_nothing() {
    refused(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_the_same_is_refused_in_the_same_words() {
    refused(Door::Socket).await;
}

async fn refused(door: Door) {
    let runbooks = vec![("promotion.yaml", excerpt("promotion", &[STEP]))];
    let stage = Stage::open(Script { runbooks, door, ..Script::default() }).await;
    stage.type_dr(ANTOINE, "start promotion").await;
    let old = stage.button("approve", STEP).await;
    stage.press(ANTOINE, &stage.button("look-again", STEP).await).await;
    let now = stage.newer(&old, "approve", STEP).await;
    stage.press(ANTOINE, &now).await;
    let approve = stage.button("approve", STEP).await;
    let run = stage.run().await;

    let other = approve.value.replace(run.as_str(), "OPS-DR-SHOP-2020-01-01-abcdef");
    let nothing = approve.value.replace(STEP, "launch-rockets");
    let with = |action: &str, value: &str| Button {
        action: action.to_owned(),
        value: value.to_owned(),
        ..approve.clone()
    };
    let cases = [
        case(ANTOINE, &approve, "Ne compte pas deux fois"),
        case(ANTOINE, &now, "Ne compte pas deux fois"),
        case(MIA, &old, "has changed since this button was shown"),
        case(STRANGER, &approve, "I do not know you (U0EVE)"),
        case(LEO, &approve, "Il faut l’un de ces rôles"),
        case(LEO, &with("launch", &approve.value), "Je ne connais pas ce bouton"),
        case(MIA, &with("launch", &approve.value), "This button is not one I know"),
        case(MIA, &with("approve", "nonsense"), "This button is not one I know"),
        case(MIA, &with("approve", &other), "There is no run `OPS-DR-SHOP-2020-01-01-abcdef`"),
        case(MIA, &with("approve", &nothing), "This run has no step `launch-rockets`"),
        case(MIA, &with("resume", &format!("{run}||")), "That needs one of"),
        case(ANTOINE, &with("resume", &format!("{run}||")), "L’exécution n’est pas suspendue"),
        case(MIA, &with("done", &format!("{run}||")), "This button is not one I know"),
    ];
    let before = stage.events().await;
    for Case { user, button, told } in cases {
        let refused = stage.log().matches("Refused a").count();
        let told_before = whispers(&stage).await;
        stage.press(user, &button).await;
        let told_now = eventually(&format!("{user} is told `{told}`"), 20, || async {
            let now = whispers(&stage).await;
            (now != told_before).then_some(now)
        })
        .await;
        for (other, texts) in &told_now {
            let more = &texts[told_before[other].len()..];
            let expected = if *other == user { 1 } else { 0 };
            assert_eq!(more.len(), expected, "{other} was told {more:?} when {user} did wrong");
            assert!(more.iter().all(|text| text.contains(told)), "`{told}`: {more:?}");
        }
        assert_eq!(stage.events().await, before, "{button:?} by {user}");
        let logged = stage.log().matches("Refused a").count();
        assert!(logged > refused, "{button:?} by {user} is not logged");
    }
    assert_eq!(stage.aws.tap.count("FailoverGlobalCluster"), 0);
    commands(&stage, before).await;
    forms(&stage).await;
    stage.judged(&format!("refusals ({door:?})")).await;
}

/// What the newest command was answered.
async fn typed(stage: &Stage, user: &str, text: &str) -> String {
    stage.type_dr(user, text).await;
    let last = stage.slack.deliveries().pop().expect("it was delivered");
    let answer = &last.answers[0];
    assert_eq!(answer.status, 200, "{answer:?}");
    let said: serde_json::Value = serde_json::from_str(&answer.body).expect("it is JSON");
    assert_eq!(said["response_type"], "ephemeral");
    said["text"].as_str().expect("there is one").to_owned()
}

async fn commands(stage: &Stage, before: usize) {
    let cases = [
        (STRANGER, "start promotion", "I do not know you (U0EVE)"),
        (STRANGER, "status", "I do not know you (U0EVE)"),
        (STRANGER, "note let me in", "I do not know you (U0EVE)"),
        (ANTOINE, "start promotion", "est déjà ouverte là"),
        (MIA, "start promotoin", "Did you mean `promotion`?"),
        (MIA, "statusu", "status"),
        (ANTOINE, "note", "note"),
    ];
    for (user, text, told) in cases {
        let said = typed(stage, user, text).await;
        assert!(said.contains(told), "`{text}`: {said}");
        assert_eq!(stage.events().await, before, "`{text}`");
    }
}

/// A refusal of a form stands in the form, beside what was written.
async fn forms(stage: &Stage) {
    let before = stage.events().await;
    let close = stage.button("ask-close", "").await;
    stage.write(LEO, &close, "j’ai fini ma nuit").await;
    let last = stage.slack.deliveries().pop().expect("it was delivered");
    let body = &last.answers[0].body;
    assert!(body.contains("errors") && body.contains("Il faut l’un de ces rôles"), "{body}");
    assert_eq!(stage.events().await, before);
}

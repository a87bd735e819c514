//! Everything that can be typed, by people who type it: each is answered alone, in their language, and what changes the
//! run is told to the room.

use dr_buddy::domain::actor::Role;
use dr_buddy::domain::run::Event;

use super::people::{ANTOINE, LEO, MIA, ROOM, STRANGER, buttons};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Door, eventually};

const STEP: &str = "promote-database";

async fn stage(door: Door) -> Stage {
    let runbooks = vec![
        ("promotion.yaml", excerpt("promotion", &[STEP])),
        ("pin.yaml", excerpt("pin", &["pin-dns"])),
    ];
    Stage::open(Script { runbooks, door, ..Script::default() }).await
}

#[tokio::test]
async fn a_run_is_driven_by_typing() {
    typed(Door::Http).await;
}

#[tokio::test]
async fn by_socket_mode_the_same_words_do_the_same() {
    typed(Door::Socket).await;
}

async fn typed(door: Door) {
    let stage = stage(door).await;
    let told = async |user, text: &str, words: &str| {
        let before = stage.slack.ephemeral_to(user, ROOM).await.len();
        stage.type_dr(user, text).await;
        let answer = eventually(&format!("an answer to `{text}`"), 20, || async {
            stage.slack.ephemeral_to(user, ROOM).await.into_iter().nth(before)
        })
        .await
        .to_string();
        assert!(answer.contains(words), "{user} typed `{text}`: {answer}");
    };
    told(MIA, "next", "No run is open").await;
    told(MIA, "runbooks", "/dr start promotion").await;
    told(ANTOINE, "start promotion", "Démarrer n’a rien modifié").await;
    stage.button("approve", STEP).await;

    told(MIA, "take db", "Recorded in").await;
    stage.in_the_room("is on duty as *database*").await;
    told(LEO, "take db", "ne peut pas prendre").await;
    told(LEO, "assign scribe <@U0MIA|mia>", "Il faut l’un de ces rôles").await;
    told(ANTOINE, "assign scribe <@U0LEO|leo>", "Consigné dans").await;
    told(ANTOINE, "assign scribe @zoe", "Le fichier d’environnement ne connaît pas").await;
    told(ANTOINE, "assign king @leo", "Il n’y a pas de rôle `king`").await;
    told(STRANGER, "take comms", "I do not know you").await;

    // What waits for her comes with its buttons; what waits for others with their names.
    told(MIA, "next", "\"approve\"").await;
    let alone = stage.slack.ephemeral_to(MIA, ROOM).await.pop().expect("she was answered");
    let run = buttons(&alone).into_iter().find(|button| button.action == "approve");
    stage.press(MIA, &run.expect("it can be run from there")).await;
    stage.button("approve", STEP).await;
    told(MIA, "next", "waits for").await;
    told(MIA, "timeline", "is on duty as *database*").await;

    told(LEO, "hold", "Tapez `/dr hold").await;
    told(LEO, "hold the disk is full", "Consigné dans").await;
    stage.in_the_room("the disk is full").await;
    told(MIA, "resume", "That needs one of").await;
    told(ANTOINE, "resume", "Consigné dans").await;
    told(ANTOINE, "statsu", "`/dr status`").await;
    told(ANTOINE, "attach", "`/dr attach").await;
    told(ANTOINE, "attach pim", "`pin`").await;
    told(MIA, "attach pin", "That needs one of").await;
    told(ANTOINE, "attach pin", "Consigné dans").await;
    stage.in_the_room("attached the runbook").await;
    stage.button("approve", "pin-dns").await;
    told(ANTOINE, "attach pin", "ne peut pas être ajouté").await;
    told(ANTOINE, "close", "motif").await;
    told(ANTOINE, "close only tried", "Consigné dans").await;
    let record =
        stage.recorded("it is closed", |event| matches!(event, Event::RunClosed { .. })).await;
    let scribe = |event: &Event| matches!(event, Event::RoleTaken { role: Role::Scribe, person, .. } if person.as_str() == "leo");
    assert_eq!(record.count(scribe), 1);
    assert_eq!(stage.aws.tap.count("FailoverGlobalCluster"), 0, "typing approves nothing");
    stage.judged("typed commands").await;
}

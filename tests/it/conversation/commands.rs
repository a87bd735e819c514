//! Everything that can be typed, by people who type it: each is answered alone, in their language, and what changes the
//! run is told to the room.

use dr_buddy::domain::actor::Role;
use dr_buddy::domain::run::Event;

use super::people::{ANTOINE, LEO, MIA, ROOM, STRANGER, buttons};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::Door;

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
    stage.told(MIA, "next", "No run is open").await;
    stage.told(MIA, "runbooks", "/dr start promotion").await;
    stage.told(ANTOINE, "start promotion", "Démarrer n’a rien modifié").await;
    stage.button("approve", STEP).await;

    stage.told(MIA, "take db", "Recorded in").await;
    stage.in_the_room("is on duty as *database*").await;
    stage.told(LEO, "take db", "ne peut pas prendre").await;
    stage.told(LEO, "assign scribe <@U0MIA|mia>", "Il faut l’un de ces rôles").await;
    stage.told(ANTOINE, "assign scribe <@U0LEO|leo>", "Consigné dans").await;
    stage.told(ANTOINE, "assign scribe @zoe", "Le fichier d’environnement ne connaît pas").await;
    stage.told(ANTOINE, "assign king @leo", "Il n’y a pas de rôle `king`").await;
    stage.told(STRANGER, "take comms", "I do not know you").await;

    // What waits for her comes with its buttons; what waits for others with their names.
    stage.told(MIA, "next", "\"approve\"").await;
    let alone = stage.slack.ephemeral_to(MIA, ROOM).await.pop().expect("she was answered");
    let run = buttons(&alone).into_iter().find(|button| button.action == "approve");
    stage.press(MIA, &run.expect("it can be run from there")).await;
    stage.button("approve", STEP).await;
    stage.told(MIA, "next", "waits for").await;
    stage.told(MIA, "timeline", "is on duty as *database*").await;

    stage.told(LEO, "hold", "Tapez `/dr hold").await;
    stage.told(LEO, "hold the disk is full", "Consigné dans").await;
    stage.in_the_room("the disk is full").await;
    stage.told(MIA, "resume", "That needs one of").await;
    stage.told(ANTOINE, "resume", "Consigné dans").await;
    stage.told(ANTOINE, "statusu", "`/dr status`").await;
    stage.told(ANTOINE, "attach", "`/dr attach").await;
    stage.told(ANTOINE, "attach pim", "`pin`").await;
    stage.told(MIA, "attach pin", "That needs one of").await;
    stage.told(ANTOINE, "attach pin", "Consigné dans").await;
    stage.in_the_room("attached the runbook").await;
    stage.button("approve", "pin-dns").await;
    stage.told(ANTOINE, "attach pin", "ne peut pas être ajouté").await;
    stage.told(ANTOINE, "close", "motif").await;
    stage.told(ANTOINE, "close only tried", "Consigné dans").await;
    stage.told(MIA, "stats", "RTO kept: *0\u{a0}% (0 of 1)*").await;
    stage.told(MIA, "stats", "MTTR (from the alarm to the service being back): *unknown*").await;
    stage.told(ANTOINE, "stats", "étapes jamais exercées\u{a0}: 1 sur 1").await;
    stage.told(STRANGER, "stats", "I do not know you").await;
    let record =
        stage.recorded("it is closed", |event| matches!(event, Event::RunClosed { .. })).await;
    let scribe = |event: &Event| matches!(event, Event::RoleTaken { role: Role::Scribe, person, .. } if person.as_str() == "leo");
    assert_eq!(record.count(scribe), 1);
    assert_eq!(stage.aws.tap.count("FailoverGlobalCluster"), 0, "typing approves nothing");
    stage.judged("typed commands").await;
}

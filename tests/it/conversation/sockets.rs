//! Socket Mode with the real binary: what was committed and not acknowledged comes again and changes nothing; the end
//! is waited for; and a Slack of other people's making, that gives each envelope to every socket.

use std::process::Command;

use dr_buddy::domain::run::Event;
use serde_json::{Value, json};

use super::people::{ANTOINE, Button, LEO, MIA, ROOM};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Door, Say, eventually};

const STEP: &str = "pin-dns";

async fn open(door: Door) -> Stage {
    let runbooks = vec![("pin.yaml", excerpt("pin", &[STEP]))];
    Stage::open(Script { runbooks, door, ..Script::default() }).await
}

fn click(user: &str, button: &Button, trigger: &str) -> Value {
    json!({
        "type": "block_actions", "team": { "id": "T01TEST" },
        "user": { "id": user, "team_id": "T01TEST" }, "channel": { "id": ROOM },
        "trigger_id": trigger,
        "actions": [{ "type": "button", "action_id": button.action, "value": button.value,
            "action_ts": trigger }],
    })
}

#[tokio::test]
async fn a_click_whose_acknowledgement_was_lost_counts_once() {
    let stage = open(Door::Socket).await;
    let sockets = stage.sockets.as_ref().expect("there are some");
    stage.type_dr(ANTOINE, "start pin").await;
    let run = stage.button("approve", STEP).await;
    let before = stage.events().await;
    let first = click(ANTOINE, &run, "1.1");
    let cut = sockets.open()[0];
    let lost = sockets.send(cut, "interactive", &first);
    sockets.say(cut, Say::Vanish);
    eventually("it is on the record", 20, || async {
        (stage.events().await > before).then_some(())
    })
    .await;
    let recorded = stage.events().await;
    assert!(sockets.ack(&lost).is_none(), "its acknowledgement was lost");
    let whispers = stage.slack.called("chat.postEphemeral").await;
    for _ in 0..2 {
        sockets.deliver("interactive", &first).await.expect("it is acknowledged");
    }
    assert_eq!(stage.events().await, recorded, "a repeat changes nothing");
    let again = click(ANTOINE, &run, "1.2");
    sockets.deliver("interactive", &again).await.expect("it is acknowledged");
    eventually("a second click of his own is refused", 20, || async {
        (stage.slack.called("chat.postEphemeral").await == whispers + 1).then_some(())
    })
    .await;
    stage.is_ready("2 of 2 open").await;
    assert_eq!(sockets.gap(), std::time::Duration::ZERO);
}

#[tokio::test]
async fn told_to_end_it_finishes_what_is_in_hand_and_comes_back() {
    let stage = open(Door::Socket).await;
    let sockets = stage.sockets.as_ref().expect("there are some");
    stage.type_dr(ANTOINE, "start pin").await;
    let run = stage.button("approve", STEP).await;
    let open = sockets.open();
    let sent = sockets.send(open[0], "interactive", &click(ANTOINE, &run, "1.1"));
    let told = Command::new("kill").args(["-TERM", &stage.pid().to_string()]).status();
    assert!(told.expect("kill runs").success());
    for socket in open {
        sockets.ended(socket).await;
    }
    // Taken and acknowledged, or neither: it may have come a moment too late.
    let approved = |event: &Event| matches!(event, Event::ApprovalGiven { .. });
    let record = stage.record().await.expect("there is one");
    assert_eq!(record.count(approved) == 1, sockets.ack(&sent).is_some());
    stage.kill();
    stage.start().await;
    sockets.deliver("interactive", &click(ANTOINE, &run, "1.1")).await.expect("acknowledged");
    let record = stage.record().await.expect("there is one");
    assert_eq!(record.count(approved), 1);
}

#[tokio::test]
async fn a_slack_that_gives_each_envelope_to_every_socket_is_served_once() {
    let stage = open(Door::Native).await;
    stage.type_dr(ANTOINE, "start pin").await;
    stage.whispered(ANTOINE, "OPS-DR-SHOP").await;
    stage.press(LEO, &stage.button("approve", STEP).await).await;
    stage.press(MIA, &stage.button("approve", STEP).await).await;
    stage.slack.mention(MIA, ROOM, "note by mention").await;
    stage.recorded("it is done", |event| matches!(event, Event::StepDone { .. })).await;
    let record = stage.recorded("noted", |event| matches!(event, Event::NoteAdded { .. })).await;
    assert_eq!(record.count(|event| matches!(event, Event::NoteAdded { .. })), 1);
    assert_eq!(record.count(|event| matches!(event, Event::RunStarted(_))), 1);
    assert_eq!(record.count(|event| matches!(event, Event::ApprovalGiven { .. })), 2);
    assert_eq!(record.attempts(STEP), 1);
}

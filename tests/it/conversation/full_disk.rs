//! A disk that takes no more: a click is refused loudly before anything is done outside, and counts later.
//!
//! The disk is "full" by a limit on the size of the files the process may write (`prlimit --fsize`), which needs no
//! rights; the signal that comes with it is ignored from the start, so that writing fails as on a full disk.

use std::path::Path;
use std::process::Command;

use dr_buddy::domain::run::Event;

use super::people::{ANTOINE, MIA};
use super::shop::{DR_LB, PRIMARY_LB, excerpt, primary_target};
use super::stage::{Script, Stage};
use crate::harness::{Door, eventually, http};

const STEP: &str = "pin-dns";

fn let_files_grow(stage: &Stage, most: &str) {
    let pid = stage.pid().to_string();
    let ran = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={most}:unlimited")])
        .status();
    assert!(ran.expect("prlimit runs").success());
}

/// What the newest click was answered.
fn status(stage: &Stage) -> u16 {
    stage.slack.deliveries().last().expect("it was delivered").answers[0].status
}

#[tokio::test]
async fn on_a_full_disk_a_click_fails_loudly_and_nothing_happens_outside() {
    full(Door::Http, 500).await;
}

#[tokio::test]
async fn on_a_full_disk_a_click_by_socket_mode_is_not_acknowledged() {
    full(Door::Socket, 0).await;
}

async fn full(door: Door, not_recorded: u16) {
    let wrapped = Path::new("/bin/bash");
    let runbooks = vec![("pin.yaml", excerpt("pin", &[STEP]))];
    let through = Some(wrapped.to_owned());
    let script = Script { runbooks, through, door, ..Script::default() };
    let stage = Stage::open(script).await;
    stage.type_dr(ANTOINE, "start pin").await;
    stage.press(ANTOINE, &stage.button("approve", STEP).await).await;
    let approve = stage.button("approve", STEP).await;
    let events = stage.events().await;

    let_files_grow(&stage, "1");
    stage.press(MIA, &approve).await;
    assert_eq!(status(&stage), not_recorded, "Slack shows its warning");
    stage.whispered(MIA, "*Nothing was done*: the database could not record it").await;
    let hold = stage.button("ask-hold", "").await;
    stage.write(ANTOINE, &hold, "le disque est plein").await;
    let last = stage.slack.deliveries().pop().expect("it was delivered");
    assert!(last.answers[0].body.contains("Rien n’a été fait"), "{:?}", last.answers);
    let ready = http().get(format!("{}/readyz", stage.base)).send().await.expect("it answers");
    assert_eq!(ready.status().as_u16(), 503, "nobody should be sent here now");
    assert!(primary_target(&stage.world).await.starts_with(PRIMARY_LB));
    let changes = format!("POST /2013-04-01/hostedzone/{}/rrset", stage.world.zone);
    assert_eq!(stage.aws.tap.count(&changes), 0);

    let_files_grow(&stage, "unlimited");
    assert_eq!(stage.events().await, events, "nothing was recorded meanwhile");
    eventually("it is ready again", 20, || async {
        let asked = http().get(format!("{}/readyz", stage.base)).send().await;
        asked.ok().filter(|answer| answer.status().is_success()).map(drop)
    })
    .await;
    stage.press(MIA, &approve).await;
    assert_eq!(status(&stage), 200);
    stage.recorded("it goes on", |event| matches!(event, Event::StepDone { .. })).await;
    assert_eq!(stage.aws.tap.count(&changes), 1);
    assert!(primary_target(&stage.world).await.starts_with(DR_LB));
    assert!(!stage.log().contains("panicked"), "{}", stage.log());
    stage.judged(&format!("a full disk ({door:?})")).await;
}

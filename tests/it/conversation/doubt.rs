//! A call whose answer is lost, and a process that dies in the middle of one: looked for, never repeated.

use std::time::Duration;

use dr_buddy::domain::run::Event;

use super::people::ANTOINE;
use super::record::Record;
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Tampering, eventually};

const STEP: &str = "promote-database";
const CALL: &str = "FailoverGlobalCluster";

async fn promotion() -> Stage {
    let runbooks = vec![("promotion.yaml", excerpt("promotion", &[STEP]))];
    let stage = Stage::open(Script { runbooks, ..Script::default() }).await;
    stage.type_dr(ANTOINE, "start promotion").await;
    stage
}

async fn done(stage: &Stage) -> Record {
    stage.recorded("the promotion is proven", |event| matches!(event, Event::StepDone { .. })).await
}

/// The one step was tried and called once, and the run can be closed.
async fn assert_once_and_close(stage: &Stage) {
    let record = done(stage).await;
    assert_eq!(record.attempts(STEP), 1);
    assert_eq!(stage.aws.tap.count(CALL), 1, "{:?}", stage.aws.tap.calls());
    assert_eq!(stage.world.writer_arn().await, stage.world.dr_arn);
    let unknown = record.count(|event| matches!(event, Event::OutcomeUnknown { .. }));
    assert_eq!(unknown, 1);
    let close = stage.button("ask-close", "").await;
    stage.write(ANTOINE, &close, "").await;
    stage.recorded("the run is closed", |event| matches!(event, Event::RunClosed { .. })).await;
    assert_eq!(stage.aws.tap.count(CALL), 1);
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_the_call_is_not_sent_again() {
    let stage = promotion().await;
    stage.aws.tap.spoil_next(CALL, Tampering::CutAfter);
    stage.agree(STEP).await;
    stage.in_the_room("outcome unknown").await;
    assert_once_and_close(&stage).await;
    stage.judged("a lost answer").await;
}

#[tokio::test]
async fn a_process_killed_during_the_call_settles_it_by_looking_after_the_restart() {
    let stage = promotion().await;
    stage.aws.tap.spoil_next(CALL, Tampering::LateAnswer(Duration::from_secs(20)));
    stage.agree(STEP).await;
    eventually("the call has taken effect", 20, || async {
        (stage.world.writer_arn().await == stage.world.dr_arn).then_some(())
    })
    .await;
    stage.kill();
    // The first look after the restart is blind, so that people see the doubt and look again. It asks in both
    // regions, and the SDK asks twice.
    for _ in 0..4 {
        stage.aws.tap.spoil_next("DescribeGlobalClusters", Tampering::Unavailable);
    }
    stage.start().await;
    stage.in_the_room("dr-buddy stopped while the call was out").await;
    stage.in_the_room("never sent again by itself").await;
    assert!(stage.log().contains("Found an open attempt"), "{}", stage.log());
    let look = eventually("what was seen is on the card", 30, || async {
        stage.find("ask-start-again", STEP).await?;
        stage.find("look-again", STEP).await
    })
    .await;
    assert_eq!(stage.record().await.expect("there is one").attempts(STEP), 1);
    stage.press(ANTOINE, &look).await;
    assert_once_and_close(&stage).await;
    stage.judged("a killed process").await;
}

#[tokio::test]
async fn a_call_that_never_arrived_starts_again_only_with_new_approvals() {
    let stage = promotion().await;
    stage.aws.tap.spoil_next(CALL, Tampering::CutBefore);
    stage.agree(STEP).await;
    let again = stage.button("ask-start-again", STEP).await;
    assert_eq!(stage.world.writer_arn().await, stage.world.primary_arn);
    stage.write(ANTOINE, &again, "the writer has not moved").await;
    let asked = stage.newer(&again, "approve", STEP).await;
    assert_eq!(stage.aws.tap.count(CALL), 1, "a person's word alone sends nothing");
    stage.press(ANTOINE, &asked).await;
    stage.press(super::people::MIA, &stage.button("approve", STEP).await).await;
    let record = done(&stage).await;
    assert_eq!(record.attempts(STEP), 2);
    assert_eq!(stage.aws.tap.count(CALL), 2);
    assert_eq!(stage.world.writer_arn().await, stage.world.dr_arn);
    stage.judged("a call that never arrived").await;
}

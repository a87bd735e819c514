//! A process that is told to end while a step is under way: nothing is lost, nothing is sent twice.

use std::time::Duration;

use dr_buddy::domain::run::{Event, StepState};

use super::people::{ANTOINE, MIA};
use super::shop::excerpt;
use super::stage::{Script, Stage};
use crate::harness::{Tampering, eventually};

const STEP: &str = "promote-database";
const CALL: &str = "FailoverGlobalCluster";

async fn promotion(grace: &str) -> Stage {
    let runbooks = vec![("promotion.yaml", excerpt("promotion", &[STEP]))];
    let more = vec![("DR_BUDDY_GRACE", grace.to_owned())];
    let stage = Stage::open(Script { runbooks, more, ..Script::default() }).await;
    stage.type_dr(ANTOINE, "start promotion").await;
    stage
}

async fn is_called(stage: &Stage) {
    eventually("the call is out", 30, || async { (stage.aws.tap.count(CALL) == 1).then_some(()) })
        .await;
}

/// After a new start it is done, by one attempt and one call.
async fn assert_done_once(stage: &Stage) {
    stage.start().await;
    let record =
        stage.recorded("it is proven", |event| matches!(event, Event::StepDone { .. })).await;
    assert_eq!(record.attempts(STEP), 1);
    assert_eq!(stage.aws.tap.count(CALL), 1);
    assert_eq!(stage.world.writer_arn().await, stage.world.dr_arn);
}

#[tokio::test]
async fn a_call_that_is_out_is_waited_for() {
    let stage = promotion("25s").await;
    stage.aws.tap.spoil_next(CALL, Tampering::LateAnswer(Duration::from_secs(3)));
    stage.agree(STEP).await;
    is_called(&stage).await;
    stage.signal("TERM");
    assert_eq!(stage.ended().await, Some(0), "{}", stage.log());
    let record = stage.record().await.expect("there is one");
    assert_eq!(record.count(|event| matches!(event, Event::CallAccepted { .. })), 1);
    assert_eq!(record.count(|event| matches!(event, Event::OutcomeUnknown { .. })), 0);
    assert_done_once(&stage).await;
}

#[tokio::test]
async fn a_call_that_is_still_out_at_the_end_is_left_to_its_lease_and_named() {
    let stage = promotion("1s").await;
    stage.aws.tap.spoil_next(CALL, Tampering::LateAnswer(Duration::from_secs(20)));
    stage.agree(STEP).await;
    is_called(&stage).await;
    stage.signal("TERM");
    assert_eq!(stage.ended().await, Some(3), "{}", stage.log());
    let said = "The call of step `promote-database`, attempt 1, is out: left to its lease until ";
    assert!(stage.log().contains(said), "{}", stage.log());
    assert_done_once(&stage).await;
    assert!(stage.log().contains("Found an open attempt"), "{}", stage.log());
}

#[tokio::test]
async fn told_twice_it_ends_at_once() {
    let stage = promotion("25s").await;
    stage.aws.tap.spoil_next(CALL, Tampering::LateAnswer(Duration::from_secs(20)));
    stage.agree(STEP).await;
    is_called(&stage).await;
    stage.signal("TERM");
    eventually("it drains", 10, || async { stage.log().contains("Draining").then_some(()) }).await;
    let began = tokio::time::Instant::now();
    stage.signal("INT");
    assert_eq!(stage.ended().await, Some(3), "{}", stage.log());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(stage.log().contains("Told a second time"), "{}", stage.log());
    assert_done_once(&stage).await;
}

#[tokio::test]
async fn a_step_that_is_approved_but_not_begun_is_left_to_the_next_process() {
    let stage = promotion("25s").await;
    stage.press(ANTOINE, &stage.button("approve", STEP).await).await;
    let approve = stage.button("approve", STEP).await;
    // It is measured again before the call; that takes a while now.
    for _ in 0..2 {
        stage
            .aws
            .tap
            .spoil_next("DescribeGlobalClusters", Tampering::Delay(Duration::from_secs(4)));
    }
    let asked = stage.aws.tap.count("DescribeGlobalClusters");
    stage.press(MIA, &approve).await;
    eventually("it is measured again", 30, || async {
        (stage.aws.tap.count("DescribeGlobalClusters") > asked).then_some(())
    })
    .await;
    stage.signal("TERM");
    eventually("it says so", 10, || async { stage.not_ready("draining").await }).await;
    assert_eq!(stage.ended().await, Some(0), "{}", stage.log());
    let record = stage.record().await.expect("there is one");
    assert_eq!((record.attempts(STEP), stage.aws.tap.count(CALL)), (0, 0), "{}", stage.log());
    let (_, at) = record.run.each_step().next().expect("there is a step");
    assert!(matches!(at.state, StepState::Approved { .. }), "{:?}", at.state);
    assert_done_once(&stage).await;
}

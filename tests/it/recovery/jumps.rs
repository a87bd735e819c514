//! Time jumps, by a wrong clock or a machine that slept: what is due comes once, and nothing freezes or comes to life.

use dr_buddy::domain::run::protocol::Voided;
use dr_buddy::domain::run::{Effect, Event, StepState};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::engine::supervise::Supervisor;
use dr_buddy::engine::{Asked, outbox, recover};

use super::rig::{Rig, START, settle, step, who};
use crate::store::Bed;

const DAYS: Span = Span::minutes(3 * 24 * 60);

fn has_expired(event: &Event) -> bool {
    matches!(event, Event::ApprovalsVoided { why: Voided::Expired, .. })
}

/// Antoine agrees to the first step.
async fn first_approval(rig: &Rig) {
    let engine = rig.process();
    settle(&engine).await;
    let digest = rig.state().await.steps[&step(0)].shown.as_ref().unwrap().digest.clone();
    let request = dr_buddy::domain::run::Request::Approve { step: step(0), digest };
    let by = who("antoine");
    let asked = Asked { key: "antoine", request: &request, by: &by, settles: None };
    engine.submit(&rig.run, asked).await.expect("it is recorded");
    settle(&engine).await;
}

#[tokio::test]
async fn after_three_days_a_run_is_ticked_once() {
    let rig = Rig::new(Bed::sqlite(), 4).await;
    first_approval(&rig).await;
    rig.clock.pass(DAYS);
    let engine = rig.process();
    let performed = settle(&engine).await;
    let ticks = performed.iter().filter(|effect| matches!(effect, Effect::WakeAt(_))).count();
    assert_eq!(ticks, 1, "{performed:?}");
    // One of them is an update of the room: the newest, not four hundred.
    assert!(performed.len() < 15, "{performed:?}");
    assert_eq!(rig.count(has_expired).await, 1);
    assert!(rig.state().await.steps[&step(0)].approvals.is_empty());
    assert_eq!(settle(&engine).await, []);
}

#[tokio::test]
async fn a_tick_taken_before_the_clock_went_back_comes_again_in_its_time() {
    let rig = Rig::new(Bed::sqlite(), 1).await;
    first_approval(&rig).await;
    let engine = rig.process();
    let due = START.plus(Span::minutes(10));
    rig.clock.set(due);
    let tick = outbox::take(&engine, 9, 9).await.remove(0);
    assert_eq!(tick.effect, Effect::WakeAt(due));
    rig.clock.set(Timestamp(due.0 - 1000));
    outbox::perform(&engine, tick).await;
    assert_eq!(settle(&engine).await, []);
    assert_eq!(rig.state().await.steps[&step(0)].approvals.len(), 1);
    rig.clock.set(due);
    assert!(settle(&engine).await.contains(&Effect::WakeAt(due)));
    assert_eq!(rig.count(has_expired).await, 1);
}

#[tokio::test]
async fn a_start_with_a_clock_that_was_set_back_goes_on_from_the_record() {
    let rig = Rig::new(Bed::sqlite(), 2).await;
    rig.clock.pass(DAYS);
    first_approval(&rig).await;
    let seen = rig.state().await.seen_at;
    rig.clock.set(START);
    let engine = rig.process();
    recover::recover(&engine, &Supervisor::default(), |_| {}).await.unwrap();
    assert!(engine.clock.now() >= seen, "leases and due times do not lie in the future");
    // Nobody can tell how old it is: it does not count.
    assert_eq!(rig.count(has_expired).await, 1);
    settle(&engine).await;
    assert_eq!(rig.step(0).await, StepState::Ready);
    rig.agree(&engine, 1).await;
    assert!(settle(&engine).await.contains(&Effect::Act { step: step(1), attempt: 1 }));
    assert_eq!(rig.outside.calls(), 1, "work goes on");
}

//! An end: what cannot be finished in time is not begun, and what is out is named.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dr_buddy::domain::run::{Effect, StepState};
use dr_buddy::domain::time::Span;
use dr_buddy::engine::outbox;
use dr_buddy::engine::supervise::Supervisor;

use super::rig::{Rig, START, acts, settle, step};
use crate::harness::eventually;
use crate::store::Bed;

#[tokio::test]
async fn a_call_that_may_not_be_over_in_time_is_not_begun_and_anybody_else_takes_it_at_once() {
    let rig = Rig::new(Bed::postgres().await, 1).await;
    let ending = rig.process();
    settle(&ending).await;
    rig.agree(&ending, 0).await;
    let act = acts(&ending).await.remove(0);
    ending.end_within(rig.patience.call - Duration::from_millis(1));
    outbox::perform(&ending, act).await;
    assert_eq!(rig.step(0).await, StepState::Approved { attempt: 1 });
    assert_eq!((rig.outside.calls(), ending.underway()), (0, vec![]));
    let other = rig.process();
    let act = acts(&other).await.remove(0);
    assert_eq!((act.effect.clone(), act.tries), (Effect::Act { step: step(0), attempt: 1 }, 0));
    outbox::perform(&other, act).await;
    assert_eq!((rig.step(0).await.name(), rig.outside.calls()), ("proving", 1));
}

#[tokio::test]
async fn a_call_that_can_be_over_in_time_is_made() {
    let rig = Rig::new(Bed::sqlite(), 1).await;
    let ending = rig.process();
    settle(&ending).await;
    rig.agree(&ending, 0).await;
    let act = acts(&ending).await.remove(0);
    ending.end_within(rig.patience.call + Duration::from_secs(30));
    outbox::perform(&ending, act).await;
    assert_eq!(rig.outside.calls(), 1);
}

#[tokio::test]
async fn what_is_out_at_the_end_is_named_with_the_end_of_its_lease() {
    let rig = Rig::new(Bed::sqlite(), 2).await;
    let (engine, supervisor) = (rig.process(), Supervisor::default());
    settle(&engine).await;
    rig.agree(&engine, 0).await;
    rig.outside.swallows.store(true, Ordering::SeqCst);
    let (working, token) = (Arc::clone(&engine), supervisor.token().clone());
    supervisor.keep("outbox", move || outbox::work(Arc::clone(&working), token.clone()));
    eventually("the call is out", 30, || async { (rig.outside.calls() == 1).then_some(()) }).await;
    engine.end_within(Duration::from_millis(200));
    assert!(!supervisor.drain(Duration::from_millis(200)).await, "it is still out");
    // A card may be on its way as well.
    let mut left = engine.underway();
    left.retain(|left| !matches!(left.effect, Effect::Show(_)));
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].effect, Effect::Act { step: step(0), attempt: 1 });
    assert_eq!((left[0].has_begun, left[0].until), (true, START.plus(Span(240_000))));
    // Told to end, it takes nothing new.
    rig.agree(&engine, 1).await;
    engine.wake();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((rig.outside.calls(), rig.step(1).await.name()), (1, "approved"));
}

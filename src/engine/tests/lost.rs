//! The database goes away in the very moment, and comes back, or does not: nothing is said to be recorded that is not,
//! and what a call returned is held on to for as long as nobody else looks.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::gate::{Fate, Gate};
use super::{Rig, beside, over, until};
use crate::domain::run::protocol::Event;
use crate::domain::run::state::{Doubt, StepState};
use crate::domain::run::{Request, Run};
use crate::domain::time::{Span, Timestamp};
use crate::engine::SubmitError;
use crate::engine::outbox;

#[tokio::test]
async fn what_was_not_recorded_is_not_said_to_be() {
    let mut rig = Rig::new().await;
    let gate = rig.gated();
    let mut changes = rig.engine.changes();
    let before = rig.state().await;
    for fate in [Fate::Away, Fate::Unfit] {
        gate.fates(&[fate]);
        let note = Request::Note { text: "hm".into() };
        let answer = rig.ask("mia", &note).await;
        assert!(matches!(answer, Err(SubmitError::Store(_))), "{answer:?}");
        assert_eq!(rig.state().await, before);
    }
    assert!(changes.try_recv().is_err(), "nobody hears of it");
    assert!(rig.ask("mia", &Request::Note { text: "hm".into() }).await.is_ok());
}

/// A call that went out and came back, and whose beginning alone could be recorded; when its lease ends.
async fn returned(next: Fate) -> (Rig, Arc<Gate>, JoinHandle<()>, Timestamp) {
    let mut rig = Rig::agreed().await;
    let gate = rig.gated();
    let act = rig.take_act().await;
    let (engine, lease_ends) = (Arc::clone(&rig.engine), act.until);
    gate.fates(&[Fate::Recorded, next, Fate::Away]);
    let work = beside(async move { outbox::perform(&engine, act).await });
    until("its return is handed in", || gate.passed() >= 2).await;
    assert_eq!(rig.outside.asked("run").len(), 1);
    (rig, gate, work, lease_ends)
}

fn is_interrupted(run: &Run) -> bool {
    let at = run.steps.values().next().unwrap();
    matches!(at.state, StepState::InDoubt { why: Doubt::Interrupted, .. })
}

#[tokio::test]
async fn what_a_call_returned_is_kept_until_the_database_is_back() {
    let (rig, gate, work, _) = returned(Fate::Away).await;
    for tries in [3, 4] {
        rig.clock.pass(Span::seconds(1));
        until("it is handed in again", || gate.passed() >= tries).await;
    }
    over(work).await;
    assert_eq!(rig.step().await, StepState::Proving { attempt: 1 }, "as it returned");
    assert_eq!(rig.count(|event| matches!(event, Event::OutcomeUnknown { .. })).await, 0);
    rig.settle().await;
    assert_eq!(rig.outside.asked("run").len(), 1);
}

#[tokio::test]
async fn what_the_database_will_never_take_is_not_handed_in_again() {
    let (rig, gate, work, _) = returned(Fate::Unfit).await;
    over(work).await;
    assert_eq!(gate.passed(), 2);
    assert_eq!(rig.step().await, StepState::Calling { attempt: 1 });
}

#[tokio::test]
async fn what_a_call_returned_is_let_go_when_somebody_else_may_look() {
    let (rig, gate, work, lease_ends) = returned(Fate::Away).await;
    rig.clock.set(lease_ends);
    over(work).await;
    assert_eq!(gate.passed(), 3, "once more, and then no more");
    assert_eq!(rig.step().await, StepState::Calling { attempt: 1 });
    rig.clock.pass(Span::minutes(5));
    rig.settle().await;
    assert!(is_interrupted(&rig.state().await), "{:?}", rig.step().await);
    assert_eq!(rig.outside.asked("run").len(), 1, "never again by itself");
}

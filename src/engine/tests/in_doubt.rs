//! An attempt of which nobody knows: looked at, at once and again, and never repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{Rig, START, beside, the_step};
use crate::actions::{Happened, Outcome};
use crate::domain::run::Effect;
use crate::domain::run::protocol::Event;
use crate::domain::run::state::{Doubt, StepState};
use crate::domain::time::{Span, Timestamp};
use crate::engine::clock::Clock;
use crate::engine::patience::Patience;
use crate::engine::{outbox, recover, supervise};

/// A call whose answer was lost, at the start of the clock.
async fn lost() -> Rig {
    let rig = Rig::agreed().await;
    let unknown = Outcome::Unknown { error: "cut".to_owned(), evidence: Value::Null };
    rig.outside.now(|script| script.outcome = unknown);
    rig.settle().await;
    rig
}

/// What the last look on record says.
async fn seen(rig: &Rig) -> Option<Happened> {
    let StepState::InDoubt { seen, .. } = rig.step().await else {
        panic!("{:?}", rig.step().await)
    };
    seen.map(|seen| seen.happened)
}

async fn probed(rig: &Rig) -> usize {
    rig.count(|event| matches!(event, Event::OutcomeProbed { .. })).await
}

/// So much later everything that is due is done; how often that looked.
async fn later(rig: &Rig, span: Span) -> usize {
    let before = rig.outside.asked("probe").len();
    rig.clock.pass(span);
    rig.settle().await;
    rig.outside.asked("probe").len() - before
}

#[tokio::test]
async fn what_is_seen_is_recorded_once_and_looked_at_again_until_it_is_there() {
    let rig = lost().await;
    assert_eq!((seen(&rig).await, probed(&rig).await), (Some(Happened::Unknown), 1));
    assert_eq!(later(&rig, Span(29_999)).await, 0, "nothing to be seen: every half minute");
    assert_eq!((later(&rig, Span(1)).await, probed(&rig).await), (1, 1), "the same is no news");
    rig.outside.now(|script| script.happened = Happened::Running);
    later(&rig, Span::seconds(30)).await;
    assert_eq!((seen(&rig).await, probed(&rig).await), (Some(Happened::Running), 2));
    assert_eq!(later(&rig, Span(9_999)).await, 0, "under way: every ten seconds");
    assert_eq!((later(&rig, Span(1)).await, probed(&rig).await), (1, 2));
    rig.outside.now(|script| (script.happened, script.is_there) = (Happened::Done, true));
    later(&rig, Span::seconds(10)).await;
    assert_eq!(rig.step().await, StepState::Proving { attempt: 1 });
    assert_eq!(rig.outside.asked("run").len(), 1);
}

#[tokio::test]
async fn that_nothing_was_started_is_not_believed_before_its_time() {
    let rig = Rig::agreed().await;
    let unknown = Outcome::Unknown { error: "cut".to_owned(), evidence: Value::Null };
    rig.outside.now(|script| (script.outcome, script.happened) = (unknown, Happened::Never));
    rig.settle().await;
    assert_eq!((seen(&rig).await, probed(&rig).await), (None, 0));
    assert_eq!(later(&rig, Span::seconds(2)).await, 1, "looked at every two seconds");
    later(&rig, Span(27_999)).await;
    assert_eq!((seen(&rig).await, probed(&rig).await), (None, 0), "half a minute is not over");
    later(&rig, Span::seconds(2)).await;
    assert_eq!((seen(&rig).await, probed(&rig).await), (Some(Happened::Never), 1));
}

#[tokio::test]
async fn a_doubt_from_the_future_is_counted_from_the_first_look() {
    let rig = Rig::agreed().await;
    let unknown = Outcome::Unknown { error: "cut".to_owned(), evidence: Value::Null };
    rig.outside.now(|script| (script.outcome, script.happened) = (unknown, Happened::Never));
    let act = rig.take_act().await;
    rig.perform(act).await;
    // The clock goes back by an hour: the doubt lies ahead.
    rig.clock.set(Timestamp(START.0 - 3_600_000));
    let probe = Effect::Probe { step: the_step(), attempt: 1 };
    rig.store.want(&rig.run, &probe, rig.clock.now()).await.unwrap();
    later(&rig, Span::seconds(2)).await;
    later(&rig, Span(27_999)).await;
    assert_eq!(probed(&rig).await, 0, "half a minute from the first look is not over");
    later(&rig, Span::seconds(4)).await;
    assert_eq!(seen(&rig).await, Some(Happened::Never));
}

#[tokio::test]
async fn a_call_that_happened_without_its_effect_is_for_people() {
    let rig = Rig::agreed().await;
    rig.outside.now(|script| script.happened = Happened::Done);
    rig.settle().await;
    later(&rig, Span::seconds(31)).await;
    let StepState::InDoubt { why: Doubt::NotProven { .. }, .. } = rig.step().await else {
        panic!("{:?}", rig.step().await)
    };
    later(&rig, Span::seconds(31)).await;
    assert_eq!(seen(&rig).await, Some(Happened::Unknown), "it happened, and nothing came of it");
    rig.outside.now(|script| script.is_there = true);
    later(&rig, Span::seconds(30)).await;
    assert_eq!(rig.step().await, StepState::Proving { attempt: 1 });
}

/// A process dies while its call is out.
async fn died() -> Rig {
    let rig = Rig::agreed().await;
    let act = rig.take_act().await;
    let engine = rig.process();
    let work = beside(async move { outbox::perform(&engine, act).await });
    rig.dark_once_called().await;
    work.abort();
    assert!(work.await.is_err());
    rig.outside.now(|script| (script.is_dark, script.happened) = (false, Happened::Running));
    assert_eq!(rig.step().await, StepState::Calling { attempt: 1 });
    rig
}

#[tokio::test]
async fn an_attempt_found_open_is_looked_at_in_the_same_breath() {
    let rig = died().await;
    let performed = rig.pass().await;
    assert!(performed.iter().all(|effect| matches!(effect, Effect::Show(_))), "its lease lasts");
    rig.clock.pass(Span::minutes(4));
    let act = rig.take_act().await;
    rig.perform(act).await;
    assert_eq!((seen(&rig).await, probed(&rig).await), (Some(Happened::Running), 1));
    assert_eq!(rig.outside.asked("run").len(), 1, "never again by itself");
}

#[tokio::test]
async fn a_start_looks_at_what_is_open_before_anything_else() {
    let rig = died().await;
    let (supervisor, left) = (supervise::Supervisor::default(), Arc::new(AtomicUsize::new(99)));
    let tell = {
        let left = Arc::clone(&left);
        move |open| left.store(open, Ordering::SeqCst)
    };
    let engine = rig.process();
    recover::recover(&engine, &supervisor, tell).await.unwrap();
    assert_eq!(left.load(Ordering::SeqCst), 0, "all of it was told");
    assert_eq!(seen(&rig).await, Some(Happened::Running), "nobody waited for the lease");
    let interrupted = |event: &Event| matches!(event, Event::OutcomeUnknown { step, why: Doubt::Interrupted, .. } if *step == the_step());
    assert_eq!(rig.count(interrupted).await, 1);
    assert_eq!(rig.outside.asked("run").len(), 1);
    let patience = Patience::default();
    assert!(recover::longest(&patience) > patience.look, "findings are recorded, too");
}

//! A start: what nobody knows the outcome of is looked at before anything else is done.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dr_buddy::actions::Happened;
use dr_buddy::domain::run::state::Doubt;
use dr_buddy::domain::run::{Effect, Event, StepState};
use dr_buddy::domain::time::Span;
use dr_buddy::engine::supervise::Supervisor;
use dr_buddy::engine::{outbox, recover};

use tokio::time::Instant;

use super::rig::{Rig, acts, settle, step};
use crate::store::Bed;

/// Recovers; how many open attempts were told of, in order.
async fn start(rig: &Rig) -> Vec<usize> {
    let told = Mutex::new(Vec::new());
    let (engine, supervisor) = (rig.process(), Supervisor::default());
    let tell = |left| told.lock().expect("nobody panics while holding it").push(left);
    recover::recover(&engine, &supervisor, tell).await.expect("the database is there");
    told.into_inner().expect("nobody panics while holding it")
}

fn is_interrupted(event: &Event) -> bool {
    matches!(event, Event::OutcomeUnknown { why: Doubt::Interrupted, .. })
}

#[tokio::test]
async fn what_was_out_is_interrupted_looked_at_and_never_sent_again() {
    for (happened, leads_to) in [
        (Happened::Done, "proving"),
        (Happened::Running, "in_doubt"),
        (Happened::Unknown, "in_doubt"),
    ] {
        let rig = Rig::new(Bed::sqlite(), 3).await;
        rig.die_calling(2).await;
        rig.outside.say(happened);
        assert_eq!(start(&rig).await, [2, 1, 0]);
        assert_eq!(rig.count(is_interrupted).await, 2);
        assert_eq!(rig.count(|event| matches!(event, Event::OutcomeProbed { .. })).await, 2);
        for n in 0..2 {
            let state = rig.step(n).await;
            assert_eq!(state.name(), leads_to, "{state:?}");
            if let StepState::InDoubt { seen, .. } = state {
                let seen = seen.expect("people are told what was seen");
                assert_eq!((seen.happened, seen.saw.as_str()), (happened, "as scripted"));
            }
        }
        assert_eq!((rig.outside.calls(), rig.step(2).await.name()), (2, "ready"));
        // The way goes on as ever.
        settle(&rig.process()).await;
        assert_eq!(rig.outside.calls(), 2);
        assert_eq!(rig.step(0).await.name() == "done", happened == Happened::Done);
    }
}

#[tokio::test]
async fn that_nothing_was_started_is_not_concluded_too_early() {
    let rig = Rig::new(Bed::sqlite(), 1).await;
    rig.die_calling(1).await;
    rig.outside.say(Happened::Never);
    start(&rig).await;
    assert!(matches!(rig.step(0).await, StepState::InDoubt { seen: None, .. }));
    // The other side may have shown it late: then it counts.
    let engine = rig.process();
    rig.clock.pass(Span::seconds(29));
    settle(&engine).await;
    assert!(matches!(rig.step(0).await, StepState::InDoubt { seen: None, .. }));
    rig.clock.pass(Span::seconds(2));
    settle(&engine).await;
    let StepState::InDoubt { seen: Some(seen), .. } = rig.step(0).await else { panic!("unseen") };
    assert_eq!(seen.happened, Happened::Never);
    assert_eq!(rig.outside.calls(), 1, "never again by itself");
}

#[tokio::test]
async fn a_doubt_nobody_has_looked_into_and_an_effect_awaited_are_looked_at_too() {
    let rig = Rig::new(Bed::sqlite(), 2).await;
    rig.die_calling(1).await;
    rig.outside.say(Happened::Never);
    start(&rig).await;
    let engine = rig.process();
    settle(&engine).await;
    rig.agree(&engine, 1).await;
    for act in acts(&engine).await {
        outbox::perform(&engine, act).await;
    }
    let stages = [rig.step(0).await.name().to_owned(), rig.step(1).await.name().to_owned()];
    assert_eq!(stages, ["in_doubt", "proving"]);
    rig.outside.say(Happened::Done);
    assert_eq!(start(&rig).await, [2, 1, 0]);
    assert_eq!([rig.step(0).await.name(), rig.step(1).await.name()], ["proving", "done"]);
    assert_eq!(rig.outside.calls(), 2);
}

#[tokio::test]
async fn a_dark_region_holds_the_start_up_for_one_look_however_many_are_open() {
    let rig = Rig::new(Bed::sqlite(), 12).await;
    rig.die_calling(12).await;
    rig.outside.dark.store(true, Ordering::SeqCst);
    let began = Instant::now();
    start(&rig).await;
    let took = began.elapsed();
    assert!(took >= rig.patience.look, "they were looked at");
    assert!(took < recover::longest(&rig.patience), "{took:?}");
    for n in 0..12 {
        let StepState::InDoubt { seen: Some(seen), .. } = rig.step(n).await else {
            panic!("unseen")
        };
        assert_eq!(seen.happened, Happened::Unknown);
    }
    assert_eq!(rig.outside.calls(), 12);
}

#[tokio::test]
async fn with_nothing_open_the_start_looks_at_nothing_and_waits_for_nothing() {
    let rig = Rig::new(Bed::sqlite(), 2).await;
    settle(&rig.process()).await;
    let before = rig.record().await.len();
    let began = Instant::now();
    assert_eq!(start(&rig).await, [0]);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(rig.record().await.len(), before);
    assert_eq!(rig.outside.probes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_a_live_replica_has_stays_its_own_until_its_lease_ends() {
    let rig = Rig::new(Bed::postgres().await, 1).await;
    rig.die_calling(1).await;
    rig.outside.say(Happened::Running);
    assert_eq!(start(&rig).await, [1, 0], "it is open, but nobody may look at it");
    let other = rig.process();
    settle(&other).await;
    assert_eq!(rig.step(0).await, StepState::Calling { attempt: 1 });
    rig.clock.pass(dr_buddy::domain::time::Span(240_000));
    // Whoever takes it looks in the same breath: there is no other effect between.
    let act = acts(&other).await.remove(0);
    assert_eq!(act.effect, Effect::Act { step: step(0), attempt: 1 });
    outbox::perform(&other, act).await;
    let StepState::InDoubt { seen: Some(seen), why: Doubt::Interrupted, .. } = rig.step(0).await
    else {
        panic!("{:?}", rig.step(0).await)
    };
    assert_eq!(seen.happened, Happened::Running);
    assert_eq!(rig.outside.calls(), 1);
}

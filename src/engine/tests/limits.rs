//! What is too late is not called: not after a pause, not before an end, not beside a clock that is adjusted.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::hands::Done;
use super::{Rig, START, beside, over, process, the_step, until};
use crate::domain::run::protocol::Event;
use crate::domain::run::state::{Doubt, StepState};
use crate::domain::run::{Effect, MessageKey, Request};
use crate::domain::time::{Span, Timestamp};
use crate::engine::clock::Clock;
use crate::engine::patience::Patience;
use crate::engine::{outbox, recover, supervise};
use crate::store::Claimed;

fn began(event: &Event) -> bool {
    matches!(event, Event::AttemptStarted { .. })
}

#[tokio::test]
async fn a_call_that_was_taken_long_ago_is_handed_back() {
    for (seconds, calls) in [(90, 0), (89, 1)] {
        let rig = Rig::agreed().await;
        let act = rig.take_act().await;
        rig.clock.pass(Span::seconds(seconds));
        rig.perform(act).await;
        assert_eq!(rig.outside.asked("run").len(), calls, "performed after {seconds} s");
    }
}

#[tokio::test]
async fn a_call_whose_last_look_took_too_long_is_handed_back_whatever_became_of_the_clock() {
    let (long, short) = (Span::seconds(90), Span::seconds(89));
    for (wall, steady, is_called) in
        [(long, long, false), (long, short, false), (short, long, false), (short, short, true)]
    {
        let rig = Rig::agreed().await;
        let act = rig.take_act().await;
        rig.outside.slow(&rig.clock, wall, steady);
        rig.perform(act).await;
        let (calls, begun) = (rig.outside.asked("run").len(), rig.count(began).await);
        assert_eq!((calls > 0, begun > 0), (is_called, is_called), "{wall} {steady}");
        rig.outside.slow(&rig.clock, Span(0), Span(0));
        rig.settle().await;
        assert_eq!(rig.outside.asked("run").len(), 1, "whoever has it next begins anew");
    }
}

#[tokio::test]
async fn what_never_comes_back_is_over_when_its_time_is() {
    let rig = Rig::new().await;
    rig.outside.now(|script| script.is_dark = true);
    let preview = rig.take_one(|effect| matches!(effect, Effect::Preview { .. })).await;
    in_time(&rig, preview, Span::seconds(20)).await;
    let StepState::Blind { error, unreachable: true } = rig.step().await else {
        panic!("{:?}", rig.step().await)
    };
    assert_eq!(error, "trouble.unreachable aurora.switchover | told.no_time 20");

    let rig = Rig::agreed().await;
    let act = rig.take_act().await;
    let engine = Arc::clone(&rig.engine);
    let work = beside(async move { outbox::perform(&engine, act).await });
    rig.dark_once_called().await;
    rig.clock.pass(Span::seconds(59));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!work.is_finished(), "its minute is not over");
    rig.clock.pass(Span::seconds(1));
    over(work).await;
    let StepState::InDoubt { why: Doubt::NoAnswer { error }, .. } = rig.step().await else {
        panic!("{:?}", rig.step().await)
    };
    assert_eq!(error, "trouble.no_answer 60");
}

/// Performs what never comes back, and sees it end when its time is over, not before.
async fn in_time(rig: &Rig, claimed: Claimed, most: Span) {
    let engine = Arc::clone(&rig.engine);
    let work = beside(async move { outbox::perform(&engine, claimed).await });
    until("it is looked at", || !rig.outside.asked("preview").is_empty()).await;
    rig.clock.pass(Span(most.ms() - 1));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!work.is_finished(), "its time is not over");
    rig.clock.pass(Span(1));
    over(work).await;
}

#[tokio::test]
async fn nothing_begins_that_may_not_be_over_before_the_end() {
    let rig = Rig::agreed().await;
    rig.engine.end_within(Duration::from_secs(59));
    // The first word counts.
    rig.engine.end_within(Duration::from_secs(600));
    rig.pass().await;
    assert_eq!((rig.outside.asked("run").len(), rig.count(began).await), (0, 0));
    let next = rig.process();
    for claimed in outbox::take(&next, 99, 99).await {
        outbox::perform(&next, claimed).await;
    }
    assert_eq!(rig.outside.asked("run").len(), 1, "another process has it at once");
    let rig = Rig::agreed().await;
    rig.engine.end_within(Duration::from_secs(61));
    rig.settle().await;
    assert_eq!(rig.outside.asked("run").len(), 1, "this is over by then");
}

#[tokio::test]
async fn what_is_under_way_is_named_until_it_is_over() {
    let rig = Rig::agreed().await;
    let act = rig.take_act().await;
    rig.outside.now(|script| script.is_dark = true);
    assert_eq!(rig.engine.underway(), []);
    let engine = Arc::clone(&rig.engine);
    let work = beside(async move { outbox::perform(&engine, act).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let underway = rig.engine.underway();
    assert_eq!(underway.len(), 1);
    assert_eq!(underway[0].effect, Effect::Act { step: the_step(), attempt: 1 });
    assert!(!underway[0].has_begun, "it is looked at first");
    assert_eq!(underway[0].until, START.plus(Span::minutes(4)));
    rig.outside.now(|script| script.is_dark = false);
    work.abort();
    assert!(work.await.is_err());
    assert_eq!(rig.engine.underway(), [], "however it ends");

    let rig = Rig::agreed().await;
    let act = rig.take_act().await;
    let engine = Arc::clone(&rig.engine);
    let work = beside(async move { outbox::perform(&engine, act).await });
    rig.dark_once_called().await;
    assert!(rig.engine.underway()[0].has_begun, "its call is out");
    work.abort();
    assert!(work.await.is_err());
}

#[tokio::test]
async fn everything_under_way_is_named_by_itself() {
    let rig = Rig::new().await;
    let all = rig.take().await;
    let mut entered: Vec<_> = all.iter().map(|claimed| rig.engine.enter(claimed)).collect();
    assert!(all.len() >= 2);
    assert_eq!(rig.engine.underway().len(), all.len());
    entered.pop();
    assert_eq!(rig.engine.underway().len(), all.len() - 1);
}

#[tokio::test]
async fn two_takings_never_have_the_same_name() {
    let rig = Rig::agreed().await;
    let first = rig.take().await;
    rig.clock.pass(Span::minutes(5));
    let second = rig.take().await;
    assert!(!first.is_empty() && first.len() == second.len());
    let other = rig.process();
    rig.clock.pass(Span::minutes(5));
    let third = outbox::take(&other, 99, 99).await;
    let names: std::collections::BTreeSet<_> =
        [&first[0], &second[0], &third[0]].map(|claimed| claimed.lease.clone()).into();
    assert_eq!(names.len(), 3);
    // Who comes too late changes nothing.
    assert!(!rig.store.settle(&first[0]).await.unwrap());
}

#[tokio::test]
async fn whoever_listens_hears_which_run_has_changed() {
    let rig = Rig::new().await;
    let mut changes = rig.engine.changes();
    rig.ask("mia", &Request::Note { text: "hm".into() }).await.unwrap();
    assert_eq!(changes.try_recv().unwrap(), rig.run);
    assert!(changes.try_recv().is_err());
}

#[tokio::test]
async fn a_tick_before_its_time_waits_for_it() {
    let rig = Rig::new().await;
    rig.settle().await;
    let wake = Effect::WakeAt(START.plus(Span::minutes(2)));
    rig.store.want(&rig.run, &wake, START).await.unwrap();
    rig.clock.pass(Span::minutes(2));
    let claimed = rig.take_one(|effect| matches!(effect, Effect::WakeAt(_))).await;
    rig.clock.set(START.plus(Span::seconds(119)));
    rig.perform(claimed).await;
    assert!(rig.take().await.is_empty(), "not yet");
    rig.clock.set(START.plus(Span::minutes(2)));
    let claimed = rig.take_one(|effect| matches!(effect, Effect::WakeAt(_))).await;
    rig.perform(claimed).await;
    assert!(rig.take().await.iter().all(|left| !matches!(left.effect, Effect::WakeAt(_))));
}

#[tokio::test]
async fn the_outbox_works_until_it_is_told_to_end() {
    let rig = Rig::new().await;
    let token = CancellationToken::new();
    let work = beside(outbox::work(Arc::clone(&rig.engine), token.clone()));
    let is_shown = async || {
        let card = rig.store.posted(&rig.run, &MessageKey::Run).await.unwrap();
        card.is_some() && rig.step().await == StepState::Ready
    };
    for _ in 0..6000 {
        if is_shown().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(is_shown().await, "{:?}", rig.step().await);
    token.cancel();
    over(work).await;
    rig.agree().await;
    assert!(!rig.take().await.is_empty(), "what is owed after the end is left where it is");
    assert_eq!(rig.outside.asked("run"), []);
}

#[tokio::test]
async fn the_card_of_an_open_run_is_moved_on_every_half_minute() {
    let rig = Rig::new().await;
    rig.settle().await;
    rig.wall.done();
    let edits = || {
        let done = rig.wall.done.lock().unwrap();
        done.iter().filter(|one| matches!(one, Done::Edited(MessageKey::Run, ..))).count()
    };
    let token = CancellationToken::new();
    let work = beside(outbox::work(Arc::clone(&rig.engine), token.clone()));
    for (seconds, expected) in [(0, 0), (29, 0), (1, 1), (29, 1), (1, 2)] {
        rig.clock.pass(Span::seconds(seconds));
        rig.engine.wake();
        tokio::time::sleep(Duration::from_millis(20)).await;
        until("its card is moved on", || edits() >= expected).await;
        assert_eq!(edits(), expected, "after {seconds} s more");
    }
    token.cancel();
    over(work).await;
    assert_eq!(edits(), 2);
}

#[tokio::test]
async fn an_engine_has_the_patience_it_is_given() {
    let rig = Rig::new().await;
    let patience = Patience { lease: Duration::from_secs(7), ..Patience::default() };
    let engine = process(&rig.store, &rig.clock, &rig.outside, &rig.wall).with_patience(patience);
    let owed = outbox::take(&engine, 99, 99).await;
    let ends: Vec<_> = owed.iter().map(|claimed| claimed.until).collect();
    assert_eq!(ends, vec![START.plus(Span::seconds(7)); ends.len()]);
    assert!(!ends.is_empty());
}

#[tokio::test]
async fn what_is_taken_in_the_moment_of_the_end_is_given_back() {
    let rig = Rig::new().await;
    let token = CancellationToken::new();
    let work = beside(outbox::work(Arc::clone(&rig.engine), token.clone()));
    // It goes on to where it waits for the database.
    tokio::task::yield_now().await;
    token.cancel();
    over(work).await;
    assert_eq!(rig.wall.done(), []);
    assert!(rig.take().await.len() >= 2, "nobody waits for a lease");
}

#[tokio::test]
async fn a_clock_that_is_behind_the_record_goes_on_from_it() {
    let rig = Rig::agreed().await;
    rig.clock.pass(Span::minutes(10));
    rig.ask("mia", &Request::Note { text: "hm".into() }).await.unwrap();
    let latest = rig.clock.now();
    rig.clock.set(START);
    let supervisor = supervise::Supervisor::default();
    recover::recover(&rig.process(), &supervisor, |_| ()).await.unwrap();
    assert_eq!(rig.clock.now(), latest);
    let later: Timestamp = latest.plus(Span::minutes(1));
    rig.clock.set(later);
    recover::recover(&rig.process(), &supervisor, |_| ()).await.unwrap();
    assert_eq!(rig.clock.now(), later);
}

#[tokio::test]
async fn a_clock_that_is_right_has_nothing_to_make_good() {
    let mut rig = Rig::agreed().await;
    let (gate, supervisor) = (rig.gated(), supervise::Supervisor::default());
    assert_eq!(rig.clock.now(), rig.state().await.seen_at, "to the millisecond");
    for (behind, ticks) in [(0, 0), (1, 1)] {
        rig.clock.set(Timestamp(rig.clock.now().0 - behind));
        recover::recover(&rig.engine, &supervisor, |_| ()).await.unwrap();
        assert_eq!(gate.passed(), ticks, "{behind} ms behind");
    }
}

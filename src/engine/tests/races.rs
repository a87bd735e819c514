//! Requests that come at the same moment, in one process and in two: each is decided on what is true, and what lost
//! its race is looked at again.

use std::sync::Arc;
use std::time::Duration;

use super::gate::Fate;
use super::{Rig, beside, over, the_step, until, who};
use crate::domain::actor::Actor;
use crate::domain::ids::RunId;
use crate::domain::run::protocol::Event;
use crate::domain::run::state::{Doubt, StepState};
use crate::domain::run::{Effect, Report, Request};
use crate::domain::time::Span;
use crate::engine::turns::Turns;
use crate::engine::{Asked, SubmitError, Submitted, outbox};

fn hold(reason: &str) -> Request {
    Request::Hold { reason: reason.to_owned() }
}

impl Rig {
    /// Hands in a request without looking at anything before.
    async fn at_once(&self, person: &str, request: &Request) -> Result<Submitted, SubmitError> {
        let by = who(person);
        let asked = Asked { key: person, request, by: &by, settles: None };
        self.engine.submit(&self.run, asked).await
    }

    /// Another process had this call long ago, and begins it only now; then it is gone.
    async fn begins_elsewhere(&self) {
        let shown = self.state().await.steps[&the_step()].shown.clone().unwrap();
        let begin = Report::Begin { step: the_step(), attempt: 1, preview: shown.preview };
        let request = Request::Report(begin);
        let asked =
            Asked { key: "elsewhere", request: &request, by: &Actor::Engine, settles: None };
        let Submitted::Recorded { events, .. } =
            self.process().submit(&self.run, asked).await.unwrap()
        else {
            panic!("it is no repeat")
        };
        assert!(matches!(events[0].entry.event, Event::AttemptStarted { .. }), "{events:?}");
    }

    /// The attempt that began elsewhere is looked at, and nothing is called here.
    async fn is_looked_at(&self) {
        self.settle().await;
        let StepState::InDoubt { attempt: 1, why: Doubt::Interrupted, seen: Some(_) } =
            self.step().await
        else {
            panic!("{:?}", self.step().await)
        };
        assert_eq!(self.outside.asked("run"), []);
    }
}

#[tokio::test]
async fn whoever_loses_the_race_to_begin_finds_the_attempt_open() {
    let mut rig = Rig::agreed().await;
    let gate = rig.gated();
    let act = rig.take_act().await;
    gate.shut();
    let engine = Arc::clone(&rig.engine);
    let work = beside(async move { outbox::perform(&engine, act).await });
    until("it is about to begin", || gate.waiting() == 1).await;
    rig.begins_elsewhere().await;
    gate.open();
    over(work).await;
    assert_eq!(rig.step().await, StepState::Calling { attempt: 1 });
    rig.is_looked_at().await;
}

#[tokio::test]
async fn whoever_cannot_begin_what_began_elsewhere_finds_the_attempt_open() {
    let rig = Rig::agreed().await;
    let act = rig.take_act().await;
    rig.outside.now(|script| script.is_dark = true);
    let engine = Arc::clone(&rig.engine);
    let work = beside(async move { outbox::perform(&engine, act).await });
    until("it is looked at once more", || rig.outside.asked("preview").len() == 2).await;
    rig.begins_elsewhere().await;
    rig.outside.now(|script| script.is_dark = false);
    rig.clock.pass(Span::seconds(20));
    over(work).await;
    assert_eq!(rig.step().await, StepState::Calling { attempt: 1 });
    rig.is_looked_at().await;
}

#[tokio::test]
async fn a_call_of_a_run_that_is_held_is_let_go_until_it_goes_on() {
    let rig = Rig::agreed().await;
    rig.ask("mia", &hold("wait")).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.outside.asked("run"), []);
    assert!(rig.take().await.iter().all(|owed| !matches!(owed.effect, Effect::Act { .. })));
    rig.ask("ana", &Request::Resume).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.outside.asked("run").len(), 1);
}

#[tokio::test]
async fn requests_that_come_together_do_not_wait_for_each_other_to_be_recorded() {
    let mut rig = Rig::new().await;
    let gate = rig.gated();
    gate.shut();
    let (one, two) = (Request::Note { text: "one".into() }, Request::Note { text: "two".into() });
    let together = async {
        until("both are on their way", || gate.waiting() == 2).await;
        gate.open();
    };
    let (first, second) = (rig.at_once("ana", &one), rig.at_once("mia", &two));
    let (first, second, ()) = tokio::join!(first, second, together);
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(gate.passed(), 2, "no race was lost");
    assert_eq!(rig.count(|event| matches!(event, Event::NoteAdded { .. })).await, 2);
}

#[tokio::test]
async fn nobody_is_refused_because_of_what_was_never_recorded() {
    let mut rig = Rig::new().await;
    let gate = rig.gated();
    gate.shut();
    gate.fates(&[Fate::Away]);
    let (one, two) = (hold("one"), hold("two"));
    let second = async {
        until("the first is on its way", || gate.waiting() == 1).await;
        rig.at_once("mia", &two).await
    };
    let fails = async {
        until("the first is on its way", || gate.waiting() == 1).await;
        // The second is decided on it meanwhile.
        tokio::time::sleep(Duration::from_millis(20)).await;
        gate.open();
    };
    let (first, second, ()) = tokio::join!(rig.at_once("ana", &one), second, fails);
    assert!(matches!(first, Err(SubmitError::Store(_))), "{first:?}");
    assert!(matches!(second, Ok(Submitted::Recorded { .. })), "{second:?}");
    let held = |event: &Event| matches!(event, Event::RunHeld { reason } if reason == "two");
    assert_eq!(rig.count(held).await, 1);
}

#[tokio::test]
async fn what_one_request_left_is_for_the_next_of_its_run_and_for_no_other() {
    let rig = Rig::new().await;
    let stored = rig.store.run(&rig.run).await.unwrap().unwrap();
    let turns = Turns::default();
    // Among so many some wait in the same row.
    for number in 2..100 {
        drop(turns.wait(&rig.run).await.leave(stored.clone()).await);
        let other = RunId::parse(&format!("RIG-{number}")).unwrap();
        assert_eq!(turns.wait(&other).await.take(&other), None, "{other}");
    }
    drop(turns.wait(&rig.run).await.leave(stored.clone()).await);
    let mut turn = turns.wait(&rig.run).await;
    assert_eq!(turn.take(&rig.run), Some(stored));
    assert_eq!(turn.take(&rig.run), None);
}

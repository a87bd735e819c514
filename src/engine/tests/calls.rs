//! A step from its preview to its proof: what the system outside is asked, and what is recorded of what it says.

use serde_json::json;

use super::{Rig, at, environment, the_step};
use crate::actions::{Happened, LookError, Outcome};
use crate::domain::run::protocol::Event;
use crate::domain::run::state::{Doubt, StepState};
use crate::domain::run::{Effect, Request};
use crate::domain::time::Span;
use crate::engine::clock::Clock;

fn rds(detail: &str) -> (String, String) {
    ("rds".to_owned(), detail.to_owned())
}

#[tokio::test]
async fn a_call_is_made_with_what_the_runbook_and_the_environment_say() {
    let rig = Rig::agreed().await;
    rig.settle().await;
    let (shown, ran) = (rig.outside.asked("preview"), rig.outside.asked("run"));
    assert_eq!(shown[0].with, json!({"global_cluster": "g1", "target": "t"}));
    // Once for people, and once right before the call.
    assert_eq!((shown.len(), ran.len()), (2, 1));
    assert_eq!((shown[0].attempt, shown[1].attempt, ran[0].attempt), (0, 1, 1));
    assert!(shown.iter().chain(&ran).all(|asked| asked.with == shown[0].with));
    assert!(shown.iter().chain(&ran).all(|asked| asked.token == shown[0].token));
    assert!(!shown[0].token.is_nil());
    assert_eq!(rig.step().await, StepState::Proving { attempt: 1 });
    let evidence = rig.state().await.evidence.clone();
    assert_eq!(evidence.iter().map(|one| at(one, "/request_id")).collect::<Vec<_>>(), ["q1"]);
    // Another approval has another token, and knows what was called before.
    rig.outside.now(|script| script.is_there = true);
    for _ in 0..3 {
        rig.clock.pass(Span::seconds(2));
        rig.settle().await;
    }
    let undo = Request::Undo { step: the_step(), reason: "back".into() };
    rig.ask("mia", &undo).await.unwrap();
    rig.settle().await;
    let back = rig.outside.asked("preview").pop().unwrap();
    assert_ne!(back.token, shown[0].token);
    assert_eq!((back.attempt, back.past), (1, 1));
}

#[tokio::test]
async fn what_cannot_be_filled_is_not_shown() {
    let mut poor = environment();
    poor.document = json!({"cluster": {}});
    let rig = Rig::of(poor).await;
    rig.settle().await;
    let StepState::Blind { error, unreachable: false } = rig.step().await else {
        panic!("{:?}", rig.step().await)
    };
    assert_eq!(error, "${cluster.global} is not defined");
    assert!(rig.outside.asked("preview").is_empty());
}

#[tokio::test]
async fn a_look_that_fails_says_whether_anybody_answered() {
    let (system, detail) = rds("timed out");
    let unreachable = LookError::Unreachable { system, detail };
    let (system, detail) = rds("no");
    let refused = LookError::Refused { system, detail };
    let cases = [
        (unreachable, "trouble.unreachable rds | timed out", true),
        (refused, "trouble.refused rds | no", false),
        (LookError::Unsafe { detail: "two writers".to_owned() }, "two writers", false),
    ];
    for (trouble, said, is_unreachable) in cases {
        let rig = Rig::new().await;
        rig.outside.now(|script| script.trouble = Some(trouble.clone()));
        rig.settle().await;
        let expected = StepState::Blind { error: said.to_owned(), unreachable: is_unreachable };
        assert_eq!(rig.step().await, expected);
        // The same right before the call: nothing begins.
        let rig = Rig::agreed().await;
        rig.outside.now(|script| script.trouble = Some(trouble));
        rig.settle().await;
        assert_eq!(rig.outside.asked("run"), []);
        assert_eq!(rig.count(|event| matches!(event, Event::AttemptStarted { .. })).await, 0);
        let voided = rig.count(|event| matches!(event, Event::ApprovalsVoided { .. })).await;
        assert_eq!(voided, 1, "people are asked again: {:?}", rig.step().await);
    }
}

#[tokio::test]
async fn how_a_call_ends_is_recorded_as_it_was_said() {
    let (system, detail) = rds("not today");
    let refused = Outcome::Failed { error: LookError::Refused { system, detail } };
    let (system, detail) = rds("dark");
    let dark = Outcome::Failed { error: LookError::Unreachable { system, detail } };
    let unknown = Outcome::Unknown { error: "cut".to_owned(), evidence: json!({"trace": "x"}) };
    let failed = |error: &str, unreachable| StepState::Failed { error: error.into(), unreachable };
    for (outcome, expected) in [
        (refused, failed("trouble.refused rds | not today", false)),
        (dark, failed("trouble.unreachable rds | dark", true)),
    ] {
        let rig = Rig::agreed().await;
        rig.outside.now(|script| script.outcome = outcome);
        rig.settle().await;
        assert_eq!(rig.step().await, expected);
        assert_eq!(rig.outside.asked("run").len(), 1);
    }
    let rig = Rig::agreed().await;
    rig.outside.now(|script| script.outcome = unknown);
    rig.settle().await;
    let StepState::InDoubt { why: Doubt::NoAnswer { error }, .. } = rig.step().await else {
        panic!("{:?}", rig.step().await)
    };
    assert_eq!(error, "cut");
    assert_eq!(at(&rig.state().await.evidence[0], "/trace"), "x");
}

#[tokio::test]
async fn what_is_not_as_it_was_when_people_agreed_is_not_called() {
    let rig = Rig::agreed().await;
    rig.outside.now(|script| script.version = 2);
    rig.settle().await;
    assert_eq!(rig.outside.asked("run"), []);
    assert_eq!(rig.step().await, StepState::Ready, "people are asked again");
    assert!(rig.take().await.is_empty(), "nothing is left of the call");
}

#[tokio::test]
async fn an_effect_is_proven_by_looks_that_see_it_for_as_long_as_the_runbook_says() {
    let proven = async |looks: &[(u64, bool)]| {
        let rig = Rig::agreed().await;
        rig.settle().await;
        let before = rig.outside.asked("probe").len();
        assert_eq!(before, 1, "looked for at once");
        for (seconds, is_there) in looks {
            rig.outside.now(|script| script.is_there = *is_there);
            rig.clock.pass(Span::seconds(*seconds));
            rig.settle().await;
        }
        matches!(rig.step().await, StepState::Done { .. })
    };
    assert!(proven(&[(2, true), (2, true), (2, true)]).await, "three seconds and more");
    assert!(!proven(&[(2, true), (2, true)]).await, "two seconds");
    assert!(!proven(&[(2, true), (2, false), (2, true), (2, true)]).await, "not without a break");
    assert!(!proven(&[(2, true), (61, true)]).await, "nobody looked for a minute");
    assert!(proven(&[(2, true), (60, true)]).await, "a minute does");
    assert!(!proven(&[(1, true), (1, true), (1, true)]).await, "looked at every two seconds");
}

#[tokio::test]
async fn an_effect_that_does_not_show_in_time_is_for_people() {
    let rig = Rig::agreed().await;
    rig.settle().await;
    rig.clock.pass(Span::seconds(30));
    rig.settle().await;
    assert_eq!(rig.step().await, StepState::Proving { attempt: 1 }, "the time is not over");
    rig.clock.pass(Span::seconds(2));
    rig.settle().await;
    let StepState::InDoubt { why: Doubt::NotProven { saw }, .. } = rig.step().await else {
        panic!("{:?}", rig.step().await)
    };
    assert_eq!(saw, "as scripted");
}

#[tokio::test]
async fn an_undo_is_proven_by_the_look_that_sees_it() {
    let rig = Rig::agreed().await;
    rig.outside.now(|script| script.is_there = true);
    for _ in 0..4 {
        rig.settle().await;
        rig.clock.pass(Span::seconds(2));
    }
    rig.ask("mia", &Request::Undo { step: the_step(), reason: "back".into() }).await.unwrap();
    rig.settle().await;
    rig.agree().await;
    rig.outside.now(|script| script.happened = Happened::Running);
    rig.settle().await;
    rig.clock.pass(Span::minutes(9));
    rig.settle().await;
    assert_eq!(rig.step().await, StepState::Proving { attempt: 2 }, "it may take ten minutes");
    rig.outside.now(|script| script.happened = Happened::Done);
    rig.clock.pass(Span::seconds(2));
    rig.settle().await;
    assert_eq!(rig.step().await, StepState::Undone);
}

#[tokio::test]
async fn an_effect_of_a_step_that_went_on_is_let_go() {
    let rig = Rig::new().await;
    let preview = rig.take_one(|effect| matches!(effect, Effect::Preview { .. })).await;
    // Somebody wants it looked at again: the preview that is asked for is another one by then.
    rig.perform(preview).await;
    rig.ask("mia", &Request::LookAgain { step: the_step() }).await.unwrap();
    rig.settle().await;
    let shown = rig.count(|event| matches!(event, Event::PreviewShown { .. })).await;
    assert_eq!((shown, rig.outside.asked("preview").len()), (2, 2));
    let step = rig.state().await;
    let claimed = Effect::Preview { step: the_step(), number: 1 };
    rig.store.want(&step.id, &claimed, rig.clock.now()).await.unwrap();
    rig.settle().await;
    assert_eq!(rig.outside.asked("preview").len(), 2, "an old preview is not looked for");
    for effect in [
        Effect::Act { step: the_step(), attempt: 1 },
        Effect::Prove { step: the_step(), attempt: 1 },
        Effect::Probe { step: the_step(), attempt: 1 },
    ] {
        rig.store.want(&step.id, &effect, rig.clock.now()).await.unwrap();
    }
    rig.settle().await;
    assert_eq!((rig.outside.asked("run").len(), rig.outside.asked("probe").len()), (0, 0));
    assert!(rig.take().await.is_empty());
}

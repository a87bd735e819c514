//! Who goes first, how often, and what is not sent at all.

use dr_buddy::domain::run::{Effect, Kind, MessageKey, Request};
use dr_buddy::engine::clock::Clock;
use dr_buddy::engine::outbox;

use super::{Bed, has_buttons, says};
use crate::harness::{Call, Fault, eventually};

fn key_of(call: &Call) -> &str {
    call.arguments["metadata"]["event_payload"]["key"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn when_slack_asks_to_wait_the_channel_waits_and_then_questions_go_first() {
    let bed = Bed::new().await;
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    let card = bed.stands(&run, &MessageKey::Run).await;
    eventually("four questions stand", 30, || async {
        (bed.slack.messages().len() == 5).then_some(())
    })
    .await;
    bed.slack.spoil_next("chat.postMessage", Fault::RateLimited { retry_after: 3 });
    let before = bed.slack.calls().len();
    process.ask(&run, "hold", Request::Hold { reason: "wait".to_owned() }).await;
    process.ask(&run, "resume", Request::Resume).await;
    for n in 0..5 {
        process.note(&run, &format!("note {n}")).await;
    }
    eventually("both notices stand", 30, || async {
        (bed.slack.messages().len() == 7).then_some(())
    })
    .await;
    eventually("the card is edited", 30, || async {
        let calls = bed.slack.calls();
        calls[before..].iter().any(|call| call.arguments["ts"] == card["ts"]).then_some(())
    })
    .await;
    let calls: Vec<Call> = bed.slack.calls().split_off(before);
    let posts = calls.iter().filter(|call| key_of(call).starts_with("notice/")).count();
    assert_eq!(posts, 3, "one was refused, then both were posted");
    bed.slack.no_violation();
}

#[tokio::test]
async fn what_asks_goes_before_the_upkeep_of_the_card() {
    let bed = Bed::new().await;
    bed.slack.spoil_next("chat.postMessage", Fault::RateLimited { retry_after: 2 });
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    for n in 0..5 {
        process.note(&run, &format!("note {n}")).await;
    }
    eventually("everything stands", 30, || async {
        (bed.slack.messages().len() == 5).then_some(())
    })
    .await;
    let calls = bed.slack.calls();
    let at = |wanted: &dyn Fn(&Call) -> bool| calls.iter().rposition(wanted);
    let last_question = at(&|call| key_of(call).starts_with("step/") && call.answer["ok"] == true);
    let first_edit = calls.iter().position(|call| call.method == "chat.update");
    assert!(first_edit.is_none_or(|edit| last_question.is_some_and(|asked| asked < edit)));
    bed.slack.no_violation();
}

#[tokio::test]
async fn many_changes_are_few_edits_and_no_change_is_none() {
    let bed = Bed::new().await;
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    eventually("everything stands", 30, || async {
        (bed.slack.messages().len() == 5).then_some(())
    })
    .await;
    let key = MessageKey::Step(dr_buddy::domain::ids::StepId::parse("a").expect("an id"));
    eventually("it asks", 30, || async {
        has_buttons(&bed.stands(&run, &key).await).then_some(())
    })
    .await;
    let at = bed.place(&run, &key).await.expect("it stands");
    let before = bed.slack.calls().len();
    let show = Effect::Show(key);
    for n in 0..40 {
        process.note(&run, &format!("note {n}")).await;
        bed.store.want(&run, &show, process.engine.clock.now()).await.expect("it is wanted");
    }
    process.engine.wake();
    // What asks goes first: when the card of the run is edited, that of the step would have been.
    let card = bed.place(&run, &MessageKey::Run).await.expect("it stands");
    eventually("the card of the run is edited", 30, || async {
        let calls = bed.slack.calls();
        calls[before..].iter().any(|call| call.arguments["ts"] == card.ts.as_str()).then_some(())
    })
    .await;
    let edited = bed.slack.calls().split_off(before);
    let same = edited.iter().filter(|call| call.arguments["ts"] == at.ts.as_str()).count();
    assert_eq!(same, 0, "the card of a step that did not change is not edited");
    process.ask(&run, "hold", Request::Hold { reason: "enough".to_owned() }).await;
    let held = MessageKey::Run;
    eventually("the last change is shown", 30, || async {
        says(&bed.stands(&run, &held).await, "enough").then_some(())
    })
    .await;
    let calls = bed.slack.calls().split_off(before);
    let edits = calls.iter().filter(|call| call.method == "chat.update");
    let edits = edits.filter(|call| call.arguments["ts"] == card.ts.as_str()).count();
    assert!((1..=8).contains(&edits), "{edits} edits for 41 changes");
    bed.slack.no_violation();
}

#[tokio::test]
async fn being_asked_to_wait_is_no_failure_and_puts_off_nothing_that_fails_afterwards() {
    let bed = Bed::new().await;
    let run = bed.start(Kind::Incident).await;
    let mut tries = Vec::new();
    let faults = [Fault::RateLimited { retry_after: 1 }, Fault::Unavailable];
    for fault in [&faults[0], &faults[0], &faults[1], &faults[0]] {
        bed.slack.spoil_next("chat.postMessage", fault.clone());
        // Another process each time: it has not heard that Slack asked to wait.
        outbox::perform(&bed.engine(), bed.take_card(&run).await).await;
        let taken = bed.take_card(&run).await;
        tries.push(taken.tries);
        bed.store.postpone(&taken, bed.clock.now(), None, false).await.expect("it is given back");
    }
    assert_eq!(tries, [0, 0, 1, 1]);
}

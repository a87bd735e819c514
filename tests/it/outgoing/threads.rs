//! The card of the run is pinned, once; what a step saw and got back stands in the thread of its card.

use dr_buddy::domain::ids::StepId;
use dr_buddy::domain::run::{Effect, Kind, MessageKey};
use dr_buddy::store::{Fate, Posted};

use super::{Bed, ROOM, RUNBOOK, human, says};
use crate::harness::{Fault, eventually};

/// A look that nobody answers, and a question.
fn runbook() -> String {
    let look = "  - id: look\n    title: {en: Look, fr: Regarder}\n    phase: all\n    owner: ic\n    \
                best_effort: true\n    on_failure: continue\n    \
                action:\n      http.check: {url: \"http://127.0.0.1:9/health\", timeout: 1s}\n    \
                typical: 5s\n    worst: 1m\n";
    format!("{RUNBOOK}{look}{}", human("last", "    needs: [look]\n"))
}

fn details() -> MessageKey {
    MessageKey::Details(StepId::parse("look").expect("an id"))
}

fn card() -> MessageKey {
    MessageKey::Step(StepId::parse("look").expect("an id"))
}

#[tokio::test]
async fn what_a_step_saw_stands_in_the_thread_of_its_card() {
    let bed = Bed::with(&runbook()).await;
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    let reply = bed.stands(&run, &details()).await;
    let card = bed.place(&run, &card()).await.expect("it stands");
    assert_eq!(reply["thread_ts"], card.ts.as_str(), "{reply}");
    assert!(says(&reply, "Details of *Look*") && says(&reply, "127.0.0.1"), "{reply}");

    // Wanted again, and changed by nothing: neither a second reply nor an edit.
    let before = bed.slack.calls().len();
    let again = Effect::Show(details());
    bed.store.want(&run, &again, process.engine.clock.now()).await.expect("it is wanted");
    process.engine.wake();
    process.note(&run, "later").await;
    eventually("the card of the run is edited", 60, || async {
        let calls = bed.slack.calls().split_off(before);
        calls.iter().any(|call| call.method == "chat.update").then_some(())
    })
    .await;
    assert_eq!(bed.kept(&details()).len(), 1);
    bed.slack.no_violation();
}

#[tokio::test]
async fn details_whose_post_was_not_answered_are_found_in_the_thread() {
    let bed = Bed::with(&runbook()).await;
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    let reply = bed.stands(&run, &details()).await;
    let lost = Posted::not_yet(ROOM, Fate::Posting);
    bed.store.remember(&run, &details(), &lost).await.expect("the database is there");
    let now = process.engine.clock.now();
    bed.store.want(&run, &Effect::Show(details()), now).await.expect("it is wanted");
    process.engine.wake();
    let found = eventually("it is found", 30, || async {
        bed.place(&run, &details()).await.filter(Posted::stands)
    })
    .await;
    assert_eq!((found.ts.as_str(), found.fate), (reply["ts"].as_str().unwrap_or(""), Fate::Posted));
    assert_eq!(bed.kept(&details()).len(), 1);
}

#[tokio::test]
async fn details_that_come_before_their_card_wait_for_it() {
    let bed = Bed::with(&runbook()).await;
    for _ in 0..4 {
        bed.slack.spoil_next("chat.postMessage", Fault::RateLimited { retry_after: 1 });
    }
    let run = bed.start(Kind::Incident).await;
    let _process = bed.process().await;
    let reply = bed.stands(&run, &details()).await;
    let card = bed.place(&run, &card()).await.expect("it stands");
    assert_eq!(reply["thread_ts"], card.ts.as_str(), "{reply}");
    assert_eq!(bed.kept(&details()).len(), 1);
}

#[tokio::test]
async fn the_card_of_the_run_is_pinned_once_and_stands_without_a_pin_too() {
    for fault in [None, Some("missing_scope"), Some("too_many_pins")] {
        let bed = Bed::new().await;
        if let Some(error) = fault {
            bed.slack.spoil_next("pins.add", Fault::Error(error.to_owned()));
        }
        let run = bed.start(Kind::Incident).await;
        let process = bed.process().await;
        bed.stands(&run, &MessageKey::Run).await;
        process.note(&run, "more").await;
        let Posted { channel, ts, .. } =
            bed.place(&run, &MessageKey::Run).await.expect("it stands");
        eventually("the card is edited", 60, || async {
            let calls = bed.slack.calls();
            calls.iter().any(|call| call.arguments["ts"] == ts.as_str()).then_some(())
        })
        .await;
        let asked = bed.slack.calls().iter().filter(|call| call.method == "pins.add").count();
        assert_eq!(asked, 1, "{fault:?}");
        let pinned = if fault.is_none() { vec![(channel, ts)] } else { vec![] };
        assert_eq!(bed.slack.pins(), pinned);
        bed.slack.no_violation();
    }
}

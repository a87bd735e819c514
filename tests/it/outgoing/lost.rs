//! A message whose fate is unknown becomes an edit, or a repeat that says so; never silence.

use std::time::Duration;

use dr_buddy::domain::run::{Kind, MessageKey};
use dr_buddy::domain::time::Span;
use dr_buddy::engine::outbox;
use dr_buddy::store::{Fate, Posted};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Bed, ROOM, TOKEN, has_buttons, says};
use crate::harness::{Fault, eventually, http};

const REPEAT: &str = "Posted again";

#[tokio::test]
async fn a_post_without_an_answer_is_found_and_edited() {
    let bed = Bed::new().await;
    bed.slack.spoil_next("chat.postMessage", Fault::AnswerCut);
    bed.slack.spoil_next("chat.postMessage", Fault::AnswerCut);
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    for key in [MessageKey::Run, MessageKey::Step("a".parse_id())] {
        let shown = bed.stands(&run, &key).await;
        assert!(!says(&shown, REPEAT), "it is the first one: {shown:#}");
        assert_eq!(bed.kept(&key).len(), 1, "posted once");
    }
    process.note(&run, "first").await;
    eventually("a found card is edited", 20, || async {
        let calls = bed.slack.calls();
        calls.iter().any(|call| call.method == "chat.update").then_some(())
    })
    .await;
    bed.slack.no_violation();
}

#[tokio::test]
async fn a_post_that_never_arrived_is_repeated_and_says_so() {
    for fault in [Fault::Cut, Fault::Unavailable] {
        let bed = Bed::new().await;
        bed.slack.spoil_next("chat.postMessage", fault.clone());
        let run = bed.start(Kind::Incident).await;
        let process = bed.process().await;
        for step in ["a", "b", "c", "d"] {
            bed.stands(&run, &MessageKey::Step(step.parse_id())).await;
        }
        bed.stands(&run, &MessageKey::Run).await;
        let all = bed.slack.messages();
        let repeats: Vec<_> = all.values().filter(|one| says(one, REPEAT)).collect();
        assert_eq!((all.len(), repeats.len()), (5, 1), "{fault:?}: {all:#?}");
        drop(process);
    }
}

#[tokio::test]
async fn what_certainly_was_not_posted_is_posted_without_a_word_about_it() {
    let bed = Bed::new().await;
    for fault in [Fault::Error("not_in_channel".into()), Fault::RateLimited { retry_after: 1 }] {
        bed.slack.spoil_next("chat.postMessage", fault);
    }
    let run = bed.start(Kind::Incident).await;
    let _process = bed.process().await;
    for step in ["a", "b", "c", "d"] {
        let shown = bed.stands(&run, &MessageKey::Step(step.parse_id())).await;
        assert!(!says(&shown, REPEAT), "{shown:#}");
    }
    let looks = bed.slack.calls().into_iter().filter(|call| call.method == "conversations.history");
    assert_eq!(looks.count(), 0, "nobody need look");
}

#[tokio::test]
async fn where_nobody_can_look_it_is_repeated_and_keeps_saying_so() {
    let bed = Bed::new().await;
    bed.slack.spoil_next("chat.postMessage", Fault::AnswerCut);
    bed.slack.spoil(Some(("conversations.history", Fault::Error("missing_scope".into()))));
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    let keys = ["a", "b", "c", "d"].map(|step| MessageKey::Step(step.parse_id()));
    for key in keys.iter().chain([&MessageKey::Run]) {
        bed.stands(&run, key).await;
    }
    let all: Vec<_> = keys.iter().chain([&MessageKey::Run]).cloned().collect();
    let twice = all.iter().find(|key| bed.kept(key).len() == 2).expect("one was posted twice");
    let place = bed.place(&run, twice).await.expect("it stands");
    assert_eq!(place.fate, Fate::Again);
    process.note(&run, "an edit").await;
    let card = bed.place(&run, &MessageKey::Run).await.expect("it stands");
    eventually("the card of the run is edited", 20, || async {
        let calls = bed.slack.calls();
        let edit = |ts: &str| calls.iter().any(|call| call.arguments["ts"] == ts);
        edit(&card.ts).then_some(())
    })
    .await;
    assert!(says(&bed.stands(&run, twice).await, REPEAT));
}

#[tokio::test]
async fn a_process_that_dies_between_post_and_answer_leaves_one_message() {
    let bed = Bed::new().await;
    bed.slack.spoil(Some(("chat.postMessage", Fault::AnswerLost)));
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    let posted = eventually("Slack has a message", 20, || async {
        bed.slack.messages().into_values().next()
    })
    .await;
    let key = posted["metadata"]["event_payload"]["key"].as_str().expect("it is ours").to_owned();
    let key = match key.strip_prefix("step/") {
        Some(step) => MessageKey::Step(step.parse_id()),
        None => MessageKey::Run,
    };
    let place = bed.place(&run, &key).await.expect("the intent was written before");
    assert_eq!(place, Posted::not_yet(ROOM, Fate::Posting));
    drop(process);
    bed.slack.spoil(None);
    let _next = bed.process().await;
    let shown = bed.stands(&run, &key).await;
    assert_eq!(shown["ts"], posted["ts"], "it is the same message");
    assert_eq!(bed.kept(&key).len(), 1);
    assert!(!says(&shown, REPEAT));
}

#[tokio::test]
async fn of_a_card_that_stands_twice_only_one_keeps_its_buttons() {
    let bed = Bed::new().await;
    let run = bed.start(Kind::Incident).await;
    let payload = json!({ "run": run.as_str(), "key": "run" });
    for text in ["first", "second"] {
        let message = json!({ "channel": ROOM, "text": text, "metadata":
            { "event_type": "dr_buddy_message", "event_payload": payload } });
        let request = http().post(format!("{}/chat.postMessage", bed.slack.api_url));
        request.bearer_auth(TOKEN).json(&message).send().await.expect("it answers");
    }
    let intent = Posted::not_yet(ROOM, Fate::Posting);
    bed.store.remember(&run, &MessageKey::Run, &intent).await.expect("the database is there");
    let _process = bed.process().await;
    eventually("the second has buttons, the first has none", 30, || async {
        let both = bed.kept(&MessageKey::Run);
        let [first, second] = both.as_slice() else { panic!("{both:#?}") };
        (says(first, "posted twice") && !has_buttons(first) && has_buttons(second)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_worker_whose_time_was_over_looks_whether_its_message_stands_twice() {
    let bed = Bed::new().await;
    let run = bed.start(Kind::Incident).await;
    let late = Fault::Delay(Duration::from_millis(1500));
    bed.slack.spoil_next("chat.postMessage", late);
    let (engine, taken) = (bed.engine(), bed.take_card(&run).await);
    let mut slow = JoinSet::new();
    slow.spawn(async move { outbox::perform(&engine, taken).await });
    eventually("the first is posted", 20, || async {
        (bed.kept(&MessageKey::Run).len() == 1).then_some(())
    })
    .await;
    bed.pass(Span::seconds(300));
    bed.slack.spoil_next("conversations.history", Fault::Error("missing_scope".into()));
    outbox::perform(&bed.engine(), bed.take_card(&run).await).await;
    slow.join_all().await;
    let both = bed.kept(&MessageKey::Run);
    assert_eq!(both.iter().map(has_buttons).collect::<Vec<_>>(), [false, true], "{both:#?}");
    let place = bed.place(&run, &MessageKey::Run).await.expect("it stands");
    assert_eq!(both[1]["ts"], place.ts.as_str());
}

trait ParseId {
    fn parse_id(&self) -> dr_buddy::domain::ids::StepId;
}

impl ParseId for str {
    fn parse_id(&self) -> dr_buddy::domain::ids::StepId {
        dr_buddy::domain::ids::StepId::parse(self).expect("an id")
    }
}

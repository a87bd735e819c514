//! The dead-man's switch: a warning waits in Slack for as long as the run is open, and is posted when nobody moves it on.

use dr_buddy::domain::run::{Kind, Request};
use dr_buddy::domain::time::Span;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::{Bed, has_buttons, says};
use crate::harness::{Fault, eventually};

const WARNING: &str = "has been silent since";
const BACK: &str = "is back since";

impl Bed {
    /// Waits until exactly one warning waits, due so many seconds from now at least, and the bot remembers it.
    async fn armed(&self, what: &str) -> String {
        let armed = eventually(what, 30, || async {
            let scheduled = self.slack.scheduled();
            let now = self.now_s();
            let mut ids = scheduled.iter().filter(|(_, one)| one.post_at - now > 200);
            let id = ids.next()?.0.clone();
            (scheduled.len() == 1).then_some(id)
        })
        .await;
        self.remembered(&armed).await;
        armed
    }

    /// Waits until the database has this warning and no other: Slack's answer is on its way into it.
    async fn remembered(&self, id: &str) {
        let file = SqliteConnectOptions::new().filename(self.folder.path().join("dr.db"));
        let db = SqlitePool::connect_lazy_with(file.read_only(true));
        eventually("the warning is remembered", 30, || async {
            let notes: Vec<Option<String>> =
                sqlx::query_scalar("select note from outbox where key = 'watch' and lease is null")
                    .fetch_all(&db)
                    .await
                    .expect("it can be read");
            let note: Value = serde_json::from_str(notes.first()?.as_deref()?).ok()?;
            let warnings = note["warnings"].as_array()?;
            (warnings.len() == 1 && warnings[0]["id"] == id).then_some(())
        })
        .await;
    }

    fn now_s(&self) -> i64 {
        use dr_buddy::engine::clock::Clock;
        self.clock.now().0 / 1000
    }

    fn saying(&self, words: &str) -> usize {
        self.slack.messages().values().filter(|one| says(one, words)).count()
    }

    /// At no time between the calls was there no warning.
    fn never_without(&self) {
        let (mut waiting, mut ever) = (0_i32, false);
        for call in self.slack.calls().iter().filter(|call| call.answer["ok"] == true) {
            match call.method.as_str() {
                "chat.scheduleMessage" => waiting += 1,
                "chat.deleteScheduledMessage" => waiting -= 1,
                _ => {}
            }
            ever |= waiting > 0;
            assert!(!ever || waiting > 0, "there was a time without a warning");
        }
        assert!(ever, "there was one");
    }
}

#[tokio::test]
async fn it_is_moved_on_while_the_bot_lives_and_ends_with_the_run() {
    let bed = Bed::new().await;
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    let mut before = bed.armed("the first warning waits").await;
    let text = bed.slack.scheduled()[&before].text.clone();
    assert!(text.contains(WARNING) && text.contains(run.as_str()), "{text}");
    for _ in 0..6 {
        bed.pass(Span::seconds(125));
        let id = eventually("another one waits alone", 30, || async {
            let scheduled = bed.slack.scheduled();
            let (id, _) = scheduled.iter().next()?;
            (scheduled.len() == 1 && *id != before).then(|| id.clone())
        })
        .await;
        bed.remembered(&id).await;
        before = id;
    }
    bed.never_without();
    let calls = bed.slack.calls();
    let count = |method: &str| calls.iter().filter(|call| call.method == method).count();
    assert_eq!((count("chat.scheduleMessage"), count("chat.deleteScheduledMessage")), (7, 6));
    process.ask(&run, "close", Request::Close { reason: "over".to_owned() }).await;
    eventually("nothing waits any more", 30, || async {
        bed.slack.scheduled().is_empty().then_some(())
    })
    .await;
    assert_eq!((bed.saying(WARNING), bed.saying(BACK)), (0, 0));
    bed.slack.no_violation();
}

#[tokio::test]
async fn when_the_bot_is_dead_slack_warns_and_the_bot_says_when_it_is_back() {
    let bed = Bed::new().await;
    bed.start(Kind::Incident).await;
    let process = bed.process().await;
    bed.armed("a warning waits").await;
    drop(process);
    bed.pass(Span::seconds(301));
    assert_eq!(bed.saying(WARNING), 1, "Slack posts it without us");
    let next = bed.process().await;
    eventually("the bot says that it is back", 30, || async {
        (bed.saying(BACK) == 1).then_some(())
    })
    .await;
    bed.armed("a new warning waits").await;
    drop(next);
    let _third = bed.process().await;
    bed.pass(Span::seconds(125));
    bed.armed("it is moved on").await;
    assert_eq!((bed.saying(WARNING), bed.saying(BACK)), (1, 1), "said once");
    assert!(!bed.slack.messages().values().any(|one| says(one, WARNING) && has_buttons(one)));
}

#[tokio::test]
async fn what_a_dying_process_left_and_could_not_remember_is_found() {
    let bed = Bed::new().await;
    bed.slack.spoil(Some(("chat.scheduleMessage", Fault::AnswerLost)));
    bed.start(Kind::Incident).await;
    let process = bed.process().await;
    eventually("a warning waits that nobody remembers", 30, || async {
        (bed.slack.scheduled().len() == 1).then_some(())
    })
    .await;
    drop(process);
    bed.slack.spoil(None);
    bed.pass(Span::seconds(130));
    let _next = bed.process().await;
    bed.armed("one waits, and it is new").await;
    bed.pass(Span::seconds(125));
    bed.armed("it is moved on").await;
    bed.pass(Span::seconds(60));
    assert_eq!(bed.saying(WARNING), 0, "the stray was taken back");
}

#[tokio::test]
async fn a_slack_that_does_not_answer_posts_the_warning_and_the_cards_go_on_after() {
    let bed = Bed::new().await;
    bed.start(Kind::Incident).await;
    let _process = bed.process().await;
    bed.armed("a warning waits").await;
    bed.slack.spoil(Some(("*", Fault::Unavailable)));
    bed.pass(Span::seconds(301));
    assert_eq!(bed.saying(WARNING), 1);
    bed.slack.spoil(None);
    bed.pass(Span::seconds(70));
    eventually("the bot says that it is back", 60, || async {
        (bed.saying(BACK) == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_warning_that_cannot_be_taken_back_in_time_is_answered() {
    let bed = Bed::new().await;
    bed.start(Kind::Incident).await;
    let process = bed.process().await;
    bed.armed("a warning waits").await;
    drop(process);
    // Slack deletes nothing that is due within a minute.
    bed.pass(Span::seconds(270));
    let _next = bed.process().await;
    eventually("a new one waits beside it", 30, || async {
        (bed.slack.scheduled().len() == 2).then_some(())
    })
    .await;
    bed.pass(Span::seconds(40));
    eventually("it was posted, and answered", 60, || async {
        (bed.saying(WARNING) == 1 && bed.saying(BACK) == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_is_warned_of_the_end_of_a_tabletop_and_a_slack_that_cannot_is_left_alone() {
    let bed = Bed::new().await;
    bed.slack.spoil(Some(("chat.scheduleMessage", Fault::Error("unknown_method".into()))));
    bed.start(Kind::Tabletop).await;
    let process = bed.process().await;
    eventually("the cards stand", 30, || async { (bed.slack.messages().len() == 5).then_some(()) })
        .await;
    let tries = || {
        bed.slack.calls().into_iter().filter(|call| call.method == "chat.scheduleMessage").count()
    };
    assert_eq!(tries(), 0);
    bed.start(Kind::Incident).await;
    process.engine.wake();
    eventually("the cards of both stand", 30, || async {
        (bed.slack.messages().len() == 10).then_some(())
    })
    .await;
    bed.pass(Span::minutes(10));
    tokio::task::yield_now().await;
    assert_eq!(tries(), 1, "asked once");
}

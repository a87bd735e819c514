//! What audiences read in Slack: over ninety-five minutes, through a process that is killed at the fortieth and a Slack
//! that is away from the fiftieth to the sixty-third, each update that they are owed, once and in their channel.

use std::collections::BTreeMap;

use dr_buddy::domain::ids::RunId;
use dr_buddy::domain::run::update::{UpdateAsk, UpdateId};
use dr_buddy::domain::run::{Kind, MessageKey, Request};
use dr_buddy::domain::time::Span;
use dr_buddy::engine::clock::Clock;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::{Bed, Process, ROOM, has_buttons, runbook, says};
use crate::harness::{Fault, eventually};

const AUDIENCES: &str = "audiences:
  - {id: management, text: management, to: C0MANAGEMENT, every: 30m, language: fr}
  - {id: customers, text: customers, to: C0CUSTOMERS, every: 15m, language: en}";

fn update(text: &str) -> UpdateId {
    UpdateId::parse(text).expect("an update")
}

/// What stands in Slack of updates, by channel, oldest first: which, and the message.
fn read(bed: &Bed) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut read: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for ((channel, _), message) in bed.slack.messages() {
        let key = message["metadata"]["event_payload"]["key"].as_str().unwrap_or_default();
        if let Some(update) = key.strip_prefix("update/") {
            read.entry(channel).or_default().push((update.to_owned(), message.clone()));
        }
    }
    read
}

impl Bed {
    /// Waits until nothing is due that could be done.
    async fn quiet(&self) {
        let file = SqliteConnectOptions::new().filename(self.folder.path().join("dr.db"));
        let db = SqlitePool::connect_lazy_with(file.read_only(true));
        eventually("nothing is due", 60, || async {
            let now = self.clock.now().0;
            let due = "select count(*) from outbox where lease is not null or due_at <= ?";
            let count: i64 = sqlx::query_scalar(due).bind(now).fetch_one(&db).await.ok()?;
            (count == 0).then_some(())
        })
        .await;
        db.close().await;
    }
}

/// Somebody of comms sends it.
async fn say(process: &Process, run: &RunId, number: u32) {
    let (update, words) = (update(&format!("customers.{number}")), format!("Words {number}."));
    let request = Request::Update { update, ask: UpdateAsk::Say(words) };
    process.ask(run, &format!("say {number}"), request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_update_is_read_once_through_a_death_and_an_outage() {
    let bed = Bed::with_more(&runbook(), Some(AUDIENCES.to_owned())).await;
    let run = bed.start(Kind::Incident).await;
    let mut process = bed.process().await;
    let mut passed = 0;
    for minute in (5..=60).step_by(5).chain([63]).chain((65..=95_u32).step_by(5)) {
        match minute {
            50 => bed.slack.spoil(Some(("*", Fault::Unavailable))),
            63 => bed.slack.spoil(None),
            _ => {}
        }
        bed.pass(Span::minutes(u64::from(minute - passed)));
        passed = minute;
        if minute == 40 {
            drop(process);
            process = bed.process().await;
        }
        bed.quiet().await;
        // As soon as there is a draft.
        if minute % 15 == 10 {
            say(&process, &run, minute / 15 + 1).await;
            bed.quiet().await;
        }
    }
    let owed = |audience: &str, last: u32| -> Vec<String> {
        (1..=last).map(|number| format!("{audience}.{number}")).collect()
    };
    let all = eventually("what came late is there", 60, || async {
        let all = read(&bed);
        let count: usize = all.values().map(Vec::len).sum();
        (count >= 9 + 3 + 6).then_some(all)
    })
    .await;
    for (channel, audience, last) in
        [(ROOM, "room", 9), ("C0MANAGEMENT", "management", 3), ("C0CUSTOMERS", "customers", 6)]
    {
        let mut found: Vec<&str> = all[channel].iter().map(|(update, _)| update.as_str()).collect();
        // What was late comes in any order; each says when it was due.
        found.sort_unstable();
        assert_eq!(found, owed(audience, last), "{channel}");
    }
    assert_eq!(all.len(), 3, "{:?}", all.keys());
    let management = &all["C0MANAGEMENT"][0].1;
    assert!(says(management, "point direction") && !has_buttons(management), "{management}");
    let customers = &all["C0CUSTOMERS"];
    assert!(customers.iter().all(|(update, one)| {
        update.strip_prefix("customers.").is_some_and(|n| says(one, &format!("Words {n}.")))
    }));
    assert!(!customers.iter().any(|(_, one)| has_buttons(one) || says(one, "Antoine")));
    // Twice would be told apart by an edit alone.
    let posts = bed.slack.calls().into_iter().filter(|call| {
        let key = call.arguments["metadata"]["event_payload"]["key"].as_str().unwrap_or_default();
        call.method == "chat.postMessage" && call.answer["ok"] == true && key.starts_with("update/")
    });
    assert_eq!(posts.count(), 9 + 3 + 6);
}

#[tokio::test]
async fn a_draft_stands_in_the_war_room_and_says_what_became_of_it() {
    let bed = Bed::with_more(&runbook(), Some(AUDIENCES.to_owned())).await;
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    bed.pass(Span::minutes(11));
    let draft = MessageKey::Draft(update("customers.1"));
    let open = bed.stands(&run, &draft).await;
    assert!(has_buttons(&open) && says(&open, "investigating"), "{open}");
    assert_eq!(open["channel"].as_str().unwrap_or(ROOM), ROOM);
    say(&process, &run, 1).await;
    eventually("the draft says that it is out", 60, || async {
        let told = bed.stands(&run, &draft).await;
        (!has_buttons(&told) && says(&told, "Words 1.")).then_some(())
    })
    .await;
    bed.stands(&run, &MessageKey::Update(update("customers.1"))).await;
    bed.pass(Span::minutes(20));
    let late = MessageKey::Draft(update("customers.2"));
    eventually("nobody sent the second", 60, || async {
        let told = bed.stands(&run, &late).await;
        (has_buttons(&told) && says(&told, "nothing was sent")).then_some(())
    })
    .await;
    assert_eq!(read(&bed)["C0CUSTOMERS"].len(), 1);
}

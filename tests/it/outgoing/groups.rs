//! User groups that give roles, before a Slack that fails: what was seen last stays, what cannot be read is said with
//! its reason, and Slack is asked no more often than it takes.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use dr_buddy::domain::ids::{GroupId, PersonId, RunId};
use dr_buddy::domain::run::groups::Members;
use dr_buddy::domain::run::{Event, Kind, MessageKey};
use dr_buddy::domain::time::Span;

use super::{Bed, Process, runbook, says};
use crate::harness::{Fault, eventually};

const GROUPS: &str = "[{id: S0DB, roles: [db]}]";
const METHOD: &str = "usergroups.users.list";
const MINUTE: Span = Span::seconds(61);

async fn bed() -> Bed {
    Bed::with_groups(&runbook(), Some(GROUPS)).await
}

impl Bed {
    /// Waits until the run knows this of the group.
    async fn knows(&self, run: &RunId, what: &str, is_so: impl Fn(&Members) -> bool) -> Members {
        eventually(&format!("the run knows: {what}"), 30, || async {
            let stored = self.store.run(run).await.expect("the database is there")?;
            let groups: BTreeMap<GroupId, Members> = stored.run.groups;
            groups.into_values().next().filter(|members| is_so(members))
        })
        .await
    }

    fn asked(&self) -> usize {
        self.slack.calls().into_iter().filter(|call| call.method == METHOD).count()
    }

    /// Waits until Slack was asked so often.
    async fn was_asked(&self, times: usize) {
        eventually(&format!("{METHOD} is called {times} times"), 30, || async {
            (self.asked() >= times).then_some(())
        })
        .await;
        assert_eq!(self.asked(), times);
    }

    /// A minute later, Slack is asked again. What is put off was perhaps put off just now: then another minute later.
    async fn later(&self, process: &Process) {
        let before = self.asked();
        let asked = async {
            while self.asked() == before {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let mut asked = pin!(asked);
        for _ in 0..10 {
            self.pass(MINUTE);
            process.engine.wake();
            if tokio::time::timeout(Duration::from_secs(2), &mut asked).await.is_ok() {
                return;
            }
        }
        panic!("{METHOD} is not called again");
    }
}

fn people(ids: &[&str]) -> Vec<PersonId> {
    ids.iter().map(|id| PersonId::parse(id).expect("an id")).collect()
}

#[tokio::test]
async fn it_is_read_at_the_start_and_again_and_what_is_the_same_is_no_news() {
    let bed = bed().await;
    // Told in parts: all of them count.
    bed.slack.pages_groups(2);
    bed.slack.group("S0DB", &["U0EVE", "U0CLARA", "U0LEO"]);
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    let members = bed.knows(&run, "who is in it", |members| members.read_at.is_some()).await;
    assert_eq!((members.people, members.unknown), (people(&["clara", "leo"]), 1));
    eventually("the card says who is unknown", 60, || async {
        let card = bed.stands(&run, &MessageKey::Run).await;
        says(&card, "does not know 1 of its members").then_some(())
    })
    .await;
    assert_eq!(bed.asked(), 2, "not again because of what it said");

    bed.slack.pages_groups(99);
    bed.later(&process).await;
    bed.was_asked(3).await;
    let news = async || {
        let recorded = bed.store.record(&run, 0, 1000).await.expect("it is there");
        let is_about = |event: &Event| matches!(event, Event::GroupSeen { .. });
        recorded.iter().filter(|one| is_about(&one.entry.event)).count()
    };
    assert_eq!(news().await, 1, "reading what was known wrote nothing");
    bed.slack.group("S0DB", &["U0LEO"]);
    bed.later(&process).await;
    let members = bed.knows(&run, "clara left", |members| members.people.len() == 1).await;
    assert_eq!(members.left.keys().cloned().collect::<Vec<_>>(), people(&["clara"]));
    assert_eq!(news().await, 2);
    bed.slack.no_violation();
}

#[tokio::test]
async fn without_the_scope_the_run_starts_and_says_what_is_missing() {
    let bed = bed().await;
    bed.slack.group("S0DB", &["U0CLARA"]);
    bed.slack.lacks("usergroups:read", true);
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    bed.stands(&run, &MessageKey::Run).await;
    eventually("it was tried three times", 30, || async {
        bed.pass(Span::seconds(1));
        process.engine.wake();
        (bed.asked() >= 3).then_some(())
    })
    .await;
    let why = Some("missing_scope".to_owned());
    let members = bed.knows(&run, "why", |members| members.unread == why).await;
    assert_eq!((members.people, members.read_at), (vec![], None));
    eventually("the card says it", 60, || async {
        let card = bed.stands(&run, &MessageKey::Run).await;
        (says(&card, "S0DB") && says(&card, "usergroups:read")).then_some(())
    })
    .await;
    // One try a minute from now on; and it is in order once the scope is there.
    bed.slack.lacks("usergroups:read", false);
    bed.later(&process).await;
    let members = bed.knows(&run, "who is in it", |members| members.unread.is_none()).await;
    assert_eq!((members.people, bed.asked()), (people(&["clara"]), 4));
    bed.slack.no_violation();
}

#[tokio::test]
async fn what_was_seen_last_stays_however_slack_fails() {
    let bed = bed().await;
    bed.slack.group("S0DB", &["U0CLARA"]);
    let run = bed.start(Kind::Incident).await;
    let process = bed.process().await;
    bed.knows(&run, "who is in it", |members| !members.people.is_empty()).await;
    bed.later(&process).await;
    bed.was_asked(2).await;
    let faults = [
        Fault::RateLimited { retry_after: 2 },
        Fault::Unavailable,
        Fault::Cut,
        Fault::Error("internal_error".to_owned()),
    ];
    for fault in faults {
        bed.slack.spoil_next(METHOD, fault);
    }
    bed.later(&process).await;
    // A 429 is waited for in real time and is no failure; the third failure is one for people.
    bed.was_asked(3).await;
    for tries in 4..=6 {
        bed.was_asked(tries).await;
        bed.pass(Span::seconds(5));
        process.engine.wake();
    }
    let members = bed.knows(&run, "it fails", |members| members.unread.is_some()).await;
    assert_eq!(members.people, people(&["clara"]));
    assert_eq!(members.unread.as_deref(), Some("internal_error"));
    // The last success, which had been no news, is what the age is counted from.
    let recorded = bed.store.record(&run, 0, 100).await.expect("it is there");
    let seen = recorded.iter().find(|one| matches!(one.entry.event, Event::GroupSeen { .. }));
    assert!(members.read_at > seen.map(|event| event.entry.at), "{members:?}");
    bed.slack.no_violation();
}

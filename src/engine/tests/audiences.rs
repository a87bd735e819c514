//! Ninety-five minutes of a run, with a process that dies at the fortieth and a chat that is away from the fiftieth to
//! the sixty-third: each audience reads each update that it is owed, once, and what it reads is what was known then.

use super::hands::Done;
use super::{ENVIRONMENT, Rig, START, runbook};
use crate::domain::comms::Message;
use crate::domain::environment::{self, Environment};
use crate::domain::run::update::{UpdateAsk, UpdateId};
use crate::domain::run::{Effect, MessageKey, Request};
use crate::domain::time::{Span, Timestamp};
use crate::engine::clock::Clock;

const AUDIENCES: &str = "
audiences:
  - {id: management, text: management, to: C0BOSS, every: 30m, language: fr}
  - {id: customers, text: customers, to: C0STATUS, every: 15m}
";

fn told() -> Environment {
    let text = ENVIRONMENT.replace(", updates: 100h", ", updates: 10m");
    environment::check("rig.yaml", &format!("{text}{AUDIENCES}"))
        .unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

fn minute(minutes: u64) -> Timestamp {
    START.plus(Span::minutes(minutes))
}

impl Rig {
    /// Ana sends the customers' update of this number in these words.
    async fn say(&self, number: u32, words: &str) {
        let update = UpdateId::parse(&format!("customers.{number}")).unwrap();
        let ask = UpdateAsk::Say(words.to_owned());
        self.ask("ana", &Request::Update { update, ask }).await.unwrap();
    }
}

/// What the channel got: the update, when, and what it says.
type Read = (String, u64, Message);

#[tokio::test]
async fn each_audience_reads_each_update_once_through_a_death_and_an_outage() {
    let mut rig = Rig::with(told(), runbook()).await;
    let mut read: Vec<Read> = Vec::new();
    while rig.clock.now() < minute(95) {
        let now = rig.clock.now().since(START).ms() / 1000;
        *rig.wall.is_down.lock().unwrap() = (50 * 60..63 * 60).contains(&now);
        if now == 40 * 60 {
            // Another process finds on the record what this one owes: what it took is let go of when its time is over.
            drop(rig.take().await);
            rig.engine = rig.process();
        }
        if now % (15 * 60) == 14 * 60 + 40 {
            let number = u32::try_from(now / (15 * 60) + 1).unwrap();
            rig.say(number, &format!("Words {number}.")).await;
        }
        rig.settle().await;
        read.extend(rig.wall.done().into_iter().filter_map(|done| match done {
            Done::Posted(MessageKey::Update(update), message) => {
                Some((update.to_string(), now / 60, message))
            }
            Done::Posted(..)
            | Done::Edited(..)
            | Done::Replied(..)
            | Done::Pinned(_)
            | Done::TakenBack(_) => None,
        }));
        rig.clock.pass(Span::seconds(20));
    }
    let of = |audience: &str| -> Vec<&Read> {
        read.iter().filter(|(update, ..)| update.starts_with(audience)).collect()
    };
    for (audience, every, ahead, last) in
        [("room", 10, 0, 9), ("management", 30, 0, 3), ("customers", 15, 1, 6)]
    {
        let all = of(audience);
        let expected: Vec<String> =
            (1..=last).map(|number| format!("{audience}.{number}")).collect();
        let names: Vec<&str> = all.iter().map(|(update, ..)| update.as_str()).collect();
        assert_eq!(names, expected);
        for ((update, at, _), number) in all.iter().zip(1_u64..) {
            let due = number * every - ahead;
            let is_out = (50..63).contains(&due) || due == 40;
            let late = at - due;
            assert!(
                late == 0 || is_out && (1..=15).contains(&late),
                "{update}: due {due}, read {at}"
            );
        }
    }
    // It is read late, and tells what was known when it was due.
    let (_, at, fifth) = of("room")[4];
    assert!(*at >= 63, "{at}");
    let zoned = minute(50).clock_in("UTC");
    assert!(format!("{:?}", fifth.summary).contains(&zoned), "{fifth:?}");
    assert!(of("customers").iter().zip(1..).all(|((_, _, message), number)| {
        format!("{message:?}").contains(&format!("Words {number}."))
    }));
}

#[tokio::test]
async fn nothing_is_shown_of_what_is_not_out() {
    let rig = Rig::with(told(), runbook()).await;
    rig.settle().await;
    drop(rig.wall.done());
    for which in ["customers.1", "management.1", "room.1", "press.1"] {
        let key = MessageKey::Update(UpdateId::parse(which).unwrap());
        let effect = Effect::Show(key);
        rig.store.want(&rig.run, &effect, rig.clock.now()).await.unwrap();
    }
    rig.settle().await;
    assert_eq!(rig.wall.done(), []);
}

//! What every audience is told while a run is open: each update once, in time, and nothing outside the house without a
//! person's words.

use std::collections::BTreeMap;

use serde_json::{from_value, json};

use super::sample::{START, World, environment, runbook, who};
use crate::domain::comms;
use crate::domain::environment::Environment;
use crate::domain::run::effects::effects;
use crate::domain::run::protocol::{Effect, Event, Request};
use crate::domain::run::state::Kind;
use crate::domain::run::update::{Told, UpdateAsk, UpdateId};
use crate::domain::run::{MessageKey, Refusal};
use crate::domain::time::{Span, Timestamp};

/// The team, and three audiences beside the room.
fn told() -> Environment {
    let mut told = environment(Some(true));
    told.chat.updates = Span::minutes(10);
    told.audiences = from_value(json!([
        {"id": "management", "text": "management", "to": "C0BOSS", "exercise_to": "C0DRILL",
         "every": Span::minutes(30), "language": "fr", "approve": false},
        {"id": "customers", "text": "customers", "to": "C0STATUS", "every": Span::minutes(15),
         "language": "en", "approve": true},
    ]))
    .unwrap();
    told
}

fn world() -> World {
    World::of(runbook(), told())
}

fn update(text: &str) -> UpdateId {
    UpdateId::parse(text).unwrap()
}

fn say(words: &str) -> UpdateAsk {
    UpdateAsk::Say(words.to_owned())
}

impl World {
    /// When time alone brings something next.
    fn wakes_at(&self) -> Timestamp {
        let last = self.record.last().unwrap();
        let wake = effects(&self.run, &[(last.seq, &last.entry.event)]);
        wake.iter().find_map(Effect::wake_at).expect("something is always due")
    }

    /// Time passes; at each moment that the run asked to be woken for it is.
    fn passes(&mut self, until: Timestamp) {
        while self.wakes_at() <= until {
            self.now = self.now.max(self.wakes_at());
            let before = self.record.len();
            self.tick();
            assert!(self.record.len() > before, "woken for something");
        }
        self.now = until;
    }

    /// What went out to whom, in minutes after the start, and whether in a person's words.
    fn out(&self) -> BTreeMap<String, Vec<(u64, u32, bool)>> {
        let mut out: BTreeMap<String, Vec<(u64, u32, bool)>> = BTreeMap::new();
        for recorded in &self.record {
            if let Event::Update { update, what: Told::Out { words } } = &recorded.entry.event {
                let minute = recorded.entry.at.since(START).ms() / 60_000;
                let told = (minute, update.number, words.is_some());
                out.entry(update.audience.to_string()).or_default().push(told);
            }
        }
        out
    }

    fn updated(&mut self, name: &str, which: &str, ask: UpdateAsk) -> Result<Vec<Event>, Refusal> {
        self.ask(name, &Request::Update { update: update(which), ask })
    }
}

fn minute(minutes: u64) -> Timestamp {
    START.plus(Span::minutes(minutes))
}

#[test]
fn ninety_five_minutes_bring_each_audience_what_it_is_owed() {
    let mut world = world();
    for number in 1..=6_u64 {
        // Comms reads each of the customers' two minutes before it is due.
        world.passes(minute(15 * number - 2));
        let which = format!("customers.{number}");
        world.updated("clara", &which, say("Still moving.")).unwrap();
    }
    world.passes(minute(95));
    let out = world.out();
    let each = |every: u64, ahead: u64, last: u32, said: bool| -> Vec<(u64, u32, bool)> {
        (1..=last).map(|n| (u64::from(n) * every - ahead, n, said)).collect()
    };
    assert_eq!(out["room"], each(10, 0, 9, false));
    assert_eq!(out["management"], each(30, 0, 3, false));
    assert_eq!(out["customers"], each(15, 2, 6, true));
    assert_eq!(out.len(), 3);
}

#[test]
fn a_process_that_was_away_says_the_newest_and_none_twice() {
    let mut world = world();
    world.passes(minute(40));
    world.now = minute(65);
    world.passes(minute(70));
    let out = world.out();
    let numbers =
        |audience: &str| out[audience].iter().map(|one| (one.0, one.1)).collect::<Vec<_>>();
    assert_eq!(numbers("room"), [(10, 1), (20, 2), (30, 3), (40, 4), (65, 6), (70, 7)]);
    assert_eq!(numbers("management"), [(30, 1), (65, 2)]);
    // A clock that goes back brings nothing again.
    let before = world.record.len();
    world.now = minute(20);
    world.tick();
    assert_eq!(world.record.len(), before);
}

#[test]
fn a_draft_can_be_changed_or_put_off_and_goes_out_by_itself_otherwise() {
    let mut world = world();
    world.passes(minute(29));
    assert!(world.run.draft(&update("management.1").audience).is_some());
    assert!(matches!(
        world.updated("leo", "management.1", say("No.")),
        Err(Refusal::NotAllowed { .. })
    ));
    world.updated("clara", "management.1", UpdateAsk::PutOff).unwrap();
    world.passes(minute(33));
    assert_eq!(world.out().get("management"), None, "put off until 34");
    world.passes(minute(35));
    assert_eq!(world.out()["management"], [(34, 1, false)]);
    // What is out may be said better, once it is: nothing is sent twice.
    world.updated("antoine", "management.1", say("Better.")).unwrap();
    let words = world.run.out(&update("management.1")).unwrap().words.clone().unwrap();
    assert_eq!((words.0.as_str(), words.1.as_str()), ("antoine", "Better."));
    assert_eq!(world.run.out(&update("management.1")).unwrap().at, minute(34));
    world.passes(minute(59));
    assert_eq!(world.run.draft(&update("management.1").audience).unwrap().number, 2);
    world.updated("antoine", "management.1", say("Best.")).unwrap();
    world.passes(minute(60));
    assert_eq!(world.out()["management"].last(), Some(&(60, 2, false)), "the next one goes out");
    for (which, ask) in [
        ("management.1", UpdateAsk::PutOff),
        ("management.3", say("early")),
        ("press.1", say("nobody")),
        ("room.9", say("late")),
    ] {
        assert!(
            matches!(world.updated("clara", which, ask), Err(Refusal::UpdateOver { .. })),
            "{which}"
        );
    }
    assert_eq!(world.updated("clara", "management.2", say(" ")), Err(Refusal::ReasonMissing));
}

#[test]
fn what_nobody_sends_is_called_out_once_and_then_replaced() {
    let mut world = world();
    world.passes(minute(40));
    let mut of_customers = Vec::new();
    for recorded in &world.record {
        if let Event::Update { update, what } = &recorded.entry.event
            && update.audience.as_str() == "customers"
        {
            let minute = recorded.entry.at.since(START).ms() / 60_000;
            of_customers.push((minute, update.number, matches!(what, Told::Overdue)));
        }
    }
    let expected = [(10, 1, false), (15, 1, true), (25, 2, false), (30, 2, true), (40, 3, false)];
    assert_eq!(of_customers, expected);
    // The card of what was replaced says so, and has no buttons.
    let replaced = comms::draft(&world.run, &update("customers.2"), world.now).unwrap();
    assert!(!replaced.asks());
    assert!(world.effects.contains(&Effect::Show(MessageKey::Draft(update("customers.2")))));
    let open = comms::draft(&world.run, &update("customers.3"), world.now).unwrap();
    let mut buttons = Vec::new();
    for block in &open.blocks {
        if let comms::Block::Buttons(row) = block {
            buttons.extend(row.iter().map(|one| one.press.ask));
        }
    }
    assert_eq!(buttons, [comms::Ask::Say, comms::Ask::PutOff]);
}

/// Every way something could go out: time, whatever the engine asks, and every person with every request.
#[test]
fn nothing_leaves_the_house_without_a_persons_words() {
    // An old record, or a hand, may say that it needs none.
    let mut careless = told();
    for audience in &mut careless.audiences {
        audience.approve = false;
    }
    for environment in [told(), careless] {
        let mut world = World::of(runbook(), environment);
        let mut asks = 0;
        for step in 0..200_u64 {
            world.now = START.plus(Span::seconds(step * 30));
            world.tick();
            for number in 1..=7 {
                for name in ["engine", "Ustranger", "leo", "mia"] {
                    for ask in [say("out"), UpdateAsk::PutOff] {
                        let which = update(&format!("customers.{number}"));
                        let request = Request::Update { update: which, ask };
                        assert!(world.decided(&who(name), &request).is_err(), "{name}");
                        asks += 1;
                    }
                }
            }
            let unsaid = |one: &&crate::domain::run::log::Recorded| {
                matches!(&one.entry.event, Event::Update { update, what: Told::Out { words } }
                    if update.audience.as_str() == "customers"
                        && (words.is_none() || one.entry.by.person().is_none()))
            };
            assert_eq!(world.record.iter().find(unsaid), None);
            // Nor is anything shown to them of what is not out.
            for number in 1..=7 {
                let which = update(&format!("customers.{number}"));
                assert_eq!(comms::update(&world.run, &world.run, &which), None);
            }
        }
        assert_eq!(asks, 200 * 7 * 4 * 2);
        // What no rule allows, and somebody wrote into the record all the same.
        let mut forged = world.clone();
        let which = update("customers.6");
        let event = Event::Update { update: which.clone(), what: Told::Out { words: None } };
        forged.take(&[event], &who("engine"));
        assert_eq!(comms::update(&forged.run, &forged.run, &which), None);
        world.updated("clara", "customers.6", say("Now.")).unwrap();
        let shown = comms::update(&world.run, &world.run, &update("customers.6")).unwrap();
        assert!(format!("{shown:?}").contains("Now."));
    }
}

#[test]
fn the_end_is_told_to_those_who_were_told_and_what_nobody_sent_says_so() {
    let mut world = world();
    world.passes(minute(41));
    world.ask("antoine", &Request::Close { reason: "over".into() }).unwrap();
    assert_eq!(world.out()["management"], [(30, 1, false), (41, 2, false)]);
    assert_eq!(world.out().get("customers"), None);
    let owed = |update: &str| Effect::Show(MessageKey::Update(self::update(update)));
    assert!(world.effects.contains(&owed("management.2")));
    assert!(world.effects.contains(&Effect::Show(MessageKey::Draft(update("customers.3")))));
    let left = comms::draft(&world.run, &update("customers.3"), world.now).unwrap();
    assert!(!left.asks());
    let late = world.updated("clara", "customers.3", say("late"));
    assert!(matches!(late, Err(Refusal::Closed { .. })));
    assert_eq!(world.tick(), []);
}

#[test]
fn a_rehearsal_is_told_where_rehearsals_are_and_nowhere_else() {
    let mut world = world();
    let hears = |world: &World| {
        let told = world.run.audiences();
        told.map(|one| (one.id.to_string(), world.run.channel_of(&one).to_owned()))
            .collect::<Vec<_>>()
    };
    let pairs = |all: &[(&str, &str)]| {
        all.iter().map(|(id, to)| ((*id).to_owned(), (*to).to_owned())).collect::<Vec<_>>()
    };
    let all = [("room", "C1"), ("management", "C0BOSS"), ("customers", "C0STATUS")];
    assert_eq!(hears(&world), pairs(&all));
    world.run.kind = Kind::Exercise;
    assert_eq!(hears(&world), pairs(&[("room", "C1"), ("management", "C0DRILL")]));
    world.run.kind = Kind::Tabletop;
    assert_eq!(hears(&world), pairs(&[("room", "C1")]));
    world.passes(minute(31));
    assert_eq!(world.out().keys().collect::<Vec<_>>(), ["room"]);
}

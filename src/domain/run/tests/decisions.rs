//! Decisions: what was seen and said stays as it was when it was decided; dissent is heard and stops nobody.

use serde_json::json;

use super::sample::{World, facts, id, preview, variant, variants};
use crate::domain::comms::step_card;
use crate::domain::run::Refusal;
use crate::domain::run::protocol::{Event, Report, Request};
use crate::domain::run::state::{Choice, StepState};
use crate::domain::time::Span;

/// A decision that people are asked, a minute after the step it looks at was measured.
pub(super) fn asked() -> World {
    let mut world = World::opened("decide");
    world.wait(Span::minutes(1));
    let mut shown = preview("decide", "eu-west-1");
    shown.request =
        json!({"with": {"question": {"en": "Go?", "fr": "On y va ?"}, "seen": ["look"]}});
    shown.facts.clear();
    let number = world.at("decide").previews;
    world.report(Report::Previewed { step: id("decide"), number, preview: shown }).unwrap();
    world
}

pub(super) fn disagree(world: &mut World, name: &str, step: &str) -> Result<Vec<Event>, Refusal> {
    let (digest, step) = (world.digest(step), id(step));
    world.ask(name, &Request::Disagree { step, digest, words: "too early".into() })
}

fn card(world: &World) -> String {
    format!("{:?}", step_card(&world.run, &id("decide"), world.now).unwrap())
}

/// The step it looks at is measured again, and sees something else.
fn seen_otherwise(world: &mut World) {
    let at = world.run.steps.get_mut(&id("look")).unwrap();
    at.facts = facts(&json!({"status": 503}));
    at.facts_at = world.now;
}

#[test]
fn what_was_seen_and_said_is_frozen_when_it_is_decided() {
    for choice in [Choice::Go, Choice::NoGo] {
        let mut world = asked();
        disagree(&mut world, "clara", "decide").unwrap();
        world.vote("antoine", "decide", choice).unwrap();
        assert!(card(&world).contains("1\\u{a0}min"), "its age: {}", card(&world));
        let events = world.vote("mia", "decide", choice).unwrap();
        let frozen = events.iter().find_map(|event| {
            if let Event::StepDone { facts, .. } | Event::StepDeclined { facts, .. } = event {
                return Some(facts);
            }
            None
        });
        assert_eq!(frozen.unwrap()["look"]["facts"], json!(world.at("look").facts));
        let decided = card(&world);
        for part in [
            "Go?",
            "fact.status",
            "Raw(\"200\")",
            "1\\u{a0}min",
            "too early",
            "so",
            "antoine",
            "mia",
            "clara",
        ] {
            assert!(decided.contains(part), "`{part}` is missing of {decided}");
        }
        world.wait(Span::minutes(30));
        seen_otherwise(&mut world);
        assert_eq!(card(&world), decided);
    }
}

#[test]
fn while_people_are_asked_they_see_what_is_seen_now() {
    let mut world = asked();
    seen_otherwise(&mut world);
    world.wait(Span::seconds(20));
    let open = card(&world);
    assert!(open.contains("Raw(\"503\")") && open.contains("20\\u{a0}s"), "{open}");
}

#[test]
fn dissent_of_anybody_is_recorded_and_blocks_nothing() {
    let mut world = asked();
    world.vote("antoine", "decide", Choice::Go).unwrap();
    // Clara holds no role that decides; Antoine said GO, and may have doubts all the same.
    for name in ["clara", "antoine", "clara"] {
        assert_eq!(variants(&disagree(&mut world, name, "decide").unwrap()), ["DissentVoiced"]);
    }
    assert_eq!(world.at("decide").dissent.len(), 2, "the last word of each");
    assert_eq!(world.at("decide").votes.len(), 1);
    let events = world.vote("mia", "decide", Choice::Go).unwrap();
    assert_eq!(variants(&events)[..2], ["VoteCast", "StepDone"]);
    assert_eq!(variant(&disagree(&mut world, "clara", "decide").unwrap_err()), "NotNow");
    let mut promote = World::ready("promote");
    assert_eq!(variant(&disagree(&mut promote, "clara", "promote").unwrap_err()), "NotNow");
    assert_eq!(variant(&disagree(&mut promote, "U0", "promote").unwrap_err()), "Stranger");
}

#[test]
fn who_broke_the_glass_said_go_and_their_reason_stays() {
    let mut world = asked();
    world.vote("antoine", "decide", Choice::Go).unwrap();
    world.break_glass("mia", "decide").unwrap();
    assert!(matches!(world.state("decide"), StepState::Done { .. }));
    let text = card(&world);
    let by = "(\"by\", List([Person(PersonId(\"antoine\")), Person(PersonId(\"mia\"))]))";
    assert!(text.contains(by), "{text}");
    assert!(text.contains("step.voted.alone") && text.contains("Raw(\"alone\")"), "{text}");
}

//! What is told in the thread of a step: for those who check, of bounded length, and nothing of what people do.

use serde_json::{Value, json};

use super::said::{lines, one};
use super::sample::{World, facts, id};
use crate::domain::comms::details;
use crate::domain::run::protocol::{Effect, MessageKey, Report, Returned};
use crate::domain::run::state::StepState;

#[test]
fn a_step_tells_those_who_check_what_it_called_and_saw_and_no_more_than_they_can_read() {
    let mut world = World::ready("promote");
    assert_eq!(details(&world.run, &id("promote")), None, "nothing was called");
    world.do_until_called("promote");
    assert_eq!(details(&world.run, &id("decide")), None, "people did it");
    let left: serde_json::Map<_, _> = (10..35).map(|n| (format!("id{n}"), json!(n))).collect();
    world.returned("promote", Returned::Accepted { evidence: left.into() });
    let told = lines(&details(&world.run, &id("promote")).unwrap());
    assert_eq!(told[0], "details.title(step=Promote)");
    assert_eq!(told[1], "step.runs(call=a call for promote)");
    assert_eq!(told[2], "details.line(fact=id10 = 10)");
    assert_eq!(told[22], "run.more(count=5)");
    let (step, facts) = (id("promote"), facts(&json!({"writer_region": "eu-west-1"})));
    let saw = "still eu-west-1".to_owned();
    world.report(Report::NotProved { step, attempt: 1, facts, saw: saw.clone() }).unwrap();
    let told = lines(&details(&world.run, &id("promote")).unwrap());
    assert!(one(&told, "details.seen").starts_with("details.seen(at=14:18:20 UTC"), "{told:#?}");
    assert!(told.contains(&"details.line(fact=writer_region = eu-west-1)".to_owned()));
}

#[test]
fn what_was_left_out_is_counted_where_something_was() {
    let told = |count: usize| {
        let mut world = World::ready("promote");
        world.do_until_called("promote");
        let left = (10..10 + count).map(|n| (format!("id{n}"), json!(n))).collect();
        world.returned("promote", Returned::Accepted { evidence: Value::Object(left) });
        let told = lines(&details(&world.run, &id("promote")).unwrap());
        told.iter().filter(|line| !line.starts_with("details.")).cloned().collect::<Vec<_>>()
    };
    let call = "step.runs(call=a call for promote)";
    assert_eq!(told(20), [call]);
    assert_eq!(told(21), [call, "run.more(count=1)"]);
}

#[test]
fn what_came_back_is_told_when_it_did_and_nothing_of_what_people_do() {
    let tells =
        |world: &World, step| world.effects.contains(&Effect::Show(MessageKey::Details(id(step))));
    let mut world = World::ready("promote");
    world.agreed("promote");
    assert!(!tells(&world, "promote"), "nothing was called");
    world.begin("promote").unwrap();
    assert!(!tells(&world, "promote"), "nothing came back");
    world.accepted("promote");
    assert!(tells(&world, "promote"));
    world.proved("promote");
    assert!(tells(&world, "promote"));
    world.previewed("tell");
    world.approve("clara", "tell").unwrap();
    assert!(matches!(world.state("tell"), StepState::Done { .. }));
    assert!(!tells(&world, "tell"), "people did it");
}

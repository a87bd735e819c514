//! What one of the team has before them: what waits for them, first.

use super::sample::World;
use crate::domain::actor::Role;
use crate::domain::comms::{Block, Message, home};
use crate::domain::environment::Person;
use crate::domain::run::protocol::Request;
use crate::domain::run::refusal::roles;
use crate::domain::run::state::Run;
use crate::domain::text::Text;

fn person<'a>(run: &'a Run, name: &str) -> &'a Person {
    run.environment.people.iter().find(|person| person.id.as_str() == name).unwrap()
}

fn waits_for(world: &World, name: &str) -> Vec<String> {
    let person = person(&world.run, name).id.clone();
    world.run.waits_for(&person).map(|step| step.id.to_string()).collect()
}

/// The key each part begins with.
fn parts(parts: &[Message]) -> Vec<&'static str> {
    let key = |part: &Message| {
        let Text::Key(key, _) = part.summary else { panic!("{part:?}") };
        key
    };
    parts.iter().map(key).collect()
}

#[test]
fn a_step_waits_for_those_it_asks_until_they_have_answered() {
    let mut world = World::ready("promote");
    for (name, steps) in [("antoine", vec!["promote"]), ("mia", vec!["promote"]), ("leo", vec![])] {
        assert_eq!(waits_for(&world, name), steps, "{name}");
    }
    world.approve("mia", "promote").unwrap();
    assert_eq!(waits_for(&world, "mia"), [""; 0]);
    assert_eq!(waits_for(&world, "antoine"), ["promote"]);
    world.approve("antoine", "promote").unwrap();
    assert_eq!(waits_for(&world, "antoine"), [""; 0], "it is {:?}", world.state("promote"));
}

#[test]
fn what_waits_comes_before_the_roles_and_those_before_the_runs() {
    let world = World::ready("promote");
    let runs = [world.run.clone()];
    let mia = home(&runs, person(&world.run, "mia"), world.now);
    let expected = ["home.waiting", "step.summary", "home.roles", "home.runs", "run.summary"];
    assert_eq!(parts(&mia), expected);
    assert!(mia[1].asks() && mia[1].blocks.last() == Some(&Block::Rule));
    let leo = home(&runs, person(&world.run, "leo"), world.now);
    assert_eq!(parts(&leo), ["home.waiting", "home.roles", "home.runs", "run.summary"]);
    let idle = home(&[], person(&world.run, "leo"), world.now);
    assert_eq!(parts(&idle), ["home.waiting", "home.roles", "home.runs.none"]);
}

#[test]
fn whoever_took_a_role_sees_in_which_run_and_nobody_else_does() {
    let mut world = World::new();
    world.ask("mia", &Request::TakeRole { role: Role::Db, person: None }).unwrap();
    let duties = |name: &str| {
        let parts = home(&[world.run.clone()], person(&world.run, name), world.now);
        let lines = parts
            .into_iter()
            .flat_map(|part| part.blocks)
            .flat_map(|block| if let Block::Lines(lines) = block { lines } else { vec![] });
        lines.filter(|line| matches!(line, Text::Key("home.duty", _))).collect::<Vec<_>>()
    };
    let args = vec![("roles", roles(&[Role::Db])), ("run", Text::raw(&world.run.id))];
    assert_eq!(duties("mia"), [Text::Key("home.duty", args)]);
    assert_eq!(duties("leo"), []);
}

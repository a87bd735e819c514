//! A further runbook in the same run: the failback after the failover.

use super::sample::{World, environment, id, variant, variants};
use crate::domain::action::Known;
use crate::domain::run::apply::replay;
use crate::domain::run::protocol::{Effect, Event, MessageKey, Request};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::StepState;
use crate::domain::runbook::Runbook;
use crate::domain::runbook::check::check;

const FAILBACK: &str = r#"
id: back
title: {en: Back, fr: Retour}
phases:
  - {id: back, title: {en: Back, fr: Retour}}
restored_by: unpin
steps:
  - {id: agree, title: {en: Agree, fr: Convenir}, phase: back, owner: ic, typical: 1m, worst: 5m,
     action: {human.task: {}}, gate: confirm}
  - {id: unpin, title: {en: Unpin, fr: Libérer}, phase: back, owner: platform, needs: [agree], typical: 1m, worst: 5m,
     action: {human.task: {}}, gate: confirm}
"#;

pub(super) fn failback() -> Runbook {
    check("back.yaml", FAILBACK, &Known::default(), &[environment(Some(true))]).unwrap()
}

fn attach(world: &mut World, by: &str) -> Result<Vec<Event>, Refusal> {
    world.ask(by, &Request::Attach { runbook: Box::new(failback()) })
}

#[test]
fn a_further_runbook_opens_its_first_steps_in_the_same_run() {
    let mut world = World::new();
    let before = world.run.clone();
    let events = attach(&mut world, "antoine").unwrap();
    assert_eq!(variants(&events), ["RunbookAttached", "StepOpened"]);
    assert_eq!(world.run.steps[&id("agree")].state, StepState::Previewing);
    assert_eq!(world.run.steps[&id("unpin")].state, StepState::Waiting);
    assert_eq!(world.run.runbook.restored_by, before.runbook.restored_by, "RTO is the failover's");
    for (step, at) in &before.steps {
        assert_eq!(&world.run.steps[step], at, "{step} is as it was");
    }
    let shown = |key| world.effects.contains(&Effect::Show(key));
    assert!(shown(MessageKey::Run) && shown(MessageKey::Step(id("agree"))));
    assert!(shown(MessageKey::Notice(before.seq + 1)), "the room is told");
    assert!(world.effects.contains(&Effect::Preview { step: id("agree"), number: 1 }));
}

#[test]
fn what_cannot_be_taken_back_binds_the_steps_of_its_own_runbook() {
    let mut world = World::new();
    attach(&mut world, "antoine").unwrap();
    let part = |step: &str| world.run.runbook.part_of(&id(step)).len();
    assert_eq!((part("look"), part("live"), part("agree"), part("unpin")), (10, 10, 2, 2));
    world.run.steps.get_mut(&id("pin")).unwrap().begun = 1;
    let past = |step: &str| {
        let step = world.run.runbook.step(&id(step)).unwrap();
        world.run.no_return(step).map(|step| step.id.clone())
    };
    assert_eq!((past("promote"), past("unpin")), (Some(id("pin")), None));
}

#[test]
fn the_record_alone_leads_to_the_same_run() {
    let mut world = World::new();
    attach(&mut world, "antoine").unwrap();
    let entries: Vec<_> = world.record.iter().map(|recorded| recorded.entry.clone()).collect();
    let json = serde_json::to_string(&entries).unwrap();
    let read: Vec<crate::domain::run::Entry> = serde_json::from_str(&json).unwrap();
    assert_eq!(replay(&read).as_ref(), Some(&world.run));
}

#[test]
fn only_the_commander_attaches_and_nothing_twice() {
    let mut world = World::new();
    assert_eq!(variant(&attach(&mut world, "mia").unwrap_err()), "NotAllowed");
    assert_eq!(variant(&attach(&mut world, "U0").unwrap_err()), "Stranger");
    world.ask("mia", &Request::Hold { reason: "wait".into() }).unwrap();
    assert_eq!(variant(&attach(&mut world, "antoine").unwrap_err()), "Held");
    assert_eq!(variant(&attach(&mut world, "U0").unwrap_err()), "Stranger", "told nothing more");
    world.ask("antoine", &Request::Resume).unwrap();
    attach(&mut world, "antoine").unwrap();
    assert_eq!(variant(&attach(&mut world, "antoine").unwrap_err()), "AlreadyHas");
    let again = Box::new(super::sample::runbook());
    let again = world.ask("antoine", &Request::Attach { runbook: again });
    assert_eq!(variant(&again.unwrap_err()), "AlreadyHas");
    world.ask("antoine", &Request::Close { reason: "over".into() }).unwrap();
    assert_eq!(variant(&attach(&mut world, "antoine").unwrap_err()), "Closed");
}

#[test]
fn a_run_has_not_more_steps_than_can_be_walked_through() {
    let mut many = failback();
    let one = many.steps[0].clone();
    for number in 0..crate::domain::run::limits::STEPS {
        many.steps
            .push(crate::domain::runbook::Step { id: id(&format!("n{number}")), ..one.clone() });
    }
    let mut world = World::new();
    let refused = world.ask("antoine", &Request::Attach { runbook: Box::new(many) });
    assert_eq!(variant(&refused.unwrap_err()), "TooManySteps");
}

//! Who is on duty, what that gives, and who is called when a step waits or is late.

use super::sample::{World, id, variant, variants, who};
use std::sync::Arc;

use crate::domain::actor::Role;
use crate::domain::comms::{Ask, Block, Press, run_card};
use crate::domain::ids::PersonId;
use crate::domain::run::limits;
use crate::domain::run::protocol::{Effect, Event, Request};
use crate::domain::run::refusal::Refusal;
use crate::domain::time::Span;

fn person(name: &str) -> PersonId {
    PersonId::parse(name).unwrap()
}

fn take(
    world: &mut World,
    by: &str,
    role: Role,
    whom: Option<&str>,
) -> Result<Vec<Event>, Refusal> {
    world.ask(by, &Request::TakeRole { role, person: whom.map(person) })
}

/// Lets time pass and ticks when the run asked to be woken, as the engine does.
fn woken(world: &mut World, span: Span) -> Vec<Event> {
    let until = world.now.plus(span);
    let mut seen = Vec::new();
    loop {
        let due = world.effects.iter().find_map(Effect::wake_at);
        match due.filter(|due| *due <= until) {
            Some(due) => {
                world.now = due.max(world.now);
                let events = world.tick();
                assert!(!events.is_empty(), "woken for nothing: no other wake would come");
                seen.extend(events);
            }
            None => {
                world.now = until;
                return seen;
            }
        }
    }
}

#[test]
fn whoever_may_command_and_starts_a_run_is_on_duty_as_commander() {
    let world = World::new();
    assert_eq!(world.run.duty.get(&Role::Ic), Some(&person("antoine")));
}

#[test]
fn a_role_that_gates_ask_for_is_taken_only_by_whom_the_file_names() {
    let mut world = World::new();
    assert_eq!(variants(&take(&mut world, "mia", Role::Db, None).unwrap()), ["RoleTaken"]);
    assert_eq!(variant(&take(&mut world, "leo", Role::Db, None).unwrap_err()), "NotQualified");
    let by_commander = take(&mut world, "antoine", Role::Ic, Some("leo")).unwrap_err();
    assert_eq!(variant(&by_commander), "NotQualified", "not even the commander gives it");
    assert_eq!(variants(&take(&mut world, "leo", Role::Support, None).unwrap()), ["RoleTaken"]);
    assert_eq!(variant(&take(&mut world, "leo", Role::Support, None).unwrap_err()), "OnDuty");
    for stranger in ["U0", "zoe", "engine"] {
        assert_eq!(
            variant(&take(&mut world, stranger, Role::Scribe, None).unwrap_err()),
            "Stranger"
        );
    }
    let nobody = take(&mut world, "antoine", Role::Scribe, Some("zoe")).unwrap_err();
    assert_eq!(variant(&nobody), "NoSuchPerson");
}

#[test]
fn only_the_commander_and_who_hands_over_put_somebody_else_on_duty() {
    let mut world = World::new();
    let not_hers = take(&mut world, "mia", Role::Scribe, Some("leo")).unwrap_err();
    assert_eq!(variant(&not_hers), "NotAllowed");
    take(&mut world, "antoine", Role::Scribe, Some("leo")).unwrap();
    let handed = take(&mut world, "leo", Role::Scribe, Some("mia")).unwrap();
    let (role, from) = (Role::Scribe, Some(person("leo")));
    assert_eq!(handed, [Event::RoleTaken { role, person: person("mia"), from }]);
}

#[test]
fn who_took_a_role_may_confirm_its_steps_and_may_not_be_one_of_two() {
    let mut world = World::ready("tell");
    assert_eq!(variant(&world.approve("leo", "tell").unwrap_err()), "NotAllowed");
    take(&mut world, "leo", Role::Comms, None).unwrap();
    assert_eq!(variants(&world.approve("leo", "tell").unwrap())[0], "ApprovalGiven");

    let mut world = World::ready("promote");
    // Written into the state as no request could: the gate still asks the file.
    world.run.duty.insert(Role::Db, person("clara"));
    assert_eq!(variant(&world.approve("clara", "promote").unwrap_err()), "NotAllowed");
}

#[test]
fn who_took_a_role_agrees_to_the_call_too_and_handing_it_over_takes_nothing_back() {
    let own = |world: &mut World, role| {
        let steps = &mut Arc::make_mut(&mut world.run.runbook).steps;
        steps.iter_mut().find(|step| step.id == id("fence")).unwrap().owner = role;
    };
    let owned_by_comms = || {
        let mut world = World::ready("fence");
        own(&mut world, Role::Comms);
        take(&mut world, "leo", Role::Comms, None).unwrap();
        world.approve("leo", "fence").unwrap();
        world
    };
    assert_eq!(variants(&owned_by_comms().begin("fence").unwrap()), ["AttemptStarted"]);
    let mut world = owned_by_comms();
    take(&mut world, "leo", Role::Comms, Some("clara")).unwrap();
    assert_eq!(variants(&world.begin("fence").unwrap()), ["AttemptStarted"]);
    // What the file gives is not given by agreeing: written into the state as no request could.
    let mut world = owned_by_comms();
    own(&mut world, Role::Db);
    assert_eq!(variants(&world.begin("fence").unwrap()), ["ApprovalsVoided"]);
}

#[test]
fn people_are_called_by_name_after_the_nag_time_and_less_and_less_often() {
    let mut world = World::ready("promote");
    take(&mut world, "mia", Role::Db, None).unwrap();
    let began = world.now;
    let step = id("promote");
    let mut called = Vec::new();
    for event in woken(&mut world, Span::minutes(60)) {
        if let Event::PeopleCalled { step: of, people, unmanned, waited } = event
            && of == step
        {
            assert_eq!(people, [person("antoine"), person("mia")], "who is on duty for it");
            assert!(unmanned.is_empty());
            called.push(waited);
        }
    }
    assert_eq!(called, [2, 6, 14, 30].map(Span::minutes), "since {began:?}");
    assert_eq!(u32::try_from(called.len()).unwrap(), limits::CALLS);
}

#[test]
fn after_a_night_without_power_people_are_called_once_and_not_for_every_missed_time() {
    let mut world = World::ready("promote");
    world.wait(Span::minutes(600));
    let calls = |events: &[Event]| {
        let of = |event: &&Event| matches!(event, Event::PeopleCalled { step, .. } if *step == id("promote"));
        events.iter().filter(of).count()
    };
    let first = world.tick();
    assert_eq!(calls(&first), 1);
    assert_eq!(calls(&world.clone().tick()), 0);
    assert_eq!(calls(&woken(&mut world, Span::minutes(4))), 1, "twice the nag time later");
}

#[test]
fn where_nobody_is_on_duty_everybody_who_may_is_called() {
    for (commander, expected) in [(true, vec!["antoine"]), (false, vec!["antoine", "clara"])] {
        let mut world = World::ready("tell");
        if !commander {
            world.run.duty.clear();
        }
        let events = woken(&mut world, Span::minutes(2));
        let found = events.iter().find_map(|event| {
            let Event::PeopleCalled { step, people, unmanned, .. } = event else { return None };
            (*step == id("tell")).then(|| (people.clone(), unmanned.contains(&Role::Comms)))
        });
        assert_eq!(found, Some((expected.into_iter().map(person).collect(), true)));
    }
}

#[test]
fn nobody_is_called_while_the_run_is_held_and_everybody_again_after() {
    let mut world = World::ready("promote");
    world.ask("mia", &Request::Hold { reason: "wait".into() }).unwrap();
    let held = woken(&mut world, Span::minutes(30));
    assert!(!variants(&held).contains(&"PeopleCalled".to_owned()), "{held:?}");
    world.ask("antoine", &Request::Resume).unwrap();
    let resumed = woken(&mut world, Span::minutes(1));
    assert!(variants(&resumed).contains(&"PeopleCalled".to_owned()), "{resumed:?}");
}

#[test]
fn a_step_past_its_worst_is_called_out_once() {
    let mut world = World::ready("promote");
    world.do_until_called("promote");
    world.accepted("promote");
    let late = woken(&mut world, Span::minutes(60));
    let count = late
        .iter()
        .filter(|event| matches!(event, Event::StepLate { step, .. } if *step == id("promote")))
        .count();
    assert_eq!(count, 1);
    assert!(world.run.steps[&id("promote")].late);
}

#[test]
fn the_card_offers_what_nobody_has_taken() {
    let mut world = World::ready("tell");
    let offered = |world: &World| -> Vec<Press> {
        let buttons =
            run_card(&world.run, world.now).blocks.into_iter().filter_map(|block| match block {
                Block::Buttons(buttons) => Some(buttons),
                Block::Banner(_)
                | Block::Heading(_)
                | Block::Lines(_)
                | Block::Small(_)
                | Block::Rule
                | Block::Views(_)
                | Block::Offer(_) => None,
            });
        let all = buttons.flatten().map(|button| button.press);
        all.filter(|press| press.ask == Ask::Take).collect()
    };
    let comms = Press::of_role(Ask::Take, &world.run.id, Role::Comms);
    assert!(offered(&world).contains(&comms));
    world.ask_as(&who("clara"), &comms.request("").unwrap()).unwrap();
    assert!(!offered(&world).contains(&comms));
}

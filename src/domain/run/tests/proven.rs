//! Only what was seen is shown as such, in the bar of the phases and on the cards: a doubt is trouble, and what was left
//! out, taken on somebody's word or not looked at has no tick.

use super::said::{has, of_run, of_step};
use super::sample::{World, environment, id, preview, runbook};
use crate::domain::run::protocol::{Report, Request, Returned};
use crate::domain::run::state::Happened;
use crate::domain::time::Span;

/// The bar: of each phase how it stands.
fn bar(world: &World) -> Vec<String> {
    let lines = of_run(world);
    let bar = lines.iter().find_map(|line| line.strip_prefix("[run.phase.")).unwrap();
    bar.trim_end_matches(")]").split("), run.phase.").map(str::to_owned).collect()
}

/// How the phase stands in which `promote` is.
fn data(world: &World) -> String {
    bar(world).remove(1)
}

#[test]
fn a_phase_is_ahead_open_or_done() {
    let mut world = World::new();
    let ahead = ["ahead(phase=Data", "ahead(phase=Traffic"];
    assert_eq!(bar(&world)[0], "open(phase=Look settled=0 of=3");
    assert_eq!(bar(&world)[1..], ahead);
    for step in ["look", "fence", "tell"] {
        world.do_step(step);
    }
    assert_eq!(bar(&world)[0], "done(phase=Look");
    assert_eq!(bar(&world)[1..], ["open(phase=Data settled=0 of=5", ahead[1]]);
}

#[test]
fn a_doubt_and_a_failure_are_trouble_until_somebody_settles_them() {
    let mut world = World::ready("promote");
    world.do_until_called("promote");
    assert_eq!(data(&world), "open(phase=Data settled=1 of=5");
    let mut failing = world.clone();
    world.unknown("promote");
    assert_eq!(data(&world), "trouble(phase=Data settled=1 of=5");
    world.wait(Span::seconds(40));
    for happened in [Happened::Unknown, Happened::Running, Happened::Never] {
        world.probed("promote", happened);
        assert_eq!(data(&world), "trouble(phase=Data settled=1 of=5", "{happened:?}");
    }
    failing.fails("promote");
    assert_eq!(data(&failing), "trouble(phase=Data settled=1 of=5");
    failing.retry("mia", "promote").unwrap();
    assert_eq!(data(&failing), "open(phase=Data settled=1 of=5");
}

#[test]
fn a_phase_that_is_behind_has_a_tick_only_if_all_of_it_was_seen() {
    let behind = |settle: &dyn Fn(&mut World)| {
        let mut world = World::new();
        world.do_step("look");
        world.do_step("tell");
        settle(&mut world);
        assert!(world.run.is_settled(&id("fence")));
        bar(&world).remove(0)
    };
    assert_eq!(behind(&|world| world.do_step("fence")), "done(phase=Look");
    let dark = |world: &mut World| {
        world.previewed("fence");
        world.do_until_called("fence");
        world.returned("fence", Returned::Failed { error: "dark".into(), unreachable: true });
    };
    assert_eq!(behind(&dark), "at_risk(phase=Look", "settled, for the effort was best");
    let left_out = |world: &mut World| {
        world.previewed("fence");
        world.skip("leo", "fence").unwrap();
    };
    assert_eq!(behind(&left_out), "at_risk(phase=Look");
    let word = |world: &mut World| {
        world.previewed("fence");
        world.do_until_called("fence");
        world.unknown("fence");
        let mark = Request::MarkDone { step: id("fence"), reason: "I saw it".into() };
        world.ask("leo", &mark).unwrap();
    };
    assert_eq!(behind(&word), "at_risk(phase=Look");
}

#[test]
fn what_was_called_and_not_looked_at_is_not_said_to_be_read_or_seen() {
    let mut book = runbook();
    book.steps.iter_mut().find(|step| step.id == id("fence")).unwrap().verify = None;
    let mut world = World::of(book, environment(Some(true)));
    for step in ["look", "fence", "tell"] {
        world.do_step(step);
    }
    let card = of_step(&world, "fence");
    assert!(has(&card, "step.done.accepted"), "{card:#?}");
    assert!(!has(&card, "step.done.read") && !has(&card, "step.done.seen"));
    assert_eq!(bar(&world)[0], "at_risk(phase=Look");
}

#[test]
fn a_guard_of_which_nobody_knows_is_said_to_be_unknown() {
    let guard = |facts: &[&str]| {
        let mut world = World::opened("promote");
        let mut look = preview("promote", "eu-west-1");
        look.facts.retain(|fact, _| facts.contains(&fact.as_str()));
        let number = world.at("promote").previews;
        world.report(Report::Previewed { step: id("promote"), number, preview: look }).unwrap();
        let card = of_step(&world, "promote");
        ["true", "false", "unknown"].map(|verdict| has(&card, &format!("step.guard.{verdict}")))
    };
    assert_eq!(guard(&["writer_region"]), [true, false, false]);
    assert_eq!(guard(&["status"]), [false, false, true]);
}

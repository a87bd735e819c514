//! The forecast: typical times along the longest way that is left, and no number where it would be a guess.

use super::sample::{World, environment, id, runbook};
use crate::domain::report::forecast::{Forecast, forecast};
use crate::domain::run::protocol::Request;
use crate::domain::run::state::{Happened, StepState};
use crate::domain::time::Span;

/// In seconds from the impact, which was five minutes before the start.
fn back(world: &World) -> u64 {
    match forecast(&world.run, world.now) {
        Some(Forecast::Back(after)) => after.ms() / 1000,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_what_has_passed_and_the_longest_way_that_is_left() {
    let mut world = World::new();
    // look 5 s, decide, promote, secret and pin a minute each, live 5 s.
    assert_eq!(back(&world), 300 + 250);
    world.do_step("look");
    assert_eq!(back(&world), 300 + 245);
    world.previewed("decide");
    world.wait(Span::seconds(50));
    assert_eq!(back(&world), 300 + 245, "deciding takes its time from when it is asked");
    world.wait(Span::seconds(40));
    assert_eq!(back(&world), 300 + 90 + 190, "people are waited for, and that adds up");
    world.wait(Span::seconds(211));
    assert_eq!(forecast(&world.run, world.now), Some(Forecast::Stuck(id("decide"))), "past worst");
    world.agreed("decide");
    world.do_step("fence");
    world.previewed("promote");
    world.wait(Span::seconds(89));
    assert_eq!(back(&world), 690 + 185, "agreed or not, its time is ahead");
    world.do_until_called("promote");
    assert_eq!(back(&world), 690 + 185);
    world.wait(Span::seconds(40));
    assert_eq!(back(&world), 690 + 185, "what runs takes its time, and no more");
    world.wait(Span::seconds(40));
    assert_eq!(back(&world), 710 + 185, "longer than typical");
    world.wait(Span::seconds(220));
    assert_eq!(back(&world), 990 + 125, "at its worst");
    world.wait(Span(1));
    assert_eq!(forecast(&world.run, world.now), Some(Forecast::Stuck(id("promote"))), "past worst");
}

#[test]
fn it_is_unknown_while_something_on_the_way_is_in_doubt_refused_or_failed_or_the_run_is_held() {
    let stuck = |world: &World, step| {
        assert_eq!(forecast(&world.run, world.now), Some(Forecast::Stuck(id(step))));
    };
    let mut world = World::ready("promote");
    world.ask("mia", &Request::Hold { reason: "wait".into() }).unwrap();
    assert_eq!(forecast(&world.run, world.now), Some(Forecast::Held));
    world.ask("antoine", &Request::Resume).unwrap();
    world.do_until_called("promote");
    world.unknown("promote");
    stuck(&world, "promote");
    world.probed("promote", Happened::Running);
    assert!(back(&world) > 300, "it looks under way");
    let mut seen = world.clone();
    seen.wait(Span::seconds(50));
    let before = back(&seen);
    seen.probed("promote", Happened::Done);
    assert!(matches!(seen.state("promote"), StepState::Proving { .. }));
    assert_eq!(back(&seen), before, "its time counts from the call, through the doubt");
    world.probed("promote", Happened::Never);
    stuck(&world, "promote");

    let mut world = World::ready("secret");
    world.do_until_called("secret");
    let before = back(&world);
    world.fails("secret");
    assert_eq!(back(&world), before, "its fallback has opened, and takes as long");

    let mut world = World::ready("pin");
    world.do_until_called("pin");
    world.fails("pin");
    stuck(&world, "pin");
}

#[test]
fn what_is_beside_the_way_does_not_count_and_once_back_there_is_none() {
    let mut world = World::ready("pin");
    let before = back(&world);
    world.previewed("tell");
    world.ask("antoine", &Request::Skip { step: id("tell"), reason: "no".into() }).unwrap();
    assert_eq!(back(&world), before);
    world.do_step("pin");
    world.do_step("live");
    assert_eq!(forecast(&world.run, world.now), None);
}

#[test]
fn what_the_environment_does_not_have_takes_no_time() {
    let forecast_with = |cache| {
        let mut runbook = runbook();
        runbook.restored_by = id("cache");
        back(&World::of(runbook, environment(cache)))
    };
    let typical = runbook().step(&id("cache")).unwrap().typical.ms() / 1000;
    assert_eq!(forecast_with(Some(true)) - forecast_with(Some(false)), typical);
    assert_eq!(forecast_with(None), forecast_with(Some(true)), "unknown is not false");
}

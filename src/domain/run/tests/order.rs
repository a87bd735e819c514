//! What opens when, what falls away, what holds, and how a run ends.

use super::sample::{World, environment, id, runbook, variant, variants};
use crate::domain::run::apply::replay;
use crate::domain::run::effects::effects;
use crate::domain::run::limits;
use crate::domain::run::log::verify;
use crate::domain::run::protocol::{Effect, Event, MessageKey, Report, Request, Returned};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Kind, Proof, Skip, StepState};
use crate::domain::runbook::OnFailure;
use crate::domain::time::Span;

fn not_seen(world: &World, step: &str, unreachable: bool) -> Report {
    let number = world.at(step).previews;
    Report::NotPreviewed { step: id(step), number, error: "dark".into(), unreachable }
}

fn close(world: &mut World, reason: &str) -> Result<Vec<Event>, Refusal> {
    world.ask("antoine", &Request::Close { reason: reason.into() })
}

#[test]
fn steps_open_when_what_they_need_is_settled_and_not_before() {
    let mut world = World::new();
    let open = |world: &World| -> Vec<String> {
        let steps = world.run.each_step();
        steps
            .filter(|(_, at)| at.state == StepState::Previewing)
            .map(|(step, _)| step.id.to_string())
            .collect()
    };
    assert_eq!(open(&world), ["look", "fence", "tell"]);
    world.do_step("look");
    assert_eq!(open(&world), ["fence", "tell", "decide"]);
    world.do_step("decide");
    assert_eq!(open(&world), ["fence", "tell"], "promote needs the fence too");
    world.do_step("fence");
    assert_eq!(open(&world), ["tell", "promote"]);
    for step in ["tell", "promote", "secret", "cache", "pin", "live"] {
        world.do_step(step);
    }
    assert!(matches!(world.state("by-hand"), StepState::Skipped { why: Skip::NotNeeded }));
    assert!(world.run.each_step().all(|(step, _)| world.run.is_settled(&step.id)));
    assert_eq!(world.run.restored_at, Some(world.now));
    assert_eq!(variants(&close(&mut world, "").unwrap()), ["RunClosed"]);
    assert_eq!(verify(&world.run.id, &world.record), Ok(()));
    assert_eq!(replay(world.record.iter().map(|one| &one.entry)), Some(world.run));
}

#[test]
fn the_clock_stops_when_the_service_is_back_or_the_run_is_over() {
    let mut world = World::new();
    let before = Span::minutes(5);
    assert_eq!(world.run.outage(world.now), before);
    world.wait(Span::minutes(10));
    close(&mut world, "a false alarm").unwrap();
    let closed = world.now;
    world.wait(Span::minutes(600));
    assert_eq!((world.run.ended_at(), world.run.restored_at), (Some(closed), None));
    assert_eq!(world.run.outage(world.now), Span::minutes(15));
}

#[test]
fn an_exercise_is_measured_against_its_own_target() {
    let mut run = World::new().run;
    let mut rto = |kind, own| {
        run.kind = kind;
        std::sync::Arc::make_mut(&mut run.environment).objectives.exercise_rto = own;
        run.rto()
    };
    let (long, short) = (Span::minutes(60), Span::minutes(40));
    assert_eq!(rto(Kind::Exercise, Some(short)), short);
    assert_eq!(rto(Kind::Exercise, None), long);
    assert_eq!(rto(Kind::Incident, Some(short)), long);
    assert_eq!(rto(Kind::Tabletop, Some(short)), long);
}

#[test]
fn a_step_that_is_not_called_for_is_skipped_and_one_nobody_can_tell_about_is_not() {
    for (cache, expected) in
        [(Some(false), "Skipped"), (None, "Previewing"), (Some(true), "Previewing")]
    {
        let mut world = World::of(runbook(), environment(cache));
        for step in ["look", "decide", "fence", "promote"] {
            world.do_step(step);
        }
        assert_eq!(variant(world.state("cache")), expected, "{cache:?}");
        let told = world.record.iter().any(|one| {
            matches!(&one.entry.event, Event::StepOpened { when_unknown: Some(what), .. } if what == "env.cache.present")
        });
        assert_eq!(told, cache.is_none());
    }
}

#[test]
fn a_fallback_opens_when_its_step_fails_and_settles_it() {
    let mut world = World::opened("secret");
    world.do_until_called("secret");
    assert_eq!(*world.state("by-hand"), StepState::Waiting);
    let events = world.fails("secret");
    assert_eq!(variants(&events), ["StepFailed", "StepOpened"]);
    assert!(!world.run.is_settled(&id("secret")));
    world.do_step("by-hand");
    assert!(world.run.is_settled(&id("secret")));
}

#[test]
fn a_fallback_that_was_not_needed_opens_when_its_step_fails_after_all() {
    let mut world = World::opened("secret");
    world.do_step("secret");
    assert!(matches!(world.state("by-hand"), StepState::Skipped { why: Skip::NotNeeded }));
    world.undo("mia", "secret").unwrap();
    let mut failing = world.clone();
    failing.do_until_called("secret");
    failing.fails("secret");
    let not_needed = StepState::Skipped { why: Skip::NotNeeded };
    assert_eq!(*failing.state("by-hand"), not_needed, "putting back failed, not the step");
    world.do_step("secret");
    assert_eq!(*world.state("secret"), StepState::Undone);
    world.retry("mia", "secret").unwrap();
    world.do_until_called("secret");
    assert_eq!(variants(&world.fails("secret")), ["StepFailed", "StepOpened"]);
    assert_eq!(*world.state("by-hand"), StepState::Previewing);
}

#[test]
fn a_fallback_of_a_fallback_settles_both() {
    let mut book = runbook();
    let mut last = book.step(&id("by-hand")).unwrap().clone();
    last.id = id("by-post");
    book.steps.push(last);
    let by_hand = book.steps.iter_mut().find(|step| step.id == id("by-hand")).unwrap();
    by_hand.action = super::sample::runbook().step(&id("secret")).unwrap().action.clone();
    by_hand.on_failure = OnFailure::Fallback(id("by-post"));
    let mut world = World::of(book, environment(Some(true)));
    for step in ["look", "decide", "fence", "promote"] {
        world.do_step(step);
    }
    for step in ["secret", "by-hand"] {
        world.do_until_called(step);
        world.fails(step);
    }
    assert!(!world.run.is_settled(&id("secret")));
    world.do_step("by-post");
    assert!(world.run.is_settled(&id("by-hand")) && world.run.is_settled(&id("secret")));
    // Tried again after all, it is what everybody waits for.
    world.retry("mia", "by-hand").unwrap();
    assert!(!world.run.is_settled(&id("by-hand")) && !world.run.is_settled(&id("secret")));
}

#[test]
fn an_unreachable_system_stops_nothing_where_the_effort_is_best() {
    let mut world = World::opened("decide");
    world.do_step("decide");
    let report = not_seen(&world, "fence", true);
    let events = world.report(report).unwrap();
    assert_eq!(variants(&events), ["StepFailed", "StepOpened"]);
    assert_eq!(*world.state("promote"), StepState::Previewing);
    // Elsewhere people are told, and it is tried again by itself.
    let report = not_seen(&world, "promote", true);
    assert_eq!(variants(&world.report(report).unwrap()), ["PreviewFailed"]);
    assert!(world.tick().is_empty());
    world.wait(limits::BLIND_RETRY);
    assert_eq!(variants(&world.tick()), ["PreviewAsked"]);
}

#[test]
fn a_failure_holds_what_needs_the_step_until_somebody_tries_again_or_skips() {
    let mut world = World::ready("promote");
    world.do_until_called("promote");
    world.fails("promote");
    assert_eq!(*world.state("secret"), StepState::Waiting);
    let mut skipped = world.clone();
    let events = skipped.skip("mia", "promote").unwrap();
    assert_eq!(variants(&events)[..2], ["StepSkipped", "StepOpened"]);
    world.retry("mia", "promote").unwrap();
    world.do_step("promote");
    assert_eq!(world.at("promote").attempts, 2);
    assert_eq!(*world.state("promote"), StepState::Done { how: Proof::Seen });
}

#[test]
fn a_held_run_begins_nothing_and_finishes_what_is_out() {
    let mut world = World::ready("promote");
    let mut out = world.clone();
    world.agreed("promote");
    world.ask("clara", &Request::Hold { reason: "wait".into() }).unwrap();
    assert_eq!(variant(&world.begin("promote").unwrap_err()), "Held");
    assert_eq!(variant(&world.ask("mia", &Request::Resume).unwrap_err()), "NotAllowed");
    world.ask("antoine", &Request::Resume).unwrap();
    assert!(world.effects.contains(&Effect::Act { step: id("promote"), attempt: 1 }));
    assert!(world.begin("promote").is_ok());

    out.do_until_called("promote");
    out.ask("clara", &Request::Hold { reason: "wait".into() }).unwrap();
    out.accepted("promote");
    out.proved("promote");
    assert_eq!(*out.state("promote"), StepState::Done { how: Proof::Seen });
    assert_eq!(variant(&out.undo("mia", "promote").unwrap_err()), "Held");
}

#[test]
fn holding_and_closing_bring_every_card_with_buttons_up_to_date() {
    let mut world = World::ready("promote");
    for request in [
        Request::Hold { reason: "wait".into() },
        Request::Resume,
        Request::Close { reason: "enough".into() },
    ] {
        world.ask("antoine", &request).unwrap();
        for step in ["promote", "fence"] {
            let show = Effect::Show(MessageKey::Step(id(step)));
            assert!(world.effects.contains(&show), "{request:?} {step}");
        }
    }
}

#[test]
fn a_closed_run_takes_notes_and_nothing_else() {
    let mut world = World::opened("promote");
    assert_eq!(variant(&close(&mut world, "").unwrap_err()), "StepsOpen");
    close(&mut world, "it came back").unwrap();
    let closed = world.clone();
    let look = super::sample::preview("promote", "eu-west-1");
    let late = Report::Previewed { step: id("promote"), number: 1, preview: look };
    assert_eq!(variant(&world.report(late).unwrap_err()), "Closed");
    world.wait(Span::minutes(60));
    assert!(world.tick().is_empty());
    assert_eq!(variant(&close(&mut world, "again").unwrap_err()), "Closed");
    world.ask("clara", &Request::Note { text: "afterwards".into() }).unwrap();
    assert_eq!(world.run.steps, closed.run.steps);
}

#[test]
fn nothing_is_closed_around_a_call() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    for called in [false, true] {
        if called {
            world.begin("promote").unwrap();
        }
        assert_eq!(variant(&close(&mut world, "enough").unwrap_err()), "InFlight", "{called}");
    }
    world.returned("promote", Returned::Interrupted);
    assert_eq!(variant(&close(&mut world, "enough").unwrap_err()), "InFlight");
}

#[test]
fn everything_that_grows_ends_somewhere() {
    let mut world = World::ready("promote");
    world.run.steps.get_mut(&id("promote")).unwrap().attempts = limits::ATTEMPTS;
    world.approve("antoine", "promote").unwrap();
    assert_eq!(variant(&world.approve("mia", "promote").unwrap_err()), "TooOften");
    assert_eq!(variant(&world.break_glass("mia", "promote").unwrap_err()), "TooOften");

    let mut world = World::ready("promote");
    world.run.steps.get_mut(&id("promote")).unwrap().previews = limits::PREVIEWS;
    let look = Request::LookAgain { step: id("promote") };
    assert_eq!(variant(&world.ask("mia", &look).unwrap_err()), "TooOften");
    world.skip("mia", "promote").unwrap();
    assert_eq!(variant(&world.retry("mia", "promote").unwrap_err()), "TooOften");

    let mut world = World::ready("promote");
    let note = Request::Note { text: "hm".into() };
    world.run.seq = limits::EVENTS;
    assert_eq!(variant(&world.ask("mia", &note).unwrap_err()), "Full");
    assert!(world.ask("mia", &look).is_ok(), "work goes on");
    world.run.seq = limits::EVENTS + limits::RESERVE;
    assert_eq!(variant(&world.ask("mia", &look).unwrap_err()), "Full");
    assert!(world.ask("mia", &Request::Hold { reason: "full".into() }).is_ok());
    assert!(close(&mut world, "full").is_ok());
}

#[test]
fn what_runs_by_itself_does_so_only_as_often_as_anything_may() {
    for (attempts, previews, expected) in [
        (limits::ATTEMPTS - 1, limits::PREVIEWS - 1, vec!["PreviewShown", "StepApproved"]),
        (limits::ATTEMPTS, 1, vec!["PreviewShown"]),
        (0, limits::PREVIEWS, vec!["PreviewShown"]),
    ] {
        let mut world = World::new();
        let look = world.run.steps.get_mut(&id("look")).unwrap();
        (look.attempts, look.previews) = (attempts, previews);
        assert_eq!(variants(&world.previewed("look")), expected, "{attempts} {previews}");
    }
}

#[test]
fn a_step_that_the_environment_rules_out_gets_no_card() {
    let condition = "env.cache.present".to_owned();
    let event = Event::StepSkipped { step: id("cache"), why: Skip::When { condition } };
    let card = Effect::Show(MessageKey::Step(id("cache")));
    for (cache, has_one) in [(Some(false), false), (Some(true), true), (None, true)] {
        let world = World::of(runbook(), environment(cache));
        assert_eq!(effects(&world.run, &[(2, &event)]).contains(&card), has_one, "{cache:?}");
    }
}

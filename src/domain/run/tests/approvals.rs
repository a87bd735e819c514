//! Who must agree to what, for how long, and what strikes it.

use super::sample::{EXPIRES, World, environment, id, runbook, variant, variants, who};
use crate::domain::actor::{Actor, Surface};
use crate::domain::environment::Person;
use crate::domain::ids::PersonId;
use crate::domain::run::limits;
use crate::domain::run::protocol::{Effect, Event, Report, Request, Voided};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Choice, StepState};
use crate::domain::runbook::condition::Verdict;
use crate::domain::time::{Span, Timestamp};

#[test]
fn two_people_make_a_call_and_one_does_not() {
    let mut world = World::ready("promote");
    assert_eq!(variants(&world.approve("antoine", "promote").unwrap()), ["ApprovalGiven"]);
    assert_eq!(*world.state("promote"), StepState::Ready);
    let agreed = world.approve("mia", "promote").unwrap();
    assert_eq!(variants(&agreed), ["ApprovalGiven", "StepApproved"]);
    assert_eq!(variants(&world.begin("promote").unwrap()), ["AttemptStarted"]);
}

#[test]
fn the_same_person_counts_once_on_whatever_surface() {
    let mut world = World::ready("promote");
    world.approve("antoine", "promote").unwrap();
    let again = world.approve("antoine", "promote").unwrap_err();
    let mia = vec![PersonId::parse("mia").unwrap()];
    assert_eq!(again, Refusal::AlreadyApproved { at: world.now, who: mia });
    let slack = Actor::Person { id: PersonId::parse("antoine").unwrap(), via: Surface::Slack };
    let request = Request::Approve { step: id("promote"), digest: world.digest("promote") };
    assert_eq!(variant(&world.ask_as(&slack, &request).unwrap_err()), "AlreadyApproved");
    assert_eq!(world.at("promote").approvals.len(), 1);
}

#[test]
fn an_approval_needs_a_role_of_the_gate() {
    let mut world = World::ready("promote");
    for name in ["leo", "clara"] {
        assert_eq!(variant(&world.approve(name, "promote").unwrap_err()), "NotAllowed", "{name}");
    }
    for name in ["U0", "engine", "zoe"] {
        assert_eq!(variant(&world.approve(name, "promote").unwrap_err()), "Stranger", "{name}");
    }
}

#[test]
fn a_button_of_an_older_preview_is_refused() {
    let mut world = World::ready("promote");
    let old = world.digest("promote");
    world.ask("mia", &Request::LookAgain { step: id("promote") }).unwrap();
    let press = Request::Approve { step: id("promote"), digest: old.clone() };
    assert_eq!(variant(&world.ask("mia", &press).unwrap_err()), "Stale");
    world.previewed("promote");
    assert_ne!(world.digest("promote"), old, "the same content, shown again, has another digest");
    assert_eq!(variant(&world.ask("mia", &press).unwrap_err()), "Stale");
    let other = Request::Approve { step: id("promote"), digest: world.digest("look") };
    assert_eq!(variant(&world.ask("mia", &other).unwrap_err()), "Stale");
}

#[test]
fn the_first_approval_waits_only_so_long_for_the_last() {
    let mut world = World::ready("promote");
    world.approve("antoine", "promote").unwrap();
    let given = world.now;
    // Woken to call people, again and again, and then because it has run out.
    let wake = |world: &World| world.effects.iter().find_map(Effect::wake_at).unwrap();
    while wake(&world) < given.plus(EXPIRES) {
        world.now = wake(&world);
        assert!(world.tick().iter().all(|event| variant(event) == "PeopleCalled"));
    }
    assert_eq!(wake(&world), given.plus(EXPIRES));
    world.now = Timestamp(given.plus(EXPIRES).0 - 1);
    assert!(world.clone().approve("mia", "promote").is_ok());
    assert!(world.tick().is_empty());
    world.wait(Span(1));
    assert_eq!(variant(&world.approve("mia", "promote").unwrap_err()), "Expired");
    let expired = Event::ApprovalsVoided { step: id("promote"), why: Voided::Expired };
    assert_eq!(world.tick(), [expired]);
    assert!(world.at("promote").approvals.is_empty());
}

#[test]
fn what_has_run_out_stays_so_when_the_clock_goes_back() {
    for approved in [false, true] {
        let mut world = World::ready("promote");
        world.approve("antoine", "promote").unwrap();
        if approved {
            world.approve("mia", "promote").unwrap();
        }
        let given = world.now;
        world.wait(EXPIRES);
        // No tick came yet, but something is recorded after the end.
        let events = world.ask("clara", &Request::Note { text: "hm".into() }).unwrap();
        assert_eq!(variants(&events), ["NoteAdded", "ApprovalsVoided"]);
        world.now = given;
        assert_eq!(variant(&world.begin("promote").unwrap_err()), "OutOfDate");
        world.previewed("promote");
        assert_eq!(variants(&world.approve("mia", "promote").unwrap()), ["ApprovalGiven"]);
    }
}

#[test]
fn a_tick_strikes_what_was_agreed_by_everybody_and_has_run_out_since() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    assert!(world.tick().is_empty());
    let mut back = world.clone();
    world.wait(EXPIRES);
    assert_eq!(variants(&world.tick()), ["ApprovalsVoided"]);
    // Nobody can tell how old they are.
    back.now = crate::domain::time::Timestamp(back.now.0 - 86_400_000);
    assert_eq!(variants(&back.tick()), ["ApprovalsVoided"]);
}

#[test]
fn an_approval_that_ran_out_before_the_call_is_asked_for_again() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    world.wait(EXPIRES);
    let events = world.begin("promote").unwrap();
    assert_eq!(variants(&events), ["ApprovalsVoided"]);
    assert_eq!(*world.state("promote"), StepState::Previewing);
}

#[test]
fn one_person_goes_alone_only_with_written_words() {
    let mut world = World::ready("promote");
    let (step, digest) = (id("promote"), world.digest("promote"));
    let glass = |reason: &str| Request::BreakGlass {
        step: step.clone(),
        digest: digest.clone(),
        reason: reason.to_owned(),
    };
    assert_eq!(world.ask("mia", &glass(" \n")).unwrap_err(), Refusal::ReasonMissing);
    let long = "é".repeat(limits::TEXT + 1);
    assert_eq!(world.ask("mia", &glass(&long)).unwrap_err(), Refusal::TooLong { most: 2000 });
    assert_eq!(variant(&world.ask("leo", &glass("why")).unwrap_err()), "NotAllowed");
    let events = world.ask("mia", &glass("antoine is on a plane")).unwrap();
    assert_eq!(variants(&events), ["GlassBroken", "StepApproved"]);
    assert_eq!(variants(&world.begin("promote").unwrap()), ["AttemptStarted"]);

    let mut fence = World::ready("fence");
    assert_eq!(variant(&fence.break_glass("leo", "fence").unwrap_err()), "NoGlass");
    let mut decide = World::ready("decide");
    let events = decide.break_glass("mia", "decide").unwrap();
    assert_eq!(variants(&events)[..2], ["GlassBroken", "StepDone"]);
}

#[test]
fn a_guard_that_is_false_or_unknown_lets_nobody_agree() {
    for region in ["us-east-1", ""] {
        let mut world = World::opened("promote");
        if region.is_empty() {
            let (number, mut blank) = (1, super::sample::preview("promote", "eu-west-1"));
            blank.facts.clear();
            let step = id("promote");
            world.report(Report::Previewed { step, number, preview: blank }).unwrap();
        } else {
            world.previewed_as("promote", region);
        }
        let refused = world.approve("mia", "promote").unwrap_err();
        let Refusal::Guard { verdict, .. } = &refused else { panic!("{refused:?}") };
        assert_eq!(*verdict == Verdict::False, region == "us-east-1", "{verdict:?}");
        assert_eq!(variant(&world.break_glass("mia", "promote").unwrap_err()), "Guard");
    }
}

#[test]
fn a_world_that_changed_before_the_call_strikes_the_approvals() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    let events = world.begin_as("promote", "ap-south-1").unwrap();
    let [Event::ApprovalsVoided { why: Voided::Changed { differences }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(differences[0].what, "writer");
    assert_eq!((&*differences[0].was, &*differences[0].is), ("eu-west-1", "ap-south-1"));
    assert_eq!(world.at("promote").attempts, 0);
    assert!(world.effects.contains(&Effect::Preview { step: id("promote"), number: 2 }));
    world.previewed("promote");
    assert!(world.at("promote").approvals.is_empty());
    world.agreed("promote");
    assert_eq!(variants(&world.begin("promote").unwrap()), ["AttemptStarted"]);
}

#[test]
fn a_guard_that_fell_before_the_call_strikes_the_approvals() {
    for seen in [Some("us-east-1"), None] {
        let mut world = World::ready("promote");
        world.agreed("promote");
        let mut moved = super::sample::preview("promote", "eu-west-1");
        match seen {
            Some(region) => drop(moved.facts.insert("writer_region".into(), region.into())),
            // Unknown is no yes.
            None => drop(moved.facts.remove("writer_region")),
        }
        let step = id("promote");
        let events = world.report(Report::Begin { step, attempt: 1, preview: moved }).unwrap();
        assert!(matches!(&events[..], [Event::ApprovalsVoided { why: Voided::Guard { .. }, .. }]));
    }
}

#[test]
fn what_cannot_be_seen_before_the_call_strikes_the_approvals() {
    let cannot = |step: &str, unreachable| Report::CannotBegin {
        step: id(step),
        attempt: 1,
        error: "dark".into(),
        unreachable,
    };
    let mut world = World::ready("promote");
    world.agreed("promote");
    assert_eq!(variants(&world.report(cannot("promote", true)).unwrap()), ["ApprovalsVoided"]);
    // Best effort: not reaching it is an outcome.
    let mut world = World::ready("fence");
    world.agreed("fence");
    let (mut gone, mut refused) = (world.clone(), world);
    assert_eq!(variants(&gone.report(cannot("fence", true)).unwrap()), ["StepFailed"]);
    assert!(gone.run.is_settled(&id("fence")));
    assert_eq!(variants(&refused.report(cannot("fence", false)).unwrap()), ["ApprovalsVoided"]);
}

#[test]
fn a_right_that_is_gone_before_the_call_does_not_count() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    let without = |person: &mut Person| {
        if person.id.as_str() == "mia" {
            person.roles.clear();
        }
    };
    std::sync::Arc::make_mut(&mut world.run.environment).people.iter_mut().for_each(without);
    assert_eq!(variants(&world.begin("promote").unwrap()), ["ApprovalsVoided"]);
}

#[test]
fn two_approvals_in_the_same_instant_both_count_whoever_is_recorded_first() {
    for order in [["antoine", "mia"], ["mia", "antoine"]] {
        let mut world = World::ready("promote");
        let press = Request::Approve { step: id("promote"), digest: world.digest("promote") };
        world.ask(order[0], &press).unwrap();
        assert_eq!(world.ask(order[1], &press).unwrap().len(), 2);
        // A third press, decided on the state before, is decided again after the lost race.
        assert_eq!(variant(&world.ask(order[0], &press).unwrap_err()), "NotNow");
        assert_eq!(world.at("promote").approvals.len(), 2);
    }
}

#[test]
fn a_no_of_one_stops_the_step_and_a_retry_asks_everybody_again() {
    let mut world = World::ready("promote");
    world.approve("antoine", "promote").unwrap();
    let (step, digest) = (id("promote"), world.digest("promote"));
    let reject = Request::Reject { step, digest, reason: "wrong target".into() };
    assert_eq!(variants(&world.ask("mia", &reject).unwrap()), ["StepDeclined"]);
    assert_eq!(variant(&world.approve("mia", "promote").unwrap_err()), "NotNow");
    world.retry("mia", "promote").unwrap();
    world.previewed("promote");
    assert_eq!(variants(&world.approve("mia", "promote").unwrap()), ["ApprovalGiven"]);
}

#[test]
fn a_decision_takes_two_of_the_same_mind_and_minds_may_change() {
    let mut world = World::ready("decide");
    world.vote("antoine", "decide", Choice::Go).unwrap();
    assert_eq!(variant(&world.vote("antoine", "decide", Choice::Go).unwrap_err()), "AlreadyVoted");
    assert_eq!(variants(&world.vote("mia", "decide", Choice::NoGo).unwrap()), ["VoteCast"]);
    assert_eq!(*world.state("decide"), StepState::Ready);
    let mut held = world.clone();
    let events = held.vote("antoine", "decide", Choice::NoGo).unwrap();
    assert_eq!(variants(&events), ["VoteCast", "StepDeclined"]);
    // Pressing Run at a decision says GO.
    let events = world.approve("mia", "decide").unwrap();
    assert_eq!(variants(&events)[..2], ["VoteCast", "StepDone"]);
    assert_eq!(
        variant(&World::ready("decide").skip("antoine", "decide").unwrap_err()),
        "NotSkippable"
    );
}

#[test]
fn only_the_engine_says_what_was_seen_and_done() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    let preview = super::sample::preview("promote", "eu-west-1");
    let begin = Request::Report(Report::Begin { step: id("promote"), attempt: 1, preview });
    for name in ["antoine", "mia", "U0"] {
        assert_eq!(world.ask(name, &begin).unwrap_err(), Refusal::EngineOnly, "{name}");
        assert_eq!(world.ask(name, &Request::Tick).unwrap_err(), Refusal::EngineOnly, "{name}");
    }
    assert!(world.ask_as(&who("engine"), &begin).is_ok());
}

#[test]
fn a_step_whose_need_was_opened_again_does_not_go() {
    let mut world = World::opened("decide");
    world.do_step("decide");
    world.previewed("fence");
    world.skip("leo", "fence").unwrap();
    world.previewed("promote");
    world.agreed("promote");
    world.retry("leo", "fence").unwrap();
    let events = world.begin("promote").unwrap();
    let [Event::ApprovalsVoided { why: Voided::Changed { differences }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((&*differences[0].what, &*differences[0].is), ("fence", "previewing"));
    world.previewed("promote");
    assert_eq!(variant(&world.approve("mia", "promote").unwrap_err()), "NeedsOpen");
    assert_eq!(variant(&world.break_glass("mia", "promote").unwrap_err()), "NeedsOpen");
    world.do_step("fence");
    assert!(world.approve("mia", "promote").is_ok());
}

#[test]
fn a_run_of_another_environment_has_other_digests() {
    let (world, mut other) = (World::ready("promote"), environment(Some(true)));
    other.account = "222222222222".to_owned();
    let mut there = World::of(runbook(), other);
    there.run.steps.clone_from(&world.run.steps);
    let preview = super::sample::preview("promote", "eu-west-1");
    assert_eq!(world.digest_of("promote", &preview), world.digest("promote"));
    assert_ne!(there.digest_of("promote", &preview), world.digest("promote"));
}

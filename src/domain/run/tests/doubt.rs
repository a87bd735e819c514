//! What became of a call: proven, failed, in doubt; and putting back what was done.

use serde_json::Map;

use super::sample::{self, World, id, variant, variants};
use crate::domain::run::done::DoneAs;
use crate::domain::run::preview::{Direction, Preview};
use crate::domain::run::protocol::{Effect, Event, Report, Request, Returned};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Doubt, Happened, Proof, Seen, StepState};

fn called(step: &str) -> World {
    let mut world = World::ready(step);
    world.do_until_called(step);
    world
}

fn again(world: &mut World, step: &str) -> Result<Vec<Event>, Refusal> {
    world.ask("mia", &Request::StartAgain { step: id(step), reason: "sure".into() })
}

fn mark(world: &mut World, step: &str) -> Vec<Event> {
    world.ask("mia", &Request::MarkDone { step: id(step), reason: "I saw it".into() }).unwrap()
}

#[test]
fn a_call_without_an_answer_is_looked_at_and_never_repeated_by_itself() {
    let mut world = called("promote");
    world.unknown("promote");
    assert!(world.effects.contains(&Effect::Probe { step: id("promote"), attempt: 1 }));
    assert_eq!(variant(&again(&mut world, "promote").unwrap_err()), "LookFirst");
    world.probed("promote", Happened::Running);
    assert_eq!(variant(&again(&mut world, "promote").unwrap_err()), "StillRunning");
    for happened in [Happened::Never, Happened::Unknown] {
        let mut world = world.clone();
        world.probed("promote", happened);
        assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::Act { .. })));
        again(&mut world, "promote").unwrap();
        world.previewed("promote");
        assert!(world.at("promote").approvals.is_empty(), "new approvals");
        world.do_step("promote");
        assert_eq!(world.at("promote").attempts, 2);
    }
    world.probed("promote", Happened::Done);
    assert_eq!(*world.state("promote"), StepState::Proving { attempt: 1 });
    assert!(world.effects.contains(&Effect::Prove { step: id("promote"), attempt: 1 }));
    world.proved("promote");
    assert_eq!(world.at("promote").attempts, 1);
}

#[test]
fn a_report_of_another_attempt_or_preview_is_out_of_date() {
    let mut world = called("promote");
    world.unknown("promote");
    world.probed("promote", Happened::Never);
    again(&mut world, "promote").unwrap();
    let (step, late) = (|| id("promote"), 1);
    let look = || super::sample::preview("promote", "eu-west-1");
    let refused = |world: &World, report: Report| {
        let refusal = world.clone().report(report.clone()).unwrap_err();
        assert_eq!(refusal, Refusal::OutOfDate, "{report:?}");
    };
    refused(&world, Report::Previewed { step: step(), number: late, preview: look() });
    world.previewed("promote");
    world.agreed("promote");
    refused(&world, Report::Begin { step: step(), attempt: late, preview: look() });
    world.begin("promote").unwrap();
    let returned = Returned::Failed { error: String::new(), unreachable: false };
    refused(&world, Report::Returned { step: step(), attempt: late, returned });
    let mut proving = world.clone();
    proving.accepted("promote");
    let facts = super::sample::after;
    refused(&proving, Report::Proved { step: step(), attempt: late, facts: facts() });
    let saw = String::new();
    refused(&proving, Report::NotProved { step: step(), attempt: late, facts: facts(), saw });
    world.unknown("promote");
    let seen = Seen { happened: Happened::Never, saw: String::new(), at: world.now };
    refused(&world, Report::Probed { step: step(), attempt: late, seen, facts: facts() });
}

#[test]
fn an_effect_that_does_not_show_leaves_a_doubt_and_one_that_goes_again_too() {
    for gone in [false, true] {
        let mut world = called("promote");
        world.accepted("promote");
        let (step, attempt, facts) = (id("promote"), 1, Map::new());
        let report = if gone {
            Report::Proved { step, attempt, facts }
        } else {
            Report::NotProved { step, attempt, facts, saw: "nothing".into() }
        };
        world.report(report).unwrap();
        let StepState::InDoubt { why: Doubt::NotProven { .. }, .. } = world.state("promote") else {
            panic!("{:?}", world.state("promote"))
        };
        assert!(world.effects.contains(&Effect::Probe { step: id("promote"), attempt: 1 }));
    }
}

#[test]
fn a_word_settles_a_doubt_and_stays_on_the_record() {
    let mut world = called("promote");
    world.unknown("promote");
    mark(&mut world, "promote");
    assert!(matches!(world.state("promote"), StepState::Done { how: Proof::Word { .. } }));
    assert_eq!(variant(&world.undo("mia", "promote").unwrap_err()), "NotNow");

    let mut world = World::ready("promote");
    world.do_step("promote");
    world.undo("mia", "promote").unwrap();
    world.do_until_called("promote");
    world.unknown("promote");
    let events = mark(&mut world, "promote");
    assert_eq!(events[0], Event::NoteAdded { text: "I saw it".into() });
    assert_eq!(*world.state("promote"), StepState::Undone);
}

#[test]
fn putting_back_asks_the_same_people_and_then_the_step_can_go_again() {
    let mut world = World::ready("promote");
    world.do_step("promote");
    let done = world.at("promote").done_as.clone().unwrap();
    assert_eq!(variant(&world.undo("leo", "promote").unwrap_err()), "NotAllowed");
    world.undo("mia", "promote").unwrap();
    assert!(!world.run.is_settled(&id("promote")));
    // The guard speaks of the way there, not of the way back.
    world.previewed_as("promote", "us-east-1");
    assert_eq!(variants(&world.approve("mia", "promote").unwrap()), ["ApprovalGiven"]);
    world.approve("antoine", "promote").unwrap();
    assert_eq!(world.at("promote").done_as.as_ref(), Some(&done), "what it goes back to");
    world.begin_as("promote", "us-east-1").unwrap();
    world.accepted("promote");
    assert_eq!(*world.state("promote"), StepState::Proving { attempt: 2 });
    world.proved("promote");
    assert_eq!(*world.state("promote"), StepState::Undone);
    // Taken out of the way and opened again, it goes forward: it was put back already.
    world.skip("mia", "promote").unwrap();
    assert_eq!(variants(&world.retry("mia", "promote").unwrap()), ["StepReopened"]);
    assert_eq!(world.at("promote").direction, Direction::Do);
    world.do_step("promote");
}

/// An attempt, its answer lost, what was seen of it; and a second one that sees another world and is done.
fn done_the_second_time(between: impl Fn(&mut World)) -> DoneAs {
    let mut world = called("promote");
    between(&mut world);
    let mut preview = sample::preview("promote", "eu-west-1");
    preview.facts.insert("is_so".into(), true.into());
    let number = world.at("promote").previews;
    let step = || id("promote");
    world.report(Report::Previewed { step: step(), number, preview: preview.clone() }).unwrap();
    world.agreed("promote");
    world.report(Report::Begin { step: step(), attempt: 2, preview }).unwrap();
    world.accepted("promote");
    world.proved("promote");
    assert_eq!(world.at("promote").first, None, "kept once");
    world.at("promote").done_as.clone().unwrap()
}

#[test]
fn an_undo_goes_back_to_what_there_was_before_the_first_attempt_that_may_have_happened() {
    let seen = |preview: &Preview| preview.facts.contains_key("is_so");
    let in_doubt = |happened: Happened| {
        done_the_second_time(|world| {
            world.unknown("promote");
            world.probed("promote", happened);
            again(world, "promote").unwrap();
        })
    };
    let done = in_doubt(Happened::Unknown);
    assert!(seen(&done.preview) && !seen(done.before()), "the second saw the first one's doing");
    // What certainly did nothing has changed nothing.
    let done = in_doubt(Happened::Never);
    assert!(seen(&done.preview) && seen(done.before()));
    let done = done_the_second_time(|world| {
        world.fails("promote");
        world.retry("mia", "promote").unwrap();
    });
    assert!(seen(&done.preview) && seen(done.before()));
}

#[test]
fn what_nobody_put_back_stays_done() {
    let mut world = World::ready("promote");
    world.do_step("promote");
    let done = world.state("promote").clone();
    world.undo("mia", "promote").unwrap();
    world.previewed("promote");
    let (step, digest) = (id("promote"), world.digest("promote"));
    let reject = Request::Reject { step, digest, reason: "no".into() };
    for how in 0..3 {
        let mut world = world.clone();
        match how {
            0 => drop(world.ask("mia", &reject).unwrap()),
            1 => drop(world.skip("mia", "promote").unwrap()),
            _ => {
                world.do_until_called("promote");
                world.fails("promote");
                assert!(!world.run.is_settled(&id("promote")));
                world.skip("mia", "promote").unwrap();
            }
        }
        assert_eq!(*world.state("promote"), done, "{how}");
        assert_eq!(world.at("promote").direction, Direction::Do);
    }
    // After an undo in doubt nobody can say so.
    world.do_until_called("promote");
    world.unknown("promote");
    world.probed("promote", Happened::Unknown);
    again(&mut world, "promote").unwrap();
    world.previewed("promote");
    let reject = Request::Reject {
        step: id("promote"),
        digest: world.digest("promote"),
        reason: "no".into(),
    };
    world.ask("mia", &reject).unwrap();
    assert_eq!(variant(world.state("promote")), "Declined");
    assert_eq!(variants(&world.retry("mia", "promote").unwrap()), ["UndoAsked"]);
}

#[test]
fn past_the_point_of_no_return_nothing_is_put_back() {
    let mut world = World::ready("pin");
    world.undo("mia", "promote").unwrap();
    world.previewed("promote");
    world.approve("mia", "promote").unwrap();
    // The way back was opened before, and the step past it begins.
    world.agreed("pin");
    world.begin("pin").unwrap();
    assert_eq!(variant(&world.approve("antoine", "promote").unwrap_err()), "PastNoReturn");
    assert_eq!(variant(&world.undo("leo", "fence").unwrap_err()), "PastNoReturn");
    // A call that certainly did nothing is not past anything.
    let mut failed = world.clone();
    failed.fails("pin");
    assert!(failed.undo("leo", "fence").is_ok());
    // A call in doubt is, whatever later attempts come to.
    world.unknown("pin");
    world.probed("pin", Happened::Unknown);
    let again = Request::StartAgain { step: id("pin"), reason: "sure".into() };
    world.ask("leo", &again).unwrap();
    world.previewed("pin");
    world.agreed("pin");
    assert_eq!(variant(&world.undo("leo", "fence").unwrap_err()), "PastNoReturn");
    world.begin("pin").unwrap();
    world.fails("pin");
    assert_eq!(variant(&world.undo("leo", "fence").unwrap_err()), "PastNoReturn");
}

#[test]
fn an_undo_agreed_to_before_the_point_of_no_return_does_not_begin_after_it() {
    let mut world = World::ready("pin");
    world.undo("mia", "promote").unwrap();
    world.previewed("promote");
    world.agreed("promote");
    world.agreed("pin");
    world.begin("pin").unwrap();
    assert_eq!(variants(&world.begin("promote").unwrap()), ["ApprovalsVoided"]);
    world.previewed("promote");
    world.skip("mia", "promote").unwrap();
    assert!(matches!(world.state("promote"), StepState::Done { .. }));
}

#[test]
fn nothing_is_pulled_from_under_a_call() {
    let mut world = World::ready("promote");
    world.agreed("promote");
    assert_eq!(variant(&world.undo("leo", "fence").unwrap_err()), "InFlight");
    world.begin("promote").unwrap();
    assert_eq!(variant(&world.undo("leo", "fence").unwrap_err()), "InFlight");
    world.fails("promote");
    assert!(world.undo("leo", "fence").is_ok());
    let mut look = World::opened("decide");
    assert_eq!(variant(&look.undo("leo", "look").unwrap_err()), "NoUndo");
}

//! The post-mortem of the small run: figures with their events, what is unknown, where it left its runbook.

use super::sample::{START, World, id};
use crate::domain::report::post_mortem::{Off, Pace, PostMortem, post_mortem};
use crate::domain::run::log::Recorded;
use crate::domain::run::protocol::{Event, Request};
use crate::domain::run::state::{Choice, Happened, Kind};
use crate::domain::text::Text;
use crate::domain::time::Span;

fn drafted(record: &[Recorded]) -> PostMortem {
    post_mortem(record, &|text: &Text| format!("{text:?}")).unwrap()
}

fn kinds(draft: &PostMortem) -> Vec<Off> {
    draft.deviations.iter().map(|one| one.how).collect()
}

/// The event in which this step was done.
fn done(world: &World, step: &str) -> u64 {
    let is = |one: &&Recorded| matches!(&one.entry.event, Event::StepDone { step: done, .. } if *done == id(step));
    world.record.iter().find(is).unwrap().seq
}

/// Forty seconds for a decision, a hundred for a call that usually takes sixty.
fn back() -> World {
    let mut world = World::new();
    for step in ["look", "fence"] {
        world.wait(Span::seconds(5));
        world.do_step(step);
    }
    world.previewed("decide");
    world.wait(Span::seconds(40));
    world.vote("antoine", "decide", Choice::Go).unwrap();
    world.vote("mia", "decide", Choice::Go).unwrap();
    world.previewed("promote");
    world.wait(Span::seconds(20));
    world.agreed("promote");
    world.begin("promote").unwrap();
    world.accepted("promote");
    world.wait(Span::seconds(100));
    world.proved("promote");
    world.do_step("cache");
    world.do_step("secret");
    world.do_step("pin");
    world.do_step("live");
    world
}

#[test]
fn every_length_of_time_stands_between_the_events_that_say_so() {
    let world = back();
    let draft = drafted(&world.record);
    let times = &draft.times;
    assert_eq!(times.rto.ms, Some(300_000 + 170_000));
    let ends = |of: &crate::domain::report::post_mortem::Figure| {
        (of.from.as_ref().map(|from| from.event), of.until.as_ref().map(|until| until.event))
    };
    assert_eq!(ends(&times.rto), (Some(1), Some(done(&world, "live"))));
    assert_eq!(times.rto.from.as_ref().unwrap().clock, "14:13:20 UTC (15:13 Paris)");
    assert_eq!((times.rto_target_ms, times.rto_met), (3_600_000, Some(true)));
    assert_eq!(times.execution.ms, Some(120_000));
    assert_eq!(ends(&times.execution), (Some(done(&world, "decide")), Some(done(&world, "live"))));
    assert_eq!((times.impact_to_start.ms, times.started.at), (Some(300_000), START));
    let path = draft.critical_path.as_ref().unwrap();
    assert_eq!(path.iter().map(|leg| leg.took_ms).sum::<u64>(), 170_000);
    let decision = &draft.decisions[0];
    assert_eq!((decision.took.ms, decision.votes.len()), (Some(40_000), 2));
    assert_eq!(decision.votes[1].data_age_ms, Some(40_000));
    assert_eq!((draft.record.events, draft.record.is_whole), (world.run.seq, true));
    // The same record says the same.
    assert_eq!(drafted(&world.record), draft);
}

#[test]
fn what_nobody_measured_is_unknown_and_not_nothing() {
    let draft = drafted(&World::new().record);
    let times = &draft.times;
    assert_eq!((times.rto.ms, times.rto_met, &times.restored), (None, None, &None));
    assert_eq!((times.detection.ms, times.declaration.ms, times.execution.ms), (None, None, None));
    assert_eq!((draft.lost.database_ms, draft.lost.rpo_met), (None, None));
    assert_eq!(draft.critical_path, None);
    assert_eq!(draft.left_open.len(), 10);
    assert!(draft.proposals.is_empty() && draft.patch.is_empty());
    assert_eq!(post_mortem(&[], &|_: &Text| String::new()), None);
}

#[test]
fn a_step_that_took_another_time_than_its_runbook_says_is_proposed_for_a_change() {
    let world = back();
    let draft = drafted(&world.record);
    let row = |step: &str| draft.durations.iter().find(|one| one.step == id(step)).unwrap();
    let promote = row("promote");
    assert_eq!((promote.took.ms, promote.pace), (Some(100_000), Pace::Slower));
    assert_eq!((promote.waited_ms, promote.worked_ms), (20_000, 100_000));
    assert_eq!((row("decide").took.ms, row("decide").pace), (Some(45_000), Pace::Usual));
    assert!(
        draft.patch.starts_with(
            "--- a/prompts/runbooks/small.yaml\n+++ b/prompts/runbooks/small.yaml\n\
         @@ - id: promote @@\n-    typical: 1m\n+    typical: 2m\n@@ - id: "
        ),
        "{}",
        draft.patch
    );
    // What the world of a tabletop takes says nothing of the real one.
    let mut record = world.record;
    if let Event::RunStarted(start) = &mut record[0].entry.event {
        start.kind = Kind::Tabletop;
    }
    let on_table = drafted(&record);
    assert!(on_table.durations.iter().all(|one| one.is_simulated != one.is_human));
    assert!(!on_table.proposals.iter().any(|one| one.step == id("promote")));
    assert!(!on_table.record.is_whole, "the record was changed");
}

#[test]
fn later_than_the_worst_is_told_and_moves_both_times() {
    let mut world = World::ready("promote");
    world.do_until_called("promote");
    world.accepted("promote");
    world.wait(Span::seconds(400));
    world.tick();
    world.proved("promote");
    let draft = drafted(&world.record);
    assert_eq!(kinds(&draft), [Off::Late]);
    let proposal = draft.proposals.iter().find(|one| one.step == id("promote")).unwrap();
    let change = |of: &Option<crate::domain::report::post_mortem::Change>| {
        of.as_ref().map(|change| (change.from.to_string(), change.to.to_string()))
    };
    assert_eq!(change(&proposal.typical), Some(("1m".into(), "7m".into())));
    // 400 s and a quarter more, up to the next half minute.
    assert_eq!(change(&proposal.worst), Some(("5m".into(), "510s".into())));
}

#[test]
fn whatever_left_the_runbook_is_listed_with_its_event() {
    let mut world = World::ready("promote");
    world.skip("antoine", "tell").unwrap();
    world.break_glass("mia", "promote").unwrap();
    world.begin("promote").unwrap();
    world.unknown("promote");
    world.probed("promote", Happened::Unknown);
    let mark = Request::MarkDone { step: id("promote"), reason: "I saw it".into() };
    world.ask("mia", &mark).unwrap();
    world.do_until_called("secret");
    world.fails("secret");
    world.ask("leo", &Request::Note { text: "by hand".into() }).unwrap();
    let draft = drafted(&world.record);
    assert_eq!(kinds(&draft), [Off::Skipped, Off::Glass, Off::Unknown, Off::Word, Off::Failed]);
    for one in &draft.deviations {
        let recorded = world.record.iter().find(|recorded| recorded.seq == one.line.when.event);
        assert_eq!(recorded.unwrap().entry.event.step().cloned(), one.line.step);
    }
    // On a word nobody knows when it was over, and what failed was not done.
    for step in ["promote", "secret"] {
        let row = draft.durations.iter().find(|one| one.step == id(step)).unwrap();
        assert_eq!((row.took.ms, row.pace), (None, Pace::Unmeasured), "{step}");
    }
    assert_eq!(draft.written.len(), 1);
    assert!(draft.participants.len() >= 3, "{:?}", draft.participants);
}

//! A timed tabletop of the whole failover in the demo as it is shipped: everything takes the time that the runbook calls
//! typical, people included. What was forecast on the way, and which steps were said to decide it, is what then happens.

use std::collections::BTreeSet;
use std::time::Duration;

use dr_buddy::desk::Answer;
use dr_buddy::domain::ids::StepId;
use dr_buddy::domain::report::critical_path::critical_path;
use dr_buddy::domain::report::forecast::{Forecast, critical_steps, forecast};
use dr_buddy::domain::report::measures::measure;
use dr_buddy::domain::run::state::{Choice, Kind};
use dr_buddy::domain::run::{Request, Run, StepState};
use dr_buddy::domain::time::{Span, Timestamp};
use tokio::time::Instant;

use crate::walk::{Table, by, open};

/// Times faster than people live. What our own machine needs counts as often.
const SPEED: u32 = 20;
/// From the impact until somebody starts the run.
const DETECTED: Span = Span::minutes(4);
/// Answered at once in this world, whatever the runbook calls typical: looks that no step waits for, and calls into a
/// region that is dark.
const AT_ONCE: [&str; 4] =
    ["freeze-argocd-primary", "fence-primary", "suspend-cronjobs", "cut-database-access"];

fn is_at_once(step: &StepId) -> bool {
    step.as_str().starts_with("assess-") || AT_ONCE.contains(&step.as_str())
}

/// Agrees at once to whatever a machine does; what people do or decide takes them its time.
async fn round(table: &mut Table, run: &Run, now: Timestamp) {
    for (step, at) in run.each_step() {
        let id = step.id.clone();
        let shown = at.shown.as_ref().map(|shown| shown.digest.clone());
        let is_in_time = !step.action.is_human() || now.since(at.opened_at) >= step.typical;
        let request = match (&at.state, shown) {
            (StepState::Ready, Some(digest)) if is_in_time && step.action.is_decision() => {
                Request::Vote { step: id, digest, choice: Choice::Go, words: String::new() }
            }
            (StepState::Ready, Some(digest)) if is_in_time => Request::Approve { step: id, digest },
            (StepState::Failed { .. }, _) if !run.is_settled(&step.id) => {
                Request::Retry { step: id }
            }
            _ => continue,
        };
        let needed = if at.state == StepState::Ready { step.gate.people() } else { 1 };
        table.ask_until(needed, &request).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forecast_and_the_critical_path_of_a_timed_tabletop_are_what_happens() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (app, mut table) = open(&[], SPEED, folder.path()).await;
    let clock = table.desk.engine.clock.clone();
    let impact = clock.now().minus(DETECTED);
    let started =
        table.desk.start("timed/start", &by("antoine"), None, Kind::Tabletop, impact).await;
    assert!(matches!(started, Answer::Done { .. }));
    let begun = Instant::now();
    let (mut forecasts, mut foretold) = (Vec::new(), None);
    let run = loop {
        assert!(begun.elapsed() < Duration::from_secs(150), "it does not come to its end");
        let (run, now) = (table.run().await, clock.now());
        if run.restored_at.is_some() {
            break run;
        }
        if let Some(Forecast::Back(back)) = forecast(&run, now) {
            forecasts.push((now.since(run.started_at), back));
            foretold.get_or_insert_with(|| critical_steps(&run, now));
        }
        round(&mut table, &run, now).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    };
    let back_at = clock.now();
    let record =
        table.desk.engine.store.record(&run.id, 0, u32::MAX).await.expect("it can be read");
    app.stop().await;
    let rto =
        measure(&record, clock.now()).and_then(|measures| measures.rto).expect("it is back").ms();
    println!(
        "back after {} min, of {} forecasts the first was {:?}",
        rto / 60_000,
        forecasts.len(),
        forecasts.first()
    );
    for (at, back) in &forecasts {
        let off = back.ms().abs_diff(rto) * 100;
        assert!(off <= rto * 10, "at {at:?} it was forecast for {back:?}, and was {rto} ms");
    }
    let seen: BTreeSet<u64> = forecasts.iter().map(|(at, _)| at.ms() / 120_000).collect();
    assert!(forecasts[0].0 < Span::seconds(30) && seen.len() >= 7, "{seen:?}");

    let legs = critical_path(&record).expect("it is back");
    let sum: u64 = legs.iter().map(|leg| leg.took().ms()).sum();
    // What is not in the chain went before its first step.
    assert_eq!(sum + legs[0].from.since(impact).ms(), rto, "{legs:#?}");
    // A minute of this clock is three seconds of ours, on a machine that does other things beside.
    assert!(legs[0].from.since(impact).ms() - DETECTED.ms() < 60_000, "{legs:#?}");
    assert!(back_at.since(impact).ms().abs_diff(rto) < 60_000, "{rto} ms, seen after {back_at:?}");
    // As `domain.md` has it: the database takes four minutes, and the whole some twenty.
    let database = legs.iter().find(|leg| leg.step.as_str() == "promote-database");
    let database = database.expect("it is on the way").took().ms();
    assert!((216_000..300_000).contains(&database), "{database} ms");
    assert!((14 * 60_000..26 * 60_000).contains(&rto), "{rto} ms");
    let found: Vec<_> = legs.iter().map(|leg| &leg.step).filter(|step| !is_at_once(step)).collect();
    let foretold = foretold.expect("there was a forecast");
    let foretold: Vec<_> =
        foretold.iter().map(|ahead| &ahead.step).filter(|step| !is_at_once(step)).collect();
    assert_eq!(found, foretold);
    assert!(found.iter().any(|step| step.as_str() == "promote-database"), "{found:?}");
    for leg in legs.iter().filter(|leg| !is_at_once(&leg.step)) {
        let human = run.runbook.step(&leg.step).expect("it is one of them").action.is_human();
        assert_eq!(leg.waited > leg.worked, human, "{leg:?}");
    }
}

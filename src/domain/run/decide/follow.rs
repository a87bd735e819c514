//! What opens, or falls away, because something else was settled.

use super::run_wide;
use crate::domain::actor::Actor;
use crate::domain::run::apply::apply;
use crate::domain::run::preview::Direction;
use crate::domain::run::protocol::{Entry, Event};
use crate::domain::run::state::{Run, Skip, StepRun, StepState};
use crate::domain::runbook::Step;
use crate::domain::runbook::condition::{Verdict, evaluate};
use crate::domain::time::Timestamp;

/// Adds the openings and skips that follow from `events`, and those that follow from these.
pub(super) fn open_steps(run: &Run, events: &mut Vec<Event>, by: &Actor, now: Timestamp) {
    if events.is_empty() && run.seq > 1 {
        return;
    }
    let mut after = run.clone();
    let entry = |event| Entry { at: now, by: by.clone(), event };
    for event in events.iter() {
        apply(&mut after, &entry(event.clone()));
    }
    if after.is_closed() {
        return;
    }
    // What is recorded now was recorded after these ran out: they may not count again if the clock goes back.
    for event in run_wide::expired(&after, now) {
        apply(&mut after, &entry(event.clone()));
        events.push(event);
    }
    // Each round moves at least one step out of `Waiting` or `NotNeeded`, at most once each: that bounds the rounds.
    for _ in 0..=2 * after.runbook.steps.len() {
        let new: Vec<Event> =
            after.each_step().filter_map(|(step, at)| opening(&after, step, at)).collect();
        if new.is_empty() {
            break;
        }
        for event in new {
            apply(&mut after, &entry(event.clone()));
            events.push(event);
        }
    }
}

fn is_out_of_the_way(at: &StepRun) -> bool {
    matches!(at.state, StepState::Done { .. } | StepState::Skipped { .. })
}

/// Putting back that failed is no failure of the step.
fn has_failed(at: &StepRun) -> bool {
    matches!(at.state, StepState::Failed { .. }) && at.direction == Direction::Do
}

fn opening(run: &Run, step: &Step, at: &StepRun) -> Option<Event> {
    let is_waiting = at.state == StepState::Waiting;
    // A fallback that was not needed is needed when its step, opened again, fails after all.
    if !is_waiting && at.state != (StepState::Skipped { why: Skip::NotNeeded }) {
        return None;
    }
    let id = step.id.clone();
    let mut originals = run.fallback_of(&step.id).peekable();
    if originals.peek().is_some() {
        let originals: Vec<_> = originals.filter_map(|step| run.steps.get(&step.id)).collect();
        if originals.iter().all(|original| is_out_of_the_way(original)) {
            return is_waiting.then_some(Event::StepSkipped { step: id, why: Skip::NotNeeded });
        }
        if !originals.iter().any(|original| has_failed(original)) {
            return None;
        }
    }
    if !step.needs.iter().all(|need| run.is_settled(need)) {
        return None;
    }
    let Some(condition) = &step.when else {
        return Some(Event::StepOpened { step: id, when_unknown: None });
    };
    match evaluate(condition, &run.scope(&at.facts)) {
        Verdict::True => Some(Event::StepOpened { step: id, when_unknown: None }),
        Verdict::False => {
            let why = Skip::When { condition: condition.clone() };
            Some(Event::StepSkipped { step: id, why })
        }
        // Not knowing whether a step is needed is no reason to leave it out.
        Verdict::Unknown(what) => Some(Event::StepOpened { step: id, when_unknown: Some(what) }),
    }
}

//! What opens, or falls away, because something else was settled.

use crate::domain::actor::Actor;
use crate::domain::run::apply::apply;
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
    // Each round moves at least one step out of `Waiting`, so the number of steps bounds the rounds.
    for _ in 0..=after.runbook.steps.len() {
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

fn opening(run: &Run, step: &Step, at: &StepRun) -> Option<Event> {
    if at.state != StepState::Waiting {
        return None;
    }
    let id = step.id.clone();
    if let Some(original) = run.fallback_of(&step.id) {
        let original = &run.steps.get(&original.id)?.state;
        match original {
            StepState::Done { .. } | StepState::Skipped { .. } => {
                return Some(Event::StepSkipped { step: id, why: Skip::NotNeeded });
            }
            StepState::Failed { .. } => {}
            StepState::Waiting
            | StepState::Previewing
            | StepState::Blind { .. }
            | StepState::Ready
            | StepState::Declined { .. }
            | StepState::Approved { .. }
            | StepState::Calling { .. }
            | StepState::Proving { .. }
            | StepState::InDoubt { .. }
            | StepState::Undone => return None,
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

//! How long each step took against what the runbook calls typical and worst, and what to write there instead.
//!
//! A call is measured from when its last attempt began, what people do from when they were asked, as the run itself
//! tells who is late. Only what was done counts: how long a failure took says nothing of how long success does.

use serde::Serialize;

use super::{Draft, Figure};
use crate::domain::actor::Role;
use crate::domain::ids::{RunbookId, StepId};
use crate::domain::report::spent::On;
use crate::domain::run::Event;
use crate::domain::run::refusal::roles;
use crate::domain::run::state::{Kind, Proof, Skip, StepState};
use crate::domain::runbook::Step;
use crate::domain::time::Span;

/// What is as near to the typical time as this is not worth a change.
const NEAR: Span = Span::seconds(10);

/// One step's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duration {
    /// Which.
    pub step: StepId,
    /// What people call it.
    pub title: String,
    /// Who looks after it.
    pub owner: String,
    /// Whether it tells people of the trouble.
    pub is_communication: bool,
    /// Whether people do it.
    pub is_human: bool,
    /// Whether nothing outside was called, so that its time is made up.
    pub is_simulated: bool,
    /// How it stood at the end.
    pub state: String,
    /// How many attempts it took.
    pub attempts: u32,
    /// How long it took.
    pub took: Figure,
    /// What the runbook calls typical.
    pub typical_ms: u64,
    /// What it calls late.
    pub worst_ms: u64,
    /// How long it waited for people, all in all.
    pub waited_ms: u64,
    /// How long calls and looks took, all in all.
    pub worked_ms: u64,
    /// How the time it took is to those.
    pub pace: Pace,
}

/// How a time is to what the runbook says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// It was not done.
    Unmeasured,
    /// Less than half the typical time.
    Faster,
    /// About the typical time.
    Usual,
    /// More than a quarter longer.
    Slower,
    /// Longer than the worst.
    Late,
}

/// Other times for a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The runbook in which it stands.
    pub runbook: RunbookId,
    /// Which.
    pub step: StepId,
    /// How long it took.
    pub measured_ms: u64,
    /// Its typical time.
    pub typical: Option<Change>,
    /// Its worst.
    pub worst: Option<Change>,
}

/// From one time to another, as runbooks write them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// As it is.
    pub from: Span,
    /// As it might be.
    pub to: Span,
}

/// Every step that began and that the run needed, in the order of the runbook.
pub(super) fn durations(draft: &Draft<'_>) -> Vec<Duration> {
    let begun = draft.run.each_step().filter(|(step, at)| {
        let unneeded =
            matches!(at.state, StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded });
        draft.steps.contains_key(&step.id) && !unneeded
    });
    begun.map(|(step, at)| duration(draft, step, at.attempts)).collect()
}

fn duration(draft: &Draft<'_>, step: &Step, attempts: u32) -> Duration {
    let took = took(draft, step);
    let all = |on| draft.steps.get(&step.id).map_or(0, |spent| spent.all(on).ms());
    let is_human = step.action.is_human();
    Duration {
        step: step.id.clone(),
        title: draft.title(&step.id),
        owner: (draft.say)(&roles(&[step.owner])),
        is_communication: matches!(step.owner, Role::Comms | Role::Support),
        is_human,
        is_simulated: draft.run.kind == Kind::Tabletop && !is_human,
        state: draft.state(&step.id),
        attempts,
        pace: took.ms.map_or(Pace::Unmeasured, |ms| pace(Span(ms), step)),
        took,
        typical_ms: step.typical.ms(),
        worst_ms: step.worst.ms(),
        waited_ms: all(On::People),
        worked_ms: all(On::Machines),
    }
}

fn took(draft: &Draft<'_>, step: &Step) -> Figure {
    let (mut from, mut until) = (None, None);
    let of_it = |event: &Event| event.step() == Some(&step.id);
    for recorded in draft.record.iter().filter(|one| of_it(&one.entry.event)) {
        let event = &recorded.entry.event;
        let begins = if step.action.is_human() {
            matches!(event, Event::StepOpened { .. } | Event::StepReopened { .. })
        } else {
            matches!(event, Event::AttemptStarted { .. })
        };
        let done = matches!(
            event,
            // Where a person vouches for it, nobody saw when it was over.
            Event::StepDone { how: Proof::Seen | Proof::Accepted | Proof::People, .. }
        );
        // The first time that it was done; an undo, and what came after it, is another time.
        if begins && until.is_none() {
            from = Some(draft.of(recorded));
        } else if done && until.is_none() {
            until = Some(draft.of(recorded));
        }
    }
    Figure::between(from, until)
}

fn pace(took: Span, step: &Step) -> Pace {
    let typical = step.typical.ms();
    if took > step.worst {
        Pace::Late
    } else if took.ms().abs_diff(typical) <= NEAR.ms() {
        Pace::Usual
    } else if took.ms().saturating_mul(4) > typical.saturating_mul(5) {
        Pace::Slower
    } else if took.ms().saturating_mul(2) < typical {
        Pace::Faster
    } else {
        Pace::Usual
    }
}

/// For each step whose times were off; none for times that are made up.
pub(super) fn proposals(draft: &Draft<'_>, durations: &[Duration]) -> Vec<Proposal> {
    let real = durations.iter().filter(|one| !one.is_simulated);
    real.filter_map(|one| proposal(draft, one)).collect()
}

fn proposal(draft: &Draft<'_>, measured: &Duration) -> Option<Proposal> {
    let took = Span(measured.took.ms?);
    let step = draft.run.runbook.step(&measured.step)?;
    let (typical, worst) = match measured.pace {
        Pace::Unmeasured | Pace::Usual => return None,
        Pace::Faster | Pace::Slower => (rounded(took), step.worst),
        // A quarter more than what has been seen once.
        Pace::Late => (rounded(took), rounded(Span(took.ms().saturating_add(took.ms() / 4)))),
    };
    let change = |from: Span, to: Span| (from != to).then_some(Change { from, to });
    // Rounding may not lift a typical time above the worst.
    let (typical, worst) =
        (change(step.typical, typical), change(step.worst, worst.max(typical).max(step.worst)));
    (typical.is_some() || worst.is_some()).then_some(())?;
    let runbook = runbook_of(draft, &measured.step)?;
    Some(Proposal { runbook, step: measured.step.clone(), measured_ms: took.ms(), typical, worst })
}

/// Upwards: to five seconds within a minute, to half a minute within ten, else to a minute.
fn rounded(span: Span) -> Span {
    let seconds = match span.ms() {
        0..=60_000 => 5,
        60_001..=600_000 => 30,
        600_001.. => 60,
    };
    let to = Span::seconds(seconds).ms();
    Span(span.ms().div_ceil(to).max(1).saturating_mul(to))
}

/// The one in which the step came into the run.
fn runbook_of(draft: &Draft<'_>, step: &StepId) -> Option<RunbookId> {
    draft.record.iter().find_map(|recorded| {
        let runbook = if let Event::RunStarted(start) = &recorded.entry.event {
            &start.runbook
        } else if let Event::RunbookAttached { runbook } = &recorded.entry.event {
            runbook.as_ref()
        } else {
            return None;
        };
        runbook.step(step).map(|_| runbook.id.clone())
    })
}

/// The lines to change, below the name of each runbook and step.
pub(super) fn patch(proposals: &[Proposal]) -> String {
    let mut text = String::new();
    let mut last = None;
    for proposal in proposals {
        let file = format!("prompts/runbooks/{}.yaml", proposal.runbook);
        if last.as_ref() != Some(&file) {
            text.push_str(&format!("--- a/{file}\n+++ b/{file}\n"));
        }
        last = Some(file);
        text.push_str(&format!("@@ - id: {} @@\n", proposal.step));
        let lines = [("typical", &proposal.typical), ("worst", &proposal.worst)];
        for (name, change) in lines {
            if let Some(Change { from, to }) = change {
                text.push_str(&format!("-    {name}: {from}\n+    {name}: {to}\n"));
            }
        }
    }
    text
}

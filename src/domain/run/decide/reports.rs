//! What the engine did or saw. A report that does not fit the present state is a repeat or came too late, and is
//! refused as out of date: nothing follows from it twice.

use serde_json::Map;

use super::{codes, rights};
use crate::domain::actor::Actor;
use crate::domain::run::limits;
use crate::domain::run::preview::{Difference, Direction, Preview, differences, digest};
use crate::domain::run::protocol::{Event, Report, Returned, Voided};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Doubt, Happened, Proof, Run, Seen, Shown, StepRun, StepState};
use crate::domain::runbook::condition::{Verdict, evaluate};
use crate::domain::runbook::{Gate, Step};
use crate::domain::time::Timestamp;

pub(super) fn report(
    run: &Run,
    report: &Report,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    rights::engine(by)?;
    rights::not_closed(run)?;
    let (step, at) = rights::find(run, report.step())?;
    if !is_in_its_place(report, at) {
        return Err(Refusal::OutOfDate);
    }
    let id = step.id.clone();
    match report {
        Report::Previewed { number, preview, .. } => {
            Ok(previewed(run, step, at, *number, preview, now))
        }
        Report::NotPreviewed { number, error, unreachable, .. } => {
            let (error, unreachable) = (error.clone(), *unreachable);
            Ok(vec![if is_let_go(step, at, unreachable) {
                Event::StepFailed { step: id, error, unreachable, facts: Map::new() }
            } else {
                Event::PreviewFailed { step: id, number: *number, error, unreachable }
            }])
        }
        Report::Begin { attempt, preview, .. } => begin(run, step, at, *attempt, preview, now),
        Report::CannotBegin { error, unreachable, .. } => {
            rights::going(run)?;
            let error = error.clone();
            let unreachable = *unreachable;
            Ok(vec![if step.gate == Gate::None || is_let_go(step, at, unreachable) {
                Event::StepFailed { step: id, error, unreachable, facts: Map::new() }
            } else {
                Event::ApprovalsVoided { step: id, why: Voided::Unseen { error } }
            }])
        }
        Report::Returned { attempt, returned, .. } => Ok(returned_from(step, *attempt, returned)),
        Report::Probed { attempt, seen, facts, .. } => Ok(probed(step, at, *attempt, seen, facts)),
        Report::Proved { attempt, facts, .. } => {
            let facts = facts.clone();
            match at.direction {
                Direction::Undo => Ok(vec![Event::StepUndone { step: id, facts }]),
                Direction::Do if is_proven(run, step, &facts) => {
                    let how = if step.verify.is_some() { Proof::Seen } else { Proof::Accepted };
                    Ok(vec![Event::StepDone { step: id, how, facts }])
                }
                // What other steps saw has changed meanwhile. Nobody looks any more, so people are told.
                Direction::Do => Ok(vec![not_proved(step, *attempt, facts, "gone again")]),
            }
        }
        Report::NotProved { attempt, facts, saw, .. } => {
            Ok(vec![not_proved(step, *attempt, facts.clone(), saw)])
        }
    }
}

fn is_in_its_place(report: &Report, at: &StepRun) -> bool {
    match (report, &at.state) {
        (
            Report::Previewed { number, .. } | Report::NotPreviewed { number, .. },
            StepState::Previewing,
        ) => *number == at.previews,
        (
            Report::Begin { attempt, .. } | Report::CannotBegin { attempt, .. },
            StepState::Approved { attempt: awaited },
        )
        | (Report::Returned { attempt, .. }, StepState::Calling { attempt: awaited })
        // An answer that comes after all ends the doubt.
        | (
            Report::Returned {
                attempt,
                returned: Returned::Accepted { .. } | Returned::Failed { .. },
                ..
            },
            StepState::InDoubt { attempt: awaited, .. },
        )
        | (Report::Probed { attempt, .. }, StepState::InDoubt { attempt: awaited, .. })
        | (
            Report::Proved { attempt, .. } | Report::NotProved { attempt, .. },
            StepState::Proving { attempt: awaited },
        ) => attempt == awaited,
        (
            Report::Previewed { .. }
            | Report::NotPreviewed { .. }
            | Report::Begin { .. }
            | Report::CannotBegin { .. }
            | Report::Returned { .. }
            | Report::Probed { .. }
            | Report::Proved { .. }
            | Report::NotProved { .. },
            StepState::Waiting
            | StepState::Previewing
            | StepState::Blind { .. }
            | StepState::Ready
            | StepState::Declined { .. }
            | StepState::Approved { .. }
            | StepState::Calling { .. }
            | StepState::Proving { .. }
            | StepState::InDoubt { .. }
            | StepState::Done { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Undone,
        ) => false,
    }
}

fn probed(
    step: &Step,
    at: &StepRun,
    attempt: u32,
    seen: &Seen,
    facts: &Map<String, serde_json::Value>,
) -> Vec<Event> {
    let (id, seen, facts) = (step.id.clone(), seen.clone(), facts.clone());
    let happened = seen.happened;
    let mut events =
        vec![Event::OutcomeProbed { step: id.clone(), attempt, seen, facts: facts.clone() }];
    // With a `verify` the effect must still be proven: the probe only says that the call happened.
    match (happened, at.direction, &step.verify) {
        (Happened::Done, Direction::Do, None) => {
            events.push(Event::StepDone { step: id, how: Proof::Seen, facts });
        }
        (Happened::Done, Direction::Undo, _) => {
            events.push(Event::StepUndone { step: id, facts });
        }
        (Happened::Done, Direction::Do, Some(_))
        | (Happened::Never | Happened::Running | Happened::Unknown, _, _) => {}
    }
    events
}

fn not_proved(
    step: &Step,
    attempt: u32,
    facts: Map<String, serde_json::Value>,
    saw: &str,
) -> Event {
    let (id, saw) = (step.id.clone(), saw.to_owned());
    if step.action.only_reads() {
        return Event::StepFailed { step: id, error: saw, unreachable: false, facts };
    }
    let (why, evidence) = (Doubt::NotProven { saw }, serde_json::Value::Null);
    Event::OutcomeUnknown { step: id, attempt, why, evidence }
}

/// Whether not reaching anything is an outcome. Putting back is never best effort: the step would pass for failed.
fn is_let_go(step: &Step, at: &StepRun, unreachable: bool) -> bool {
    unreachable && step.best_effort && at.direction == Direction::Do
}

/// Whether these facts are what the step's `verify` asks for. Without one, there is nothing to prove.
pub fn is_proven(run: &Run, step: &Step, facts: &Map<String, serde_json::Value>) -> bool {
    step.verify
        .as_ref()
        .is_none_or(|verify| evaluate(&verify.expect, &run.scope(facts)) == Verdict::True)
}

fn guard(run: &Run, step: &Step, at: &StepRun, preview: &Preview) -> Option<Verdict> {
    match at.direction {
        Direction::Do => {
            step.guard.as_ref().map(|guard| evaluate(guard, &run.scope(&preview.facts)))
        }
        Direction::Undo => None,
    }
}

fn previewed(
    run: &Run,
    step: &Step,
    at: &StepRun,
    number: u32,
    preview: &Preview,
    now: Timestamp,
) -> Vec<Event> {
    let digest = digest(run.subject(&step.id, at), preview);
    let guard = guard(run, step, at, preview);
    let holds = matches!(guard, None | Some(Verdict::True));
    let shown = Shown { preview: preview.clone(), digest: digest.clone(), guard, at: now };
    let id = step.id.clone();
    let mut events = vec![Event::PreviewShown { step: id.clone(), number, shown }];
    let runs_by_itself = step.gate == Gate::None && !step.action.is_human();
    let may = at.attempts < limits::ATTEMPTS && at.previews < limits::PREVIEWS;
    if runs_by_itself && holds && may && rights::in_order(run, step, at).is_ok() {
        events.push(Event::StepApproved { step: id, attempt: at.attempts + 1, digest });
    }
    events
}

/// The last look before the call: everything that was agreed must still be so.
fn begin(
    run: &Run,
    step: &Step,
    at: &StepRun,
    attempt: u32,
    preview: &Preview,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    rights::going(run)?;
    let Some(shown) = &at.shown else { return Err(Refusal::OutOfDate) };
    let id = step.id.clone();
    let void = |why| Ok(vec![Event::ApprovalsVoided { step: id.clone(), why }]);
    if at.has_expired(step, now) {
        return void(Voided::Expired);
    }
    if !has_quorum(run, step, at) {
        return void(Voided::Expired);
    }
    let digest = digest(run.subject(&step.id, at), preview);
    if digest != shown.digest {
        let differences = differences(&shown.preview, preview);
        return void(Voided::Changed { differences });
    }
    if rights::in_order(run, step, at).is_err() {
        return void(Voided::Changed { differences: out_of_order(run, step, at) });
    }
    match guard(run, step, at, preview) {
        None | Some(Verdict::True) => {}
        Some(verdict @ (Verdict::False | Verdict::Unknown(_))) => {
            return void(Voided::Guard { verdict });
        }
    }
    Ok(vec![Event::AttemptStarted { step: id, attempt, digest }])
}

/// What moved around the step since people agreed.
fn out_of_order(run: &Run, step: &Step, at: &StepRun) -> Vec<Difference> {
    let difference = |what: &str, was: &str, is: &str| Difference {
        what: what.into(),
        was: was.into(),
        is: is.into(),
    };
    match at.direction {
        Direction::Do => {
            let state =
                |need: &Step| run.steps.get(&need.id).map_or("unknown", |at| at.state.name());
            let open = run.unsettled_needs(step);
            open.map(|need| difference(need.id.as_str(), "settled", state(need))).collect()
        }
        Direction::Undo => {
            let past = run.no_return(step).into_iter();
            past.map(|past| difference("trouble.no_return", "", past.id.as_str())).collect()
        }
    }
}

/// Whether enough different people who speak for the step, or did when they agreed, agreed, or one broke the glass.
fn has_quorum(run: &Run, step: &Step, at: &StepRun) -> bool {
    let roles = step.gate.roles(step.owner);
    let holds = |id| {
        let person = run.environment.person(id);
        person.is_some_and(|person| run.spoke_for(person, &roles, &step.gate))
            && codes::counts(step, at, id)
    };
    let agreed: std::collections::BTreeSet<_> =
        at.approvals.iter().map(|approval| &approval.by).filter(|by| holds(by)).collect();
    let glass = at.approvals.iter().any(|approval| approval.glass.is_some() && holds(&approval.by));
    glass || agreed.len() >= usize::try_from(step.gate.people()).unwrap_or(usize::MAX)
}

fn returned_from(step: &Step, attempt: u32, returned: &Returned) -> Vec<Event> {
    let id = step.id.clone();
    match returned {
        Returned::Accepted { evidence } => {
            vec![Event::CallAccepted { step: id, attempt, evidence: evidence.clone() }]
        }
        Returned::Failed { error, unreachable } => vec![Event::StepFailed {
            step: id,
            error: error.clone(),
            unreachable: *unreachable,
            facts: Map::new(),
        }],
        Returned::Unknown { error, evidence } => vec![Event::OutcomeUnknown {
            step: id,
            attempt,
            why: Doubt::NoAnswer { error: error.clone() },
            evidence: evidence.clone(),
        }],
        Returned::Interrupted => vec![Event::OutcomeUnknown {
            step: id,
            attempt,
            why: Doubt::Interrupted,
            evidence: serde_json::Value::Null,
        }],
    }
}

impl Report {
    /// The step it is about.
    pub fn step(&self) -> &crate::domain::ids::StepId {
        match self {
            Self::Previewed { step, .. }
            | Self::NotPreviewed { step, .. }
            | Self::Begin { step, .. }
            | Self::CannotBegin { step, .. }
            | Self::Returned { step, .. }
            | Self::Probed { step, .. }
            | Self::Proved { step, .. }
            | Self::NotProved { step, .. } => step,
        }
    }
}

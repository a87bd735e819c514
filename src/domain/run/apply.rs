//! How events change the state: the table of transitions. Total: what is in the log has happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chat;
use super::groups::Members;
use super::preview::Direction;
use super::protocol::{Entry, Event, Start};
use super::state::{Approval, Dissent, Doubt, Happened, Run, Status, StepRun, StepState, Vote};
use crate::domain::actor::{Actor, Role, Surface};
use crate::domain::ids::{GroupId, PersonId, StepId};
use crate::domain::runbook::Step;
use crate::domain::time::Timestamp;

/// The run that this entry opens, if it is a [`Event::RunStarted`] by a person.
pub fn open(entry: &Entry) -> Option<Run> {
    let (Event::RunStarted(start), Some(by)) = (&entry.event, entry.by.person()) else {
        return None;
    };
    let Start { id, kind, runbook, environment, impact_at, declared } = start.as_ref().clone();
    let steps = runbook.steps.iter().map(|step| (step.id.clone(), StepRun::waiting(entry.at)));
    // Whoever may command and starts a run commands it, until somebody else does.
    let commands = environment.person(by).is_some_and(|person| person.roles.contains(&Role::Ic));
    let mut duty = declared.roles.clone();
    if commands {
        duty.entry(Role::Ic).or_insert_with(|| by.clone());
    }
    Some(Run {
        id,
        kind,
        steps: steps.collect(),
        runbook: Arc::new(runbook),
        environment: Arc::new(environment),
        started_by: by.clone(),
        started_at: entry.at,
        impact_at,
        declared,
        restored_at: None,
        duty,
        groups: BTreeMap::new(),
        updates: BTreeMap::new(),
        status: Status::Open,
        chat: Vec::new(),
        evidence: Vec::new(),
        seq: 1,
        seen_at: entry.at,
    })
}

/// The run that a whole log leads to; `None` if it does not begin with its start.
pub fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Option<Run> {
    let mut entries = entries.into_iter();
    let mut run = open(entries.next()?)?;
    for entry in entries {
        apply(&mut run, entry);
    }
    Some(run)
}

/// Changes the state as the entry says.
pub fn apply(run: &mut Run, entry: &Entry) {
    run.seq += 1;
    run.seen_at = run.seen_at.max(entry.at);
    let at = entry.at;
    let by = entry.by.person();
    match &entry.event {
        Event::RunStarted(_) | Event::NoteAdded { .. } | Event::ProbeAsked { .. } => {}
        Event::RunHeld { reason } => {
            if let Some(by) = by {
                run.status = Status::Held { by: by.clone(), reason: reason.clone(), at };
            }
        }
        Event::RunResumed {} => run.status = Status::Open,
        Event::Chat { source, what } => chat::apply(&mut run.chat, source, what, by),
        Event::Update { update, what } => run.became(update, what, by, at),
        Event::GroupSeen { group, people, unknown } => run.seen(group, people, *unknown, at),
        Event::GroupUnread { group, why, read_at } => run.group(group).unread(why, *read_at, at),
        Event::RoleTaken { role, person, .. } => {
            run.duty.insert(*role, person.clone());
        }
        Event::RunbookAttached { runbook } => {
            let waiting = |step: &Step| (step.id.clone(), StepRun::waiting(at));
            run.steps.extend(runbook.steps.iter().map(waiting));
            run.runbook = Arc::new(run.runbook.followed_by(runbook));
        }
        Event::RunClosed { .. } => {
            if let Some(by) = by {
                run.status = Status::Closed { by: by.clone(), at };
            }
        }
        Event::CallAccepted { evidence, .. } | Event::OutcomeUnknown { evidence, .. } => {
            if !evidence.is_null() {
                run.evidence.push(evidence.clone());
            }
        }
        Event::StepDone { step, .. } if *step == run.runbook.restored_by => {
            run.restored_at = Some(at);
        }
        Event::StepUndone { step, .. } if *step == run.runbook.restored_by => {
            run.restored_at = None;
        }
        Event::Alerted { .. }
        | Event::StepOpened { .. }
        | Event::StepReopened { .. }
        | Event::PreviewAsked { .. }
        | Event::PreviewShown { .. }
        | Event::PreviewFailed { .. }
        | Event::ApprovalGiven { .. }
        | Event::CodeConfirmed { .. }
        | Event::CodesLocked { .. }
        | Event::GlassBroken { .. }
        | Event::ApprovalsVoided { .. }
        | Event::StepApproved { .. }
        | Event::VoteCast { .. }
        | Event::DissentVoiced { .. }
        | Event::StepDeclined { .. }
        | Event::AttemptStarted { .. }
        | Event::OutcomeProbed { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::StepSkipped { .. }
        | Event::UndoAsked { .. }
        | Event::StepUndone { .. }
        | Event::PeopleCalled { .. }
        | Event::StepLate { .. } => {}
    }
    if let Some(step) = entry.event.step().cloned()
        && let Some(step) = run.steps.get_mut(&step)
    {
        apply_to_step(step, &entry.event, by.zip(via(&entry.by)), at);
    }
}

impl Run {
    fn group(&mut self, id: &GroupId) -> &mut Members {
        self.groups.entry(id.clone()).or_default()
    }

    /// Whoever holds a role no longer is not on duty for it.
    fn seen(&mut self, group: &GroupId, people: &[PersonId], unknown: usize, at: Timestamp) {
        self.group(group).seen(people, unknown, at);
        let lost: Vec<Role> = self.lost_duty().collect();
        self.duty.retain(|role, _| !lost.contains(role));
    }
}

fn via(by: &Actor) -> Option<Surface> {
    match by {
        Actor::Person { via, .. } | Actor::Stranger { via, .. } => Some(*via),
        Actor::Engine => None,
    }
}

#[expect(clippy::too_many_lines, reason = "one table, an arm for each event")]
fn apply_to_step(
    step: &mut StepRun,
    event: &Event,
    by: Option<(&PersonId, Surface)>,
    at: Timestamp,
) {
    match event {
        Event::RunStarted(_)
        | Event::RunbookAttached { .. }
        | Event::RoleTaken { .. }
        | Event::RunHeld { .. }
        | Event::RunResumed {}
        | Event::RunClosed { .. }
        | Event::NoteAdded { .. }
        | Event::Chat { .. }
        | Event::Alerted { .. }
        | Event::GroupSeen { .. }
        | Event::GroupUnread { .. }
        | Event::Update { .. }
        | Event::CodesLocked { .. }
        | Event::ProbeAsked { .. } => {}
        Event::PeopleCalled { .. } => {
            step.calls += 1;
            step.called_at = Some(at);
        }
        Event::StepLate { .. } => step.late = true,
        Event::StepOpened { .. } | Event::StepReopened { .. } => {
            step.opens_again();
            step.direction = Direction::Do;
            step.opened_at = at;
            step.ask_again(at);
        }
        Event::UndoAsked { .. } => {
            step.direction = Direction::Undo;
            step.opened_at = at;
            step.ask_again(at);
        }
        Event::PreviewAsked { .. } | Event::ApprovalsVoided { .. } => step.ask_again(at),
        Event::PreviewShown { shown, .. } => {
            step.facts = shown.preview.facts.clone();
            step.facts_at = shown.at;
            step.shown = Some(shown.clone());
            step.enter(StepState::Ready, at);
        }
        Event::PreviewFailed { error, unreachable, .. } => {
            step.enter(StepState::Blind { error: error.clone(), unreachable: *unreachable }, at);
        }
        Event::CodeConfirmed { .. } => step.coded.extend(by.map(|(by, _)| by.clone())),
        Event::ApprovalGiven { .. } => step.agree(by, at, None),
        Event::GlassBroken { reason, .. } => step.agree(by, at, Some(reason.clone())),
        Event::VoteCast { choice, words, .. } => {
            if let Some((by, _)) = by {
                step.votes.retain(|vote| vote.by != *by);
                let (by, choice, words) = (by.clone(), *choice, words.clone());
                step.votes.push(Vote { by, choice, words, at });
            }
        }
        Event::DissentVoiced { words, .. } => {
            if let Some((by, _)) = by {
                step.dissent.retain(|said| said.by != *by);
                step.dissent.push(Dissent { by: by.clone(), words: words.clone(), at });
            }
        }
        Event::StepApproved { attempt, .. } => {
            step.enter(StepState::Approved { attempt: *attempt }, at);
        }
        Event::StepDeclined { by, reason, facts, .. } => {
            step.look(facts, at);
            step.decline(by, reason, at);
        }
        Event::AttemptStarted { attempt, .. } => {
            step.begin(*attempt);
            step.asked_at = Some(at);
            step.enter(StepState::Calling { attempt: *attempt }, at);
        }
        Event::CallAccepted { attempt, evidence, .. } => {
            step.left(evidence);
            step.enter(StepState::Proving { attempt: *attempt }, at);
        }
        Event::OutcomeUnknown { attempt, why, evidence, .. } => {
            step.left(evidence);
            step.doubt(*attempt, why, at);
        }
        Event::OutcomeProbed { seen, facts, .. } => {
            step.look(facts, seen.at);
            if let StepState::InDoubt { attempt, why, .. } = &step.state {
                let (attempt, why) = (*attempt, why.clone());
                let seen = seen.clone();
                match seen.happened {
                    Happened::Done => step.enter(StepState::Proving { attempt }, at),
                    Happened::Never | Happened::Running | Happened::Unknown => {
                        step.state = StepState::InDoubt { attempt, why, seen: Some(seen) };
                    }
                }
            }
        }
        Event::StepDone { how, facts, .. } => {
            step.look(facts, at);
            step.is_done_as(how);
            step.enter(StepState::Done { how: how.clone() }, at);
        }
        Event::StepFailed { error, unreachable, facts, .. } => {
            step.look(facts, at);
            step.has_failed();
            step.enter(StepState::Failed { error: error.clone(), unreachable: *unreachable }, at);
        }
        Event::StepSkipped { why, .. } => step.enter(StepState::Skipped { why: why.clone() }, at),
        Event::StepUndone { facts, .. } => {
            step.look(facts, at);
            step.direction = Direction::Do;
            step.done_as = None;
            step.enter(StepState::Undone, at);
        }
    }
}

impl StepRun {
    fn enter(&mut self, state: StepState, at: Timestamp) {
        self.state = state;
        self.since = at;
        self.calls = 0;
        self.called_at = None;
        self.late = false;
    }

    fn ask_again(&mut self, at: Timestamp) {
        self.previews += 1;
        self.shown = None;
        self.approvals.clear();
        self.coded.clear();
        self.votes.clear();
        self.dissent.clear();
        self.enter(StepState::Previewing, at);
    }

    fn agree(&mut self, by: Option<(&PersonId, Surface)>, at: Timestamp, glass: Option<String>) {
        if let Some((by, via)) = by {
            self.approvals.push(Approval { by: by.clone(), via, at, glass });
        }
    }

    /// A declined undo leaves the step done, as it was, unless an earlier one may have happened.
    fn decline(&mut self, by: &[PersonId], reason: &str, at: Timestamp) {
        let left = self.done_as.as_ref().filter(|_| self.is_still_done());
        match (self.direction, left.map(|done| done.how.clone())) {
            (Direction::Undo, Some(how)) => {
                self.direction = Direction::Do;
                self.enter(StepState::Done { how }, at);
            }
            (Direction::Do, _) | (Direction::Undo, None) => {
                let (by, reason) = (by.to_vec(), reason.to_owned());
                self.enter(StepState::Declined { by, reason }, at);
            }
        }
    }

    fn doubt(&mut self, attempt: u32, why: &Doubt, at: Timestamp) {
        self.enter(StepState::InDoubt { attempt, why: why.clone(), seen: None }, at);
    }

    fn left(&mut self, evidence: &serde_json::Value) {
        if !evidence.is_null() {
            self.evidence = Some(evidence.clone());
        }
    }

    fn look(&mut self, facts: &serde_json::Map<String, serde_json::Value>, at: Timestamp) {
        if !facts.is_empty() {
            self.facts = facts.clone();
            self.facts_at = at;
        }
    }
}

impl Event {
    /// The step it is about, if it is about one.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::RunStarted(_)
            | Self::RunbookAttached { .. }
            | Self::RoleTaken { .. }
            | Self::RunHeld { .. }
            | Self::RunResumed {}
            | Self::NoteAdded { .. }
            | Self::Chat { .. }
            | Self::Alerted { .. }
            | Self::GroupSeen { .. }
            | Self::GroupUnread { .. }
            | Self::Update { .. }
            | Self::RunClosed { .. } => None,
            Self::StepOpened { step, .. }
            | Self::StepReopened { step, .. }
            | Self::PreviewAsked { step }
            | Self::PreviewShown { step, .. }
            | Self::PreviewFailed { step, .. }
            | Self::ApprovalGiven { step, .. }
            | Self::CodeConfirmed { step }
            | Self::CodesLocked { step, .. }
            | Self::GlassBroken { step, .. }
            | Self::ApprovalsVoided { step, .. }
            | Self::StepApproved { step, .. }
            | Self::VoteCast { step, .. }
            | Self::DissentVoiced { step, .. }
            | Self::StepDeclined { step, .. }
            | Self::AttemptStarted { step, .. }
            | Self::CallAccepted { step, .. }
            | Self::OutcomeUnknown { step, .. }
            | Self::OutcomeProbed { step, .. }
            | Self::ProbeAsked { step }
            | Self::PeopleCalled { step, .. }
            | Self::StepLate { step, .. }
            | Self::StepDone { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::UndoAsked { step, .. }
            | Self::StepUndone { step, .. } => Some(step),
        }
    }
}

//! What to do outside because of events. Computed once, when they are recorded; never on replay.

use std::collections::BTreeSet;

use super::chat::Chat;
use super::decide::due_at;
use super::effect::{Effect, MessageKey};
use super::protocol::Event;
use super::state::{Kind, Proof, Run, Skip, StepRun, StepState};
use super::update::{Told, UpdateId};
use super::updates;
use crate::domain::ids::StepId;
use crate::domain::runbook::{Step, condition};

/// The effects of `events`, given with their numbers; `run` is the state after them.
pub fn effects(run: &Run, events: &[(u64, &Event)]) -> Vec<Effect> {
    let mut effects = BTreeSet::new();
    for (seq, event) in events {
        if let Some(step) = event.step() {
            if !is_ruled_out(run, event) {
                effects.insert(Effect::Show(MessageKey::Step(step.clone())));
            }
            effects.extend(details(run, step, event));
            effects.extend(work(run, step, event));
            effects.extend(touched(run, step, event));
        }
        if tells_the_room(event) {
            effects.insert(Effect::Show(MessageKey::Notice(*seq)));
        }
        if matches!(
            event,
            Event::RunHeld { .. }
                | Event::RunResumed {}
                | Event::RunClosed { .. }
                | Event::RoleTaken { .. }
                | Event::GroupSeen { .. }
        ) {
            effects.extend(asking(run, |_| true));
        }
        if let Event::Chat { source, what: Chat::Marked(None) } = event {
            effects.insert(Effect::Read(source.clone()));
        }
        effects.extend(groups_to_read(run, event));
        effects.extend(told(run, event));
        if is_watched(run.kind) && matches!(event, Event::RunStarted(_) | Event::RunClosed { .. }) {
            effects.insert(Effect::Watch);
        }
        // What was ready to go while the run was held goes now.
        if matches!(event, Event::RunResumed {}) {
            effects.extend(run.steps.iter().filter_map(|(step, at)| match at.state {
                StepState::Approved { attempt } => {
                    Some(Effect::Act { step: step.clone(), attempt })
                }
                StepState::Waiting
                | StepState::Previewing
                | StepState::Blind { .. }
                | StepState::Ready
                | StepState::Declined { .. }
                | StepState::Calling { .. }
                | StepState::Proving { .. }
                | StepState::InDoubt { .. }
                | StepState::Done { .. }
                | StepState::Failed { .. }
                | StepState::Skipped { .. }
                | StepState::Undone => None,
            }));
        }
    }
    if !events.is_empty() {
        effects.insert(Effect::Show(MessageKey::Run));
        let steps = run.each_step().filter_map(|(step, at)| due_at(run, step, at));
        let due = steps.chain(updates::next_at(run)).min();
        if let Some(due) = due.filter(|_| !run.is_closed()) {
            effects.insert(Effect::WakeAt(due));
        }
    }
    effects.into_iter().collect()
}

/// Whether a step falls away because of the environment alone, as steps for systems do that it does not have. The
/// timeline says so; a card for each would come before those that people wait for.
fn is_ruled_out(run: &Run, event: &Event) -> bool {
    matches!(event, Event::StepSkipped { why: Skip::When { condition }, .. }
        if condition::never(condition, &run.environment))
}

/// The user groups are read when the run starts. What was recorded of one took its effect with it: it is read on.
fn groups_to_read(run: &Run, event: &Event) -> Vec<Effect> {
    let all = run.environment.groups.iter().map(|group| &group.id);
    let which = all.filter(|id| {
        matches!(event, Event::RunStarted(_))
            || matches!(event, Event::GroupSeen { group, .. } | Event::GroupUnread { group, .. } if group == *id)
    });
    which.cloned().map(Effect::ReadGroup).collect()
}

/// What an audience is told, and the draft of it before. A draft that is replaced, or left at the end, says so.
fn told(run: &Run, event: &Event) -> Vec<Effect> {
    if matches!(event, Event::RunClosed { .. }) {
        return run.unsent().map(|update| Effect::Show(MessageKey::Draft(update))).collect();
    }
    let Event::Update { update, what } = event else { return Vec::new() };
    let is_drafted = run.audience(&update.audience).is_some_and(|one| !one.is_room());
    let draft = |update: &UpdateId| Effect::Show(MessageKey::Draft(update.clone()));
    let mut all: Vec<Effect> = is_drafted.then(|| draft(update)).into_iter().collect();
    match what {
        Told::Out { .. } => all.push(Effect::Show(MessageKey::Update(update.clone()))),
        Told::Drafted { .. } => {
            let replaced = run.updates.get(&update.audience).and_then(|one| one.replaced);
            let audience = &update.audience;
            all.extend(
                replaced.map(|number| draft(&UpdateId { audience: audience.clone(), number })),
            );
        }
        Told::PutOff { .. } | Told::Overdue => {}
    }
    all
}

/// Whether the room is warned when the bot falls silent during such a run. Nothing hangs on a tabletop.
fn is_watched(kind: Kind) -> bool {
    match kind {
        Kind::Incident | Kind::Exercise => true,
        Kind::Tabletop => false,
    }
}

/// What was seen or came back is told in the step's thread. People's own steps have none.
fn details(run: &Run, step: &StepId, event: &Event) -> Option<Effect> {
    let tells = matches!(
        event,
        Event::CallAccepted { .. }
            | Event::OutcomeUnknown { .. }
            | Event::OutcomeProbed { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. }
            | Event::StepUndone { .. }
    );
    let is_ours = run.runbook.step(step).is_some_and(|step| !step.action.is_human());
    (tells && is_ours).then(|| Effect::Show(MessageKey::Details(step.clone())))
}

/// The cards of other steps that ask for something else, or no longer, since `event`.
fn touched(run: &Run, id: &StepId, event: &Event) -> Vec<Effect> {
    let moves_the_way_back = run.runbook.step(id).is_some_and(|step| step.point_of_no_return)
        && matches!(event, Event::AttemptStarted { .. } | Event::StepFailed { .. });
    if moves_the_way_back {
        return asking(run, |_| true);
    }
    match event {
        Event::StepReopened { .. }
        | Event::UndoAsked { .. }
        | Event::StepDeclined { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::StepSkipped { .. }
        | Event::StepUndone { .. } => asking(run, |step| step.needs.contains(id)),
        Event::RunStarted(_)
        | Event::StepOpened { .. }
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
        | Event::AttemptStarted { .. }
        | Event::CallAccepted { .. }
        | Event::OutcomeUnknown { .. }
        | Event::OutcomeProbed { .. }
        | Event::ProbeAsked { .. }
        | Event::PeopleCalled { .. }
        | Event::StepLate { .. }
        | Event::RoleTaken { .. }
        | Event::RunbookAttached { .. }
        | Event::RunHeld { .. }
        | Event::RunResumed {}
        | Event::NoteAdded { .. }
        | Event::Chat { .. }
        | Event::Alerted { .. }
        | Event::GroupSeen { .. }
        | Event::GroupUnread { .. }
        | Event::Update { .. }
        | Event::RunClosed { .. } => Vec::new(),
    }
}

/// The cards that may have buttons.
fn asking(run: &Run, which: impl Fn(&Step) -> bool) -> Vec<Effect> {
    let asks = |at: &StepRun| match &at.state {
        StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::InDoubt { .. }
        | StepState::Done { how: Proof::Seen | Proof::Accepted }
        | StepState::Failed { .. }
        | StepState::Skipped { why: Skip::Person { .. } }
        | StepState::Undone => true,
        StepState::Waiting
        | StepState::Previewing
        | StepState::Approved { .. }
        | StepState::Calling { .. }
        | StepState::Proving { .. }
        | StepState::Done { how: Proof::People | Proof::Word { .. } }
        | StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded } => false,
    };
    let steps = run.each_step().filter(|(step, at)| which(step) && asks(at));
    steps.map(|(step, _)| Effect::Show(MessageKey::Step(step.id.clone()))).collect()
}

fn work(run: &Run, step: &StepId, event: &Event) -> Option<Effect> {
    let at = run.steps.get(step)?;
    let step = step.clone();
    match event {
        Event::StepOpened { .. }
        | Event::StepReopened { .. }
        | Event::PreviewAsked { .. }
        | Event::ApprovalsVoided { .. }
        | Event::UndoAsked { .. } => Some(Effect::Preview { step, number: at.previews }),
        Event::StepApproved { attempt, .. } => Some(Effect::Act { step, attempt: *attempt }),
        // The state after all events of the batch says whether there is still something to prove or to look for.
        Event::CallAccepted { .. }
        | Event::OutcomeProbed { .. }
        | Event::OutcomeUnknown { .. }
        | Event::ProbeAsked { .. } => match at.state {
            StepState::Proving { attempt } => Some(Effect::Prove { step, attempt }),
            StepState::InDoubt { attempt, .. } if !matches!(event, Event::OutcomeProbed { .. }) => {
                Some(Effect::Probe { step, attempt })
            }
            StepState::InDoubt { .. }
            | StepState::Waiting
            | StepState::Previewing
            | StepState::Blind { .. }
            | StepState::Ready
            | StepState::Declined { .. }
            | StepState::Approved { .. }
            | StepState::Calling { .. }
            | StepState::Done { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Undone => None,
        },
        Event::RunStarted(_)
        | Event::PreviewShown { .. }
        | Event::PreviewFailed { .. }
        | Event::ApprovalGiven { .. }
        | Event::CodeConfirmed { .. }
        | Event::CodesLocked { .. }
        | Event::GlassBroken { .. }
        | Event::VoteCast { .. }
        | Event::DissentVoiced { .. }
        | Event::StepDeclined { .. }
        | Event::AttemptStarted { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::StepSkipped { .. }
        | Event::StepUndone { .. }
        | Event::PeopleCalled { .. }
        | Event::StepLate { .. }
        | Event::RoleTaken { .. }
        | Event::RunbookAttached { .. }
        | Event::RunHeld { .. }
        | Event::RunResumed {}
        | Event::NoteAdded { .. }
        | Event::Chat { .. }
        | Event::Alerted { .. }
        | Event::GroupSeen { .. }
        | Event::GroupUnread { .. }
        | Event::Update { .. }
        | Event::RunClosed { .. } => None,
    }
}

/// Whether everybody in the room must notice, beyond the edit of a card.
pub fn tells_the_room(event: &Event) -> bool {
    match event {
        Event::GlassBroken { .. }
        | Event::CodesLocked { .. }
        | Event::ApprovalsVoided { .. }
        | Event::StepDeclined { .. }
        | Event::OutcomeUnknown { .. }
        | Event::StepFailed { .. }
        | Event::UndoAsked { .. }
        | Event::PeopleCalled { .. }
        | Event::StepLate { .. }
        | Event::RoleTaken { .. }
        | Event::RunbookAttached { .. }
        | Event::RunHeld { .. }
        | Event::RunResumed {}
        | Event::Update { what: Told::Overdue, .. }
        | Event::RunClosed { .. } => true,
        Event::RunStarted(_)
        | Event::StepOpened { .. }
        | Event::StepReopened { .. }
        | Event::PreviewAsked { .. }
        | Event::PreviewShown { .. }
        | Event::PreviewFailed { .. }
        | Event::ApprovalGiven { .. }
        | Event::CodeConfirmed { .. }
        | Event::StepApproved { .. }
        | Event::VoteCast { .. }
        | Event::DissentVoiced { .. }
        | Event::AttemptStarted { .. }
        | Event::CallAccepted { .. }
        | Event::OutcomeProbed { .. }
        | Event::ProbeAsked { .. }
        | Event::StepDone { .. }
        | Event::StepSkipped { .. }
        | Event::StepUndone { .. }
        | Event::NoteAdded { .. }
        | Event::Chat { .. }
        | Event::Alerted { .. }
        | Event::GroupSeen { .. }
        | Event::GroupUnread { .. }
        | Event::Update {
            what: Told::Drafted { .. } | Told::PutOff { .. } | Told::Out { .. },
            ..
        } => false,
    }
}

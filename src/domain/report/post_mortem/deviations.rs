//! Where a run left its runbook, by the events that say so.

use serde::Serialize;

use super::{Draft, Line};
use crate::domain::run::Event;
use crate::domain::run::protocol::Voided;
use crate::domain::run::state::{Proof, Skip};
use crate::domain::run::update::Told;

/// How it left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// What was approved was no longer so.
    Changed,
    /// The first approval waited too long for the last.
    Expired,
    /// People said no.
    Declined,
    /// Somebody disagreed with a decision.
    Dissent,
    /// A person took a step out of the way.
    Skipped,
    /// A step was opened again.
    Reopened,
    /// People did not answer in time, and were called.
    Called,
    /// A call took longer than the step's worst time.
    Late,
    /// Nobody knew whether a call had happened.
    Unknown,
    /// It certainly did not work.
    Failed,
    /// Done on a person's word.
    Word,
    /// Somebody went alone.
    Glass,
    /// Put back.
    Undone,
    /// Nothing new was to begin.
    Held,
    /// Too many wrong codes.
    Locked,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// How.
    pub how: Off,
    /// What happened.
    #[serde(flatten)]
    pub line: Line,
}

/// What an event is to a reader who was not there.
enum Weight {
    /// Nothing that anybody decided or that changed anything.
    Routine,
    /// As the runbook has it.
    Told,
    /// Not as the runbook has it.
    Off(Off),
}

pub(super) fn deviations(draft: &Draft<'_>) -> Vec<Deviation> {
    let all = draft.record.iter().filter_map(|recorded| match weight(&recorded.entry.event) {
        Weight::Off(how) => Some(Deviation { how, line: draft.line(recorded) }),
        Weight::Routine | Weight::Told => None,
    });
    all.collect()
}

pub(super) fn is_routine(event: &Event) -> bool {
    matches!(weight(event), Weight::Routine)
}

fn weight(event: &Event) -> Weight {
    match event {
        Event::PreviewAsked { .. }
        | Event::PreviewShown { .. }
        | Event::StepOpened { when_unknown: None, .. }
        | Event::ProbeAsked { .. }
        | Event::StepSkipped { why: Skip::When { .. } | Skip::NotNeeded, .. }
        | Event::GroupSeen { .. }
        | Event::Update { what: Told::Drafted { .. }, .. } => Weight::Routine,
        Event::RunStarted(_)
        | Event::RunbookAttached { .. }
        | Event::StepOpened { when_unknown: Some(_), .. }
        | Event::PreviewFailed { .. }
        | Event::ApprovalGiven { .. }
        | Event::CodeConfirmed { .. }
        | Event::StepApproved { .. }
        | Event::VoteCast { .. }
        | Event::AttemptStarted { .. }
        | Event::CallAccepted { .. }
        | Event::OutcomeProbed { .. }
        | Event::StepDone { how: Proof::Seen | Proof::Accepted | Proof::People, .. }
        | Event::UndoAsked { .. }
        | Event::RoleTaken { .. }
        | Event::RunResumed {}
        | Event::NoteAdded { .. }
        | Event::Chat { .. }
        | Event::Alerted { .. }
        | Event::GroupUnread { .. }
        | Event::Update { what: Told::Out { .. } | Told::PutOff { .. } | Told::Overdue, .. }
        | Event::RunClosed { .. } => Weight::Told,
        Event::ApprovalsVoided { why: Voided::Expired, .. } => Weight::Off(Off::Expired),
        Event::ApprovalsVoided {
            why: Voided::Changed { .. } | Voided::Guard { .. } | Voided::Unseen { .. },
            ..
        } => Weight::Off(Off::Changed),
        Event::StepDeclined { .. } => Weight::Off(Off::Declined),
        Event::DissentVoiced { .. } => Weight::Off(Off::Dissent),
        Event::StepSkipped { why: Skip::Person { .. }, .. } => Weight::Off(Off::Skipped),
        Event::StepReopened { .. } => Weight::Off(Off::Reopened),
        Event::PeopleCalled { .. } => Weight::Off(Off::Called),
        Event::StepLate { .. } => Weight::Off(Off::Late),
        Event::OutcomeUnknown { .. } => Weight::Off(Off::Unknown),
        Event::StepFailed { .. } => Weight::Off(Off::Failed),
        Event::StepDone { how: Proof::Word { .. }, .. } => Weight::Off(Off::Word),
        Event::GlassBroken { .. } => Weight::Off(Off::Glass),
        Event::StepUndone { .. } => Weight::Off(Off::Undone),
        Event::RunHeld { .. } => Weight::Off(Off::Held),
        Event::CodesLocked { .. } => Weight::Off(Off::Locked),
    }
}

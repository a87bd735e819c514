//! The words of the table: one for each request, state, event and refusal.
//!
//! The matches in this file have no wildcard: a new variant does not compile until somebody has been here. Then give
//! it a row or column in [`table`](super::table), let the test fail, and read what it prints before it becomes the
//! new table.

use crate::domain::run::chat::ChatAsk;
use crate::domain::run::groups::Reading;
use crate::domain::run::preview::Direction;
use crate::domain::run::protocol::{Event, Report, Request, Returned};
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Choice, Happened, Proof, Skip, StepState};
use crate::domain::run::update::UpdateAsk;

/// The column of a request, and whether a person asks it.
pub(super) fn column(request: &Request) -> (&'static str, bool) {
    match request {
        Request::Approve { .. } => ("approve", true),
        Request::Reject { .. } => ("reject", true),
        Request::Vote { choice: Choice::Go, .. } => ("go", true),
        Request::Vote { choice: Choice::NoGo, .. } => ("no-go", true),
        Request::Disagree { .. } => ("disagree", true),
        Request::BreakGlass { .. } => ("glass", true),
        Request::Skip { .. } => ("skip", true),
        Request::Retry { .. } => ("retry", true),
        Request::LookAgain { .. } => ("look", true),
        Request::MarkDone { .. } => ("mark", true),
        Request::StartAgain { .. } => ("again", true),
        Request::Undo { .. } => ("undo", true),
        Request::Hold { .. } => ("hold", true),
        Request::Resume => ("resume", true),
        Request::TakeRole { .. } => ("take", true),
        Request::Attach { .. } => ("attach", true),
        Request::Note { .. } => ("note", true),
        Request::Chat { ask: ChatAsk::Mark(_), .. } => ("mark-chat", true),
        Request::Chat { ask: ChatAsk::Unmark, .. } => ("unmark", true),
        Request::Chat { ask: ChatAsk::Follow(_), .. } => ("follow", false),
        Request::Alerted { .. } => ("alert", false),
        Request::FollowGroup { reading: Reading::Members(_), .. } => ("group", false),
        Request::FollowGroup { reading: Reading::Unread { .. }, .. } => ("no-group", false),
        Request::Update { ask: UpdateAsk::Say(_), .. } => ("say", true),
        Request::Update { ask: UpdateAsk::PutOff, .. } => ("put-off", true),
        Request::Close { .. } => ("close", true),
        Request::SteppedUp { .. } => ("code", true),
        Request::CodesLocked { .. } => ("locked", false),
        Request::Report(report) => (report_column(report), false),
        Request::Tick => ("tick", false),
    }
}

fn report_column(report: &Report) -> &'static str {
    match report {
        Report::Previewed { .. } => "previewed",
        Report::NotPreviewed { .. } => "dark",
        Report::Begin { .. } => "begin",
        Report::CannotBegin { .. } => "cannot",
        Report::Returned { returned, .. } => match returned {
            Returned::Accepted { .. } => "accepted",
            Returned::Failed { .. } => "failed",
            Returned::Unknown { .. } => "unknown",
            Returned::Interrupted => "cut",
        },
        Report::Probed { seen, .. } => match seen.happened {
            Happened::Never => "never",
            Happened::Running => "running",
            Happened::Done => "there",
            Happened::Unknown => "no-idea",
        },
        Report::Proved { .. } => "proved",
        Report::NotProved { .. } => "not-proved",
    }
}

/// The row of a state.
pub(super) fn row(state: &StepState, direction: Direction) -> String {
    let name = match state {
        StepState::Waiting => "waiting",
        StepState::Previewing => "previewing",
        StepState::Blind { .. } => "blind",
        StepState::Ready => "ready",
        StepState::Declined { .. } => "declined",
        StepState::Approved { .. } => "approved",
        StepState::Calling { .. } => "calling",
        StepState::Proving { .. } => "proving",
        StepState::InDoubt { seen: None, .. } => "in doubt",
        StepState::InDoubt { seen: Some(seen), .. } => match seen.happened {
            Happened::Never => "in doubt, never",
            Happened::Running => "in doubt, running",
            Happened::Done => "in doubt, there",
            Happened::Unknown => "in doubt, no idea",
        },
        StepState::Done { how: Proof::Seen } => "done, seen",
        StepState::Done { how: Proof::Accepted } => "done, accepted",
        StepState::Done { how: Proof::People } => "done, people",
        StepState::Done { how: Proof::Word { .. } } => "done, on word",
        StepState::Failed { unreachable: false, .. } => "failed",
        StepState::Failed { unreachable: true, .. } => "unreachable",
        StepState::Skipped { why: Skip::When { .. } } => "skipped, when",
        StepState::Skipped { why: Skip::NotNeeded } => "not needed",
        StepState::Skipped { why: Skip::Person { .. } } => "skipped",
        StepState::Undone => "undone",
    };
    match direction {
        Direction::Do => name.to_owned(),
        Direction::Undo => format!("undo: {name}"),
    }
}

/// What a cell says of an event of this step.
pub(super) fn accepted(event: &Event) -> &'static str {
    match event {
        Event::RunStarted(_) => "Started",
        Event::StepOpened { .. } => "Opened",
        Event::StepReopened { .. } => "Reopened",
        Event::PreviewAsked { .. } => "Asked",
        Event::PreviewShown { .. } => "Shown",
        Event::PreviewFailed { .. } => "Blind",
        Event::ApprovalGiven { .. } => "Agreed",
        Event::CodeConfirmed { .. } => "Coded",
        Event::CodesLocked { .. } => "Locked",
        Event::GlassBroken { .. } => "Alone",
        Event::ApprovalsVoided { .. } => "Voided",
        Event::StepApproved { .. } => "Approved",
        Event::VoteCast { .. } => "Voted",
        Event::DissentVoiced { .. } => "Dissent",
        Event::StepDeclined { .. } => "Declined",
        Event::AttemptStarted { .. } => "Begun",
        Event::CallAccepted { .. } => "Taken",
        Event::OutcomeUnknown { .. } => "InDoubt",
        Event::OutcomeProbed { .. } => "Probed",
        Event::ProbeAsked { .. } => "Probe",
        Event::StepDone { .. } => "Done",
        Event::StepFailed { .. } => "Failed",
        Event::StepSkipped { .. } => "Skipped",
        Event::UndoAsked { .. } => "Undo",
        Event::StepUndone { .. } => "Undone",
        Event::PeopleCalled { .. } => "Called",
        Event::StepLate { .. } => "Late",
        Event::RoleTaken { .. } => "On-duty",
        Event::RunbookAttached { .. } => "Attached",
        Event::RunHeld { .. } => "Held",
        Event::RunResumed {} => "Resumed",
        Event::NoteAdded { .. } => "Noted",
        Event::Chat { .. } => "Marked",
        Event::Alerted { .. } => "Alerted",
        Event::GroupSeen { .. } => "Group",
        Event::GroupUnread { .. } => "No-group",
        Event::Update { .. } => "Told",
        Event::RunClosed { .. } => "Closed",
    }
}

/// What a cell says of a refusal: `.` and `-` are the two that most cells hold.
pub(super) fn refused(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotNow { .. } => ".",
        Refusal::OutOfDate => "-",
        Refusal::CodeMissing { .. } => "code?",
        Refusal::CodeWrong { .. } => "wrong",
        Refusal::CodeUsed { .. } => "used",
        Refusal::CodesLocked { .. } => "locked",
        Refusal::NotEnrolled { .. } => "no-code",
        Refusal::CodesSealed => "sealed",
        Refusal::Stranger { .. } => "stranger",
        Refusal::NotAllowed { .. } => "role",
        Refusal::LeftGroup { .. } => "left",
        Refusal::GroupUnread { .. } => "no-group",
        Refusal::NotQualified { .. } => "no-role",
        Refusal::OnDuty { .. } => "on-duty",
        Refusal::UpdateOver { .. } => "no-update",
        Refusal::NoSuchPerson { .. } => "no-person",
        Refusal::NoSuchStep { .. } => "no-step",
        Refusal::Stale { .. } => "stale",
        Refusal::AlreadyApproved { .. } | Refusal::AlreadyVoted { .. } => "twice",
        Refusal::Expired { .. } => "expired",
        Refusal::Guard { .. } => "guard",
        Refusal::Held { .. } => "held",
        Refusal::NotHeld => "not-held",
        Refusal::Closed { .. } => "closed",
        Refusal::ReasonMissing => "reason",
        Refusal::TooLong { .. } => "long",
        Refusal::NoGlass { .. } => "no-glass",
        Refusal::NoUndo { .. } => "no-undo",
        Refusal::PastNoReturn { .. } => "past",
        Refusal::InFlight { .. } => "in-flight",
        Refusal::StepsOpen { .. } => "open",
        Refusal::TooOften { .. } => "often",
        Refusal::Full { .. } => "full",
        Refusal::TooManyMarks { .. } => "marks",
        Refusal::StillRunning { .. } => "running",
        Refusal::AlreadyOpen { .. } => "slot",
        Refusal::NoExerciseInProduction { .. } => "prod",
        Refusal::AlreadyHas { .. } => "has",
        Refusal::TooManySteps { .. } => "many",
        Refusal::ImpactOutOfRange { .. } => "impact",
        Refusal::NoSuchSystem { .. } => "no-system",
        Refusal::NotSkippable { .. } => "never",
        Refusal::LookFirst { .. } => "look",
        Refusal::EngineOnly => "engine",
        Refusal::NeedsOpen { .. } => "needs",
    }
}

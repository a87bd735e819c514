//! What goes in and what comes out: requests and events. What the engine [`Report`]s is beside, as are effects.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chat::{Chat, ChatAsk, Source};
use super::declared::Declared;
pub use super::effect::{Effect, MessageKey};
use super::groups::Reading;
use super::preview::Difference;
pub use super::report::{Report, Returned};
use super::state::{Choice, Kind, Proof, Seen, Shown, Skip};
use super::update::{Told, UpdateAsk, UpdateId};
use crate::domain::actor::{Actor, Role};
use crate::domain::alert::Alert;
use crate::domain::code::Confirmation;
use crate::domain::environment::Environment;
use crate::domain::ids::{Digest, GroupId, PersonId, RunId, StepId};
use crate::domain::runbook::Runbook;
use crate::domain::runbook::condition::Verdict;
use crate::domain::time::{Span, Timestamp};

/// Opens a run. Everything a run depends on is in it, and stays as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The new run's id; made from the request's key, so that a repeat makes the same.
    pub id: RunId,
    /// What it is for.
    pub kind: Kind,
    /// The runbook.
    pub runbook: Runbook,
    /// The environment.
    pub environment: Environment,
    /// Since when the service is hit.
    pub impact_at: Timestamp,
    /// What else was said of the trouble.
    #[serde(default, skip_serializing_if = "Declared::is_empty")]
    pub declared: Declared,
}

/// Somebody or something asks. May be refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Agree to exactly what was shown. Pressing Run is the first approval.
    Approve {
        /// Which step.
        step: StepId,
        /// What was shown.
        digest: Digest,
    },
    /// Say no to what was shown.
    Reject {
        /// Which step.
        step: StepId,
        /// What was shown.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// Say GO or NO GO at a decision.
    Vote {
        /// Which step.
        step: StepId,
        /// What was shown.
        digest: Digest,
        /// Which.
        choice: Choice,
        /// In one's own words; may be empty.
        words: String,
    },
    /// Say against a decision what everybody should read. Blocks nothing; everybody on the team may.
    Disagree {
        /// Which step.
        step: StepId,
        /// What was shown.
        digest: Digest,
        /// Why.
        words: String,
    },
    /// Go alone where two are asked for. Everybody is told.
    BreakGlass {
        /// Which step.
        step: StepId,
        /// What was shown.
        digest: Digest,
        /// Why nobody else could.
        reason: String,
    },
    /// Take a step out of the way.
    Skip {
        /// Which step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// Open a step again: after a failure, a no, a skip, an undo, or when nothing could be seen.
    Retry {
        /// Which step.
        step: StepId,
    },
    /// Look again: a new preview while people are asked, a new probe while in doubt.
    LookAgain {
        /// Which step.
        step: StepId,
    },
    /// A step in doubt is done, on a person's word.
    MarkDone {
        /// Which step.
        step: StepId,
        /// How they know.
        reason: String,
    },
    /// A step in doubt starts again, with new approvals.
    StartAgain {
        /// Which step.
        step: StepId,
        /// Why that is safe.
        reason: String,
    },
    /// Put back what a step did.
    Undo {
        /// Which step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// Let nothing new begin.
    Hold {
        /// Why.
        reason: String,
    },
    /// Go on.
    Resume,
    /// Go on duty for a role, or put somebody on duty.
    TakeRole {
        /// Which role.
        role: Role,
        /// Who; the asker unless told.
        person: Option<PersonId>,
    },
    /// Go on with a further runbook in this run, as with the failback after a failover.
    Attach {
        /// The runbook, as it is now.
        runbook: Box<Runbook>,
    },
    /// Add to the timeline.
    Note {
        /// What.
        text: String,
    },
    /// About a message of the chat.
    Chat {
        /// Which.
        source: Source,
        /// What.
        ask: ChatAsk,
    },
    /// Something rings, or is over. Only the engine says so.
    Alerted {
        /// What.
        alert: Box<Alert>,
    },
    /// Slack was asked who is in a user group. Only the engine says so.
    FollowGroup {
        /// Which.
        group: GroupId,
        /// What came of it.
        reading: Reading,
    },
    /// About what an audience is told.
    Update {
        /// Which update.
        update: UpdateId,
        /// What.
        ask: UpdateAsk,
    },
    /// End the run.
    Close {
        /// Why, when steps are still open.
        reason: String,
    },
    /// Agree, and what is known of one's one-time codes. Only the engine asks so, for it alone makes that known.
    SteppedUp {
        /// What a person asked.
        answer: Box<Self>,
        /// What is known of their codes.
        confirmation: Confirmation,
    },
    /// Too many wrong codes were typed in somebody's name. Only the engine says so.
    CodesLocked {
        /// At which step.
        step: StepId,
        /// In whose name.
        person: PersonId,
        /// Until when none of theirs counts.
        until: Timestamp,
    },
    /// The engine reports what it did or saw.
    Report(Report),
    /// Time has passed.
    Tick,
}

/// A recorded fact; the only thing that changes state. The timeline *is* the events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields repeat the words of the requests above")]
pub enum Event {
    /// The run began.
    RunStarted(Box<Start>),
    /// The run goes on with a further runbook.
    RunbookAttached { runbook: Box<Runbook> },
    /// What the step needs is settled; `when` is set if that condition could not be told.
    StepOpened { step: StepId, when_unknown: Option<String> },
    /// A step was opened again.
    StepReopened { step: StepId, reason: String },
    /// A fresh preview was asked for.
    PreviewAsked { step: StepId },
    /// People are shown what would happen.
    PreviewShown { step: StepId, number: u32, shown: Shown },
    /// It could not be seen what would happen.
    PreviewFailed { step: StepId, number: u32, error: String, unreachable: bool },
    /// Somebody agreed.
    ApprovalGiven { step: StepId, digest: Digest },
    /// A one-time code of whoever agrees next has counted.
    CodeConfirmed { step: StepId },
    /// Too many wrong codes in somebody's name: none of theirs counts until then.
    CodesLocked { step: StepId, person: PersonId, until: Timestamp },
    /// Somebody went alone.
    GlassBroken { step: StepId, digest: Digest, reason: String },
    /// What was approved is no longer so; people are asked again.
    ApprovalsVoided { step: StepId, why: Voided },
    /// Enough people agreed.
    StepApproved { step: StepId, attempt: u32, digest: Digest },
    /// Somebody said GO or NO GO.
    VoteCast { step: StepId, digest: Digest, choice: Choice, words: String },
    /// Somebody disagrees with a decision.
    DissentVoiced { step: StepId, digest: Digest, words: String },
    /// People said no. Of a decision: to what was seen then.
    StepDeclined {
        step: StepId,
        by: Vec<PersonId>,
        reason: String,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        facts: Map<String, Value>,
    },
    /// Recorded before the call goes out.
    AttemptStarted { step: StepId, attempt: u32, digest: Digest },
    /// The system took the call.
    CallAccepted { step: StepId, attempt: u32, evidence: Value },
    /// Nobody knows whether the call happened.
    OutcomeUnknown { step: StepId, attempt: u32, why: super::state::Doubt, evidence: Value },
    /// Somebody looked.
    OutcomeProbed { step: StepId, attempt: u32, seen: Seen, facts: Map<String, Value> },
    /// A person asked for another look.
    ProbeAsked { step: StepId },
    /// Done.
    StepDone { step: StepId, how: Proof, facts: Map<String, Value> },
    /// It certainly did not work.
    StepFailed { step: StepId, error: String, unreachable: bool, facts: Map<String, Value> },
    /// Out of the way.
    StepSkipped { step: StepId, why: Skip },
    /// Somebody wants it put back.
    UndoAsked { step: StepId, reason: String },
    /// Put back.
    StepUndone { step: StepId, facts: Map<String, Value> },
    /// A step has waited long enough for these people; `unmanned`: roles it asks for that nobody is on duty for.
    PeopleCalled { step: StepId, people: Vec<PersonId>, unmanned: Vec<Role>, waited: Span },
    /// A step takes longer than its `worst`.
    StepLate { step: StepId, worst: Span },
    /// Somebody is on duty for a role, in place of whoever was.
    RoleTaken { role: Role, person: PersonId, from: Option<PersonId> },
    /// Nothing new begins.
    RunHeld { reason: String },
    /// It goes on.
    RunResumed {},
    /// Somebody wrote something down.
    NoteAdded { text: String },
    /// A message of the chat was put on the timeline, or something became of it.
    Chat { source: Source, what: Chat },
    /// Something rings, or is over.
    Alerted { alert: Box<Alert> },
    /// These people are in a user group now, and so many whom the environment file does not know.
    GroupSeen { group: GroupId, people: Vec<PersonId>, unknown: usize },
    /// A user group cannot be read; whoever was seen in it stays. `read_at`: when that was.
    GroupUnread { group: GroupId, why: String, read_at: Option<Timestamp> },
    /// Something became of an update.
    Update { update: UpdateId, what: Told },
    /// Over.
    RunClosed { reason: String },
}

/// Why approvals stopped counting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voided {
    /// The world or the request is different from what was shown.
    Changed {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// The guard no longer holds, or cannot be told.
    Guard {
        /// What it says now.
        verdict: Verdict,
    },
    /// The first approval waited too long for the last.
    Expired,
    /// Right before the call it could not be seen what would happen.
    Unseen {
        /// Why.
        error: String,
    },
}

/// An event with who and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was recorded.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: Actor,
    /// What.
    pub event: Event,
}

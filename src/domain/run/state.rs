//! The state of a run and of its steps. What can be read off it is in [`questions`](super::questions).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chat::ChatNote;
use super::declared::Declared;
pub use super::done::Proof;
use super::done::{DoneAs, First};
use super::groups::Members;
use super::preview::{Direction, Preview};
use super::update::Standing;
use crate::domain::actor::{Role, Surface};
use crate::domain::environment::Environment;
use crate::domain::ids::{AudienceId, Digest, GroupId, PersonId, RunId, StepId};
use crate::domain::runbook::Runbook;
use crate::domain::runbook::condition::Verdict;
use crate::domain::time::Timestamp;

/// What a run is for. Fixed for ever at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is happening.
    Incident,
    /// A rehearsal that really acts; never in production.
    Exercise,
    /// A rehearsal in which nothing outside is called.
    Tabletop,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Incident, Self::Exercise, Self::Tabletop];

    /// As commands and messages write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Exercise => "exercise",
            Self::Tabletop => "tabletop",
        }
    }
}

/// One execution of a runbook. What was frozen at the start is shared by all copies of the state.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What it is for.
    pub kind: Kind,
    /// The runbook as it was at the start.
    pub runbook: Arc<Runbook>,
    /// The environment as it was at the start.
    pub environment: Arc<Environment>,
    /// Who started it.
    pub started_by: PersonId,
    /// When it was started.
    pub started_at: Timestamp,
    /// Since when the service is hit; RTO counts from here.
    pub impact_at: Timestamp,
    /// What else was said of the trouble at the start.
    pub declared: Declared,
    /// When the step named by `restored_by` was done.
    pub restored_at: Option<Timestamp>,
    /// Open, held or closed.
    pub status: Status,
    /// Who is on duty for a role: the one who is called.
    pub duty: BTreeMap<Role, PersonId>,
    /// Who is in the user groups that give roles, as far as it was seen.
    pub groups: BTreeMap<GroupId, Members>,
    /// What each audience was told.
    pub updates: BTreeMap<AudienceId, Standing>,
    /// By step id.
    pub steps: BTreeMap<StepId, StepRun>,
    /// The messages of the chat that were put on the timeline.
    pub chat: Vec<ChatNote>,
    /// What every call so far left as evidence, oldest first.
    pub evidence: Vec<Value>,
    /// How many events it has; the sequence number of the last.
    pub seq: u64,
    /// The largest time on its record: a clock that shows less has gone back.
    pub seen_at: Timestamp,
}

/// Whether the run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It goes on.
    Open,
    /// Nothing new begins until the commander resumes it.
    Held {
        /// Who stopped it.
        by: PersonId,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// It is over.
    Closed {
        /// Who closed it.
        by: PersonId,
        /// When.
        at: Timestamp,
    },
}

/// A step within a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// Where it stands.
    pub state: StepState,
    /// Since when.
    pub since: Timestamp,
    /// Which way it goes.
    pub direction: Direction,
    /// When it opened the last time.
    pub opened_at: Timestamp,
    /// Number of the last preview asked for.
    pub previews: u32,
    /// Number of the last attempt.
    pub attempts: u32,
    /// Attempts that may have happened: those begun, less those that certainly did nothing.
    #[serde(default)]
    pub begun: u32,
    /// What people were shown last.
    pub shown: Option<Shown>,
    /// Who agreed to `shown`.
    pub approvals: Vec<Approval>,
    /// Whose one-time code counted for what they said to `shown`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coded: Vec<PersonId>,
    /// Who said what at a decision; the last word of each counts.
    pub votes: Vec<Vote>,
    /// Who disagrees with it; the last word of each.
    #[serde(default)]
    pub dissent: Vec<Dissent>,
    /// How often people were called for while it asks.
    #[serde(default)]
    pub calls: u32,
    /// When the last time was.
    #[serde(default)]
    pub called_at: Option<Timestamp>,
    /// Whether the room was told that it takes longer than its `worst`.
    #[serde(default)]
    pub late: bool,
    /// The first attempt that may have happened, until the step is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<First>,
    /// What is done, and what there was before.
    pub done_as: Option<DoneAs>,
    /// When its last call began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// What its last call left: the ids by which the other side knows it.
    #[serde(default)]
    pub evidence: Option<Value>,
    /// Facts seen last, for conditions of other steps.
    pub facts: Map<String, Value>,
    /// When they were seen.
    pub facts_at: Timestamp,
}

/// Where a step stands. `apply` is the table of transitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Something it needs is not settled.
    Waiting,
    /// A preview is being made.
    Previewing,
    /// A preview could not be made.
    Blind {
        /// Why.
        error: String,
        /// Nothing answered, as opposed to a refusal.
        unreachable: bool,
    },
    /// People are asked.
    Ready,
    /// People said no.
    Declined {
        /// Who.
        by: Vec<PersonId>,
        /// Why.
        reason: String,
    },
    /// Everybody agreed; about to be measured again and called.
    Approved {
        /// Which attempt that will be.
        attempt: u32,
    },
    /// The call is out.
    Calling {
        /// Which attempt.
        attempt: u32,
    },
    /// The call was taken; its effect is awaited.
    Proving {
        /// Which attempt.
        attempt: u32,
    },
    /// Started, outcome unknown.
    InDoubt {
        /// Which attempt.
        attempt: u32,
        /// What happened.
        why: Doubt,
        /// What was seen when somebody looked.
        seen: Option<Seen>,
    },
    /// Done.
    Done {
        /// How that is known.
        how: Proof,
    },
    /// It certainly did not work.
    Failed {
        /// Why.
        error: String,
        /// Nothing answered, as opposed to a refusal.
        unreachable: bool,
    },
    /// Taken out of the way.
    Skipped {
        /// Why.
        why: Skip,
    },
    /// Done, and put back.
    Undone,
}

/// Why an outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The answer to the call never came, or made no sense.
    NoAnswer {
        /// What was seen.
        error: String,
    },
    /// The process stopped between the call and its record.
    Interrupted,
    /// The call was taken, but its effect did not show in time.
    NotProven {
        /// What was seen last.
        saw: String,
    },
}

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Has it happened?
    pub happened: Happened,
    /// One line for people.
    pub saw: String,
    /// When.
    pub at: Timestamp,
}

/// Whether the effect of a call is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Nothing was started.
    Never,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// Cannot be told.
    Unknown,
}

impl Happened {
    /// The message key of what people are told.
    pub fn key(self) -> &'static str {
        match self {
            Self::Never => "happened.never",
            Self::Running => "happened.running",
            Self::Done => "happened.done",
            Self::Unknown => "happened.unknown",
        }
    }
}

/// Why a step is out of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Its `when` is false.
    When {
        /// The condition.
        condition: String,
    },
    /// It is the fallback of a step that is done.
    NotNeeded,
    /// A person took it out, in writing.
    Person {
        /// Who.
        by: PersonId,
        /// What they wrote.
        reason: String,
    },
}

/// What people were shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The preview.
    pub preview: Preview,
    /// Its digest: what the buttons carry.
    pub digest: Digest,
    /// What the guard said of the facts then; `None` without a guard.
    pub guard: Option<Verdict>,
    /// When it was made.
    pub at: Timestamp,
}

/// One person's agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: PersonId,
    /// From where.
    pub via: Surface,
    /// When.
    pub at: Timestamp,
    /// The written reason, when the glass was broken.
    pub glass: Option<String>,
}

/// What somebody said at a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub by: PersonId,
    /// What.
    pub choice: Choice,
    /// In their words.
    pub words: String,
    /// When.
    pub at: Timestamp,
}

/// The answers to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Do it.
    Go,
    /// Not now. The first format of the record calls it `hold`.
    #[serde(alias = "hold")]
    NoGo,
}

/// What somebody says against a decision. It blocks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dissent {
    /// Who.
    pub by: PersonId,
    /// In their words.
    pub words: String,
    /// When.
    pub at: Timestamp,
}

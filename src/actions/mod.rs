//! The outside systems, one file each, behind one trait; `registry` has a line for each action.
//!
//! An [`Action`] never decides: it shows, does exactly what it is handed, and looks. Everything it learns goes back as
//! data. [`Actions`] finds the implementation of a step: the real one, or in a tabletop run the simulated one;
//! the choice is the run's kind and nothing else, so that the two can never mix in one run.

mod aws;
mod connections;
mod connector;
mod dns;
mod doctor;
mod exec;
mod fence;
mod http;
mod human;
mod keepers;
mod kube;
mod params;
mod policy;
mod reading;
mod redis;
mod registry;
mod simulated;
mod sql;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::environment::Environment;
use crate::domain::ids::{RunId, StepId};
use crate::domain::run::preview::{Approved, Direction, Preview};
pub use crate::domain::run::state::Happened;
use crate::domain::text::trouble;
use crate::domain::time::{Span, Timestamp};
pub use aws::{AwsCredentials, AwsLimits, AwsSettings};
/// What alerts are signed with is base64, too.
pub use aws_smithy_types::base64;
pub use connections::{Connections, Keeper, Kept};
pub use dns::DnsSettings;
pub use doctor::Doctor;
pub use exec::{ExecSettings, Program};
pub use http::{HttpSecret, HttpSettings, plain_client};
pub use keepers::find as find_secret;
pub use kube::KubeSettings;
pub use policy::{aws_policy, kubernetes_roles};
pub use registry::{Absent, ActionSettings, Actions, Purpose};

/// Everything an action may know about the step it works for.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The step.
    pub step: &'a StepId,
    /// The environment as frozen at the start of the run.
    pub environment: &'a Environment,
    /// The action's parameters, templates filled, shapes checked.
    pub with: &'a Map<String, Value>,
    /// Forward, or back.
    pub direction: Direction,
    /// For an undo: what was shown before the step did anything, which is what it goes back to.
    pub before: Option<&'a Preview>,
    /// For an undo: the preview of the attempt that is put back; another one where an earlier attempt's answer was lost.
    pub done: Option<&'a Preview>,
    /// When the step opened: the same in every preview and attempt, for values such as `restartedAt`.
    pub opened_at: Timestamp,
    /// How long it usually takes until the effect shows that the step waits for: what a tabletop pretends.
    pub takes: Span,
    /// When the run was started.
    pub started_at: Timestamp,
    /// Since when the service is hit: what was measured later is no evidence of what was lost.
    pub impact_at: Timestamp,
    /// The same for one preview number: from (run, step, preview), never from the attempt.
    pub token: uuid::Uuid,
    /// Which attempt this is, or was the last; 0 before the first.
    pub attempt: u32,
    /// Now.
    pub now: Timestamp,
    /// Evidence of every call this run has made so far, oldest first.
    pub past: &'a [Value],
}

/// Could not look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LookError {
    /// No answer: a dead region looks like this.
    #[error("no answer from {system}: {detail}")]
    Unreachable {
        /// `rds in eu-west-1`.
        system: String,
        /// What was seen, without secrets.
        detail: String,
    },
    /// It answered that we may not, that the thing is not there, or something we do not understand.
    #[error("{system} refused: {detail}")]
    Refused {
        /// The system.
        system: String,
        /// Code and message, without secrets.
        detail: String,
    },
    /// The world is in a state this action must not touch (two PRIMARY records, another account …).
    #[error("{detail}")]
    Unsafe {
        /// What, and what to do instead.
        detail: String,
    },
}

impl LookError {
    /// As it is recorded, to be said in the language of whoever reads it.
    pub fn said(&self) -> String {
        match self {
            Self::Unreachable { system, detail } => trouble("trouble.unreachable", system, detail),
            Self::Refused { system, detail } => trouble("trouble.refused", system, detail),
            Self::Unsafe { detail } => detail.clone(),
        }
    }

    /// Whether that is all: it is so already, and nothing would be called.
    fn is_already_so(&self) -> bool {
        matches!(self, Self::Unsafe { detail } if detail.starts_with("trouble.already_so"))
    }
}

/// How a call that changes something ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The system took it. Whether it had its effect is for the probe to say.
    Accepted {
        /// Request ids, version ids, whatever an auditor asks for. No secrets.
        evidence: Value,
    },
    /// It certainly did nothing.
    Failed {
        /// Why.
        error: LookError,
    },
    /// It may have happened: timeout, 5xx, connection cut after sending.
    Unknown {
        /// What was seen.
        error: String,
        /// What is known all the same. No secrets.
        evidence: Value,
    },
}

/// What a probe saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Has it happened?
    pub happened: Happened,
    /// The action's facts; a fact that could not be read is absent, never guessed.
    pub facts: Map<String, Value>,
    /// One line for people, in the cloud's own names: `writer eu-west-1, failover under way to us-east-1`.
    pub saw: String,
}

impl Probe {
    /// Nothing could be seen.
    fn blind(error: &LookError) -> Self {
        Self { happened: Happened::Unknown, facts: Map::new(), saw: error.said() }
    }
}

/// A kind of thing a step does, at one outside system.
#[async_trait]
pub trait Action: Send + Sync + std::fmt::Debug {
    /// What would change. Reads only.
    ///
    /// # Errors
    /// When the world cannot be seen, or is in a state this action must not touch.
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError>;

    /// Has `request` (of a preview) happened, and what are the facts now? Reads only; never fails: not being able
    /// to see is [`Happened::Unknown`].
    async fn probe(&self, call: &Call<'_>, request: &Value) -> Probe;

    /// Does exactly `approved`, once: no retry, bounded in time.
    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome;

    /// What it needs, apart for looking and for doing.
    fn permissions(&self) -> Permissions;
}

/// One thing that must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// `rds:FailoverGlobalCluster`, and on what, as ARNs; the words in capitals are for the administrator to replace.
    Aws(&'static str, &'static [&'static str]),
    /// `route53:ChangeResourceRecordSets` of the one name, with batches of nothing but these edits.
    Records(&'static [&'static str]),
    /// `patch deployments.apps/scale`; roles are bound in namespaces.
    Kube(&'static str),
}

/// What an action needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// For preview and probe.
    pub look: &'static [Permission],
    /// For run and undo.
    pub act: &'static [Permission],
}

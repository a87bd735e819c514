//! What the engine reports to a run: what it saw, what it is about to do, how a call came back.

use serde_json::{Map, Value};

use super::preview::Preview;
use super::state::Seen;
use crate::domain::ids::StepId;

/// What the engine did or saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A preview was made.
    Previewed {
        /// Which step.
        step: StepId,
        /// Which preview.
        number: u32,
        /// The preview.
        preview: Preview,
    },
    /// A preview could not be made.
    NotPreviewed {
        /// Which step.
        step: StepId,
        /// Which preview.
        number: u32,
        /// Why.
        error: String,
        /// Nothing answered.
        unreachable: bool,
    },
    /// Everything was measured again; may the call go out? Answered by [`Event::AttemptStarted`] or
    /// [`Event::ApprovalsVoided`].
    Begin {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// What would be sent now.
        preview: Preview,
    },
    /// What would be sent now could not be measured.
    CannotBegin {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// Why.
        error: String,
        /// Nothing answered.
        unreachable: bool,
    },
    /// The call came back.
    Returned {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// How.
        returned: Returned,
    },
    /// Somebody looked whether an attempt in doubt has happened.
    Probed {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// What was seen.
        seen: Seen,
        /// The facts.
        facts: Map<String, Value>,
    },
    /// The effect was seen, long enough.
    Proved {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// The facts that prove it.
        facts: Map<String, Value>,
    },
    /// The effect did not show in time.
    NotProved {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// The facts instead.
        facts: Map<String, Value>,
        /// One line for people.
        saw: String,
    },
}

/// How a call came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Returned {
    /// The system took it.
    Accepted {
        /// Request ids and the like.
        evidence: Value,
    },
    /// It certainly did nothing.
    Failed {
        /// Why.
        error: String,
        /// Nothing answered.
        unreachable: bool,
    },
    /// It may have happened.
    Unknown {
        /// What was seen.
        error: String,
        /// What is known all the same.
        evidence: Value,
    },
    /// The process stopped in the middle; another one found the attempt open.
    Interrupted,
}

//! What an undo needs of the way there: what was done, and what there was before any of it. An attempt whose answer was
//! lost may have happened: the next one sees its doing, and only the first saw the world as it was.

use serde::{Deserialize, Serialize};

use super::preview::Preview;
use crate::domain::ids::PersonId;

/// A done attempt, kept for its undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoneAs {
    /// What was approved and done.
    pub preview: Preview,
    /// What was shown before the first attempt that may have happened, if that was an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Preview>,
    /// How that is known.
    pub how: Proof,
    /// [`StepRun::begun`] then: more of them now, and it may have been put back.
    #[serde(default)]
    pub begun: u32,
}

impl DoneAs {
    /// What there was before the step did anything.
    pub fn before(&self) -> &Preview {
        self.first.as_ref().unwrap_or(&self.preview)
    }
}

/// The first attempt that may have happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct First {
    /// Its number.
    pub attempt: u32,
    /// What was shown before it.
    pub preview: Preview,
}

/// How it is known that a step is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// What `verify` asks for was seen.
    Seen,
    /// The system took the call, and the runbook asks for no more.
    Accepted,
    /// The people of its gate did it themselves, or decided GO.
    People,
    /// A person said so, in writing, of a step in doubt.
    Word {
        /// Who.
        by: PersonId,
        /// What they wrote.
        reason: String,
    },
}

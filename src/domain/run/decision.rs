//! What a decision looks at: the steps it names, where they stand, what they saw and when. It moves while people are
//! asked, and is frozen in the event that ends it, so that the card and the report show for ever what people saw.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::state::{Run, StepRun, StepState};
use crate::domain::ids::StepId;
use crate::domain::runbook::Step;
use crate::domain::time::Timestamp;

/// What is seen of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// Where it stands; `unreachable` where nothing answered.
    pub state: String,
    /// What it saw.
    pub facts: Map<String, Value>,
    /// When.
    pub at: Timestamp,
}

impl Sight {
    fn of(at: &StepRun) -> Self {
        let state = match at.state {
            StepState::Failed { unreachable: true, .. } => "unreachable",
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
            | StepState::Failed { unreachable: false, .. }
            | StepState::Skipped { .. }
            | StepState::Undone => at.state.name(),
        };
        Self { state: state.to_owned(), facts: at.facts.clone(), at: at.facts_at }
    }
}

impl Run {
    /// What this decision looks at: as it was when it was decided, or as it is now.
    pub fn sights(&self, decision: &StepRun) -> Vec<(&Step, Sight)> {
        let seen = decision.shown.as_ref().and_then(|shown| shown.preview.request.get("with"));
        let seen = seen.and_then(|with| with.get("seen")).and_then(Value::as_array);
        let ids = seen.into_iter().flatten().filter_map(Value::as_str);
        ids.filter_map(|id| {
            let (step, at) = self.step(&StepId::parse(id).ok()?)?;
            let frozen = decision.facts.get(id).cloned().map(serde_json::from_value);
            Some((step, frozen.and_then(Result::ok).unwrap_or_else(|| Sight::of(at))))
        })
        .collect()
    }

    /// The same, to be recorded with the decision.
    pub(super) fn frozen(&self, decision: &StepRun) -> Map<String, Value> {
        let seen = self.sights(decision).into_iter();
        seen.filter_map(|(step, sight)| {
            Some((step.id.to_string(), serde_json::to_value(sight).ok()?))
        })
        .collect()
    }
}

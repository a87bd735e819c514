//! What an undo needs of the way there: what was done, and what there was before any of it. An attempt whose answer was
//! lost may have happened: the next one sees its doing, and only the first saw the world as it was.

use serde::{Deserialize, Serialize};

use super::preview::{Direction, Preview};
use super::state::{Happened, Proof, StepRun, StepState};

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

impl StepRun {
    /// Whether it was done, and certainly nothing was put back since.
    pub fn is_still_done(&self) -> bool {
        self.done_as.as_ref().is_some_and(|done| self.begun <= done.begun)
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, attempt: u32) {
        self.attempts = attempt;
        self.begun += 1;
        if self.direction == Direction::Do && self.first.is_none() {
            let shown = self.shown.as_ref();
            self.first = shown.map(|shown| First { attempt, preview: shown.preview.clone() });
        }
    }

    /// It failed. A call that failed certainly did nothing.
    pub(super) fn has_failed(&mut self) {
        if let StepState::Calling { attempt } | StepState::InDoubt { attempt, .. } = self.state {
            self.begun = self.begun.saturating_sub(1);
            self.was_nothing(attempt);
        }
    }

    /// It is opened once more. What somebody looked for and found not to have happened did nothing, either.
    pub(super) fn opens_again(&mut self) {
        if let StepState::InDoubt { attempt, seen: Some(seen), .. } = &self.state
            && seen.happened == Happened::Never
        {
            self.was_nothing(*attempt);
        }
    }

    fn was_nothing(&mut self, attempt: u32) {
        self.first = self.first.take().filter(|first| first.attempt != attempt);
    }

    /// It is done.
    pub(super) fn is_done_as(&mut self, how: &Proof) {
        let first = self.first.take();
        self.done_as = self.shown.as_ref().map(|shown| DoneAs {
            preview: shown.preview.clone(),
            first: first.filter(|first| first.attempt != self.attempts).map(|first| first.preview),
            how: how.clone(),
            begun: self.begun,
        });
    }
}

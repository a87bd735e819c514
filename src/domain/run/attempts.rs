//! The attempts of a step: which of them may have happened, and which the step is done by.

use super::done::{DoneAs, First};
use super::preview::Direction;
use super::state::{Happened, Proof, StepRun, StepState};

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

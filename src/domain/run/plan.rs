//! What must be looked at before anything else is done: the attempts that nobody knows the outcome of.
//!
//! A process that starts finds runs in the middle of their work. It *plans* first and *executes* then: [`plan`] reads
//! the attempts that are open off the state of a run, and decides nothing, asks nobody and changes nothing, so that it
//! can be tested for every state there is; the engine carries it out (`engine::recover`), and each finding comes back
//! as a report, which [`decide`](super::decide::decide) judges as any other. Nothing in a plan ever makes a call: what
//! is open is looked at, and what the looks lead to is decided as if they had come from the outbox.

use super::effect::Effect;
use super::state::{Run, StepState};
use crate::domain::ids::StepId;

/// An attempt whose outcome nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Of which step.
    pub step: StepId,
    /// Which attempt.
    pub attempt: u32,
    /// How far it had come.
    pub stage: Stage,
}

/// How far an open attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its start is recorded, its return is not: the call may be out, or never have been. It is in doubt from now on.
    Calling,
    /// It is in doubt, and nobody has seen anything yet.
    Unseen,
    /// The call was taken; its effect is awaited.
    Proving,
}

impl OpenAttempt {
    /// The effect under which the outbox holds it. Whoever has its lease looks after the attempt, and nobody else.
    pub fn effect(&self) -> Effect {
        let (step, attempt) = (self.step.clone(), self.attempt);
        match self.stage {
            Stage::Calling => Effect::Act { step, attempt },
            Stage::Unseen => Effect::Probe { step, attempt },
            Stage::Proving => Effect::Prove { step, attempt },
        }
    }
}

/// The open attempts of a run, in document order.
pub fn plan(run: &Run) -> Vec<OpenAttempt> {
    let open = run.each_step().filter_map(|(step, at)| {
        let (attempt, stage) = match &at.state {
            StepState::Calling { attempt } => (*attempt, Stage::Calling),
            StepState::InDoubt { attempt, seen: None, .. } => (*attempt, Stage::Unseen),
            StepState::Proving { attempt } => (*attempt, Stage::Proving),
            // What was seen once is for people, and is looked at again in its time.
            StepState::InDoubt { seen: Some(_), .. }
            | StepState::Waiting
            | StepState::Previewing
            | StepState::Blind { .. }
            | StepState::Ready
            | StepState::Declined { .. }
            | StepState::Approved { .. }
            | StepState::Done { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Undone => return None,
        };
        Some(OpenAttempt { step: step.id.clone(), attempt, stage })
    });
    open.collect()
}

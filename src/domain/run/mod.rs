//! The run: what may be asked, what follows, and how the state changes.
//!
//! Three functions, because replay must not decide again and must not act again:
//! [`decide`](decide::decide) says which events follow from a request, or refuses it; [`apply`](apply::apply) changes
//! the state, for what is in the log has happened; [`effects`](effects::effects) says what to do outside. After a
//! crash only `apply` runs over the log.
//!
//! # Invariants (each has a test)
//! 1. Every (state, request) pair is accepted or refused by name; there is no wildcard arm.
//! 2. What `decide` accepts, `apply` accepts.
//! 3. A call starts only from approvals whose digest is the digest of what is about to run, or from `gate: none`.
//! 4. A call that is out (`Calling`, `Proving`) ends in `Done`, `Failed`, `InDoubt` or `Undone`; never back in waiting.
//! 5. Everything that grows has a bound: see [`limits`].
//! 6. The rules hold here, for every surface alike; only the engine reports.
//! 7. Nothing begins out of its order: what a step needs is settled when people agree and still right before the call,
//!    and nothing is put back past the point of no return.
//! 8. Approvals that have run out never count again, whatever the clock does.

pub mod apply;
mod attempts;
pub mod chat;
pub mod decide;
pub mod decision;
pub mod declared;
pub mod done;
pub mod effect;
pub mod effects;
pub mod groups;
pub mod limits;
pub mod log;
pub mod plan;
pub mod preview;
pub mod protocol;
pub mod questions;
pub mod refusal;
pub mod report;
pub mod state;
pub mod update;
pub mod updates;

pub use effect::{Effect, MessageKey};
pub use protocol::{Entry, Event, Report, Request, Start};
pub use refusal::Refusal;
pub use state::{Kind, Run, Status, StepRun, StepState};

#[cfg(test)]
mod tests;

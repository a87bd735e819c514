//! The runbook: what people wrote, checked.
//!
//! [`fields`] says as data what a document may hold. [`check`] turns the text of a document into a [`Runbook`] or into
//! every problem it has, each with line, column and a hint. Nothing past it meets an unchecked document. [`condition`] evaluates CEL in three values, [`template`]
//! fills `${…}` from an environment, [`show`] prints and [`mermaid`] draws for
//! people, [`schema`] is for editors.

pub mod check;
pub mod condition;
pub mod document;
pub mod fields;
pub mod mermaid;
pub mod schema;
pub mod show;
pub mod template;

pub use document::{ActionCall, CodeOf, Gate, OnFailure, Phase, Runbook, Step, Verify};

#[cfg(test)]
mod tests;

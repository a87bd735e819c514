//! The integration tests: one binary, one file per subject, everything they stand on in [`harness`].
#![cfg(test)]

mod actions;
mod conversation;
mod harness;
mod runbook_check;
mod store;
mod terminal;

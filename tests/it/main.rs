//! The integration tests: one binary, one file per subject, everything they stand on in [`harness`].
#![cfg(test)]

mod actions;
mod cards;
mod conversation;
mod crash;
mod doctor;
mod harness;
mod kpis;
mod manifest;
mod outgoing;
mod prompts;
mod recovery;
mod report;
mod round_trip;
mod runbook_check;
mod screens;
mod script;
mod sockets;
mod spoken;
mod store;
mod terminal;
mod tidy;
mod timed;
mod walk;

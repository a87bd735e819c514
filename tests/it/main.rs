//! The integration tests: one binary, one file per subject, everything they stand on in [`harness`].
#![cfg(test)]

mod harness;

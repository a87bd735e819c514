//! The run.

pub mod preview;

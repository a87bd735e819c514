//! dr-buddy.
pub mod actions;
pub mod domain;

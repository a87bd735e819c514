//! dr-buddy.
pub mod actions;
pub mod domain;
pub mod web;

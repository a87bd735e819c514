//! dr-buddy.
pub mod domain;

pub mod actions;
pub mod store;

pub mod engine;

pub mod web;

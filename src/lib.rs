//! dr-buddy.
pub mod domain;

pub mod actions;
pub mod store;

pub mod engine;

pub mod catalog;
pub mod desk;

pub mod slack;
pub mod web;

pub mod cli;

pub mod app;
pub mod config;
pub mod telemetry;

//! Conversations: people drive the real binary through Slack, and afterwards the servers are asked what happened.

mod changed_world;
mod chat;
mod codes;
mod commands;
mod doctor;
mod doubt;
mod ends;
mod failover;
mod full_disk;
mod fuzz;
mod groups;
mod home;
mod hooks;
mod lang;
mod path;
pub(crate) mod people;
mod places;
pub(crate) mod raw;
mod record;
mod refusals;
pub(crate) mod shop;
mod sockets;
pub(crate) mod stage;
mod start;
mod strict_slack;
mod views;

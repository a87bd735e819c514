//! Conversations: people drive the real binary through Slack, and afterwards the servers are asked what happened.

mod changed_world;
mod commands;
mod doubt;
mod ends;
mod failover;
mod full_disk;
mod fuzz;
mod people;
mod places;
mod raw;
mod record;
mod refusals;
mod shop;
mod sockets;
mod stage;
mod start;
mod strict_slack;

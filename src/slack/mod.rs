//! Slack: what comes in, by two doors ([`inbound`] for HTTP, [`socket`] for Socket Mode) that do the same ([`handle`],
//! [`payload`], [`command`], `obey`, `chat`), and what goes out ([`render`], [`client`], [`room`],
//! `home`).
//!
//! Payloads are read leniently from JSON: a well-signed click is a click, whatever fields Slack adds or nulls. A
//! request is committed first and acknowledged then; a refusal answers the asker alone.

mod calls;
mod chat;
pub mod client;
pub mod command;
mod filled;
pub mod handle;
mod heard;
mod home;
mod homes;
pub mod inbound;
mod lane;
pub mod menu;
mod modal;
mod obey;
pub mod payload;
pub mod render;
pub mod room;
mod said;
mod sender;
pub mod socket;
pub mod start_form;
mod words;

pub use heard::SHORTCUT;

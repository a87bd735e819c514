//! Slack: the only room that knows its Web API and its payloads.
//!
//! In come requests, by two doors ([`inbound`] for HTTP, [`socket`] for Socket Mode). They are read ([`payload`],
//! [`command`], `filled`, `heard`) by modules that do nothing, and done ([`handle`], `obey`, `chat`, `offers`, [`start_form`]) by
//! way of the desk. Out go messages ([`render`] draws, [`room`] posts through [`client`], one `lane` per channel), forms
//! (`modal`), homes (`home`), and answers to one person (`said`).
//!
//! Payloads are read leniently from JSON: a well-signed click is a click, whatever fields Slack adds or nulls. A
//! request is committed first and acknowledged then; a refusal answers the asker alone. No rule and no word that people
//! read is here: those are the domain's and the prompts'.

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
mod offers;
pub mod payload;
pub mod render;
pub mod room;
mod said;
mod sender;
pub mod socket;
pub mod start_form;
mod words;

pub use heard::SHORTCUT;

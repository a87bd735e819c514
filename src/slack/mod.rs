//! Slack: what comes in ([`inbound`], [`payload`], [`command`]), what goes out ([`render`], [`client`]).
//!
//! Payloads are read leniently from JSON: a well-signed click is a click, whatever fields Slack adds or nulls. A
//! request is committed first and acknowledged then; a refusal answers the asker alone.

pub mod client;
pub mod command;
pub mod inbound;
pub mod payload;
pub mod render;

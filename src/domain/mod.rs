//! The rules of the product. Pure: no async, clock, randomness, environment, files, SQL, HTTP or Slack; the tidy
//! test reads these sources and fails on any of them. Time is an argument; ids are made outside and passed in.
//!
//! In reading order: the words ([`ids`], [`time`], [`back_off`], [`value`], [`text`]), how documents are read
//! ([`yaml`]), who may ([`actor`]), what is acted on ([`environment`]), what is asked besides the press ([`code`]), what
//! may be done ([`action`]), the document that orders it ([`runbook`]), the systems that are documents ([`connector`]), what
//! rings ([`alert`]), the run itself ([`run`]), what is offered before there is one ([`offer`]), whether it would work
//! ([`readiness`]), what is reported of it ([`report`]) and what is said ([`comms`]).

pub mod back_off;
pub mod ids;
pub mod text;
pub mod time;
pub mod value;
pub mod yaml;

pub mod actor;
pub mod code;
pub mod environment;

pub mod action;
pub mod runbook;

pub mod connector;

pub mod alert;
pub mod run;

pub mod offer;

pub mod readiness;

pub mod report;

pub mod comms;

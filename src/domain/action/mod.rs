//! What a step can do: one [`ActionSpec`] per action. Those of this build are the rows here, and the doing is in
//! `crate::actions`, under the same name: one file per outside system, here and there, and a test there demands that
//! every row has an implementation and a tabletop stand-in. Those of connectors come from their documents. What a
//! runbook may name is both together: [`Known`].

mod aurora;
mod capacity;
mod dns;
mod elasticache;
mod exec;
mod http;
mod human;
mod jobs;
mod known;
mod kube;
mod looks;
mod redis;
mod route53;
mod s3;
mod secrets;
mod spec;
mod sql;

use super::yaml::shape::Field;
pub use known::{Known, all, find};
pub use spec::{ActionSpec, Danger, Parameter, Repeat, Undo};

/// An action of this build, as its table has it.
#[derive(Debug)]
struct Row {
    name: &'static str,
    about: &'static str,
    parameters: &'static [Field<'static>],
    facts: &'static [&'static str],
    danger: Danger,
    repeat: Repeat,
    undo: Undo,
}

/// The tables, in the order people read about them.
const TABLES: [&[Row]; 15] = [
    aurora::ALL,
    elasticache::ALL,
    route53::ALL,
    secrets::ALL,
    s3::ALL,
    capacity::ALL,
    jobs::ALL,
    looks::ALL,
    kube::ALL,
    http::ALL,
    dns::ALL,
    sql::ALL,
    redis::ALL,
    exec::ALL,
    human::ALL,
];

//! What the subcommands do. Each writes to a writer it is given and says whether all was good; `main` makes an exit
//! code of that. People at a terminal are a surface like any other: what concerns a run goes through the desk.

pub mod args;
pub mod demo;
pub mod doctor;
pub mod enrol;
pub mod evidence;
pub mod local;
mod plain;
pub mod report;
pub mod run;
pub mod runbook;
pub mod script;
pub mod serve;
mod stats;

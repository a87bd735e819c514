//! **dr-buddy** walks a team through a disaster-recovery runbook in Slack: during a disaster nothing happens but what
//! people approved, exactly that, once; everything that happens is on the record.
//!
//! # The map, in reading order
//! | room | what it is for | may import |
//! |---|---|---|
//! | [`domain`] | the rules, pure: documents, runs, what is reported, what is said | nothing |
//! | [`telemetry`] | writes the logs | nothing |
//! | [`faults`] | names places for tests of the binary; in every other build nothing | `domain` |
//! | [`actions`] | the outside systems (AWS, Kubernetes, databases, DNS, HTTP) and the simulated ones, behind one trait | `domain`, `faults` |
//! | [`store`] | what survives: one transaction per request; SQLite and PostgreSQL behind one trait | `domain`, `faults` |
//! | [`engine`] | drives the domain durably: in → decide → record → effect | `domain`, `telemetry`, `faults`, `actions`, `store` |
//! | [`catalog`] | reads `prompts/` and the environments, once, whole or not at all | `domain` |
//! | [`desk`] | what every surface does with what people ask | `domain`, `telemetry`, `store`, `engine`, `catalog` |
//! | [`slack`] | signed requests or envelopes in, Block Kit out | `domain`, `faults`, `store`, `engine`, `catalog`, `desk` |
//! | [`hooks`] | alerts of monitoring systems in: signed, or with a secret | `domain`, `telemetry`, `faults`, `actions`, `desk` |
//! | [`web`] | the war room in the browser: the same messages and buttons, rendered by `slack` | `domain`, `telemetry`, `store`, `engine`, `catalog`, `desk`, `slack` |
//! | [`config`] | the only reader of environment variables | `domain`, `actions`, `catalog`, `slack`, `hooks`, `web` |
//! | [`app`] | the composition root: builds, starts, drains | `domain`, `telemetry`, `faults`, `actions`, `store`, `engine`, `catalog`, `desk`, `slack`, `hooks`, `web`, `config` |
//! | [`cli`] | the subcommands | `domain`, `telemetry`, `store`, `engine`, `catalog`, `desk`, `config`, `app` |
//! | `main` | reads the command line, chooses, ends with an exit code | `domain`, `telemetry`, `catalog`, `config`, `cli` |
//!
//! Nobody imports a room further down, so there is no circle between rooms; nor is there one between the modules of a
//! room. Only [`app`] knows which store it is. `tests/it/tidy` reads this table and the sources, and fails where they
//! differ.
//!
//! # What always holds
//! 1. A call that changes something outside is made in one place ([`engine::attempt`]), from an
//!    [`Approved`](domain::run::preview::Approved) value that only the comparison with what people agreed to can make.
//! 2. The start of an attempt is committed before the call. An attempt found open is probed, never repeated.
//! 3. State changes only by events; events, their effects and the request's key are one transaction
//!    ([`store::Store::commit`]). The record is a chain of hashes ([`domain::run::log`]).
//! 4. A rule is decided in [`domain::run::decide`], whatever surface asked.
//! 5. What is not known is said to be unknown ([`domain::runbook::condition`]), and never counts as yes.
//! 6. A press alone passes no point of no return in the name of somebody who has one-time codes, on any surface.
//! 7. A tabletop cannot reach anything outside: the run's kind alone chooses between real and simulated actions.
//!
//! # Eight walks
//! **A slash command.** [`slack::inbound`] checks the signature on the raw body, or [`slack::socket`] takes it out of
//! its envelope; from there both doors are one: [`slack::handle`] asks whether runs are driven from that place,
//! [`slack::payload`] reads it, [`slack::command`] understands it, [`desk::Desk::start`] gathers the frozen runbook and
//! environment, [`engine::Engine::start`] decides and commits; then Slack gets its 200, or its acknowledgement. The
//! outbox makes previews and posts cards.
//!
//! **A form.** `/dr` answers with buttons; Start… opens an empty form while its trigger is good (`slack::modal`), which is
//! filled after the acknowledgement ([`slack::start_form`]). What was sent is one start with all that was said of the
//! trouble ([`domain::run::declared`]); a refusal stands beside the field it is about.
//!
//! **A button.** A payload becomes a [`Press`](domain::comms::Press) and one known person or a stranger; the request is
//! decided and committed, and acknowledged then. A refusal is whispered to the asker. A repeat of the payload has the
//! same key and changes nothing. Where there is no way back the rules refuse a press without a
//! [`Confirmation`](domain::code::Confirmation): then the [`engine`] looks whether the person has one-time codes, every
//! surface shows the form that asks for one, and the engine alone checks it, once.
//!
//! **A step.** Enough approvals → `StepApproved` and the effect `Act`. The outbox measures everything again, submits
//! `Begin` (digest, guard, quorum and expiry are decided once more) → `AttemptStarted` → the call → `CallAccepted` →
//! `Prove` until `verify` holds for long enough → `StepDone`, and what needs it opens.
//!
//! **A crash.** Whatever was owed stands in the outbox. At the next start the port opens at once, but only health
//! answers ([`web::door`]). The open runs are read from their rows, [`domain::run::plan`] says which attempts are open,
//! and [`engine::recover`] takes them over (on SQLite all; on PostgreSQL those whose lease has ended), reports a call
//! found open as interrupted, and looks at all of them at the same time. What is seen is decided like any other report:
//! finished, not started, under way, or for people. Only then the outbox starts and `/readyz` says ready. Another
//! replica's attempt, found open when its lease ends, takes the same path. A message whose post had begun is looked for
//! in the channel, and edited, or posted again with a word about it. Had the process been silent for minutes, a warning
//! that it had left in the channel was posted without it (`engine::watch`).
//!
//! **A round of the doctor.** At a start and as scheduled, [`desk::Desk::keep_rounds`] takes the round before other
//! replicas do, while no run is open. [`actions::Doctor`] runs the checks of the environment and looks at each step of
//! each runbook as a run would, up to its preview; nothing is changed. The report is kept, what has turned since the one
//! the room was told last ([`domain::readiness`]) is announced, and only then it counts as told.
//!
//! **An alert.** [`hooks`] proves who sent it, [`domain::alert`] reads it, [`domain::offer`] decides where it goes, and it is
//! on the record before its sender gets a 200. [`desk::Desk::keep_alerts`] then shows the offer in the room, or has the
//! engine put the alert on the timeline of the run that is open. Whoever presses "Declare an incident" gets the form of
//! a start, filled with what rang; nothing starts by itself.
//!
//! **An end.** At SIGTERM nothing more is taken, and no call is begun that may not be over within `DR_BUDDY_GRACE`: its
//! effect is handed back, and the next process has it at once. A call that is out is waited for; what is out even then
//! is left to its lease and named in the log (exit code 3). A second signal ends it there and then.
//!
//! # How to add
//! *An action*: a row in its system's file under [`domain::action`] → its file in `actions/` and what a tabletop
//! pretends, in `actions/simulated` → one line for both in `actions/registry` → its remarks in `prompts/messages`.
//! Tests demand each of these, and print what `deploy/` must hold then.
//! *A check of the doctor*: a row in [`domain::readiness`] → a row in its system's file in `actions/doctor` → its title and
//! remedy in `prompts/messages`, and a fault in `tests/it/doctor` that it finds.
//! *A command*: a word and a variant in [`slack::command`]. *A language*: a variant of [`domain::value::Language`], its
//! texts in [`domain::value::Localized`] and in every document, and its folders in `prompts/messages` and
//! `prompts/documents`; the compiler and tests list the rest. *A runbook*: YAML only. *A system with an HTTP API*: YAML
//! only, `prompts/connectors`.

pub mod domain;

pub mod telemetry;

pub mod faults;

pub mod actions;
pub mod store;

pub mod engine;

pub mod catalog;
pub mod desk;

pub mod slack;

pub mod hooks;

pub mod web;

pub mod config;

pub mod app;

pub mod cli;

//! Drives the domain durably: in → decide → record → effect.
//!
//! [`Engine::start`] opens a run, and it changes by [`Engine::submit`] alone: one transaction per request. Where the
//! rules want more than a press, `codes` asks for it. The [`outbox`] performs what was recorded; [`attempt`] does the
//! steps' own work (preview, call, proof, probe); `tell` shows messages, `chat` reads those that people marked, `groups`
//! who is in a user group, `watch` keeps the warning of the bot's silence, all of them with one `effect` in hand.
//! Whatever was interrupted is found in the outbox again and takes the same path; an attempt found open is probed, never
//! repeated, and before any other work ([`recover`]). What runs for long is kept running by [`supervise`].
//!
//! It decides nothing (that is the domain's), writes no SQL, and knows no surface: what people press and read is not
//! known here.

pub mod alerts;
pub mod attempt;
pub mod channel;
mod chat;
pub mod clock;
mod codes;
mod effect;
mod groups;
pub mod outbox;
pub mod patience;
pub mod recover;
mod running;
pub mod seal;
pub mod submit;
pub mod supervise;
mod tell;
mod turns;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, broadcast};

use crate::actions::{Actions, Doctor};
use crate::domain::ids::RunId;
use crate::store::Store;
use channel::Channel;
use clock::Clock;
use patience::Patience;
use running::Running;
use seal::Seal;
use turns::Turns;

pub use running::Underway;
pub use submit::{Asked, SubmitError, Submitted};

/// Everything the engine works with.
#[derive(Debug)]
pub struct Engine {
    /// What survives.
    pub store: Arc<dyn Store>,
    /// What steps do.
    pub actions: Arc<Actions>,
    /// Where messages go.
    pub channel: Arc<dyn Channel>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How long things may take.
    pub patience: Patience,
    /// Opens the secrets of one-time codes; without, nobody who has some can agree where they are asked for.
    pub seal: Option<Seal>,
    /// Looks whether the runbooks would work today; without, nobody can tell.
    pub doctor: Option<Doctor>,
    /// Names this process among all that ever work on the store: leases and the keys made from them carry it. A process
    /// id would not do: every container has a process 1, and has it again after a restart.
    name: String,
    /// How often it has looked for work.
    claims: AtomicU64,
    /// Whose request to a run is next.
    turns: Turns,
    /// What it is performing.
    running: Running,
    /// Wakes the outbox.
    work: Notify,
    /// Tells that something was recorded about alerts.
    rang: Notify,
    /// Tells the pages which run has changed.
    changes: broadcast::Sender<RunId>,
}

impl Engine {
    /// An engine on these parts. Nothing runs until [`outbox::work`] does.
    pub fn new(
        store: Arc<dyn Store>,
        actions: Arc<Actions>,
        channel: Arc<dyn Channel>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (changes, _) = broadcast::channel(256);
        let name = uuid::Uuid::new_v4().simple().to_string();
        Self {
            store,
            actions,
            channel,
            clock,
            patience: Patience::default(),
            seal: None,
            doctor: None,
            name,
            claims: 0.into(),
            turns: Turns::default(),
            running: Running::default(),
            work: Notify::new(),
            rang: Notify::new(),
            changes,
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same with a seal.
    #[must_use]
    pub fn with_seal(self, seal: Option<Seal>) -> Self {
        Self { seal, ..self }
    }

    /// The same with a doctor.
    #[must_use]
    pub fn with_doctor(self, doctor: Doctor) -> Self {
        Self { doctor: Some(doctor), ..self }
    }

    /// A stream of runs that changed. A receiver that lags has missed some, and should look at everything.
    pub fn changes(&self) -> broadcast::Receiver<RunId> {
        self.changes.subscribe()
    }

    /// A name for a taking of work that no other ever has.
    fn holder(&self) -> String {
        format!("{}/{}", self.name, self.claims.fetch_add(1, Ordering::Relaxed))
    }

    /// Lets the outbox look for work now.
    pub fn wake(&self) {
        self.work.notify_one();
    }
}

#[cfg(test)]
mod tests;

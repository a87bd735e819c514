//! What this process is performing right now, and until when it may go on: so that an end within a limit of time can
//! be kept, and what is still out then is named.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Engine;
use crate::domain::ids::RunId;
use crate::domain::run::Effect;
use crate::domain::time::Timestamp;
use crate::store::Claimed;

/// An effect in the hands of this process.
#[derive(Debug, Clone, PartialEq)]
pub struct Underway {
    /// Of which run.
    pub run: RunId,
    /// What.
    pub effect: Effect,
    /// When its lease ends: from then on another process may look after it.
    pub until: Timestamp,
    /// Whether it is an attempt that has begun: its call may be out.
    pub has_begun: bool,
}

/// Everything in the hands of this process.
#[derive(Debug, Default)]
pub(super) struct Running {
    now: Mutex<BTreeMap<String, Underway>>,
    end: OnceLock<Instant>,
}

fn name(claimed: &Claimed) -> String {
    format!("{}/{}/{}", claimed.lease, claimed.run, claimed.key)
}

/// Keeps the list true however the work ends.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    running: &'a Running,
    name: String,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.running.change(|now| now.remove(&self.name));
    }
}

impl Running {
    fn change<T>(&self, with: impl FnOnce(&mut BTreeMap<String, Underway>) -> T) -> T {
        with(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn enter(&self, claimed: &Claimed) -> Entered<'_> {
        let (run, effect) = (claimed.run.clone(), claimed.effect.clone());
        let underway = Underway { run, effect, until: claimed.until, has_begun: false };
        let name = name(claimed);
        self.change(|now| now.insert(name.clone(), underway));
        Entered { running: self, name }
    }

    /// The attempt that this effect is has begun.
    pub(super) fn begun(&self, claimed: &Claimed) {
        self.change(|now| {
            if let Some(underway) = now.get_mut(&name(claimed)) {
                underway.has_begun = true;
            }
        });
    }
}

impl Engine {
    /// From now on nothing new is to be begun that may not be over after `grace`. The first word counts.
    pub fn end_within(&self, grace: Duration) {
        self.running.end.get_or_init(|| Instant::now() + grace);
    }

    /// Whether a call may still be begun.
    pub(super) fn may_begin(&self) -> bool {
        let over = Instant::now() + self.patience.call;
        self.running.end.get().is_none_or(|end| over <= *end)
    }

    /// What is in the hands of this process now.
    pub fn underway(&self) -> Vec<Underway> {
        self.running.change(|now| now.values().cloned().collect())
    }

    pub(super) fn enter(&self, claimed: &Claimed) -> Entered<'_> {
        self.running.enter(claimed)
    }
}

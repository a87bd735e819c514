//! Requests to one run are decided one after another within this process, each on what the one before left, and need not
//! wait until that is durable: of fifty that come at the same moment, all are in one transaction. What is recorded is
//! refused where the state that it was decided on is not the recorded one, so whoever built on what then failed, or was
//! overtaken by another process, decides again.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

use crate::domain::ids::RunId;
use crate::store::Stored;

/// Runs that meet in one of these wait for each other, which costs little.
const LOCKS: usize = 16;

/// Who is next, and what the one before left.
#[derive(Debug, Default)]
pub(super) struct Turns {
    rows: [Row; LOCKS],
}

#[derive(Debug, Default)]
struct Row {
    left: Mutex<Option<Stored>>,
    /// Held for reading by all that was decided and is on its way into the record.
    underway: RwLock<()>,
}

/// The right to decide; it lasts as long as the value.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    left: MutexGuard<'a, Option<Stored>>,
    underway: &'a RwLock<()>,
}

impl Turns {
    /// Waits for a turn, first come, first served.
    pub(super) async fn wait(&self, run: &RunId) -> Turn<'_> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(run.as_str());
        let [first, rest @ ..] = &self.rows;
        let index = usize::try_from(hash % LOCKS as u64).unwrap_or_default();
        let row = index.checked_sub(1).and_then(|index| rest.get(index)).unwrap_or(first);
        Turn { left: row.left.lock().await, underway: &row.underway }
    }
}

impl<'a> Turn<'a> {
    /// Takes what the one before left, if it is this run: perhaps not recorded yet, perhaps never.
    pub(super) fn take(&mut self, run: &RunId) -> Option<Stored> {
        self.left.take().filter(|stored| stored.run.id == *run)
    }

    /// Waits until nothing is on its way into the record, so that what is read is all there is.
    pub(super) async fn settled(&self) {
        drop(self.underway.write().await);
    }

    /// Leaves a state to the next, with its turn. What led to it is on its way as long as what is returned.
    pub(super) async fn leave(mut self, stored: Stored) -> RwLockReadGuard<'a, ()> {
        // Nobody waits for it to be free but who has the turn.
        let underway = self.underway.read().await;
        *self.left = Some(stored);
        underway
    }
}

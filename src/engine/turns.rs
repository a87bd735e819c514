//! Requests to one run one after another within this process: of fifty that come at the same moment each would decide
//! on the same state, one would be recorded, and forty-nine would have worked in vain, again and again. Another
//! process may still be faster; that is found out where it is recorded.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::ids::RunId;
use crate::store::Stored;

/// Runs that meet in one of these wait for each other, which costs a commit.
const ROWS: usize = 16;

/// Who is next, and what the one before left: the state need not be read again. Where another process was faster, that
/// is found out by whoever decides on it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    rows: [Mutex<Option<Stored>>; ROWS],
}

impl Turns {
    /// Waits for a turn, first come, first served; it lasts as long as what is returned.
    pub(super) async fn wait(&self, run: &RunId) -> Option<MutexGuard<'_, Option<Stored>>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(run.as_str());
        let row = usize::try_from(hash % ROWS as u64).ok()?;
        Some(self.rows.get(row)?.lock().await)
    }
}

//! What a run never changes: its runbook and its environment. Each is written once, under the hash of its text, and
//! shared by all runs that have the same; a run's own row names the hashes.
//!
//! What is on a shelf is certainly stored: it was read, or its commit is durable. What is not is written along with the
//! commit. Nothing hangs on a shelf's being full or empty, nor on the rows: all of it stands in the record as well.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, codec};
use crate::domain::environment::Environment;
use crate::domain::ids::Digest;
use crate::domain::run::Run;
use crate::domain::runbook::Runbook;

/// Things on a shelf at most: the oldest gives way.
const ROOM: usize = 32;

/// What this process knows to be stored.
#[derive(Debug, Default)]
pub(super) struct Frozen {
    pub(super) runbooks: Shelf<Runbook>,
    pub(super) environments: Shelf<Environment>,
}

/// Things of one kind, by their hashes.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    things: Mutex<VecDeque<(Digest, Arc<T>)>>,
}

/// The row of something frozen.
#[derive(Debug, Clone)]
pub(super) struct FrozenRow {
    pub(super) hash: String,
    pub(super) body: String,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { things: Mutex::default() }
    }
}

impl<T: Serialize + DeserializeOwned> Shelf<T> {
    /// What has this hash.
    pub(super) fn get(&self, hash: &Digest) -> Option<Arc<T>> {
        self.find(|known, _| known == hash).map(|(_, thing)| thing)
    }

    /// What was read from the store, put on the shelf.
    pub(super) fn read(&self, hash: &Digest, body: &str) -> Result<Arc<T>, StoreError> {
        let thing = Arc::new(codec::read("frozen part of a run", body)?);
        self.put(hash, &thing);
        Ok(thing)
    }

    /// Its hash, and the row to be written if it is not known to be stored.
    fn hash(&self, thing: &Arc<T>) -> Result<(Digest, Option<FrozenRow>), StoreError> {
        if let Some((hash, _)) = self.find(|_, known| Arc::ptr_eq(known, thing)) {
            return Ok((hash, None));
        }
        let body = codec::write("frozen part of a run", &**thing)?;
        let hash = Digest::of(body.as_bytes());
        let is_stored = self.get(&hash).is_some();
        let row = (!is_stored).then(|| FrozenRow { hash: hash.to_string(), body });
        Ok((hash, row))
    }

    fn find(&self, is_it: impl Fn(&Digest, &Arc<T>) -> bool) -> Option<(Digest, Arc<T>)> {
        let things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        things.iter().find(|(hash, thing)| is_it(hash, thing)).cloned()
    }

    fn put(&self, hash: &Digest, thing: &Arc<T>) {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        if things.iter().any(|(known, _)| known == hash) {
            return;
        }
        things.push_back((hash.clone(), Arc::clone(thing)));
        if things.len() > ROOM {
            things.pop_front();
        }
    }
}

/// The hashes of what is frozen of a run, and the rows that are written along with it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) runbook: Digest,
    pub(super) environment: Digest,
    pub(super) rows: Vec<FrozenRow>,
}

impl Frozen {
    /// Names what is frozen of a run.
    pub(super) fn name(&self, run: &Run) -> Result<Named, StoreError> {
        let (runbook, first) = self.runbooks.hash(&run.runbook)?;
        let (environment, second) = self.environments.hash(&run.environment)?;
        Ok(Named { runbook, environment, rows: first.into_iter().chain(second).collect() })
    }

    /// What was named so is durable now.
    pub(super) fn keep(&self, run: &Run, named: &Named) {
        if named.rows.is_empty() {
            return;
        }
        self.runbooks.put(&named.runbook, &run.runbook);
        self.environments.put(&named.environment, &run.environment);
    }
}

//! From the row of a run to the run: what was frozen at its start is fetched by name, and a row that another version
//! wrote is rebuilt from the record. The same for every database.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frozen::{Frozen, Shelf};
use super::rows::{self, RunRow, State};
use super::{Store, StoreError, Stored};
use crate::domain::ids::Digest;
use crate::domain::run::Run;

/// What a database adds to [`Store`] so that its rows can be read.
#[async_trait]
pub(super) trait Thaw: Store {
    /// What is known to be stored.
    fn frozen(&self) -> &Frozen;

    /// The text that has this hash.
    async fn frozen_body(&self, hash: &Digest) -> Result<Option<String>, StoreError>;

    /// The state, and the hash of the event that it was read after: both from the row, or both from the record.
    async fn stored(&self, row: &RunRow) -> Result<Stored, StoreError> {
        let run = match rows::state(row)? {
            State::Ready(moving) => {
                let Frozen { runbooks, environments } = self.frozen();
                let runbook = thing(self, runbooks, &moving.runbook).await?;
                let environment = thing(self, environments, &moving.environment).await?;
                if let (Some(runbook), Some(environment)) = (runbook, environment) {
                    let run = moving.with(runbook, environment);
                    return Ok(Stored { head: rows::digest(&row.1)?, run });
                }
                rows::id(&row.0)?
            }
            State::Outdated(run) => run,
        };
        rows::replay(&self.record(&run, 0, u32::MAX).await?)
    }

    /// The runs of these rows.
    async fn all_stored(&self, rows: &[RunRow]) -> Result<Vec<Run>, StoreError> {
        let mut runs = Vec::with_capacity(rows.len());
        for row in rows {
            runs.push(self.stored(row).await?.run);
        }
        Ok(runs)
    }
}

async fn thing<T: Serialize + DeserializeOwned + Send + Sync>(
    store: &(impl Thaw + ?Sized),
    shelf: &Shelf<T>,
    hash: &Digest,
) -> Result<Option<Arc<T>>, StoreError> {
    if let Some(thing) = shelf.get(hash) {
        return Ok(Some(thing));
    }
    let body = store.frozen_body(hash).await?;
    body.map(|body| shelf.read(hash, &body)).transpose()
}

//! Nothing rings in the simulation.

use async_trait::async_trait;
use dr_buddy::domain::ids::EnvironmentId;
use dr_buddy::domain::offer::Board;
use dr_buddy::domain::time::Timestamp;
use dr_buddy::store::StoreError;
use dr_buddy::store::alerts::{Alerts, BoardCommit, Shown, Turn};

use crate::memory::MemoryStore;

#[async_trait]
impl Alerts for MemoryStore {
    async fn board(&self, _: &EnvironmentId) -> Result<Board, StoreError> {
        Ok(Board::default())
    }

    async fn known_news(&self, _: &EnvironmentId, _: &[String]) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn commit_board(&self, _: &BoardCommit<'_>) -> Result<bool, StoreError> {
        unreachable!("nothing rings")
    }

    async fn offers_shown(&self, _: &EnvironmentId) -> Result<Vec<(u64, u64)>, StoreError> {
        Ok(Vec::new())
    }

    async fn take_offer(
        &self,
        _: Turn<'_>,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Option<Shown>, StoreError> {
        unreachable!("nothing is offered")
    }

    async fn keep_offer(&self, _: Turn<'_>, _: &Shown, _: Timestamp) -> Result<bool, StoreError> {
        unreachable!("nothing is offered")
    }
}

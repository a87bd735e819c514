//! No doctor looks at the simulation: it has no outside to be ready.

use async_trait::async_trait;
use dr_buddy::domain::ids::EnvironmentId;
use dr_buddy::domain::readiness::Report;
use dr_buddy::domain::time::Timestamp;
use dr_buddy::store::StoreError;
use dr_buddy::store::reports::Reports;

use crate::memory::MemoryStore;

#[async_trait]
impl Reports for MemoryStore {
    async fn keep_report(&self, _: &Report) -> Result<(), StoreError> {
        unreachable!("nobody looks")
    }

    async fn reports(&self, _: &EnvironmentId, _: u32) -> Result<Vec<Report>, StoreError> {
        Ok(Vec::new())
    }

    async fn told_report(&self, _: &EnvironmentId) -> Result<Option<Report>, StoreError> {
        Ok(None)
    }

    async fn report_told(&self, _: &Report) -> Result<(), StoreError> {
        unreachable!("nobody looks")
    }

    async fn begin_round(
        &self,
        _: &EnvironmentId,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }
}

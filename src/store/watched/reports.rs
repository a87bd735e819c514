//! The doctor's reports of a store that is watched: no run hangs on them, so nothing here is a place to be killed at.

use async_trait::async_trait;

use super::WatchedStore;
use crate::domain::ids::EnvironmentId;
use crate::domain::readiness::Report;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::reports::Reports;

#[async_trait]
impl Reports for WatchedStore {
    async fn keep_report(&self, report: &Report) -> Result<(), StoreError> {
        self.0.keep_report(report).await
    }

    async fn reports(
        &self,
        environment: &EnvironmentId,
        limit: u32,
    ) -> Result<Vec<Report>, StoreError> {
        self.0.reports(environment, limit).await
    }

    async fn told_report(&self, environment: &EnvironmentId) -> Result<Option<Report>, StoreError> {
        self.0.told_report(environment).await
    }

    async fn report_told(&self, report: &Report) -> Result<(), StoreError> {
        self.0.report_told(report).await
    }

    async fn begin_round(
        &self,
        environment: &EnvironmentId,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.begin_round(environment, now, since).await
    }
}

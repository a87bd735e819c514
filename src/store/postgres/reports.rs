//! The doctor's reports in PostgreSQL.

use async_trait::async_trait;
use sqlx::Connection;

use super::PostgresStore;
use super::session::bounded;
use crate::domain::ids::EnvironmentId;
use crate::domain::readiness::Report;
use crate::domain::time::Timestamp;
use crate::store::reports::{self, Reports, Row};
use crate::store::{StoreError, failed};

#[async_trait]
impl Reports for PostgresStore {
    async fn keep_report(&self, report: &Report) -> Result<(), StoreError> {
        const WHAT: &str = "keep a report";
        let row = Row::of(report)?;
        bounded(WHAT, async {
            let mut db = self.session(WHAT).await?;
            let mut change = (*db).begin().await.map_err(failed(WHAT))?;
            let keep = sqlx::query(reports::KEEP)
                .bind(&row.environment)
                .bind(row.at)
                .bind(row.version)
                .bind(&row.body);
            keep.execute(&mut *change).await.map_err(failed(WHAT))?;
            let forget = sqlx::query(reports::FORGET).bind(&row.environment).bind(row.kept);
            forget.execute(&mut *change).await.map_err(failed(WHAT))?;
            change.commit().await.map_err(failed(WHAT))?;
            db.done();
            Ok(())
        })
        .await
    }

    async fn reports(
        &self,
        environment: &EnvironmentId,
        limit: u32,
    ) -> Result<Vec<Report>, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(reports::NEWEST)
            .bind(environment.as_str())
            .bind(reports::version())
            .bind(i64::from(limit));
        Ok(reports::read(self.fetch("read reports", query).await?))
    }

    async fn told_report(&self, environment: &EnvironmentId) -> Result<Option<Report>, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(reports::TOLD)
            .bind(environment.as_str())
            .bind(reports::version());
        Ok(reports::read(self.fetch("read reports", query).await?).pop())
    }

    async fn report_told(&self, report: &Report) -> Result<(), StoreError> {
        let query = sqlx::query(reports::TELL).bind(report.environment.as_str()).bind(report.at.0);
        self.execute("keep a report", query).await
    }

    async fn begin_round(
        &self,
        environment: &EnvironmentId,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(reports::BEGIN)
            .bind(environment.as_str())
            .bind(now.0)
            .bind(since.0)
            .bind(reports::cut_short(now).0);
        Ok(!self.fetch("begin a round", query).await?.is_empty())
    }
}

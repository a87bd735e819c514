//! The doctor's reports in SQLite: what changes them goes through the writer like anything else.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::writer::Write;
use crate::domain::ids::EnvironmentId;
use crate::domain::readiness::Report;
use crate::domain::time::Timestamp;
use crate::store::reports::{self, Reports, Row};
use crate::store::{StoreError, failed};

#[async_trait]
impl Reports for SqliteStore {
    async fn keep_report(&self, report: &Report) -> Result<(), StoreError> {
        self.writer.write(Row::of(report)?).await
    }

    async fn reports(
        &self,
        environment: &EnvironmentId,
        limit: u32,
    ) -> Result<Vec<Report>, StoreError> {
        let bodies = sqlx::query_as(reports::NEWEST)
            .bind(environment.as_str())
            .bind(reports::version())
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await;
        Ok(reports::read(bodies.map_err(failed("read reports"))?))
    }

    async fn told_report(&self, environment: &EnvironmentId) -> Result<Option<Report>, StoreError> {
        let bodies = sqlx::query_as(reports::TOLD)
            .bind(environment.as_str())
            .bind(reports::version())
            .fetch_all(&self.reader)
            .await;
        Ok(reports::read(bodies.map_err(failed("read reports"))?).pop())
    }

    async fn report_told(&self, report: &Report) -> Result<(), StoreError> {
        let (environment, at) = (report.environment.to_string(), report.at);
        self.writer.write(Tell { environment, at }).await
    }

    async fn begin_round(
        &self,
        environment: &EnvironmentId,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer.write(Begin { environment: environment.to_string(), now, since }).await
    }
}

#[async_trait]
impl Write for Row {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let kept = sqlx::query(reports::KEEP)
            .bind(&self.environment)
            .bind(self.at)
            .bind(self.version)
            .bind(&self.body)
            .execute(&mut *db)
            .await;
        kept.map_err(failed("keep a report"))?;
        let forgotten =
            sqlx::query(reports::FORGET).bind(&self.environment).bind(self.kept).execute(db).await;
        forgotten.map(drop).map_err(failed("keep a report"))
    }
}

/// The war room knows of it.
struct Tell {
    environment: String,
    at: Timestamp,
}

#[async_trait]
impl Write for Tell {
    type Output = ();

    async fn write(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let told = sqlx::query(reports::TELL).bind(&self.environment).bind(self.at.0).execute(db);
        told.await.map(drop).map_err(failed("keep a report"))
    }
}

/// Begins a round.
struct Begin {
    environment: String,
    now: Timestamp,
    since: Timestamp,
}

#[async_trait]
impl Write for Begin {
    type Output = bool;

    async fn write(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        let begun = sqlx::query(reports::BEGIN)
            .bind(&self.environment)
            .bind(self.now.0)
            .bind(self.since.0)
            .bind(reports::cut_short(self.now).0)
            .fetch_optional(db)
            .await;
        Ok(begun.map_err(failed("begin a round"))?.is_some())
    }
}

//! One-time codes in SQLite: what changes them goes through the writer like anything else.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::writer::Write;
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::time::Timestamp;
use crate::store::codes::{self, Codes, Enrolled, EnrolledRow, Enrolment, Tried, TriedRow};
use crate::store::{StoreError, failed};

#[async_trait]
impl Codes for SqliteStore {
    async fn enrol(&self, enrolment: &Enrolment<'_>) -> Result<bool, StoreError> {
        self.writer
            .write(Enrol {
                environment: enrolment.environment.to_string(),
                person: enrolment.person.to_string(),
                sealed: enrolment.sealed.to_owned(),
                at: enrolment.at,
                used: enrolment.used,
            })
            .await
    }

    async fn end_enrolment(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        let (environment, person) = (environment.to_string(), person.to_string());
        self.writer.write(End { environment, person }).await
    }

    async fn enrolled(&self, environment: &EnvironmentId) -> Result<Vec<Enrolled>, StoreError> {
        let rows: Vec<EnrolledRow> = sqlx::query_as(codes::ALL)
            .bind(environment.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(failed("list enrolments"))?;
        codes::everybody(rows)
    }

    async fn is_enrolled(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(codes::LOCKED)
            .bind(environment.as_str())
            .bind(person.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up a person's codes"))?;
        Ok(found.is_some())
    }

    async fn try_code(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Tried, StoreError> {
        let (environment, person) = (environment.to_string(), person.to_string());
        self.writer.write(Try { environment, person, now }).await
    }

    async fn spend(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        period: i64,
        key: &str,
    ) -> Result<bool, StoreError> {
        let (environment, person) = (environment.to_string(), person.to_string());
        self.writer.write(Spend { environment, person, period, key: key.to_owned() }).await
    }
}

/// Keeps an enrolment.
struct Enrol {
    environment: String,
    person: String,
    sealed: String,
    at: Timestamp,
    used: i64,
}

#[async_trait]
impl Write for Enrol {
    type Output = bool;

    async fn write(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        let enrolled = sqlx::query(codes::ENROL)
            .bind(&self.environment)
            .bind(&self.person)
            .bind(&self.sealed)
            .bind(self.at.0)
            .bind(self.used)
            .fetch_optional(db)
            .await;
        Ok(enrolled.map_err(failed("enrol a person"))?.is_some())
    }
}

/// Ends an enrolment.
struct End {
    environment: String,
    person: String,
}

#[async_trait]
impl Write for End {
    type Output = bool;

    async fn write(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        let query = sqlx::query(codes::END).bind(&self.environment).bind(&self.person);
        Ok(query.fetch_optional(db).await.map_err(failed("end an enrolment"))?.is_some())
    }
}

/// Counts a try.
struct Try {
    environment: String,
    person: String,
    now: Timestamp,
}

#[async_trait]
impl Write for Try {
    type Output = Tried;

    async fn write(&self, db: &mut SqliteConnection) -> Result<Tried, StoreError> {
        let (tries, until) = codes::lock(self.now);
        let row: Option<TriedRow> = sqlx::query_as(codes::TRY)
            .bind(&self.environment)
            .bind(&self.person)
            .bind(self.now.0)
            .bind(tries)
            .bind(until)
            .fetch_optional(&mut *db)
            .await
            .map_err(failed("count a try"))?;
        if let Some(row) = row {
            return Ok(codes::counted(row, self.now));
        }
        let locked = sqlx::query_scalar(codes::LOCKED)
            .bind(&self.environment)
            .bind(&self.person)
            .fetch_optional(db)
            .await;
        Ok(codes::not_counted(locked.map_err(failed("look up a person's codes"))?))
    }
}

/// Lets a code count.
struct Spend {
    environment: String,
    person: String,
    period: i64,
    key: String,
}

#[async_trait]
impl Write for Spend {
    type Output = bool;

    async fn write(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        let spent = sqlx::query(codes::SPEND)
            .bind(&self.environment)
            .bind(&self.person)
            .bind(self.period)
            .bind(&self.key)
            .fetch_optional(db)
            .await;
        Ok(spent.map_err(failed("spend a code"))?.is_some())
    }
}

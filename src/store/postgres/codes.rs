//! One-time codes in PostgreSQL: each method one statement, or two that need nothing of each other.

use async_trait::async_trait;

use super::PostgresStore;
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::codes::{self, Codes, Enrolled, EnrolledRow, Enrolment, Tried, TriedRow};

#[async_trait]
impl Codes for PostgresStore {
    async fn enrol(&self, enrolment: &Enrolment<'_>) -> Result<bool, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(codes::ENROL)
            .bind(enrolment.environment.as_str())
            .bind(enrolment.person.as_str())
            .bind(enrolment.sealed)
            .bind(enrolment.at.0)
            .bind(enrolment.used);
        Ok(!self.fetch("enrol a person", query).await?.is_empty())
    }

    async fn end_enrolment(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(codes::END)
            .bind(environment.as_str())
            .bind(person.as_str());
        Ok(!self.fetch("end an enrolment", query).await?.is_empty())
    }

    async fn enrolled(&self, environment: &EnvironmentId) -> Result<Vec<Enrolled>, StoreError> {
        let query = sqlx::query_as::<_, EnrolledRow>(codes::ALL).bind(environment.as_str());
        codes::everybody(self.fetch("list enrolments", query).await?)
    }

    async fn is_enrolled(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        Ok(self.locked(environment, person).await?.is_some())
    }

    async fn try_code(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Tried, StoreError> {
        let (tries, until) = codes::lock(now);
        let query = sqlx::query_as::<_, TriedRow>(codes::TRY)
            .bind(environment.as_str())
            .bind(person.as_str())
            .bind(now.0)
            .bind(tries)
            .bind(until);
        match self.fetch("count a try", query).await?.pop() {
            Some(row) => Ok(codes::counted(row, now)),
            None => Ok(codes::not_counted(self.locked(environment, person).await?)),
        }
    }

    async fn spend(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        period: i64,
        key: &str,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query_as::<_, (String,)>(codes::SPEND)
            .bind(environment.as_str())
            .bind(person.as_str())
            .bind(period)
            .bind(key);
        Ok(!self.fetch("spend a code", query).await?.is_empty())
    }
}

impl PostgresStore {
    async fn locked(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query_as::<_, (i64,)>(codes::LOCKED)
            .bind(environment.as_str())
            .bind(person.as_str());
        Ok(self.fetch("look up a person's codes", query).await?.pop().map(|(until,)| until))
    }
}

//! One-time codes of a store that is watched: nothing here is a place to be killed at but the one where a code counts.

use async_trait::async_trait;

use super::{WatchedStore, after, before};
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::codes::{Codes, Enrolled, Enrolment, Tried};

#[async_trait]
impl Codes for WatchedStore {
    async fn enrol(&self, enrolment: &Enrolment<'_>) -> Result<bool, StoreError> {
        self.0.enrol(enrolment).await
    }

    async fn end_enrolment(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        self.0.end_enrolment(environment, person).await
    }

    async fn enrolled(&self, environment: &EnvironmentId) -> Result<Vec<Enrolled>, StoreError> {
        self.0.enrolled(environment).await
    }

    async fn is_enrolled(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        self.0.is_enrolled(environment, person).await
    }

    async fn try_code(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Tried, StoreError> {
        self.0.try_code(environment, person, now).await
    }

    async fn spend(
        &self,
        environment: &EnvironmentId,
        person: &PersonId,
        period: i64,
        key: &str,
    ) -> Result<bool, StoreError> {
        before("the counting of a code");
        let spent = self.0.spend(environment, person, period, key).await;
        after("the counting of a code");
        spent
    }
}

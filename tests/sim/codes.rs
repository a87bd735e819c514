//! Nobody in the simulation has one-time codes: what they are asked for is tried in the conversations.

use async_trait::async_trait;
use dr_buddy::domain::ids::{EnvironmentId, PersonId};
use dr_buddy::domain::time::Timestamp;
use dr_buddy::store::StoreError;
use dr_buddy::store::codes::{Codes, Enrolled, Enrolment, Tried};

use crate::memory::MemoryStore;

#[async_trait]
impl Codes for MemoryStore {
    async fn enrol(&self, _: &Enrolment<'_>) -> Result<bool, StoreError> {
        unreachable!("nobody enrols")
    }

    async fn end_enrolment(&self, _: &EnvironmentId, _: &PersonId) -> Result<bool, StoreError> {
        unreachable!("nobody is enrolled")
    }

    async fn enrolled(&self, _: &EnvironmentId) -> Result<Vec<Enrolled>, StoreError> {
        Ok(Vec::new())
    }

    async fn is_enrolled(&self, _: &EnvironmentId, _: &PersonId) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn try_code(
        &self,
        _: &EnvironmentId,
        _: &PersonId,
        _: Timestamp,
    ) -> Result<Tried, StoreError> {
        Ok(Tried::NotEnrolled)
    }

    async fn spend(
        &self,
        _: &EnvironmentId,
        _: &PersonId,
        _: i64,
        _: &str,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }
}

//! Whose credentials these are, in both regions.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::{Check, Look, Place};
use crate::actions::Permission;
use crate::actions::aws::Aws;

/// STS knows us, and the account is the environment's.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) aws: Arc<Aws>,
}

#[async_trait]
impl Check for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    async fn look(&self, place: Place<'_>) -> Vec<Look> {
        let regions = &place.environment.regions;
        let looks = [&regions.primary, &regions.dr].map(|region| async move {
            match self.aws.caller_matches(place.environment, region).await {
                Ok(caller) => Look::good(region, "doctor.saw.caller", &[("caller", &caller)]),
                Err(error) => Look::blind(region, &error),
            }
        });
        join_all(looks).await
    }

    fn permissions(&self) -> &'static [Permission] {
        &[]
    }
}

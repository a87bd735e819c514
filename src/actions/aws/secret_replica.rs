//! `secretsmanager.promote_replica`: a secret that is copied from the other region becomes one of its own.
//!
//! A replica cannot be written, and its source may be in the dark: this cuts the link. The way back is to copy it again
//! over the other region's secret, which is for a person to decide.

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::RequestId;
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use super::lever::Request;
use super::setting::{Seen, Set, Setting};
use super::{Aws, Failure, Purpose};
use crate::actions::fence::arn_inside;
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;

/// Cuts a replica from its source.
#[derive(Debug, Default)]
pub(in crate::actions) struct PromoteSecret;

impl Aws {
    /// A secret's ARN and the key it is encrypted with; `None` is AWS's own.
    pub(in crate::actions) async fn described(
        &self,
        region: &str,
        secret: &str,
    ) -> Result<(String, Option<String>), LookError> {
        let client = self.secrets(region, Purpose::Look).await;
        let asked = client.describe_secret().secret_id(secret).send().boxed().await;
        let system = format!("secretsmanager in {region}");
        let found = asked.map_err(|error| Failure::of(&error).look(system))?;
        Ok((found.arn.unwrap_or_else(|| secret.to_owned()), found.kms_key_id))
    }
}

#[async_trait]
impl Setting for PromoteSecret {
    const SERVICE: &'static str = "secretsmanager";
    const OPERATION: &'static str = "StopReplicationToReplica";
    const OF: &'static [&'static str] = &["secret"];
    const FACT: &'static str = "is_replica";
    const ONE_WAY: Option<&'static str> =
        Some("the link is cut: copying it again would overwrite the other region's secret");

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let (region, id) = (text(call, "region")?, text(call, "secret")?);
        if id.starts_with("arn:")
            && arn_inside(call.environment, "secretsmanager", id)?.region != region
        {
            return Err(unsafe_because(format!("`{id}` is not in {region}")));
        }
        let client = aws.secrets(region, Purpose::Look).await;
        let asked = client.describe_secret().secret_id(id).send().boxed().await;
        let system = format!("secretsmanager in {region}");
        let found = asked.map_err(|error| Failure::of(&error).look(system))?;
        if found.deleted_date().is_some() {
            return Err(unsafe_because(format!("`{id}` is to be deleted: nothing is sent")));
        }
        // A secret that was never copied names no primary region.
        let source = found.primary_region().filter(|source| *source != region);
        let facts = source.map(|source| ("source_region".to_owned(), json!(source)));
        let line = source.map_or_else(|| "-".to_owned(), |source| format!("replica of {source}"));
        Ok(Seen {
            now: json!(source.is_some()),
            is_settled: Some(true),
            facts: facts.into_iter().collect::<Map<_, _>>(),
            line: Some(line),
        })
    }

    fn to(&self, _call: &Call<'_>, _seen: &Seen) -> Result<Value, LookError> {
        Ok(json!(false))
    }

    fn shown(&self, value: &Value) -> String {
        let is = *value == json!(true);
        (if is { "replica" } else { "stands alone" }).to_owned()
    }

    fn remarks(&self, _call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        vec![Remark::new("remark.secret.cut", &[])]
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let client = aws.secrets(&request.region, Purpose::Act).await;
        let cut = client.stop_replication_to_replica().secret_id(request.parameters.part("secret"));
        let answer = cut.send().boxed().await.map_err(|error| Failure::of(&error))?;
        Ok(json!({"request_id": answer.request_id()}))
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &["arn:aws:secretsmanager:*:ACCOUNT_ID:secret:SECRET_PREFIX-*"];
        Permissions {
            look: &[Permission::Aws("secretsmanager:DescribeSecret", ON)],
            act: &[Permission::Aws("secretsmanager:StopReplicationToReplica", ON)],
        }
    }
}

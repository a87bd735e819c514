//! `elasticache.detach`: a group leaves its Global Datastore and writes for itself.
//!
//! Where failing over does not work. Nothing is copied any more, and the way back is a new Global Datastore.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::Datastore;
use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::{Seen, Set, Setting};
use crate::actions::aws::{ANYTHING, Aws, Failure};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;
use crate::domain::text::told;

/// Takes a group out of its Global Datastore.
#[derive(Debug, Default)]
pub(in crate::actions) struct DetachGroup;

#[async_trait]
impl Setting for DetachGroup {
    const SERVICE: &'static str = "elasticache";
    const OPERATION: &'static str = "DisassociateGlobalReplicationGroup";
    const OF: &'static [&'static str] = &["global", "target", "region"];
    const FACT: &'static str = "is_member";
    const ONE_WAY: Option<&'static str> = Some("a group joins no Global Datastore with its data");

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let (global, region) = (text(call, "global")?, text(call, "region")?);
        let datastore = Datastore::look(aws, call, global, region).await?;
        Ok(Seen {
            now: json!(datastore.member(text(call, "target")?, region).is_some()),
            is_settled: datastore.is_settled(),
            facts: datastore.facts(),
            line: Some(datastore.describe()),
        })
    }

    fn to(&self, call: &Call<'_>, seen: &Seen) -> Result<Value, LookError> {
        let (target, region) = (text(call, "target")?, text(call, "region")?);
        let is =
            |fact: &str, value: &str| seen.facts.get(fact).and_then(Value::as_str) == Some(value);
        if is("primary_group", target) && is("primary_region", region) {
            return Err(unsafe_because(told("trouble.already_so", &[target])));
        }
        Ok(json!(false))
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        let with = [
            ("GlobalReplicationGroupId", set.part("global")),
            ("ReplicationGroupId", set.part("target")),
            ("ReplicationGroupRegion", set.part("region")),
        ];
        super::act(aws, &request.region, Self::OPERATION, &with).await
    }

    fn remarks(&self, _call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        vec![Remark::new("remark.redis.tail", &[])]
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[Permission::Aws("elasticache:DescribeGlobalReplicationGroups", ANYTHING)],
            act: &[Permission::Aws("elasticache:DisassociateGlobalReplicationGroup", super::ON)],
        }
    }
}

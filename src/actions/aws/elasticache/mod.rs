//! ElastiCache Global Datastores: which member is the primary, and the calls that change it.
//!
//! A Global Datastore copies what is written, also what is wrong: failing over repairs no corrupted data. Its
//! endpoints do not move; the applications of a region must use that region's endpoint.

mod detach;
mod failover;
mod promote;

use serde_json::{Map, Value};

use crate::actions::aws::wire::{Answer, Ask, child, elements};
use crate::actions::aws::{Aws, Failure, Purpose};
use crate::actions::params::{put, unsafe_because};
use crate::actions::{Call, LookError};
use crate::domain::text::told;

pub(in crate::actions) use self::detach::DetachGroup;
pub(in crate::actions) use self::failover::FailoverGlobal;
pub(in crate::actions) use self::promote::Promote;

/// What the calls are allowed on.
const ON: &[&str] = &[
    "arn:aws:elasticache::ACCOUNT_ID:globalreplicationgroup:GLOBAL_DATASTORE_ID",
    "arn:aws:elasticache:*:ACCOUNT_ID:replicationgroup:REPLICATION_GROUP_PREFIX-*",
];

fn ask(region: &str, action: &str, with: &[(&str, &str)]) -> Ask {
    let with: Vec<_> =
        with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ask::form("elasticache", "2015-02-02", region, action, &with)
}

async fn look(
    aws: &Aws,
    region: &str,
    action: &str,
    with: &[(&str, &str)],
) -> Result<Answer, LookError> {
    let answer = aws.ask(Purpose::Look, &ask(region, action, with)).await;
    answer.map_err(|failure| failure.look(format!("elasticache in {region}")))
}

/// Sends a call that changes something, once. Gives its request id.
async fn act(
    aws: &Aws,
    region: &str,
    action: &str,
    with: &[(&str, &str)],
) -> Result<Value, Failure> {
    Ok(aws.ask(Purpose::Act, &ask(region, action, with)).await?.evidence())
}

/// A Global Datastore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::actions) struct Datastore {
    status: Option<String>,
    members: Vec<Member>,
}

/// A replication group in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Member {
    group: String,
    region: String,
    /// In capitals or not, as AWS likes: compared without.
    role: String,
    status: Option<String>,
}

impl Member {
    fn is_primary(&self) -> bool {
        self.role.eq_ignore_ascii_case("primary")
    }
}

impl Datastore {
    /// Asks `first`, and the environment's other region when it does not answer.
    async fn look(aws: &Aws, call: &Call<'_>, id: &str, first: &str) -> Result<Self, LookError> {
        let regions = &call.environment.regions;
        let second = if first == regions.primary { &regions.dr } else { &regions.primary };
        match Self::look_in(aws, first, id).await {
            Err(unreachable @ LookError::Unreachable { .. }) => {
                Self::look_in(aws, second, id).await.map_err(|_| unreachable)
            }
            answer => answer,
        }
    }

    async fn look_in(aws: &Aws, region: &str, id: &str) -> Result<Self, LookError> {
        let with = [("GlobalReplicationGroupId", id), ("ShowMemberInfo", "true")];
        let answer = look(aws, region, "DescribeGlobalReplicationGroups", &with).await?;
        let system = format!("elasticache in {region}");
        let xml = answer.xml().map_err(|failure| failure.look(system.clone()))?;
        let mut all = xml.descendants().filter(|node| {
            node.tag_name().name() == "GlobalReplicationGroup"
                && child(*node, "GlobalReplicationGroupId") == Some(id)
        });
        let found = all.next().ok_or_else(|| LookError::Refused {
            system,
            detail: format!("there is no Global Datastore `{id}`"),
        })?;
        let own = |node, name| child(node, name).unwrap_or_default().to_owned();
        let members = elements(found, "Members", "GlobalReplicationGroupMember");
        let members = members.map(|one| Member {
            group: own(one, "ReplicationGroupId"),
            region: own(one, "ReplicationGroupRegion"),
            role: own(one, "Role"),
            status: child(one, "Status").map(ToOwned::to_owned),
        });
        let members = members.collect();
        Ok(Self { status: child(found, "Status").map(ToOwned::to_owned), members })
    }

    fn primary(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.is_primary())
    }

    /// Groups of two regions may have the same id.
    fn member(&self, group: &str, region: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.group == group && member.region == region)
    }

    /// Whether nothing is under way (`Some(true)`), or something is; of other words nobody knows what they mean.
    fn is_settled(&self) -> Option<bool> {
        match self.status.as_deref()? {
            "available" | "primary-only" => Some(true),
            "modifying" => Some(false),
            _ => None,
        }
    }

    /// AWS would refuse it, in words that leave open whether an earlier call of ours is the reason.
    fn must_be_settled(&self, id: &str) -> Result<(), LookError> {
        if self.is_settled() == Some(true) {
            return Ok(());
        }
        let status = self.status.as_deref().unwrap_or("unknown");
        Err(unsafe_because(format!("`{id}` is {status}: wait until it is available")))
    }

    /// The facts every action on it tells.
    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "primary_group", self.primary().map(|member| member.group.clone()));
        put(&mut facts, "primary_region", self.primary().map(|member| member.region.clone()));
        put(&mut facts, "status", self.status.clone());
        put(&mut facts, "members", Some(self.members.len()));
        facts
    }

    fn describe(&self) -> String {
        let primary = self.primary().map_or("told.unknown", |member| &member.region);
        told("told.datastore", &[primary, self.status.as_deref().unwrap_or("told.unknown")])
    }
}

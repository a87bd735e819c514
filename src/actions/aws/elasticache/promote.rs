//! `elasticache.promote`: another node of one replication group becomes its primary, where there is no Global Datastore.
//!
//! AWS refuses it while automatic failover is on, since that would choose for itself.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::{Seen, Set, Setting};
use crate::actions::aws::wire::{child, elements};
use crate::actions::aws::{ANYTHING, Aws, Failure};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;

/// Makes a node the primary of its group.
#[derive(Debug, Default)]
pub(in crate::actions) struct Promote;

/// Facts for which the promotion is refused, and what to do instead.
fn refusal(facts: &Map<String, Value>, group: &str, node: &str) -> Option<String> {
    let is = |name: &str| facts.get(name).and_then(Value::as_str);
    if let Some(global) = is("global") {
        let instead = "use elasticache.failover_global";
        return Some(format!("`{group}` belongs to Global Datastore `{global}`: {instead}"));
    }
    if facts.get("shards") != Some(&json!(1)) {
        return Some(format!("`{group}` has several shards: each has a primary of its own"));
    }
    if is("automatic_failover") != Some("disabled") {
        let why =
            "chooses its primary itself while automatic failover is on: switch that off first";
        return Some(format!("`{group}` {why}"));
    }
    let nodes = facts.get("nodes").and_then(Value::as_array);
    let is_node = nodes.is_some_and(|nodes| nodes.contains(&json!(node)));
    (!is_node).then(|| format!("`{node}` is not a node of `{group}`"))
}

#[async_trait]
impl Setting for Promote {
    const SERVICE: &'static str = "elasticache";
    const OPERATION: &'static str = "ModifyReplicationGroup";
    const OF: &'static [&'static str] = &["group"];
    const FACT: &'static str = "primary_node";

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let (region, id) = (text(call, "region")?, text(call, "group")?);
        let system = format!("elasticache in {region}");
        let with = [("ReplicationGroupId", id)];
        let answer = super::look(aws, region, "DescribeReplicationGroups", &with).await?;
        let xml = answer.xml().map_err(|failure| failure.look(system.clone()))?;
        let mut all = xml.descendants().filter(|node| {
            node.tag_name().name() == "ReplicationGroup"
                && child(*node, "ReplicationGroupId") == Some(id)
        });
        let found = all.next().ok_or_else(|| LookError::Refused {
            system,
            detail: format!("there is no replication group `{id}`"),
        })?;
        let shards = elements(found, "NodeGroups", "NodeGroup");
        let nodes =
            shards.clone().flat_map(|shard| elements(shard, "NodeGroupMembers", "NodeGroupMember"));
        let mut primaries = nodes.clone().filter(|node| {
            let role = child(*node, "CurrentRole");
            role.is_some_and(|role| role.eq_ignore_ascii_case("primary"))
        });
        let primary = primaries.next().and_then(|node| child(node, "CacheClusterId"));
        let names: Vec<_> = nodes.filter_map(|node| child(node, "CacheClusterId")).collect();
        let status = child(found, "Status").unwrap_or_default();
        let mut facts = Map::from_iter([
            ("status".to_owned(), json!(status)),
            ("shards".to_owned(), json!(shards.count())),
            ("nodes".to_owned(), json!(names)),
        ]);
        if let Some(failover) = child(found, "AutomaticFailover") {
            facts.insert("automatic_failover".into(), json!(failover));
        }
        let mut global =
            found.children().filter(|one| one.tag_name().name() == "GlobalReplicationGroupInfo");
        if let Some(global) = global.find_map(|info| child(info, "GlobalReplicationGroupId")) {
            facts.insert("global".into(), json!(global));
        }
        let is_settled = match status {
            "available" => Some(true),
            "modifying" => Some(false),
            _ => None,
        };
        let now = json!(primary);
        Ok(Seen { now, is_settled, facts, line: None })
    }

    fn to(&self, call: &Call<'_>, seen: &Seen) -> Result<Value, LookError> {
        let (group, node) = (text(call, "group")?, text(call, "node")?);
        match refusal(&seen.facts, group, node) {
            Some(why) => Err(unsafe_because(why)),
            None => Ok(json!(node)),
        }
    }

    fn remarks(&self, _call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        vec![Remark::new("remark.redis.tail", &[])]
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        let with = [
            ("ReplicationGroupId", set.part("group")),
            ("PrimaryClusterId", set.to.as_str().unwrap_or_default()),
            ("ApplyImmediately", "true"),
        ];
        super::act(aws, &request.region, Self::OPERATION, &with).await
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &[
            "arn:aws:elasticache:*:ACCOUNT_ID:replicationgroup:REPLICATION_GROUP_PREFIX-*",
            "arn:aws:elasticache:*:ACCOUNT_ID:cluster:REPLICATION_GROUP_PREFIX-*",
        ];
        Permissions {
            look: &[Permission::Aws("elasticache:DescribeReplicationGroups", ANYTHING)],
            act: &[Permission::Aws("elasticache:ModifyReplicationGroup", ON)],
        }
    }
}

//! `elasticache.promote`: another node of one replication group becomes its primary, where there is no Global Datastore.
//!
//! AWS refuses it while automatic failover is on, since that would choose for itself.

use async_trait::async_trait;
use aws_sdk_elasticache::operation::RequestId;
use serde_json::{Map, Value, json};

use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::{Seen, Set, Setting};
use crate::actions::aws::{ANYTHING, Aws, Failure, Purpose};
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
        let client = aws.elasticache(region, Purpose::Look).await;
        let asked = client.describe_replication_groups().replication_group_id(id).send();
        let answer =
            Box::pin(asked).await.map_err(|error| Failure::of(&error).look(system.clone()))?;
        let found = answer.replication_groups().iter();
        let found = found.clone().find(|one| one.replication_group_id() == Some(id));
        let found = found.ok_or_else(|| LookError::Refused {
            system,
            detail: format!("there is no replication group `{id}`"),
        })?;
        let shards = found.node_groups();
        let nodes = shards.iter().flat_map(|shard| shard.node_group_members());
        let role =
            |role: Option<&str>| role.is_some_and(|role| role.eq_ignore_ascii_case("primary"));
        let primary = nodes.clone().find(|node| role(node.current_role()));
        let names: Vec<_> = nodes.filter_map(|node| node.cache_cluster_id()).collect();
        let status = found.status().unwrap_or_default();
        let mut facts = Map::from_iter([
            ("status".to_owned(), json!(status)),
            ("shards".to_owned(), json!(shards.len())),
            ("nodes".to_owned(), json!(names)),
        ]);
        if let Some(failover) = found.automatic_failover() {
            facts.insert("automatic_failover".into(), json!(failover.as_str()));
        }
        let global = found.global_replication_group_info();
        if let Some(global) = global.and_then(|info| info.global_replication_group_id()) {
            facts.insert("global".into(), json!(global));
        }
        let is_settled = match status {
            "available" => Some(true),
            "modifying" => Some(false),
            _ => None,
        };
        let now = json!(primary.and_then(|node| node.cache_cluster_id()));
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
        let client = aws.elasticache(&request.region, Purpose::Act).await;
        let modify = client
            .modify_replication_group()
            .replication_group_id(set.part("group"))
            .primary_cluster_id(set.to.as_str().unwrap_or_default())
            .apply_immediately(true)
            .send();
        let answer = Box::pin(modify).await.map_err(|error| Failure::of(&error))?;
        Ok(json!({"request_id": answer.request_id()}))
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

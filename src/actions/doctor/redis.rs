//! Redis: whether the other region's group could be the primary, and keeps what is in the queues.

use serde_json::{Value, json};

use super::tools::{Looks, Must, Row, Tools, each, instant, or_absent, said};
use super::{Look, Place};
use crate::actions::aws::ANYTHING;
use crate::actions::{Permission, redis};
use crate::domain::time::Span;

const ELASTICACHE: (&str, &str) = ("elasticache", "2015-02-02");
const DAY: Span = Span::minutes(24 * 60);

pub(super) const ALL: &[Row] = &[
    Row {
        name: "redis_members",
        look: |tools, place| Box::pin(members(tools, place)),
        needs: &[Permission::Aws("elasticache:DescribeGlobalReplicationGroups", ANYTHING)],
    },
    Row { name: "redis_policy", look: |tools, place| Box::pin(policy(tools, place)), needs: &[] },
    Row {
        name: "redis_snapshots",
        look: |tools, place| Box::pin(snapshots(tools, place)),
        needs: &[Permission::Aws("elasticache:DescribeSnapshots", ANYTHING)],
    },
];

/// D13: both groups are members, the primary region's takes the writes, nothing is under way.
async fn members(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(id) = place.text("/redis/global") else { return Ok(vec![]) };
    let regions = &place.environment.regions;
    let with = [("GlobalReplicationGroupId", id), ("ShowMemberInfo", "true")];
    let action = "DescribeGlobalReplicationGroups";
    let all = tools.form(ELASTICACHE, &regions.dr, action, &with).await?;
    let found = each(&all, "/GlobalReplicationGroups/GlobalReplicationGroup")
        .into_iter()
        .find(|one| said(one, "/GlobalReplicationGroupId").as_deref() == Some(id));
    let Some(found) = found else {
        return Ok(vec![Look::bad("", "doctor.saw.missing", &[("what", id)])]);
    };
    let members = each(found, "/Members/GlobalReplicationGroupMember");
    let of = |group: &str, region: &str, what: &str| {
        let is_it = |one: &&&Value| {
            said(one, "/ReplicationGroupId").as_deref() == Some(group)
                && said(one, "/ReplicationGroupRegion").as_deref() == Some(region)
        };
        let member = members.iter().find(is_it)?;
        // In capitals or not, as AWS likes.
        said(member, what).map(|text| text.to_ascii_lowercase())
    };
    let mut must = Must::of("").be("status", said(found, "/Status"), "available");
    let sides = [
        ("/redis/primary_rg", &regions.primary, "primary"),
        ("/redis/dr_rg", &regions.dr, "secondary"),
    ];
    for (key, region, role) in sides {
        let Some(group) = place.text(key) else { continue };
        let what = format!("{group} ({region})");
        let is_member = of(group, region, "/ReplicationGroupId").is_some();
        must = must.there(&what, is_member).be(&what, of(group, region, "/Role"), role).be(
            group,
            of(group, region, "/Status"),
            "associated",
        );
    }
    Ok(vec![must.look()])
}

/// D14: a Redis that holds queues refuses writes when it is full, rather than forget jobs.
async fn policy(tools: &Tools, place: Place<'_>) -> Looks {
    if place.texts("/redis/queues").is_empty() {
        return Ok(vec![]);
    }
    let mut looks = vec![];
    for key in ["/redis/primary_connection", "/redis/dr_connection"] {
        let Some(name) = place.text(key) else { continue };
        let action = redis::Check::action(tools.settings.connections.clone());
        let facts = tools.facts(place, &action, json!({"connection": name, "timeout": "5s"})).await;
        looks.push(match facts {
            Ok(facts) if facts.get("reachable") == Some(&json!(true)) => {
                let policy = facts.get("maxmemory_policy").and_then(Value::as_str);
                Must::of(name).be("maxmemory-policy", policy.map(Into::into), "noeviction").look()
            }
            Ok(_) => Look::silent(name),
            Err(error) => Look::blind(name, &error),
        });
    }
    Ok(looks)
}

/// D34: there is a snapshot of the last day, for what replication copies faithfully: mistakes.
async fn snapshots(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(_), Some(group)) = (place.text("/redis/global"), place.text("/redis/primary_rg"))
    else {
        return Ok(vec![]);
    };
    let region = &place.environment.regions.primary;
    let with = [("ReplicationGroupId", group)];
    let all = tools.form(ELASTICACHE, region, "DescribeSnapshots", &with).await?;
    let nodes = each(&all, "/Snapshots/Snapshot")
        .into_iter()
        .flat_map(|one| each(one, "/NodeSnapshots/NodeSnapshot"));
    let newest = nodes.filter_map(|one| instant(one, "/SnapshotCreateTime")).max();
    let age = newest.map(|at| place.now.since(at));
    let holds = age.is_some_and(|age| age <= DAY);
    let age = age.map(|age| format!("-{}", age.spoken()));
    Ok(vec![Must::of("").hold("SnapshotCreateTime", or_absent(age), "≥ -24\u{a0}h", holds).look()])
}

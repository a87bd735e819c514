//! Pretended Global Datastores.

use serde_json::{Map, Value, json};

use super::flip::{Flip, region};
use super::world::World;

fn region_of(world: &World<'_>, group: &Value) -> Value {
    let regions = &world.call.environment.regions;
    let is_first = world.environment("redis.primary_rg").as_deref() == group.as_str();
    json!(if is_first { &regions.primary } else { &regions.dr })
}

/// Another node becomes the primary.
pub(in crate::actions) const PROMOTE: Flip = Flip {
    call: "elasticache:ModifyReplicationGroup",
    of: &["group"],
    fact: "primary_node",
    first: |world| json!(format!("{}-001", world.with("group"))),
    to: |world| json!(world.with("node")),
    others: |_, _| Map::from_iter([("status".to_owned(), json!("available"))]),
    ..FAILOVER_GLOBAL
};

/// A group leaves the Global Datastore.
pub(in crate::actions) const DETACH: Flip = Flip {
    call: "elasticache:DisassociateGlobalReplicationGroup",
    of: &["global", "region"],
    fact: "is_member",
    first: |_| json!(true),
    to: |_| json!(false),
    others: |_, _| Map::from_iter([("status".to_owned(), json!("available"))]),
    ..FAILOVER_GLOBAL
};

/// Another region's group becomes the primary.
pub(in crate::actions) const FAILOVER_GLOBAL: Flip = Flip {
    call: "elasticache:FailoverGlobalReplicationGroup",
    of: &["global"],
    fact: "primary_group",
    first: |world| json!(world.environment("redis.primary_rg")),
    to: |world| json!(world.with("target")),
    others: |world, now| {
        Map::from_iter([
            ("primary_region".to_owned(), region_of(world, now)),
            ("status".to_owned(), json!("available")),
            ("members".to_owned(), json!(2)),
        ])
    },
    place: region,
    remarks: &["remark.redis.tail"],
};

//! Pretended Redis servers: the primary of the pretended Global Datastore is the master.

use serde_json::{Map, json};

use super::look::{Look, region_of};
use super::world::World;

/// Whether the Redis of this region is nobody's copy.
pub(super) fn is_master(world: &World<'_>, region: &str) -> bool {
    // One that is in no Global Datastore, or left it, is nobody's replica.
    let Some(global) = world.environment("redis.global") else { return true };
    let left = format!("elasticache/is_member/{global}/{region}");
    if world.no_longer(&left).next().is_some() {
        return true;
    }
    let first = world.environment("redis.primary_rg").unwrap_or_default();
    let now = world.now_or(&format!("elasticache/primary_group/{global}"), &first);
    (region == world.call.environment.regions.primary) == (now == first)
}

/// Asks a server.
pub(in crate::actions) const CHECK: Look = Look {
    at: "connection",
    facts: |world: &World<'_>| {
        let master = is_master(world, &region_of(world));
        Map::from_iter([
            ("reachable".to_owned(), json!(true)),
            ("role".to_owned(), json!(if master { "master" } else { "replica" })),
            ("writable".to_owned(), json!(master)),
            ("replicas".to_owned(), json!(u8::from(master))),
            ("lag_s".to_owned(), json!(1)),
            ("maxmemory_policy".to_owned(), json!("noeviction")),
        ])
    },
};

/// Counts jobs; there are none.
pub(in crate::actions) const DRAINED: Look = Look {
    at: "connection",
    facts: |world: &World<'_>| {
        let queues = world.list("queues").len();
        let none = ["waiting", "active", "delayed", "prioritized", "waiting_children", "failed"];
        let mut facts: Map<_, _> =
            none.into_iter().map(|state| (state.to_owned(), json!(0))).collect();
        facts.insert("reachable".to_owned(), json!(true));
        facts.insert("seen".to_owned(), json!(queues));
        facts.insert("drained".to_owned(), json!(true));
        facts
    },
};

//! Pretended databases: whoever is the writer of the pretended Aurora takes writes.

use serde_json::{Map, Value, json};

use super::flip::Flip;
use super::look::{Look, region_of};
use super::world::World;
use crate::domain::time::Span;

fn is_writer(world: &World<'_>) -> bool {
    let global = world.environment("aurora.global").unwrap_or_default();
    let first = world.environment("aurora.primary.arn").unwrap_or_default();
    let writer = world.now_or(&format!("aurora/{global}/writer"), &first);
    writer.contains(&region_of(world))
}

/// Asks a database.
pub(in crate::actions) const CHECK: Look = Look {
    at: "connection",
    facts: |world: &World<'_>| {
        let writable = is_writer(world);
        let of_probe: Vec<(&str, Value)> = match world.with("probe").as_str() {
            "writable" => vec![("value", json!(writable)), ("writable", json!(writable))],
            "replication" | "heartbeat" | "aurora_lag" => {
                vec![("value", json!(0.8)), ("unit", json!("s")), ("lag_s", json!(0.8))]
            }
            "wal_lsn" => vec![("value", json!(4_294_967_296_u64)), ("unit", json!("bytes"))],
            _ => vec![("value", json!(1)), ("row", json!({"value": 1}))],
        };
        let role = if writable { "primary" } else { "replica" };
        let always =
            [("reachable", json!(true)), ("source", json!("simulated")), ("role", json!(role))];
        of_probe.into_iter().chain(always).map(|(name, value)| (name.to_owned(), value)).collect()
    },
};

/// Writes a row.
pub(in crate::actions) const CANARY: Flip = Flip {
    call: "insert into dr_buddy_canary",
    of: &["connection"],
    fact: "row_present",
    first: |_| json!(false),
    to: |_| json!(true),
    after: Span::seconds(1),
    others: |world, _| {
        Map::from_iter([
            ("reachable".to_owned(), json!(true)),
            ("writable".to_owned(), json!(is_writer(world))),
        ])
    },
    place: region_of,
    remarks: &[],
};

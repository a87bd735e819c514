//! Pretended databases: where the pretended Aurora has its writer, writes are taken.

use serde_json::{Map, Value, json};

use super::Pretend;
use super::aurora::writes_in;
use super::flip::Flip;
use super::look::{Look, region_of, unreachable};
use super::world::{Set, World, read_only};
use crate::actions::LookError;
use crate::domain::run::preview::Preview;

fn is_writer(world: &World<'_>) -> bool {
    writes_in(world, &region_of(world))
}

/// Asks a database.
pub(in crate::actions) const CHECK: Look = Look {
    at: "connection",
    facts: |world: &World<'_>| {
        let writable = is_writer(world);
        let of_probe: Vec<(&str, Value)> = match world.with("probe").as_str() {
            "writable" => vec![("value", json!(writable)), ("writable", json!(writable))],
            "heartbeat" if world.is_dark(&world.call.environment.regions.primary) => {
                // The last row came a second before the region fell silent.
                let silent = world.call.now.since(world.call.impact_at).ms() / 1000;
                let age = json!(silent.saturating_add(1));
                vec![("value", age.clone()), ("unit", json!("s")), ("lag_s", age)]
            }
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
#[derive(Debug)]
pub(in crate::actions) struct Canary;

const ROW: Flip = Flip {
    call: "insert into dr_buddy_canary",
    of: &["connection"],
    fact: "row_present",
    first: |_| json!(false),
    to: |_| json!(true),
    others: |world, _| {
        Map::from_iter([
            ("reachable".to_owned(), json!(true)),
            ("writable".to_owned(), json!(is_writer(world))),
        ])
    },
    place: region_of,
    remarks: &[],
};

impl Pretend for Canary {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        ROW.preview(world)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        let facts = ROW.facts(world);
        if facts.is_empty() { unreachable() } else { facts }
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        ROW.sets(world, request)
    }

    fn refused(&self, world: &World<'_>) -> Option<LookError> {
        if let Err(error) = world.reach(&region_of(world)) {
            return Some(error);
        }
        (!is_writer(world)).then(|| read_only(&world.with("connection")))
    }
}

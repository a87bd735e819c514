//! Pretended databases of RDS: an Aurora global database, a cross-region replica.

use serde_json::{Map, Value, json};

use super::flip::{Flip, region as region_given};
use super::world::{Set, World, plain};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Change, Direction, Preview, Remark};
use crate::domain::text::told;

/// A cluster leaves the global database.
pub(in crate::actions) const DETACH: Flip = Flip {
    call: "rds:RemoveFromGlobalCluster",
    of: &["global_cluster", "target"],
    fact: "is_member",
    first: |_| json!(true),
    to: |_| json!(false),
    others: |world, _| {
        Map::from_iter([
            ("writer_arn".to_owned(), json!(writer(world))),
            ("writer_region".to_owned(), json!(region(&writer(world)))),
            ("target_status".to_owned(), json!("available")),
            ("target_instances".to_owned(), json!(2)),
        ])
    },
    place: |world| region(&world.with("target")).to_owned(),
    remarks: &["remark.aurora.by_hand"],
};

/// A replica becomes a cluster that writes.
pub(in crate::actions) const PROMOTE_REPLICA: Flip = Flip {
    call: "rds:PromoteReadReplicaDBCluster",
    of: &["region", "cluster"],
    fact: "is_replica",
    first: |_| json!(true),
    to: |_| json!(false),
    others: |_, _| Map::from_iter([("status".to_owned(), json!("available"))]),
    place: region_given,
    remarks: &["remark.rds.lost_tail"],
};

/// Moves the writer.
#[derive(Debug)]
pub(in crate::actions) struct Move {
    pub(in crate::actions) lossy: bool,
}

fn key(world: &World<'_>) -> String {
    format!("aurora/{}/writer", world.with("global_cluster"))
}

/// Whether a database of this region takes writes: it has the writer, or stands alone since it was taken out of the
/// global database or promoted. Taking one out fences nothing: the old writer goes on.
pub(super) fn writes_in(world: &World<'_>, region: &str) -> bool {
    let global = world.environment("aurora.global").unwrap_or_default();
    let has_writer = match world.environment("aurora.primary.arn") {
        Some(first) => world.now_or(&format!("aurora/{global}/writer"), &first).contains(region),
        None => region == world.call.environment.regions.primary,
    };
    let left = format!("rds/is_member/{global}/");
    let alone = [left.as_str(), "rds/is_replica/"];
    has_writer || alone.iter().any(|of| world.no_longer(of).any(|key| key.contains(region)))
}

fn writer(world: &World<'_>) -> String {
    let first = world.environment("aurora.primary.arn").unwrap_or_default();
    world.now_or(&key(world), &first)
}

fn region(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or("unknown")
}

fn name(arn: &str) -> String {
    let id = arn.rsplit(':').next().unwrap_or(arn);
    format!("{id} ({})", region(arn))
}

impl Move {
    fn target(world: &World<'_>) -> String {
        match (world.call.direction, world.call.before) {
            (Direction::Undo, Some(before)) => {
                before.binding.get("writer_arn").map(plain).unwrap_or_default()
            }
            (Direction::Undo, None) | (Direction::Do, _) => world.with("target"),
        }
    }
}

impl Pretend for Move {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let (now, target) = (writer(world), Self::target(world));
        let operation =
            if self.lossy { "FailoverGlobalCluster" } else { "SwitchoverGlobalCluster" };
        let request = json!({
            "operation": operation,
            "GlobalClusterIdentifier": world.with("global_cluster"),
            "TargetDbClusterIdentifier": target,
            "AllowDataLoss": self.lossy,
        });
        let facts = self.facts(world);
        let mut shown = preview(request, json!({"writer_arn": now}), facts);
        shown.changes.push(Change {
            what: "writer".to_owned(),
            now: name(&now),
            after: name(&target),
        });
        let place = if self.lossy { region(&target) } else { region(&now) };
        shown.calls.push(format!("rds:{operation} in {place}, {}", world.account()));
        if self.lossy {
            shown
                .remarks
                .push(Remark::new("remark.tabletop.loss", &[("lag", "0.9 s"), ("age", "40 s")]));
        }
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        let writer = writer(world);
        let mut facts = Map::from_iter([
            ("writer_region".to_owned(), json!(region(&writer))),
            ("target_is_writer".to_owned(), json!(writer == Self::target(world))),
            ("target_status".to_owned(), json!("available")),
            ("target_instances".to_owned(), json!(2)),
            ("writer_arn".to_owned(), json!(writer)),
        ]);
        if let Some(coming) = world.coming(&key(world)) {
            facts.insert("operation".to_owned(), json!("failing-over"));
            facts.insert("operation_target".to_owned(), coming.clone());
        }
        facts
    }

    fn saw(&self, facts: &Map<String, Value>) -> String {
        let fact = |name| facts.get(name).map(plain);
        let writer = fact("writer_region").unwrap_or_default();
        match (fact("operation"), fact("operation_target")) {
            (Some(operation), Some(to)) => {
                told("told.writer_busy", &[&writer, &operation, region(&to)])
            }
            _ => told("told.writer", &[&writer]),
        }
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        let target = request.get("TargetDbClusterIdentifier").cloned().unwrap_or_default();
        vec![set(key(world), target)]
    }
}

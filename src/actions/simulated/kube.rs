//! Pretended clusters.

use serde_json::{Map, Value, json};

use super::look::unreachable;
use super::world::{Set, World};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Change, Direction, Preview};
use crate::domain::text::told;

/// What a workload runs in the beginning, where the scenario says nothing else.
const REPLICAS: u64 = 4;

/// Sets replicas.
#[derive(Debug)]
pub(in crate::actions) struct Scale;

/// Restarts pods.
#[derive(Debug)]
pub(in crate::actions) struct Restart;

fn key(world: &World<'_>, what: &str, workload: &str) -> String {
    format!("{what}/{}/{workload}", world.with("context"))
}

fn replicas(world: &World<'_>, workload: &str) -> u64 {
    let now = world.now(&key(world, "replicas", workload)).and_then(Value::as_u64);
    now.unwrap_or(REPLICAS)
}

impl Pretend for Scale {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let context = world.with("context");
        world.reach(&context)?;
        let wanted = world.call.with.get("replicas").and_then(Value::as_u64).unwrap_or(0);
        let mut to = Map::new();
        let mut now = Map::new();
        let mut changes = Vec::new();
        for workload in world.list("workloads") {
            let before = world.call.before.and_then(|before| before.binding.get(&workload));
            let after = match world.call.direction {
                Direction::Undo => before.and_then(Value::as_u64).unwrap_or(wanted),
                Direction::Do => wanted,
            };
            let current = replicas(world, &workload);
            changes.push(Change {
                what: told("told.replicas", &[&workload]),
                now: current.to_string(),
                after: after.to_string(),
            });
            now.insert(workload.clone(), json!(current));
            to.insert(workload, json!(after));
        }
        let request = json!({"operation": "scale", "context": context, "replicas": to});
        let mut shown = preview(request, Value::Object(now), self.facts(world));
        shown.changes = changes;
        shown.calls.push(format!("k8s:patch deployments/scale in {context} (simulated)"));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        if world.is_dark(&world.with("context")) {
            return unreachable();
        }
        let now: Vec<u64> =
            world.list("workloads").iter().map(|workload| replicas(world, workload)).collect();
        let total: u64 = now.iter().sum();
        let wanted = world.call.with.get("replicas").and_then(Value::as_u64).unwrap_or(0);
        Map::from_iter([
            ("reachable".to_owned(), json!(true)),
            ("replicas".to_owned(), json!(total)),
            ("ready".to_owned(), json!(total)),
            ("at_target".to_owned(), json!(now.iter().all(|replicas| *replicas == wanted))),
        ])
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        let replicas = request.get("replicas").and_then(Value::as_object).cloned();
        let replicas = replicas.unwrap_or_default().into_iter();
        replicas.map(|(workload, to)| set(key(world, "replicas", &workload), to)).collect()
    }
}

impl Pretend for Restart {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let context = world.with("context");
        world.reach(&context)?;
        let at = world.call.opened_at.rfc3339();
        let workloads = world.list("workloads");
        let request = json!({
            "operation": "restart", "context": context, "workloads": workloads, "restartedAt": at,
        });
        let mut shown = preview(request, json!({}), self.facts(world));
        for workload in workloads {
            let pods = replicas(world, &workload);
            shown.changes.push(Change {
                what: told("told.pods", &[&workload]),
                now: told("told.running", &[&pods.to_string()]),
                after: told("told.new", &[&pods.to_string(), &at]),
            });
        }
        shown.calls.push(format!("k8s:patch deployments in {context} (simulated)"));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        if world.is_dark(&world.with("context")) {
            return unreachable();
        }
        let at = json!(world.call.opened_at.rfc3339());
        let workloads = world.list("workloads");
        let is_new = |workload: &String| world.now(&key(world, "restarted", workload)) == Some(&at);
        let is_asked =
            |workload: &String| world.coming(&key(world, "restarted", workload)) == Some(&at);
        let pods: u64 = workloads.iter().map(|workload| replicas(world, workload)).sum();
        let settled = workloads.iter().all(is_new);
        let restarted = workloads.iter().all(|workload| is_new(workload) || is_asked(workload));
        Map::from_iter([
            ("reachable".to_owned(), json!(true)),
            ("restarted".to_owned(), json!(restarted)),
            ("settled".to_owned(), json!(settled)),
            ("desired".to_owned(), json!(pods)),
            ("ready".to_owned(), json!(if restarted && !settled { pods / 2 } else { pods })),
        ])
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        let at = request.get("restartedAt").cloned().unwrap_or_default();
        let workloads = world.list("workloads").into_iter();
        workloads.map(|workload| set(key(world, "restarted", &workload), at.clone())).collect()
    }
}

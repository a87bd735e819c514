//! Pretended metrics and targets.

use serde_json::{Map, json};

use super::look::{Look, unreachable};
use super::world::World;
use crate::domain::time::Span;

/// How old the last point was when the outage began.
const BEFORE: Span = Span::seconds(40);

/// A metric that was published until its source fell silent.
pub(in crate::actions) const CHECK_METRIC: Look = Look {
    at: "metric",
    facts: |world: &World<'_>| {
        let call = world.call;
        let unit = world.with("unit");
        let value = match unit.as_str() {
            "ms" => json!(900.0),
            "s" => json!(0.8),
            _ => json!(0.0),
        };
        let before = call.impact_at.minus(BEFORE);
        let is_silent = world.is_dark(&call.environment.regions.primary);
        let at = if is_silent { before } else { call.now.minus(BEFORE) };
        let age = call.now.since(at);
        let source = format!("{} {} (simulated)", world.with("namespace"), world.with("metric"));
        let impact_at = call.impact_at.rfc3339();
        Map::from_iter([
            ("reachable".to_owned(), json!(true)),
            ("value".to_owned(), value.clone()),
            ("unit".to_owned(), json!(unit)),
            ("source".to_owned(), json!(source)),
            ("at".to_owned(), json!(at.rfc3339())),
            ("age_s".to_owned(), json!(age.ms() / 1000)),
            ("is_stale".to_owned(), json!(age > Span::minutes(3))),
            (
                "before_impact".to_owned(),
                json!({"value": value, "at": before.rfc3339(), "impact_at": impact_at}),
            ),
        ])
    },
};

/// Twelve targets, where anything answers.
pub(in crate::actions) const CHECK_TARGETS: Look = Look {
    at: "load_balancer",
    facts: |world: &World<'_>| {
        if world.is_dark(&world.with("load_balancer")) {
            return unreachable();
        }
        let facts = [("target_groups", 2), ("targets", 12), ("healthy", 12), ("unhealthy", 0)];
        let facts = facts.into_iter().map(|(name, count)| (name.to_owned(), json!(count)));
        facts.chain([("reachable".to_owned(), json!(true))]).collect()
    },
};

//! A pretended failover record.

use serde_json::{Map, Value, json};

use super::world::{Set, World, plain};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Change, Direction, Preview, Remark};
use crate::domain::time::Span;

/// Points the PRIMARY record somewhere else.
#[derive(Debug)]
pub(in crate::actions) struct Pin;

/// What the public name answers now.
pub(super) fn answer(world: &World<'_>, name: &str) -> String {
    let first = world.environment("alb.primary.dns").unwrap_or_default();
    world.now_or(&format!("record/{name}"), &first)
}

impl Pretend for Pin {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let name = world.with("name");
        let now = answer(world, &name);
        let target = match (world.call.direction, world.call.before) {
            (Direction::Undo, Some(before)) => {
                before.binding.get("primary_target").map(plain).unwrap_or_default()
            }
            (Direction::Undo, None) | (Direction::Do, _) => world.with("target"),
        };
        let request = json!({
            "operation": "ChangeResourceRecordSets", "HostedZoneId": world.with("zone"),
            "Action": "UPSERT", "Name": name, "SetIdentifier": world.with("set_identifier"),
            "Failover": "PRIMARY", "AliasTarget": target,
        });
        let mut shown = preview(request, json!({"primary_target": now}), self.facts(world));
        shown.changes.push(Change {
            what: format!("{name} A [{} PRIMARY]", world.with("set_identifier")),
            now,
            after: target,
        });
        shown.calls.push(format!("route53:ChangeResourceRecordSets, {}", world.account()));
        shown.remarks.push(Remark::new("remark.tabletop.dns", &[]));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        let name = world.with("name");
        let coming = world.coming(&format!("record/{name}")).is_some();
        Map::from_iter([
            ("primary_target".to_owned(), json!(answer(world, &name))),
            ("secondary_target".to_owned(), json!(world.environment("alb.dr.dns"))),
            ("primary_records".to_owned(), json!(1)),
            ("change_status".to_owned(), json!(if coming { "PENDING" } else { "INSYNC" })),
        ])
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        let target = request.get("AliasTarget").cloned().unwrap_or_default();
        vec![set(format!("record/{}", world.with("name")), target, Span::seconds(60))]
    }
}

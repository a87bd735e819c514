//! Pretended failover records.

use serde_json::{Map, Value, json};

use super::flip::{Flip, none, region};
use super::world::{Set, World, plain};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Change, Direction, Preview, Remark};

/// Route 53 has one endpoint, wherever the region is.
fn control_plane(_world: &World<'_>) -> String {
    "us-east-1".to_owned()
}

/// The SECONDARY record becomes the PRIMARY one.
pub(in crate::actions) const SWAP_ROLES: Flip = Flip {
    call: "route53:ChangeResourceRecordSets",
    of: &["name"],
    fact: "primary_set",
    first: |world| json!(world.environment("dns.primary_set")),
    to: |world| json!(world.with("primary_set")),
    others: |world, now| {
        let is_swapped = world.environment("dns.primary_set").as_deref() != now.as_str();
        let dns = |region: &str| json!(world.environment(&format!("alb.{region}.dns")));
        let (primary, secondary) = if is_swapped { ("dr", "primary") } else { ("primary", "dr") };
        Map::from_iter([
            ("primary_target".to_owned(), dns(primary)),
            ("secondary_target".to_owned(), dns(secondary)),
            ("primary_records".to_owned(), json!(1)),
        ])
    },
    place: control_plane,
    remarks: &["remark.route53.swap", "remark.tabletop.dns"],
};

/// How long answers are kept.
pub(in crate::actions) const SET_TTL: Flip = Flip {
    call: "route53:ChangeResourceRecordSets",
    of: &["zone", "name"],
    fact: "ttl",
    first: |_| json!(300),
    to: |world| json!(world.with("seconds").parse::<u64>().unwrap_or_default()),
    others: none,
    place: control_plane,
    remarks: &[],
};

/// Points the PRIMARY record somewhere else.
#[derive(Debug)]
pub(in crate::actions) struct Pin;

/// What the public name answers now.
pub(super) fn answer(world: &World<'_>, name: &str) -> String {
    let swapped = world.now(&format!("route53/primary_set/{name}")).and_then(Value::as_str);
    let first = world.environment("dns.primary_set");
    let is_swapped = swapped.is_some_and(|set| first.as_deref() != Some(set));
    let side = if is_swapped { "alb.dr.dns" } else { "alb.primary.dns" };
    let first = world.environment(side).unwrap_or_default();
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
        vec![set(format!("record/{}", world.with("name")), target)]
    }
}

/// Traffic turns by an object.
pub(in crate::actions) const LATCH: Flip = Flip {
    call: "s3:PutObject",
    of: &["bucket", "key"],
    fact: "latched",
    first: |world| json!(world.with("latched") == "false"),
    to: |world| json!(world.with("latched") != "false"),
    others: none,
    place: region,
    remarks: &["remark.route53.latch"],
};

/// Routing controls are switched.
pub(in crate::actions) const ROUTING_CONTROL: Flip = Flip {
    call: "route53-recovery-cluster:UpdateRoutingControlStates",
    of: &[],
    fact: "controls",
    first: |world| controls(world, "Off", "On"),
    to: |world| controls(world, "On", "Off"),
    others: none,
    place: |world| world.call.environment.regions.dr.clone(),
    remarks: &[],
};

fn controls(world: &World<'_>, on: &str, off: &str) -> Value {
    let all = |list: &str, state: &str| {
        let of = world.list(list);
        of.into_iter().map(|control| (control, json!(state))).collect::<Vec<_>>()
    };
    Value::Object(all("on", on).into_iter().chain(all("off", off)).collect())
}

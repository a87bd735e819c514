//! A pretended secret: only its host exists.

use serde_json::{Map, Value, json};

use super::flip::{Flip, none, region};
use super::world::{Set, World, plain};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Change, Direction, Preview, Remark};
use crate::domain::text::told;

/// A replica is cut from its source.
pub(in crate::actions) const PROMOTE_REPLICA: Flip = Flip {
    call: "secretsmanager:StopReplicationToReplica",
    of: &["region", "secret"],
    fact: "is_replica",
    first: |_| json!(true),
    to: |_| json!(false),
    others: none,
    place: region,
    remarks: &["remark.secret.cut"],
};

/// Replaces the host.
#[derive(Debug)]
pub(in crate::actions) struct ReplaceHost;

fn key(world: &World<'_>) -> String {
    format!("secret/{}/{}", world.with("region"), world.with("secret"))
}

fn host(world: &World<'_>) -> String {
    let region = &world.call.environment.regions.primary;
    world.now_or(&key(world), &format!("writer.{region}.rds.amazonaws.com"))
}

impl Pretend for ReplaceHost {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let region = world.with("region");
        world.reach(&region)?;
        let now = host(world);
        let after = match (world.call.direction, world.call.before) {
            (Direction::Undo, Some(before)) => {
                before.binding.get("host").map(plain).unwrap_or_default()
            }
            (Direction::Undo, None) | (Direction::Do, _) => world.with("host"),
        };
        let secret = world.with("secret");
        let request = json!({
            "operation": "PutSecretValue", "SecretId": secret, "region": region, "host": after,
            "ClientRequestToken": world.call.token.to_string(),
        });
        let mut shown = preview(request, json!({"host": now}), self.facts(world));
        shown.changes.push(Change { what: told("told.host", &[&secret]), now, after });
        shown.calls.push(format!("secretsmanager:PutSecretValue in {region}, {}", world.account()));
        shown.remarks.push(Remark::new("remark.tabletop.secret", &[]));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        Map::from_iter([
            ("host".to_owned(), json!(host(world))),
            ("is_replica".to_owned(), json!(false)),
            ("token_present".to_owned(), json!(world.now(&key(world)).is_some())),
        ])
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        let host = request.get("host").cloned().unwrap_or_default();
        vec![set(key(world), host)]
    }
}

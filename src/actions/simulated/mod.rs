//! What a tabletop pretends: the same actions on a world that only exists in the run's own record.
//!
//! The world is what the environment file says, changed by the evidence of the calls made so far in this run, each
//! change with the time at which it shows. So it survives a restart with the run, and nothing outside is touched: no
//! code in here can reach a network. Its scenario stands in the environment file under `tabletop:`.

mod aurora;
mod http;
mod kube;
mod route53;
mod secrets;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::human::Human;
use super::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Preview};
use crate::domain::text::trouble;
use crate::domain::time::Span;
use world::{Set, World};

/// One action's part of the pretended world.
trait Pretend: Send + Sync + std::fmt::Debug {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError>;
    fn facts(&self, world: &World<'_>) -> Map<String, Value>;
    /// The facts in one line.
    fn saw(&self, facts: &Map<String, Value>) -> String {
        let told = facts.iter().filter(|(_, value)| !value.is_object());
        let told = told.map(|(name, value)| format!("{name} = {}", world::plain(value)));
        told.collect::<Vec<_>>().join(", ")
    }
    /// What a call changes, and how long until it shows.
    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set>;
}

/// A pretended action.
#[derive(Debug)]
struct Simulated {
    name: &'static str,
    pretend: &'static dyn Pretend,
}

/// All of them, by name. Human steps are the same in a tabletop: people do them.
pub(super) fn all() -> BTreeMap<&'static str, Arc<dyn Action>> {
    let of = |name, pretend| -> (&'static str, Arc<dyn Action>) {
        (name, Arc::new(Simulated { name, pretend }))
    };
    let mut all = BTreeMap::from([
        of("aurora.failover", &aurora::Move { lossy: true }),
        of("aurora.switchover", &aurora::Move { lossy: false }),
        of("route53.pin", &route53::Pin),
        of("secretsmanager.replace_host", &secrets::ReplaceHost),
        of("k8s.scale", &kube::Scale),
        of("k8s.restart", &kube::Restart),
        of("http.check", &http::Check),
    ]);
    all.insert("human.task", Arc::new(Human { what: "task" }));
    all.insert("human.decide", Arc::new(Human { what: "decide" }));
    all
}

#[async_trait]
impl Action for Simulated {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        self.pretend.preview(&World::of(call))
    }

    async fn probe(&self, call: &Call<'_>, request: &Value) -> Probe {
        let world = World::of(call);
        let facts = self.pretend.facts(&world);
        let wanted = self.pretend.sets(&world, request);
        let happened = if wanted.is_empty() || wanted.iter().all(|set| world.shows(set)) {
            Happened::Done
        } else if wanted.iter().any(|set| world.is_coming(set)) {
            Happened::Running
        } else {
            Happened::Never
        };
        let saw = self.pretend.saw(&facts);
        Probe { happened, facts, saw }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        let world = World::of(call);
        let sets = self.pretend.sets(&world, approved.request());
        let evidence = json!({
            "simulated": true,
            "at": call.now,
            "action": self.name,
            "request_id": format!("tabletop-{}-{}", call.step, call.attempt),
            "sets": sets,
        });
        match world.trouble(self.name) {
            Some("fails") => Outcome::Failed {
                error: LookError::Refused {
                    system: self.name.to_owned(),
                    detail: "PriorRequestNotComplete".to_owned(),
                },
            },
            Some("no_answer") => {
                Outcome::Unknown { error: trouble("trouble.cut", "", ""), evidence }
            }
            Some(_) | None => Outcome::Accepted { evidence },
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}

/// A preview from its parts.
fn preview(request: Value, binding: Value, facts: Map<String, Value>) -> Preview {
    let map = |value| match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    Preview {
        request,
        binding: map(binding),
        facts,
        changes: Vec::new(),
        calls: Vec::new(),
        remarks: Vec::new(),
    }
}

/// A change that shows after `delay`.
fn set(key: String, to: Value, delay: Span) -> Set {
    Set { key, to, after: delay }
}

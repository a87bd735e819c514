//! What a tabletop pretends: the same actions on a world that only exists in the run's own record.
//!
//! The world is what the environment file says, changed by the evidence of the calls made so far in this run, each
//! change with the time at which it shows. So it survives a restart with the run, and nothing outside is touched: no
//! code in here can reach a network. Its scenario stands in the environment file under `tabletop:`.
//!
//! Everything takes the time that the runbook calls typical: a rehearsal feels like the real thing, and measures the
//! runbook. A look that its step waits for takes it too; one that nobody waits for is answered at once.

pub(super) mod aurora;
pub(super) mod connector;
pub(super) mod dns;
pub(super) mod elasticache;
pub(super) mod exec;
mod flip;
pub(super) mod http;
pub(super) mod kube;
pub(super) mod kube_state;
mod look;
pub(super) mod looks;
pub(super) mod redis;
pub(super) mod route53;
pub(super) mod secrets;
pub(super) mod services;
pub(super) mod sql;
mod world;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Action, Call, Happened, LookError, Outcome, Permissions, Probe};
use crate::domain::run::preview::{Approved, Preview};
use crate::domain::text::{told, trouble};
use world::{Set, World};

/// One action's part of the pretended world.
pub(super) trait Pretend: Send + Sync + std::fmt::Debug {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError>;
    fn facts(&self, world: &World<'_>) -> Map<String, Value>;
    /// The facts in one line.
    fn saw(&self, facts: &Map<String, Value>) -> String {
        let told = facts.iter().filter(|(_, value)| !value.is_object());
        let told = told.map(|(name, value)| format!("{name} = {}", world::plain(value)));
        told.collect::<Vec<_>>().join(", ")
    }
    /// What a call changes.
    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set>;
    /// Why the call would do nothing, if it would.
    fn refused(&self, _world: &World<'_>) -> Option<LookError> {
        None
    }
}

/// A pretended action.
#[derive(Debug)]
struct Simulated<P> {
    name: String,
    pretend: P,
}

/// The stand-in of the action of this name.
pub(super) fn of<P: Pretend>(name: &str, pretend: P) -> impl Action + use<P> {
    Simulated { name: name.to_owned(), pretend }
}

#[async_trait]
impl<P: Pretend> Action for Simulated<P> {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        self.pretend.preview(&World::of(call))
    }

    async fn probe(&self, call: &Call<'_>, request: &Value) -> Probe {
        let world = World::of(call);
        if world.is_underway() && self.pretend.sets(&world, request).is_empty() {
            let saw = told("told.looking", &[]);
            return Probe { happened: Happened::Running, facts: Map::new(), saw };
        }
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
        if let Some(error) = self.pretend.refused(&world) {
            return Outcome::Failed { error };
        }
        let sets = self.pretend.sets(&world, approved.request());
        let evidence = json!({
            "simulated": true,
            "at": call.now,
            "shows_after": call.takes,
            "step": call.step,
            "action": self.name,
            "request_id": format!("tabletop-{}-{}", call.step, call.attempt),
            "sets": sets,
        });
        match world.trouble(&self.name) {
            Some("fails") => Outcome::Failed {
                error: LookError::Refused {
                    system: self.name.clone(),
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

/// A change.
fn set(key: String, to: Value) -> Set {
    Set { key, to }
}

//! The actions of the simulation: each looks at and acts on the [`World`], and has all the bad days there are.

use std::sync::Arc;

use async_trait::async_trait;
use dr_buddy::actions::{Action, Actions, Call, LookError, Outcome, Permissions, Probe};
use dr_buddy::domain::run::preview::{Approved, Direction, Preview};
use dr_buddy::domain::run::state::Happened;
use serde_json::{Map, Value, json};

use crate::fate::Fate;
use crate::world::{Sight, World};

/// An action by its name.
#[derive(Debug)]
struct Scripted {
    name: &'static str,
    fate: Arc<Fate>,
    world: Arc<World>,
}

/// The actions of one world.
pub(crate) fn actions(fate: &Arc<Fate>, world: &Arc<World>) -> Actions {
    let names = [
        "http.check",
        "k8s.scale",
        "aurora.switchover",
        "secretsmanager.replace_host",
        "human.decide",
    ];
    Actions::of(names.map(|name| {
        let (fate, world) = (Arc::clone(fate), Arc::clone(world));
        let action: Arc<dyn Action> = Arc::new(Scripted { name, fate, world });
        (name, action)
    }))
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

impl Scripted {
    fn reads(&self) -> bool {
        self.name == "http.check"
    }

    fn token(&self, call: &Call<'_>) -> Option<String> {
        (self.name == "secretsmanager.replace_host").then(|| call.token.to_string())
    }

    fn facts(&self, sight: Sight) -> Map<String, Value> {
        map(match self.name {
            "http.check" => json!({"status": if sight.is_sick { 503 } else { 200 }}),
            "aurora.switchover" => {
                json!({"writer_region": if sight.is_there { "us" } else { "eu" }})
            }
            "k8s.scale" => json!({"at_target": sight.is_there}),
            "secretsmanager.replace_host" => {
                json!({"host": if sight.is_there { "h" } else { "old" }})
            }
            _ => json!({}),
        })
    }

    /// How a look goes wrong, if it does.
    async fn trouble(&self) -> Option<LookError> {
        self.fate.step().await;
        if !self.fate.strikes(self.fate.weather.looks) {
            return None;
        }
        let (system, detail) = (self.name.to_owned(), "a bad day".to_owned());
        match self.fate.below(4) {
            0 => Some(LookError::Refused { system, detail }),
            1 => Some(LookError::Unreachable { system, detail }),
            n => {
                self.fate.sleep(1_000 + self.fate.below(15_000 * n)).await;
                None
            }
        }
    }
}

#[async_trait]
impl Action for Scripted {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        if let Some(trouble) = self.trouble().await {
            return Err(trouble);
        }
        let sight = self.world.look(call.step);
        let to = if call.direction == Direction::Do { "there" } else { "back" };
        let version = if self.reads() { 0 } else { sight.version };
        Ok(Preview {
            request: json!({"do": call.step, "to": to, "token": self.token(call)}),
            binding: map(json!({"version": version})),
            facts: self.facts(sight),
            changes: vec![],
            calls: vec![],
            remarks: vec![],
        })
    }

    async fn probe(&self, call: &Call<'_>, request: &Value) -> Probe {
        let saw = "something".to_owned();
        if self.trouble().await.is_some() {
            return Probe { happened: Happened::Unknown, facts: Map::new(), saw };
        }
        let sight = self.world.look(call.step);
        let is_done = self.reads() || sight.is_there == (request["to"] == "there");
        let happened = match (is_done, sight.is_coming && self.fate.below(2) == 0) {
            (true, _) => Happened::Done,
            (false, true) => Happened::Running,
            (false, false) => Happened::Never,
        };
        Probe { happened, facts: self.facts(sight), saw }
    }

    async fn run(&self, call: &Call<'_>, approved: &Approved) -> Outcome {
        // A connection is made, a token is fetched: the process may be stopped or killed before anything is sent.
        self.fate.step().await;
        let calls = self.fate.weather.calls;
        let (system, detail) = (self.name.to_owned(), "not today".to_owned());
        if self.fate.strikes(calls / 2) {
            let error = if self.fate.below(2) == 0 {
                LookError::Refused { system, detail }
            } else {
                LookError::Unreachable { system, detail }
            };
            return Outcome::Failed { error };
        }
        if self.reads() {
            return Outcome::Accepted { evidence: Value::Null };
        }
        let is_lost = self.fate.strikes(calls / 2);
        let waiting = self.world.send(call, approved, self.token(call), is_lost);
        self.fate.step().await;
        if self.fate.strikes(calls) {
            self.fate.sleep(self.fate.pick(&[500, 2_000, 20_000, 50_000, 90_000])).await;
        }
        drop(waiting);
        if is_lost || self.fate.strikes(calls) {
            return Outcome::Unknown { error: "cut".to_owned(), evidence: Value::Null };
        }
        Outcome::Accepted { evidence: json!({"request_id": call.attempt}) }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}

//! Operations of connectors, pretended: every call is taken, and the facts are the examples of their file.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::world::{Set, World, plain};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::actions::params::clip;
use crate::domain::action::Danger;
use crate::domain::connector::{Connector, Operation};
use crate::domain::run::preview::{Change, Direction, Preview};

/// One operation.
#[derive(Debug)]
pub(in crate::actions) struct Pretended {
    pub(in crate::actions) connector: Arc<Connector>,
    pub(in crate::actions) name: String,
}

impl Pretended {
    /// The operation that is asked for: the step's own, or what takes it back.
    fn now(&self, world: &World<'_>) -> (&str, Option<&Operation>) {
        let own = self.connector.operation(&self.name);
        let undo = own.and_then(|own| own.undo.as_ref()).map(|undo| undo.operation.as_str());
        let name = match (world.call.direction, undo) {
            (Direction::Undo, Some(undo)) => undo,
            (Direction::Undo, None) | (Direction::Do, _) => &self.name,
        };
        (name, self.connector.operation(name))
    }

    fn key(&self, world: &World<'_>) -> String {
        let with = Value::Object(world.call.with.clone());
        format!("{}.{}/{}", self.connector.id, self.now(world).0, plain(&with))
    }

    fn reads(&self) -> bool {
        self.connector.operation(&self.name).is_some_and(|own| own.danger == Danger::Reads)
    }
}

impl Pretend for Pretended {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let (name, operation) = self.now(world);
        let with = Value::Object(world.call.with.clone());
        let call = format!("{}.{name}", self.connector.id);
        let request = json!({"call": call, "with": with});
        let mut shown = preview(request, json!({}), self.facts(world));
        let method = operation.map_or("", |operation| operation.method.as_str());
        let path = operation.map_or("", |operation| operation.path.as_str());
        shown.calls.push(format!("{method} {path} at {} (simulated)", self.connector.id));
        if !self.reads() {
            let now =
                if world.now(&self.key(world)).is_some() { "told.there" } else { "told.nothing" };
            let after = clip(&format!("{method} {with}"));
            shown.changes.push(Change { what: call, now: now.to_owned(), after });
        }
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        let there = self.reads() || world.now(&self.key(world)).is_some();
        let mut facts = Map::from_iter([
            ("reachable".to_owned(), json!(true)),
            ("status".to_owned(), json!(200)),
            ("latency_ms".to_owned(), json!(42)),
        ]);
        if !self.reads() {
            facts.insert("shows".to_owned(), json!(there));
        }
        if let (true, Some(operation)) = (there, self.now(world).1) {
            let looked = operation.probe.as_ref();
            let looked = looked.and_then(|one| self.connector.operation(&one.ask.operation));
            for one in [looked, Some(operation)].into_iter().flatten() {
                let examples = one.facts.iter();
                facts.extend(examples.map(|(name, fact)| (name.clone(), fact.example.clone())));
            }
            facts.extend(operation.pretend.clone());
        }
        facts
    }

    fn sets(&self, world: &World<'_>, _request: &Value) -> Vec<Set> {
        if self.reads() {
            return vec![];
        }
        vec![set(self.key(world), Value::Bool(true))]
    }
}

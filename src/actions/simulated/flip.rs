//! One value of the pretended world that one call sets: all there is to most actions.

use serde_json::{Map, Value, json};

use super::world::{Set, World, plain};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Change, Direction, Preview, Remark};
use crate::domain::text::trouble;

/// A value of the world, or of what is asked for.
pub(in crate::actions) type Reading = fn(&World<'_>) -> Value;

/// A thing with one state, which is told as a fact.
#[derive(Debug)]
pub(in crate::actions) struct Flip {
    /// `rds:PromoteReadReplicaDBCluster`.
    pub(super) call: &'static str,
    /// The parameters that say which thing.
    pub(super) of: &'static [&'static str],
    /// The fact that is its state.
    pub(super) fact: &'static str,
    /// In the beginning.
    pub(super) first: Reading,
    /// What the step asks for.
    pub(super) to: Reading,
    /// Its other facts, which follow from its state.
    pub(super) others: fn(&World<'_>, &Value) -> Map<String, Value>,
    /// Where it is called: a dead region does not answer.
    pub(super) place: fn(&World<'_>) -> String,
    /// What people should know first.
    pub(super) remarks: &'static [&'static str],
}

impl Flip {
    fn key(&self, world: &World<'_>) -> String {
        let service = self.call.split(':').next().unwrap_or(self.call);
        let which: Vec<String> = self.of.iter().map(|name| world.with(name)).collect();
        format!("{service}/{}/{}", self.fact, which.join("/"))
    }

    fn now(&self, world: &World<'_>) -> Value {
        world.now(&self.key(world)).cloned().unwrap_or_else(|| (self.first)(world))
    }
}

impl Pretend for Flip {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let place = (self.place)(world);
        world.reach(&place)?;
        let now = self.now(world);
        if now.is_null() {
            let detail = trouble("trouble.not_in_environment", self.fact, "");
            return Err(LookError::Unsafe { detail });
        }
        let after = match (world.call.direction, world.call.before) {
            (Direction::Undo, Some(before)) => {
                before.binding.get(self.fact).cloned().unwrap_or_default()
            }
            (Direction::Undo, None) | (Direction::Do, _) => (self.to)(world),
        };
        let request = json!({"call": self.call, "with": world.call.with, "to": after});
        let binding = json!({self.fact: now});
        let mut shown = preview(request, binding, self.facts(world));
        let which: Vec<String> = self.of.iter().map(|name| world.with(name)).collect();
        let what = format!("{} {}", self.fact, which.join(" "));
        shown.changes.push(Change { what, now: plain(&now), after: plain(&after) });
        shown.calls.push(format!("{} in {place}, {}", self.call, world.account()));
        shown.remarks.extend(self.remarks.iter().map(|key| Remark::new(key, &[])));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        // Nobody there says anything.
        if world.is_dark(&(self.place)(world)) {
            return Map::new();
        }
        let now = self.now(world);
        let mut facts = (self.others)(world, &now);
        facts.insert(self.fact.to_owned(), now);
        facts
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        let to = request.get("to").cloned().unwrap_or_default();
        vec![set(self.key(world), to)]
    }
}

/// No other facts.
pub(super) fn none(_world: &World<'_>, _now: &Value) -> Map<String, Value> {
    Map::new()
}

/// The region that is a parameter.
pub(super) fn region(world: &World<'_>) -> String {
    world.with("region")
}

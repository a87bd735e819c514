//! A look at the pretended world: nothing changes.

use serde_json::{Map, Value, json};

use super::world::{Set, World};
use super::{Pretend, preview};
use crate::actions::LookError;
use crate::domain::run::preview::Preview;

/// What is looked at, and what is seen there.
#[derive(Debug)]
pub(in crate::actions) struct Look {
    /// The parameter that says where: a name, a connection.
    pub(super) at: &'static str,
    /// The facts, where the place answers.
    pub(super) facts: fn(&World<'_>) -> Map<String, Value>,
}

impl Pretend for Look {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let request = json!({"with": world.call.with});
        let mut shown = preview(request, json!({}), self.facts(world));
        shown.calls.push(format!("{} (simulated)", world.with(self.at)));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        if world.is_dark(&region_of(world)) && world.call.with.contains_key("connection") {
            return unreachable();
        }
        (self.facts)(world)
    }

    fn sets(&self, _world: &World<'_>, _request: &Value) -> Vec<Set> {
        Vec::new()
    }
}

/// The facts of what does not answer.
pub(super) fn unreachable() -> Map<String, Value> {
    Map::from_iter([("reachable".to_owned(), json!(false))])
}

/// The region of a connection: the second one if its name says so, as `orders-dr` does.
pub(super) fn region_of(world: &World<'_>) -> String {
    let regions = &world.call.environment.regions;
    let name = world.with("connection");
    let is_dr = name.contains("dr") || name.contains(&regions.dr);
    if is_dr { regions.dr.clone() } else { regions.primary.clone() }
}

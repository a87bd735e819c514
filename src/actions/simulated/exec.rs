//! A pretended program: it ends well.

use serde_json::{Map, Value, json};

use super::world::{Set, World};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::Preview;

/// Runs nothing.
#[derive(Debug)]
pub(in crate::actions) struct Run;

fn key(world: &World<'_>) -> String {
    format!("exec/{}", world.call.step)
}

impl Pretend for Run {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let (program, args) = (world.with("program"), world.list("args").join(" "));
        let request = json!({"operation": "exec", "with": world.call.with});
        let mut shown = preview(request, json!({}), self.facts(world));
        shown.calls.push(format!("{program} {args} (simulated)"));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        let mut facts = Map::new();
        if let Some(code) = world.now(&key(world)) {
            facts.insert("exit_code".to_owned(), code.clone());
            facts.insert("timed_out".to_owned(), json!(false));
            facts.insert("seconds".to_owned(), json!(2));
        }
        facts
    }

    fn sets(&self, world: &World<'_>, _request: &Value) -> Vec<Set> {
        vec![set(key(world), json!(0))]
    }
}

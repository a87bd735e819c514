//! Pretended objects of clusters, as far as they either are as a step wants them or are not.

use serde_json::{Map, Value, json};

use super::look::unreachable;
use super::world::{Set, World, plain};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Change, Direction, Preview};
use crate::domain::text::told;

/// `CronJob`s of a namespace that nobody named.
const CRONJOBS: [&str; 2] = ["cronjob/nightly-report", "cronjob/cleanup"];
/// What a workload runs.
const PODS: usize = 4;

/// Things that are as a step wants them, or not yet.
#[derive(Debug)]
pub(in crate::actions) struct State {
    call: &'static str,
    things: fn(&World<'_>) -> Vec<String>,
    /// The facts, of how many are as wanted and how many there are.
    facts: fn(usize, usize) -> Value,
}

/// `k8s.apply`.
pub(in crate::actions) const APPLY: State = State {
    call: "k8s:apply",
    things: |world| {
        let manifest = world.call.with.get("manifest");
        let text = |at: &str| {
            manifest.and_then(|manifest| manifest.pointer(at)).map(plain).unwrap_or_default()
        };
        vec![format!("{}/{}", text("/kind").to_lowercase(), text("/metadata/name"))]
    },
    facts: object,
};

/// `k8s.patch`.
pub(in crate::actions) const PATCH: State = State {
    call: "k8s:patch",
    things: |world| vec![format!("{}/{}", world.with("kind").to_lowercase(), world.with("name"))],
    facts: object,
};

/// `k8s.suspend_cronjobs`.
pub(in crate::actions) const SUSPEND_CRONJOBS: State = State {
    call: "k8s:patch cronjobs",
    things: |world| {
        let names = world.list("names");
        if names.is_empty() {
            return CRONJOBS.map(ToOwned::to_owned).to_vec();
        }
        names.into_iter().map(|name| format!("cronjob/{name}")).collect()
    },
    facts: |done, all| json!({"suspended": done, "active": all - done, "total": all, "running": 0}),
};

/// `external_secrets.sync`.
pub(in crate::actions) const SYNC: State = State {
    call: "k8s:patch externalsecrets",
    things: |world| {
        world.list("names").into_iter().map(|name| format!("externalsecret/{name}")).collect()
    },
    facts: |done, all| {
        let synced = done == all;
        json!({"requested": synced, "synced": synced, "fresh": done, "ready": all, "total": all})
    },
};

fn object(done: usize, all: usize) -> Value {
    json!({"exists": true, "applied": done == all, "differences": all - done})
}

impl State {
    fn key(&self, world: &World<'_>, thing: &str) -> String {
        let [context, namespace] = ["context", "namespace"].map(|name| world.with(name));
        format!("{}/{context}/{namespace}/{thing}", self.call)
    }

    fn is_done(&self, world: &World<'_>, thing: &str) -> bool {
        world.now(&self.key(world, thing)) == Some(&json!(true))
    }
}

fn reachable(facts: Value) -> Map<String, Value> {
    let Value::Object(mut facts) = facts else { return Map::new() };
    facts.insert("reachable".to_owned(), json!(true));
    facts
}

impl Pretend for State {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let context = world.with("context");
        world.reach(&context)?;
        let to = world.call.direction == Direction::Do;
        let things = (self.things)(world);
        let now: Map<String, Value> =
            things.iter().map(|thing| (thing.clone(), json!(self.is_done(world, thing)))).collect();
        let word = |done: bool| told(if done { "told.as_asked" } else { "told.as_before" }, &[]);
        let changes = things.iter().map(|thing| Change {
            what: thing.clone(),
            now: word(self.is_done(world, thing)),
            after: word(to),
        });
        let changes = changes.collect();
        let request = json!({"call": self.call, "with": world.call.with, "to": to});
        let mut shown = preview(request, Value::Object(now), self.facts(world));
        shown.changes = changes;
        shown.calls.push(format!("{} in {context} (simulated)", self.call));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        if world.is_dark(&world.with("context")) {
            return unreachable();
        }
        let things = (self.things)(world);
        let done = things.iter().filter(|thing| self.is_done(world, thing)).count();
        reachable((self.facts)(done, things.len()))
    }

    fn sets(&self, world: &World<'_>, request: &Value) -> Vec<Set> {
        let to = request.get("to").cloned().unwrap_or_default();
        let things = (self.things)(world);
        things.iter().map(|thing| set(self.key(world, thing), to.clone())).collect()
    }
}

/// Looks: all is ready.
#[derive(Debug)]
pub(in crate::actions) struct WaitReady;

impl Pretend for WaitReady {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let context = world.with("context");
        world.reach(&context)?;
        let request = json!({"operation": "wait_ready", "with": world.call.with});
        let mut shown = preview(request, json!({}), self.facts(world));
        shown.calls.push(format!("k8s:get workloads in {context} (simulated)"));
        Ok(shown)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        if world.is_dark(&world.with("context")) {
            return unreachable();
        }
        let pods = PODS * world.list("workloads").len().max(1);
        reachable(json!({
            "ready": pods, "wanted": pods, "unready": 0, "all_ready": true, "restarts": 0,
        }))
    }

    fn sets(&self, _world: &World<'_>, _request: &Value) -> Vec<Set> {
        vec![]
    }
}

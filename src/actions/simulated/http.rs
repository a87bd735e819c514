//! A pretended service behind two load balancers.

use serde_json::{Map, Value, json};

use super::aurora::writes_in;
use super::flip::Flip;
use super::look::unreachable;
use super::redis::is_master;
use super::route53::answer;
use super::world::{Set, World, read_only};
use super::{Pretend, preview, set};
use crate::actions::LookError;
use crate::domain::run::preview::{Preview, Remark};

/// Asks the service.
#[derive(Debug)]
pub(in crate::actions) struct Check;

/// Writes to the service, and asks it.
#[derive(Debug)]
pub(in crate::actions) struct Canary;

/// Asks an API for a change.
pub(in crate::actions) const REQUEST: Flip = Flip {
    call: "HTTP request",
    of: &["method", "url"],
    fact: "shows",
    first: |_| json!(false),
    to: |_| json!(true),
    others: |_, _| {
        Map::from_iter([("reachable".to_owned(), json!(true)), ("status".to_owned(), json!(200))])
    },
    place: |world| host(&world.with("url")).to_owned(),
    remarks: &[],
};

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':', '?']).next().unwrap_or(rest)
}

/// Where a request would arrive.
fn place(world: &World<'_>) -> String {
    match world.with("resolve_to") {
        place if place.is_empty() => answer(world, host(&world.with("url"))),
        place => place,
    }
}

fn region<'a>(world: &'a World<'_>, place: &str) -> &'a str {
    let regions = &world.call.environment.regions;
    if place.contains(&regions.primary) { &regions.primary } else { &regions.dr }
}

fn canary(world: &World<'_>) -> String {
    format!("canary/{}", world.with("url"))
}

impl Pretend for Check {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        Ok(shown(world, &["GET"]))
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        facts(world)
    }

    fn sets(&self, _world: &World<'_>, _request: &Value) -> Vec<Set> {
        Vec::new()
    }
}

impl Pretend for Canary {
    fn preview(&self, world: &World<'_>) -> Result<Preview, LookError> {
        let mut preview = shown(world, &["PUT", "GET"]);
        preview.remarks.push(Remark::new("remark.http.canary", &[("url", &world.with("url"))]));
        Ok(preview)
    }

    fn facts(&self, world: &World<'_>) -> Map<String, Value> {
        facts(world)
    }

    fn sets(&self, world: &World<'_>, _request: &Value) -> Vec<Set> {
        vec![set(canary(world), Value::Bool(true))]
    }

    fn refused(&self, world: &World<'_>) -> Option<LookError> {
        let place = place(world);
        if let Err(error) = world.reach(&place) {
            return Some(error);
        }
        (!writes_in(world, region(world, &place))).then(|| read_only(&place))
    }
}

fn shown(world: &World<'_>, verbs: &[&str]) -> Preview {
    let (url, to) = (world.with("url"), place(world));
    let request = json!({"url": url, "resolve_to": world.with("resolve_to")});
    let mut shown = preview(request, json!({}), Map::new());
    shown.calls = verbs.iter().map(|verb| format!("{verb} {url} at {to} (simulated)")).collect();
    shown
}

fn facts(world: &World<'_>) -> Map<String, Value> {
    let place = place(world);
    if world.is_dark(&place) {
        return unreachable();
    }
    let region = region(world, &place);
    let role = if is_master(world, region) { "master" } else { "replica" };
    Map::from_iter([
        ("reachable".to_owned(), json!(true)),
        ("status".to_owned(), json!(200)),
        ("region".to_owned(), json!(region)),
        ("latency_ms".to_owned(), json!(84)),
        (
            "body".to_owned(),
            json!({
                "found": world.now(&canary(world)).is_some(),
                "region": region,
                "db": {"writable": writes_in(world, region)},
                "redis": {"role": role},
                "version": "2026.11.3",
            }),
        ),
    ])
}

//! What is known of the loss: each figure with its source and time, by each method apart, and unknown where there is none.

use serde_json::{Value, json};

use super::said::of_step;
use super::sample::{START, World, environment, facts, id, who};
use crate::domain::action::Known;
use crate::domain::report::loss::{Loss, Method, Store, losses};
use crate::domain::run::protocol::Event;
use crate::domain::run::state::Proof;
use crate::domain::runbook::check::check;
use crate::domain::time::{Span, Timestamp};

const RUNBOOK: &str = r#"
id: loss
title: {en: L, fr: P}
phases: [{id: p, title: {en: P, fr: P}}]
restored_by: live
steps:
  - {id: lag, title: {en: A, fr: A}, phase: p, owner: db, typical: 5s, worst: 30s, on_failure: continue,
     action: {cloudwatch.check: {namespace: AWS/RDS, metric: AuroraGlobalDBRPOLag, unit: ms}}}
  - {id: cache, title: {en: A, fr: A}, phase: p, owner: db, typical: 5s, worst: 30s, on_failure: continue,
     when: "env.cache.present",
     action: {cloudwatch.check: {namespace: AWS/ElastiCache, metric: GlobalDatastoreReplicationLag, unit: s}}}
  - {id: rows, title: {en: A, fr: A}, phase: p, owner: db, typical: 5s, worst: 30s, needs: [lag], on_failure: continue,
     action: {sql.check: {connection: dr, probe: heartbeat}}}
  - {id: promote, title: {en: A, fr: A}, phase: p, owner: db, typical: 5s, worst: 30s, needs: [lag],
     gate: {people: 2, roles: [ic, db], expires: 10m}, point_of_no_return: true,
     verify: {expect: "facts.writer_region == 'us-east-1'", timeout: 1m},
     action: {aurora.failover: {global_cluster: g, target: "arn:aws:rds:us-east-1:111111111111:cluster:t", allow_data_loss: true}}}
  - {id: live, title: {en: A, fr: A}, phase: p, owner: db, typical: 5s, worst: 30s, needs: [rows],
     action: {http.check: {url: "https://a.example/"}}}
"#;

/// Since when the service is hit.
const IMPACT: Timestamp = Timestamp(START.0 - 300_000);

fn world(cache: bool) -> World {
    let environment = environment(Some(cache));
    World::of(
        check("loss.yaml", RUNBOOK, &Known::default(), std::slice::from_ref(&environment)).unwrap(),
        environment,
    )
}

/// The step ends, having seen this.
fn saw(world: &mut World, step: &str, seen: &Value) {
    let event = Event::StepDone { step: id(step), how: Proof::Accepted, facts: facts(seen) };
    world.take(&[event], &who("engine"));
}

fn point(value: u32, before: Span) -> Value {
    json!({
        "value": 1, "unit": "ms", "source": "AWS/RDS AuroraGlobalDBRPOLag in us-east-1",
        "before_impact": {"value": value, "at": IMPACT.minus(before).rfc3339()},
    })
}

fn figures(all: &[Loss], store: Store, method: Method) -> Option<Vec<(u64, Timestamp)>> {
    let loss = all.iter().find(|loss| (loss.store, loss.method) == (store, method))?;
    Some(loss.figures.iter().map(|figure| (figure.loss.ms(), figure.of)).collect())
}

#[test]
fn by_the_metric_it_is_the_lag_and_what_was_written_after_its_point_and_both_readings_are_kept() {
    let mut world = world(true);
    saw(&mut world, "lag", &point(900, Span::seconds(40)));
    world.wait(Span::seconds(90));
    saw(&mut world, "lag", &point(800, Span::seconds(20)));
    let all = losses(&world.record);
    let of = |seconds| IMPACT.minus(Span::seconds(seconds));
    let expected = vec![(40_900, of(40)), (20_800, of(20))];
    assert_eq!(figures(&all, Store::Database, Method::Metric), Some(expected));
    assert_eq!(all[0].figures[0].source, "AWS/RDS AuroraGlobalDBRPOLag in us-east-1");
}

#[test]
fn by_the_heartbeat_it_is_how_much_older_than_the_impact_the_newest_copied_row_is() {
    let mut world = world(true);
    world.wait(Span::minutes(10));
    let read_at = world.now;
    let seen = |age_s: f64| json!({"value": age_s, "unit": "s", "source": "dr_buddy_heartbeat", "at": read_at.rfc3339()});
    // Ten minutes after the start, fifteen after the impact.
    saw(&mut world, "rows", &seen(903.5));
    let of = Timestamp(IMPACT.0 - 3500);
    let all = losses(&world.record);
    assert_eq!(figures(&all, Store::Database, Method::Heartbeat), Some(vec![(3500, of)]));
    // A row from after the impact: nothing from before it is missing.
    saw(&mut world, "rows", &seen(880.0));
    let all = losses(&world.record);
    assert_eq!(figures(&all, Store::Database, Method::Heartbeat).unwrap()[1].0, 0);
}

#[test]
fn a_row_that_is_newer_than_the_promotion_says_nothing_of_what_was_copied() {
    let mut world = world(true);
    world.wait(Span::minutes(10));
    let seen = |world: &World, age: u32| json!({"value": age, "unit": "s", "source": "dr_buddy_heartbeat", "at": world.now.rfc3339()});
    let before = seen(&world, 890);
    saw(&mut world, "rows", &before);
    let event =
        Event::AttemptStarted { step: id("promote"), attempt: 1, digest: world.digest("promote") };
    world.take(&[event], &who("engine"));
    world.wait(Span::seconds(30));
    for age in [29, 30] {
        let after = seen(&world, age);
        saw(&mut world, "rows", &after);
    }
    let all = losses(&world.record);
    let figures = figures(&all, Store::Database, Method::Heartbeat).unwrap();
    assert_eq!(figures.len(), 1, "only what was read before is known: {figures:?}");
}

#[test]
fn unknown_stays_unknown_and_what_the_environment_does_not_have_is_not_spoken_of() {
    let mut world = world(true);
    let unknown = Some(vec![]);
    saw(&mut world, "lag", &json!({"reachable": true, "unit": "ms", "source": "x"}));
    saw(&mut world, "cache", &json!({"value": 0, "unit": "s", "at": START.rfc3339()}));
    saw(&mut world, "rows", &json!({"value": null, "unit": "s"}));
    let all = losses(&world.record);
    assert_eq!(figures(&all, Store::Database, Method::Metric), unknown);
    assert_eq!(figures(&all, Store::Redis, Method::Metric), unknown, "after the impact");
    assert_eq!(figures(&all, Store::Database, Method::Heartbeat), unknown);
    assert_eq!(figures(&all, Store::Objects, Method::Metric), None);
    saw(
        &mut world,
        "lag",
        &json!({"unit": "apples", "before_impact": {"value": 1, "at": IMPACT.rfc3339()}}),
    );
    saw(
        &mut world,
        "lag",
        &json!({"unit": "ms", "before_impact": {"value": -1, "at": IMPACT.rfc3339()}}),
    );
    assert_eq!(figures(&losses(&world.record), Store::Database, Method::Metric), unknown);
    assert_eq!(figures(&losses(&self::world(false).record), Store::Redis, Method::Metric), None);
}

#[test]
fn rows_that_are_read_once_the_service_is_back_are_the_new_writers() {
    let mut world = world(true);
    saw(&mut world, "live", &json!({}));
    world.wait(Span::seconds(1));
    saw(&mut world, "rows", &json!({"value": 1, "unit": "s"}));
    let all = losses(&world.record);
    assert_eq!(figures(&all, Store::Database, Method::Heartbeat), Some(vec![]));
}

#[test]
fn a_value_that_knows_its_age_is_read_in_one_piece_and_said_to_be_stale() {
    for (age_s, is_stale, said) in [(40, false, "age=40 s stale=)"), (200, true, "stale=yes)")] {
        let mut world = world(true);
        let seen = json!({
            "value": 900.0, "unit": "ms", "source": "a metric", "reachable": true,
            "age_s": age_s, "is_stale": is_stale, "at": START.rfc3339(),
        });
        saw(&mut world, "lag", &seen);
        let card = of_step(&world, "lag").join("\n");
        assert!(card.contains("fact.measured(value=900.0 unit=ms source=a metric age="), "{card}");
        assert!(card.contains(said) && !card.contains("reachable"), "{card}");
    }
}

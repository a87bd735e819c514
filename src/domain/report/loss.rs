//! How much was lost, from what the record holds of it: every figure with its source and its time, by each method apart.
//! What nobody measured is unknown, and never nothing.
//!
//! By *metric*: the lag in the last point that is not newer than the impact, and what was written from then until the
//! impact: an upper bound. By *heartbeat*: how much older than the impact the newest row is that was copied; what the old
//! region wrote after the impact, if it did, comes on top. A row that is newer than the promotion may be the new writer's
//! and says nothing of what was copied.

use serde_json::Value;

use super::spent::spent;
use crate::domain::ids::StepId;
use crate::domain::run::Event;
use crate::domain::run::log::Recorded;
use crate::domain::run::state::{Run, Skip, StepState};
use crate::domain::runbook::Step;
use crate::domain::text::Text;
use crate::domain::time::{Span, Timestamp};

/// Where data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// The database.
    Database,
    /// The queues and sessions in Redis.
    Redis,
    /// The objects in S3.
    Objects,
}

/// How a figure comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// From the lag that was published: an upper bound.
    Metric,
    /// From the newest row that was copied.
    Heartbeat,
}

/// What one step measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Which step.
    pub step: StepId,
    /// How much.
    pub loss: Span,
    /// What it was read from.
    pub source: String,
    /// Of when the value is: the point of the metric, the newest row.
    pub of: Timestamp,
}

/// What is known of the loss in one store by one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Where.
    pub store: Store,
    /// How.
    pub method: Method,
    /// Every figure, in the order of the record; none: unknown.
    pub figures: Vec<Figure>,
}

/// What the run knows of the loss, by store and method; only what its runbook measures, and its environment has.
pub fn losses(record: &[Recorded]) -> Vec<Loss> {
    let Some((run, _)) = spent(record) else { return Vec::new() };
    let mut losses: Vec<Loss> = Vec::new();
    for (step, at) in run.each_step() {
        let Some((store, method)) = measured_by(step) else { continue };
        if matches!(at.state, StepState::Skipped { why: Skip::When { .. } | Skip::NotNeeded }) {
            continue;
        }
        let figures = figures(&run, record, step, method);
        match losses.iter_mut().find(|loss| (loss.store, loss.method) == (store, method)) {
            Some(loss) => loss.figures.extend(figures),
            None => losses.push(Loss { store, method, figures }),
        }
    }
    losses.sort_by_key(|loss| (loss.store, loss.method));
    losses
}

fn measured_by(step: &Step) -> Option<(Store, Method)> {
    let with = |name: &str| step.action.with.get(name).and_then(Value::as_str);
    match (step.action.name.as_str(), with("metric"), with("probe")) {
        ("cloudwatch.check", Some("AuroraGlobalDBRPOLag"), _) => {
            Some((Store::Database, Method::Metric))
        }
        ("cloudwatch.check", Some("GlobalDatastoreReplicationLag"), _) => {
            Some((Store::Redis, Method::Metric))
        }
        ("cloudwatch.check", Some("ReplicationLatency"), _) => {
            Some((Store::Objects, Method::Metric))
        }
        ("sql.check", _, Some("heartbeat")) => Some((Store::Database, Method::Heartbeat)),
        (_, _, _) => None,
    }
}

/// What a step saw each time it was done, until the service was back: after that its rows are the new writer's.
fn figures(run: &Run, record: &[Recorded], step: &Step, method: Method) -> Vec<Figure> {
    let until = run.restored_at.unwrap_or(run.seen_at);
    let entries = record.iter().map(|recorded| &recorded.entry);
    let promoted_at = promoted_at(run, record);
    let is_copied = |figure: &Figure| {
        method == Method::Metric || promoted_at.is_none_or(|promoted_at| figure.of < promoted_at)
    };
    entries
        .filter(|entry| entry.at <= until)
        .filter_map(|entry| {
            let Event::StepDone { step: done, facts, .. } = &entry.event else { return None };
            let of_it = *done == step.id;
            of_it.then(|| figure(run.impact_at, step, facts, method, entry.at)).flatten()
        })
        .filter(is_copied)
        .collect()
}

/// When it was first asked for that the database of the other region takes writes.
fn promoted_at(run: &Run, record: &[Recorded]) -> Option<Timestamp> {
    record.iter().find_map(|recorded| {
        let Event::AttemptStarted { step, .. } = &recorded.entry.event else { return None };
        let (step, _) = run.each_step().find(|(one, _)| one.id == *step)?;
        let action = step.action.name.as_str();
        (action.starts_with("aurora.") || action.starts_with("rds.")).then_some(recorded.entry.at)
    })
}

fn figure(
    impact: Timestamp,
    step: &Step,
    facts: &serde_json::Map<String, Value>,
    method: Method,
    seen_at: Timestamp,
) -> Option<Figure> {
    let time = |value: Option<&Value>| value.and_then(Value::as_str).and_then(Timestamp::parse);
    let unit = facts.get("unit")?.as_str()?;
    let (value, of) = match method {
        Method::Metric => {
            let point = facts.get("before_impact")?;
            (point.get("value")?, time(point.get("at"))?)
        }
        Method::Heartbeat => (facts.get("value")?, time(facts.get("at")).unwrap_or(seen_at)),
    };
    let value = span(value.as_f64()?, unit)?;
    let (loss, of) = match method {
        Method::Metric => (Span(value.ms().saturating_add(impact.since(of).ms())), of),
        Method::Heartbeat => {
            let newest = of.minus(value);
            (impact.since(newest), newest)
        }
    };
    let source = facts.get("source").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Figure { step: step.id.clone(), loss, source, of })
}

/// So many of a unit of time.
fn span(value: f64, unit: &str) -> Option<Span> {
    match unit {
        "ms" => Span::of_seconds(value / 1000.0),
        "s" => Span::of_seconds(value),
        _ => None,
    }
}

/// A line for each figure, and one for what is unknown.
pub fn lines(losses: &[Loss]) -> Vec<Text> {
    losses
        .iter()
        .flat_map(|loss| {
            let what = match (loss.store, loss.method) {
                (Store::Database, Method::Metric) => "loss.database.metric",
                (Store::Database, Method::Heartbeat) => "loss.database.heartbeat",
                (Store::Redis, _) => "loss.redis.metric",
                (Store::Objects, _) => "loss.objects.metric",
            };
            let what = ("what", Text::key(what));
            if loss.figures.is_empty() {
                return vec![Text::Key("loss.unknown", vec![what])];
            }
            let line = |figure: &Figure| {
                let key = match loss.method {
                    Method::Metric => "loss.at_most",
                    Method::Heartbeat => "loss.measured",
                };
                let args = [
                    ("loss", Text::raw(figure.loss.spoken())),
                    ("source", Text::seen(&figure.source)),
                    ("of", Text::raw(figure.of.time_of_day())),
                ];
                Text::Key(key, [what.clone()].into_iter().chain(args).collect())
            };
            loss.figures.iter().map(line).collect()
        })
        .collect()
}

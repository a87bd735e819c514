//! `cloudwatch.check`: the last point of a metric, with its time and its age. It only reads.
//!
//! Points are of a minute each and come one to three minutes late: an older one is said to be stale, and is shown all the
//! same. Beside it stands the last point that is not newer than the impact: of the loss, a later one is no evidence.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::metric::{Metric, Point, Sample, Window};
use crate::actions::aws::{ANYTHING, Aws};
use crate::actions::fence::region_inside;
use crate::actions::params::{optional_text, put, text, texts, unsafe_because};
use crate::actions::reading::{Look, Reading, Seen};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::text::told;
use crate::domain::time::{Span, Timestamp};

/// Older points are stale.
const STALE: Span = Span::minutes(3);

/// Reads a metric.
#[derive(Debug)]
pub(in crate::actions) struct CheckMetric {
    aws: Arc<Aws>,
}

/// Exactly what is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Asked {
    metric: Metric,
    unit: String,
    regions: Vec<String>,
    impact_at: Timestamp,
}

impl CheckMetric {
    pub(in crate::actions) fn action(aws: Arc<Aws>) -> Reading<Self> {
        Reading(Self { aws })
    }
}

impl Asked {
    fn facts(&self, sample: Option<&Sample>, now: Timestamp) -> Map<String, Value> {
        let mut facts = Map::new();
        put(&mut facts, "reachable", Some(true));
        put(&mut facts, "unit", Some(self.unit.clone()));
        let Some(sample) = sample else {
            put(&mut facts, "source", Some(self.metric.source()));
            return facts;
        };
        let source = format!("{} in {}", self.metric.source(), sample.region);
        put(&mut facts, "source", Some(source));
        if let Some(Point { at, value }) = sample.last {
            put(&mut facts, "value", Some(value));
            put(&mut facts, "at", Some(at.rfc3339()));
            put(&mut facts, "age_s", Some(now.since(at).ms() / 1000));
            put(&mut facts, "is_stale", Some(now.since(at) > STALE));
        }
        let before = sample.before.map(|Point { at, value }| {
            json!({"value": value, "at": at.rfc3339(), "impact_at": self.impact_at.rfc3339()})
        });
        put(&mut facts, "before_impact", before);
        facts
    }

    fn saw(&self, sample: Option<&Sample>, now: Timestamp) -> String {
        let source = self.metric.source();
        match sample.and_then(|sample| sample.last) {
            Some(Point { at, value }) => {
                let (value, age) = (format!("{value} {}", self.unit), now.since(at).spoken());
                told("told.metric", &[&source, &value, &age])
            }
            None => told("told.no_metric", &[&source]),
        }
    }
}

#[async_trait]
impl Look for CheckMetric {
    type Asked = Asked;

    async fn asked(&self, call: &Call<'_>) -> Result<Asked, LookError> {
        let own = &call.environment.regions;
        let regions = match call.with.get("regions") {
            Some(_) => texts(call, "regions")?.into_iter().map(ToOwned::to_owned).collect(),
            None => vec![own.dr.clone(), own.primary.clone()],
        };
        for region in &regions {
            region_inside(call.environment, region)?;
        }
        let given = call.with.get("dimensions").and_then(Value::as_object);
        let dimensions: Option<Vec<_>> = given
            .into_iter()
            .flatten()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        let dimensions = dimensions
            .ok_or_else(|| unsafe_because(told("trouble.no_parameter", &["dimensions"])))?;
        self.aws.caller_matches(call.environment, &own.dr).await?;
        Ok(Asked {
            metric: Metric {
                namespace: text(call, "namespace")?.to_owned(),
                name: text(call, "metric")?.to_owned(),
                dimensions,
                statistic: optional_text(call, "statistic").unwrap_or("Maximum").to_owned(),
            },
            unit: text(call, "unit")?.to_owned(),
            regions,
            impact_at: call.impact_at,
        })
    }

    fn line(asked: &Asked) -> String {
        let Asked { metric, regions, .. } = asked;
        let of: Vec<String> =
            metric.dimensions.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let of = if of.is_empty() { String::new() } else { format!(" of {}", of.join(", ")) };
        let Metric { statistic, .. } = metric;
        let regions = regions.join(", ");
        format!("cloudwatch:GetMetricData {}{of}, {statistic}, in {regions}", metric.source())
    }

    async fn look(&self, asked: &Asked) -> Result<Seen, LookError> {
        let now = self.aws.now().await.unwrap_or(asked.impact_at);
        let recent = Window::RECENT;
        match asked.metric.sample(&self.aws, &asked.regions, recent, asked.impact_at).await {
            Ok(sample) => Ok(Seen {
                facts: asked.facts(sample.as_ref(), now),
                saw: asked.saw(sample.as_ref(), now),
            }),
            Err(LookError::Unreachable { detail, .. }) => Ok(Seen {
                facts: Map::from_iter([("reachable".to_owned(), json!(false))]),
                saw: told("told.no_answer", &[&detail]),
            }),
            Err(error @ (LookError::Refused { .. } | LookError::Unsafe { .. })) => Err(error),
        }
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[
                Permission::Aws("cloudwatch:GetMetricData", ANYTHING),
                Permission::Aws("cloudwatch:ListMetrics", ANYTHING),
            ],
            act: &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            metric: Metric {
                namespace: "AWS/RDS".into(),
                name: "AuroraGlobalDBRPOLag".into(),
                dimensions: vec![],
                statistic: "Maximum".into(),
            },
            unit: "ms".into(),
            regions: vec!["us-east-1".into()],
            impact_at: Timestamp(600_000),
        }
    }

    #[test]
    fn a_point_is_stale_after_three_minutes_and_never_made_younger() {
        let sample = |at: i64| Sample {
            region: "us-east-1".into(),
            last: Some(Point { at: Timestamp(at), value: 900.0 }),
            before: None,
            largest: Some(900.0),
        };
        let now = Timestamp(1_000_000);
        let facts = |at| asked().facts(Some(&sample(at)), now);
        assert_eq!(facts(820_000)["is_stale"], false);
        assert_eq!(facts(819_999)["is_stale"], true);
        assert_eq!(facts(819_999)["value"], 900.0);
        assert_eq!(facts(819_999)["age_s"], 180);
        assert!(!facts(820_000).contains_key("before_impact"));
    }

    #[test]
    fn what_nobody_published_has_no_value() {
        let nothing = asked().facts(None, Timestamp(0));
        let known: Vec<&str> = nothing.keys().map(String::as_str).collect();
        assert_eq!(known, ["reachable", "source", "unit"]);
        let silent = Sample { region: "us-east-1".into(), last: None, before: None, largest: None };
        assert!(!asked().facts(Some(&silent), Timestamp(0)).contains_key("value"));
    }
}

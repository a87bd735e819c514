//! How far copies are behind, as CloudWatch was told. A metric that is not there, or is old, is no lag of zero.

use serde_json::{Value, json};

use super::tools::{Looks, Must, Row, Tools, each, number, said};
use super::{Look, Place};
use crate::actions::aws::ANYTHING;
use crate::actions::fence::arn_inside;
use crate::actions::{LookError, Permission};
use crate::domain::time::Span;

const NEEDS: &[Permission] = &[
    Permission::Aws("cloudwatch:GetMetricData", ANYTHING),
    Permission::Aws("cloudwatch:ListMetrics", ANYTHING),
];
/// A point that is older says nothing of now.
const FRESH: Span = Span::minutes(3);
const WEEK: Span = Span::minutes(7 * 24 * 60);

pub(super) const ALL: &[Row] = &[
    Row { name: "aurora_lag", look: |tools, place| Box::pin(aurora(tools, place)), needs: NEEDS },
    Row {
        name: "aurora_lag_history",
        look: |tools, place| Box::pin(aurora_history(tools, place)),
        needs: NEEDS,
    },
    Row { name: "redis_lag", look: |tools, place| Box::pin(redis(tools, place)), needs: NEEDS },
    Row { name: "s3_lag", look: |tools, place| Box::pin(s3(tools, place)), needs: NEEDS },
];

/// A metric: where, and its dimensions as CloudWatch has them. They are looked up, never guessed.
struct Metric<'a> {
    region: &'a str,
    namespace: &'static str,
    name: &'static str,
    /// The dimension that says it is ours, and how its value begins.
    ours: (&'static str, &'a str),
}

/// What was found of one.
struct Series {
    /// Of the newest point.
    age: Option<Span>,
    largest: Option<f64>,
}

impl Metric<'_> {
    async fn call(&self, tools: &Tools, action: &str, with: &Value) -> Result<Value, LookError> {
        let target = format!("GraniteServiceVersion20100801.{action}");
        tools.json("monitoring", "1.0", self.region, &target, with).await
    }

    /// The newest point and the largest value of `back`, or that there is no such metric.
    async fn read(
        &self,
        tools: &Tools,
        place: Place<'_>,
        (back, period, stat): (Span, u32, &str),
    ) -> Result<Option<Series>, LookError> {
        let with = json!({"Namespace": self.namespace, "MetricName": self.name});
        let all = self.call(tools, "ListMetrics", &with).await?;
        let (dimension, begins) = self.ours;
        let is_ours = |metric: &&&Value| {
            each(metric, "/Dimensions").into_iter().any(|one| {
                said(one, "/Name").as_deref() == Some(dimension)
                    && said(one, "/Value").is_some_and(|value| value.starts_with(begins))
            })
        };
        let all = each(&all, "/Metrics");
        let queries: Vec<Value> = all
            .iter()
            .filter(is_ours)
            .take(20)
            .enumerate()
            .map(|(at, metric)| {
                let stat = json!({"Metric": metric, "Period": period, "Stat": stat});
                json!({"Id": format!("m{at}"), "MetricStat": stat})
            })
            .collect();
        if queries.is_empty() {
            return Ok(None);
        }
        let seconds = |at: crate::domain::time::Timestamp| at.0 / 1000;
        let with = json!({
            "MetricDataQueries": queries, "ScanBy": "TimestampDescending",
            "StartTime": seconds(place.now.minus(back)),
            "EndTime": seconds(place.now.plus(Span::minutes(1))),
        });
        let found = self.call(tools, "GetMetricData", &with).await?;
        let results = each(&found, "/MetricDataResults");
        let times = results.iter().flat_map(|one| each(one, "/Timestamps"));
        let newest = times.filter_map(|time| super::tools::instant(time, "")).max();
        let values = results.iter().flat_map(|one| each(one, "/Values"));
        let largest = values.filter_map(|value| number(value, "")).max_by(f64::total_cmp);
        Ok(Some(Series { age: newest.map(|at| place.now.since(at)), largest }))
    }

    /// The newest point is fresh, and none of the last quarter of an hour above `most` (of `unit`).
    async fn now(&self, tools: &Tools, place: Place<'_>, most: f64, unit: &str) -> Looks {
        let recent = (Span::minutes(15), 60, "Maximum");
        let Some(series) = self.read(tools, place, recent).await? else {
            return Ok(vec![self.missing()]);
        };
        let is_fresh = series.age.is_some_and(|age| age <= FRESH);
        let age = series.age.map(|age| format!("-{}", age.spoken()));
        let wanted = format!("≥ -{}", FRESH.spoken());
        Ok(vec![
            Must::of("")
                .hold("Timestamp", age, &wanted, is_fresh)
                .hold(
                    self.name,
                    series.largest.map(|value| format!("{value} {unit}")),
                    &format!("≤ {most} {unit}"),
                    series.largest.is_some_and(|value| value <= most),
                )
                .look(),
        ])
    }

    fn missing(&self) -> Look {
        let what = format!("{} {}={}", self.name, self.ours.0, self.ours.1);
        Look::bad("", "doctor.saw.missing", &[("what", &what)])
    }
}

/// Aurora's is in milliseconds, and at the secondary cluster.
fn of_aurora<'a>(place: Place<'a>) -> Option<Result<Metric<'a>, LookError>> {
    place.text("/aurora/global")?;
    let arn = place.text("/aurora/dr/arn")?;
    let id = arn.rsplit(':').next().unwrap_or(arn);
    Some(arn_inside(place.environment, "rds", arn).map(|_| Metric {
        region: &place.environment.regions.dr,
        namespace: "AWS/RDS",
        name: "AuroraGlobalDBRPOLag",
        ours: ("DBClusterIdentifier", id),
    }))
}

fn ms(span: Span) -> f64 {
    f64::from(u32::try_from(span.ms()).unwrap_or(u32::MAX))
}

/// D09, D12: what would be lost now is less than was promised.
async fn aurora(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(metric) = of_aurora(place) else { return Ok(vec![]) };
    metric?.now(tools, place, ms(place.environment.objectives.rpo), "ms").await
}

/// D10: nor was it more all week, but for one hundredth of the time.
async fn aurora_history(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(metric) = of_aurora(place) else { return Ok(vec![]) };
    let metric = metric?;
    let Some(series) = metric.read(tools, place, (WEEK, 3600, "p99")).await? else {
        return Ok(vec![metric.missing()]);
    };
    let most = 30_000.0;
    let holds = series.largest.is_some_and(|value| value <= most);
    let is = series.largest.map(|value| format!("{value} ms"));
    Ok(vec![Must::of("").hold("p99", is, "≤ 30000 ms", holds).look()])
}

/// D13: a second behind at the most.
async fn redis(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(_), Some(group)) = (place.text("/redis/global"), place.text("/redis/dr_rg")) else {
        return Ok(vec![]);
    };
    let metric = Metric {
        region: &place.environment.regions.dr,
        namespace: "AWS/ElastiCache",
        name: "GlobalDatastoreReplicationLag",
        ours: ("CacheClusterId", group),
    };
    metric.now(tools, place, 1.0, "s").await
}

/// D16: objects are copied within what was promised. The metric is the source bucket's, and needs metrics switched on
/// in the rule.
async fn s3(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(bucket), Some(_)) = (place.text("/s3/primary"), place.text("/s3/rule_out")) else {
        return Ok(vec![]);
    };
    let metric = Metric {
        region: &place.environment.regions.primary,
        namespace: "AWS/S3",
        name: "ReplicationLatency",
        ours: ("SourceBucket", bucket),
    };
    metric.now(tools, place, ms(place.environment.objectives.rpo) / 1000.0, "s").await
}

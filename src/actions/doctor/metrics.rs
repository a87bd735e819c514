//! How far copies are behind, as CloudWatch was told. A metric that is not there, or is old, is no lag of zero.

use super::tools::{Looks, Must, Row, Tools, or_absent};
use super::{Look, Place};
use crate::actions::aws::{ANYTHING, Metric, Sample, Window};
use crate::actions::fence::arn_inside;
use crate::actions::{LookError, Permission};
use crate::domain::readiness::Seen;
use crate::domain::time::Span;

const NEEDS: &[Permission] = &[
    Permission::Aws("cloudwatch:GetMetricData", ANYTHING),
    Permission::Aws("cloudwatch:ListMetrics", ANYTHING),
];
/// A point that is older says nothing of now.
const FRESH: Span = Span::minutes(3);
const WEEK: Window = Window { period: Span::minutes(60), back: Span::minutes(7 * 24 * 60) };

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

/// A metric, and where it is published.
struct Lag<'a> {
    region: &'a str,
    metric: Metric,
    unit: &'static str,
}

impl<'a> Lag<'a> {
    fn new(
        region: &'a str,
        (namespace, name, unit): (&str, &str, &'static str),
        (dimension, value): (&str, String),
    ) -> Self {
        let metric = Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: vec![(dimension.to_owned(), value)],
            statistic: "Maximum".to_owned(),
        };
        Self { region, metric, unit }
    }

    async fn sample(
        &self,
        tools: &Tools,
        place: Place<'_>,
        window: Window,
    ) -> Result<Option<Sample>, LookError> {
        let regions = [self.region.to_owned()];
        self.metric.sample(&tools.aws, &regions, window, place.now).await
    }

    /// Each series is fresh, and no point of the last quarter of an hour is above `most`; above `fine` it is said.
    async fn now(&self, tools: &Tools, place: Place<'_>, fine: f64, most: f64) -> Looks {
        let Some(sample) = self.sample(tools, place, Window::RECENT).await? else {
            return Ok(vec![self.missing()]);
        };
        let (fine, unit) = (fine.min(most), self.unit);
        let age = sample.last.map(|last| place.now.since(last.at));
        let is_fresh = age.is_some_and(|age| age <= FRESH);
        let below = |limit: f64| sample.largest.is_some_and(|value| value <= limit);
        let age = age.map(|age| format!("-{}", age.spoken()));
        let is = sample.largest.map(|value| format!("{value} {unit}"));
        let wanted = format!("≤ {fine} {unit}");
        let look = Must::of("")
            .hold("Timestamp", or_absent(age), &format!("≥ -{}", FRESH.spoken()), is_fresh)
            .hold(&self.metric.name, is, &wanted, below(fine))
            .look();
        let is_mild = look.seen == Seen::Bad && is_fresh && below(most);
        Ok(vec![if is_mild { look.only_warns() } else { look }])
    }

    fn missing(&self) -> Look {
        let of = self.metric.dimensions.iter().map(|(name, value)| format!("{name}={value}"));
        let what = format!("{} {}", self.metric.name, of.collect::<Vec<_>>().join(" "));
        Look::bad("", "doctor.saw.missing", &[("what", &what)])
    }
}

/// Aurora's is in milliseconds, and at the secondary cluster.
fn of_aurora<'a>(place: Place<'a>) -> Option<Result<Lag<'a>, LookError>> {
    place.text("/aurora/global")?;
    let arn = place.text("/aurora/dr/arn")?;
    let id = arn.rsplit(':').next().unwrap_or(arn).to_owned();
    let region = &place.environment.regions.dr;
    let metric = ("AWS/RDS", "AuroraGlobalDBRPOLag", "ms");
    let lag = Lag::new(region, metric, ("DBClusterIdentifier", id));
    Some(arn_inside(place.environment, "rds", arn).map(|_| lag))
}

fn ms(span: Span) -> f64 {
    f64::from(u32::try_from(span.ms()).unwrap_or(u32::MAX))
}

/// D09, D12: what would be lost now is less than was promised; five seconds are worth a word.
async fn aurora(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(lag) = of_aurora(place) else { return Ok(vec![]) };
    lag?.now(tools, place, 5000.0, ms(place.environment.objectives.rpo)).await
}

/// D10: nor was it more all week, but for one hundredth of the time.
async fn aurora_history(tools: &Tools, place: Place<'_>) -> Looks {
    let Some(lag) = of_aurora(place) else { return Ok(vec![]) };
    let mut lag = lag?;
    lag.metric.statistic = "p99".to_owned();
    let Some(sample) = lag.sample(tools, place, WEEK).await? else {
        return Ok(vec![lag.missing()]);
    };
    let most = 30_000.0;
    let holds = sample.largest.is_some_and(|value| value <= most);
    let is = sample.largest.map(|value| format!("{value} ms"));
    Ok(vec![Must::of("").hold("p99", is, "≤ 30000 ms", holds).look()])
}

/// D13: a second behind at the most.
async fn redis(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(_), Some(group)) = (place.text("/redis/global"), place.text("/redis/dr_rg")) else {
        return Ok(vec![]);
    };
    let metric = ("AWS/ElastiCache", "GlobalDatastoreReplicationLag", "s");
    let nodes = ("CacheClusterId", format!("{group}#"));
    Lag::new(&place.environment.regions.dr, metric, nodes).now(tools, place, 1.0, 1.0).await
}

/// D16: objects are copied within what was promised. The metric is the source bucket's, and needs metrics switched on
/// in the rule.
async fn s3(tools: &Tools, place: Place<'_>) -> Looks {
    let (Some(bucket), Some(_)) = (place.text("/s3/primary"), place.text("/s3/rule_out")) else {
        return Ok(vec![]);
    };
    let metric = ("AWS/S3", "ReplicationLatency", "s");
    let of = ("SourceBucket", bucket.to_owned());
    let most = ms(place.environment.objectives.rpo) / 1000.0;
    Lag::new(&place.environment.regions.primary, metric, of).now(tools, place, most, most).await
}

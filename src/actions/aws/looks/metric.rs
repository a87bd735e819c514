//! Points of CloudWatch metrics: found where they are published, and read as they are. A value is never older than it
//! says, and none is made up: what nobody published is absent.

use std::time::Duration;

use roxmltree::{Document, Node};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::actions::LookError;
use crate::actions::aws::wire::Ask;
use crate::actions::aws::{Aws, Failure, Purpose};
use crate::actions::params::unsafe_because;
use crate::domain::text::told;
use crate::domain::time::{Span, Timestamp};

/// Which points are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actions) struct Window {
    /// Length of the pieces of time that a point stands for.
    pub(in crate::actions) period: Span,
    /// How far back points are looked for.
    pub(in crate::actions) back: Span,
}

impl Window {
    /// What is so now.
    pub(in crate::actions) const RECENT: Self =
        Self { period: Span::minutes(1), back: Span::minutes(15) };
}

/// How long another region than the first has for saying what it publishes.
const ELSEWHERE: Duration = Duration::from_secs(3);
/// Most series that are read for one value.
const MOST: usize = 20;

/// A metric, and by which of its dimensions it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::actions) struct Metric {
    pub(in crate::actions) namespace: String,
    pub(in crate::actions) name: String,
    /// Name and value; a value that ends in `*` is how it begins, one that ends in `#` is the nodes of a group of
    /// ElastiCache.
    pub(in crate::actions) dimensions: Vec<(String, String)>,
    /// `Maximum`.
    pub(in crate::actions) statistic: String,
}

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::actions) struct Point {
    pub(in crate::actions) at: Timestamp,
    pub(in crate::actions) value: f64,
}

/// What a metric says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::actions) struct Sample {
    /// Where it is published.
    pub(in crate::actions) region: String,
    /// Of the newest points of its series the worst value, and the oldest time.
    pub(in crate::actions) last: Option<Point>,
    /// The same of the points that are not newer than a moment: after an outage began, a series is no evidence of it.
    pub(in crate::actions) before: Option<Point>,
    /// The largest value of all points that were read.
    pub(in crate::actions) largest: Option<f64>,
}

/// One series in one region, by all its dimensions.
type Series = Vec<(String, String)>;

impl Metric {
    /// Where this comes from, for people: `AWS/RDS AuroraGlobalDBRPOLag`.
    pub(in crate::actions) fn source(&self) -> String {
        format!("{} {}", self.namespace, self.name)
    }

    /// Reads it in the first of these regions that publishes it; `None` where none does. What comes after that one is not
    /// asked, and of what comes after the first nobody waits long: it may be dead, and would hold people up.
    pub(in crate::actions) async fn sample(
        &self,
        aws: &Aws,
        regions: &[String],
        window: Window,
        before: Timestamp,
    ) -> Result<Option<Sample>, LookError> {
        let mut trouble = None;
        for (n, region) in regions.iter().enumerate() {
            let series = match (n, self.series(aws, region)) {
                (0, first) => first.await,
                (_, other) => timeout(ELSEWHERE, other).await.unwrap_or_else(|_| {
                    let waited = told("told.no_time", &[&ELSEWHERE.as_secs().to_string()]);
                    Err(LookError::Unreachable { system: system(region), detail: waited })
                }),
            };
            match series {
                Ok(series) if series.is_empty() => {}
                Ok(series) => {
                    return self.read(aws, region, &series, window, before).await.map(Some);
                }
                Err(error) => trouble = Some(error),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// The series of this metric that are published in a region.
    async fn series(&self, aws: &Aws, region: &str) -> Result<Vec<Series>, LookError> {
        let mut with = vec![
            ("Namespace".to_owned(), self.namespace.clone()),
            ("MetricName".to_owned(), self.name.clone()),
        ];
        for (n, (name, value)) in self.dimensions.iter().enumerate() {
            let n = n.saturating_add(1);
            with.push((format!("Dimensions.member.{n}.Name"), name.clone()));
            if !value.ends_with(['*', '#']) {
                with.push((format!("Dimensions.member.{n}.Value"), value.clone()));
            }
        }
        let answer = ask(aws, region, "ListMetrics", &with).await?;
        let xml = parsed(&answer, region)?;
        let series: Vec<Series> = members(xml.root(), "Metrics")
            .map(|metric| {
                let pairs = members(metric, "Dimensions");
                pairs.filter_map(|one| Some((child(one, "Name")?, child(one, "Value")?))).collect()
            })
            .filter(|series| self.fits(series))
            .collect();
        if series.len() > MOST {
            let (source, most) = (self.source(), MOST.to_string());
            return Err(unsafe_because(told("trouble.many_series", &[&source, region, &most])));
        }
        Ok(series)
    }

    fn fits(&self, series: &Series) -> bool {
        self.dimensions.iter().all(|(name, wanted)| {
            let value = series.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            value.is_some_and(|value| match (wanted.strip_suffix('*'), wanted.strip_suffix('#')) {
                (Some(start), _) => value.starts_with(start),
                (None, Some(group)) => value.strip_prefix(group).is_some_and(is_node),
                (None, None) => value == wanted,
            })
        })
    }

    async fn read(
        &self,
        aws: &Aws,
        region: &str,
        series: &[Series],
        window: Window,
        before: Timestamp,
    ) -> Result<Sample, LookError> {
        let now = aws.now().await.unwrap_or(before);
        // Points are of whole periods.
        let from = before.min(now).minus(window.back);
        let period = i64::try_from(window.period.ms()).unwrap_or(i64::MAX);
        let from = Timestamp(from.0 - from.0.rem_euclid(period));
        let until = now.plus(window.period);
        let mut with = vec![
            ("StartTime".to_owned(), from.rfc3339()),
            // Its end is not part of it.
            ("EndTime".to_owned(), until.rfc3339()),
            ("ScanBy".to_owned(), "TimestampDescending".to_owned()),
        ];
        for (n, one) in series.iter().enumerate() {
            with.extend(self.query(n.saturating_add(1), one, window));
        }
        let answer = ask(aws, region, "GetMetricData", &with).await?;
        let xml = parsed(&answer, region)?;
        let all: Vec<Vec<Point>> = members(xml.root(), "MetricDataResults").map(points).collect();
        let of = |latest: Timestamp| worst(all.iter().filter_map(|points| last(points, latest)));
        let largest = all.iter().flatten().map(|point| point.value).max_by(f64::total_cmp);
        Ok(Sample { region: region.to_owned(), last: of(until), before: of(before), largest })
    }

    fn query(&self, n: usize, series: &Series, window: Window) -> Vec<(String, String)> {
        let prefix = format!("MetricDataQueries.member.{n}");
        let stat = format!("{prefix}.MetricStat");
        let mut with = vec![
            (format!("{prefix}.Id"), format!("m{n}")),
            (format!("{stat}.Metric.Namespace"), self.namespace.clone()),
            (format!("{stat}.Metric.MetricName"), self.name.clone()),
            (format!("{stat}.Period"), (window.period.ms() / 1000).to_string()),
            (format!("{stat}.Stat"), self.statistic.clone()),
        ];
        for (d, (name, value)) in series.iter().enumerate() {
            let dimension = format!("{stat}.Metric.Dimensions.member.{}", d.saturating_add(1));
            with.push((format!("{dimension}.Name"), name.clone()));
            with.push((format!("{dimension}.Value"), value.clone()));
        }
        with
    }
}

/// What ElastiCache puts behind the id of a group for a node: `-001`, or `-0001-001` where it has shards.
fn is_node(rest: &str) -> bool {
    let mut parts = rest.split('-');
    let lengths = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(node), None, None) => [4, node.len()],
        (Some(""), Some(shard), Some(node), None) => [shard.len(), node.len()],
        _ => return false,
    };
    lengths == [4, 3] && rest.chars().all(|c| c == '-' || c.is_ascii_digit())
}

async fn ask(
    aws: &Aws,
    region: &str,
    action: &str,
    with: &[(String, String)],
) -> Result<String, LookError> {
    let ask = Ask::form("monitoring", "2010-08-01", region, action, with);
    let answer = aws.ask(Purpose::Look, &ask).await;
    answer.map(|answer| answer.body).map_err(|failure| failure.look(system(region)))
}

fn system(region: &str) -> String {
    format!("cloudwatch in {region}")
}

fn parsed<'a>(answer: &'a str, region: &str) -> Result<Document<'a>, LookError> {
    let unreadable = |_| Failure::Unclear("an answer that is not XML".into()).look(system(region));
    Document::parse(answer).map_err(unreadable)
}

/// The elements of the list of this name: of the first one below `of`.
fn members<'a, 'i>(
    of: Node<'a, 'i>,
    list: &str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    let found = of.descendants().find(|node| node.tag_name().name() == list);
    let nodes = found.into_iter().flat_map(|list| list.children());
    nodes.filter(|node| node.tag_name().name() == "member")
}

fn child(of: Node<'_, '_>, name: &str) -> Option<String> {
    let found = of.children().find(|node| node.tag_name().name() == name)?;
    found.text().map(ToOwned::to_owned)
}

fn points(series: Node<'_, '_>) -> Vec<Point> {
    let text = |node: Node<'_, '_>| node.text().unwrap_or_default().trim().to_owned();
    let times = members(series, "Timestamps").map(text);
    let values = members(series, "Values").map(text);
    let point = |(at, value): (String, String)| {
        let (at, value) = (Timestamp::parse(&at)?, value.parse::<f64>().ok()?);
        value.is_finite().then_some(Point { at, value })
    };
    times.zip(values).filter_map(point).collect()
}

/// The newest point that is not newer than that.
fn last(points: &[Point], latest: Timestamp) -> Option<Point> {
    points.iter().copied().filter(|point| point.at <= latest).max_by_key(|point| point.at)
}

/// The largest value, as old as the oldest: what is said of several series is true of each.
fn worst(points: impl Iterator<Item = Point>) -> Option<Point> {
    points
        .reduce(|one, other| Point { at: one.at.min(other.at), value: one.value.max(other.value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: i64, value: f64) -> Point {
        Point { at: Timestamp(at), value }
    }

    #[test]
    fn several_series_are_as_bad_as_the_worst_and_as_old_as_the_oldest() {
        let newest = [point(100, 1.0), point(40, 3.0), point(70, 2.0)];
        assert_eq!(worst(newest.into_iter()), Some(point(40, 3.0)));
        assert_eq!(worst(std::iter::empty()), None);
        assert_eq!(last(&newest, Timestamp(99)), Some(point(70, 2.0)));
        assert_eq!(last(&newest, Timestamp(39)), None);
    }

    #[test]
    fn nodes_are_of_their_group_and_of_no_other_whose_name_begins_the_same() {
        assert!(is_node("-001") && is_node("-0001-002"));
        for other in ["", "-", "001", "-2-001", "-2-0001-001", "-old", "-0a01-001", "-01", "-0001"]
        {
            assert!(!is_node(other), "{other}");
        }
    }

    #[test]
    fn points_are_read_in_any_order_and_what_is_no_point_is_left_out() {
        let xml = "<R><MetricDataResults><member><Id>m1</Id><Timestamps>\
            <member>2026-12-01T00:01:00Z</member><member>2026-12-01T00:00:00+00:00</member>\
            <member>soon</member></Timestamps><Values><member>900</member><member>1.5</member>\
            <member>7</member></Values></member><member><Timestamps/><Values/></member></MetricDataResults></R>";
        let xml = Document::parse(xml).unwrap();
        let all: Vec<_> = members(xml.root(), "MetricDataResults").map(points).collect();
        let (first, then) = (1_796_083_200_000, 1_796_083_260_000);
        assert_eq!(all, [vec![point(then, 900.0), point(first, 1.5)], vec![]]);
    }

    #[test]
    fn a_series_fits_by_the_dimensions_that_are_named_and_by_how_they_begin() {
        let metric = |value: &str| Metric {
            namespace: "AWS/ElastiCache".into(),
            name: "GlobalDatastoreReplicationLag".into(),
            dimensions: vec![("CacheClusterId".into(), value.into())],
            statistic: "Maximum".into(),
        };
        let series = vec![
            ("CacheNodeId".to_owned(), "0001".to_owned()),
            ("CacheClusterId".to_owned(), "shop-us-001".to_owned()),
        ];
        assert!(metric("shop-us-001").fits(&series));
        assert!(metric("shop-us-*").fits(&series));
        assert!(metric("shop-us#").fits(&series) && !metric("shop#").fits(&series));
        assert!(!metric("shop-us").fits(&series));
        assert!(!metric("shop-eu-*").fits(&series));
        assert!(!metric("*").fits(&vec![]));
    }
}

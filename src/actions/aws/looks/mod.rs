//! What is only looked at: metrics, targets of load balancers.

mod check_metric;
mod check_targets;
mod metric;

pub(in crate::actions) use check_metric::CheckMetric;
pub(in crate::actions) use check_targets::CheckTargets;
pub(in crate::actions) use metric::{Metric, Point, Sample, Window};

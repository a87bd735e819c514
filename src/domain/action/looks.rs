//! What is only looked at in AWS: metrics, targets of load balancers.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[Row] = &[
    Row {
        name: "cloudwatch.check",
        about: "Read the last point of a metric where ListMetrics finds it, with its age; older than 3 minutes it is stale",
        parameters: &[
            field("namespace", Shape::Text).required().doc("`AWS/RDS`"),
            field("metric", Shape::Text).required().doc("its name: `AuroraGlobalDBRPOLag`"),
            field("unit", Shape::Text).required().doc("of what its values are: `ms`, `s`, `count`"),
            field("dimensions", Shape::Mapping)
                .doc("by which it is known, name to value; `shop-us-*` is how a value begins"),
            field("statistic", Shape::Text).doc("`Maximum` unless told"),
            field("regions", Shape::Texts)
                .doc("where it is looked for, in this order; the DR region and the primary one unless told"),
        ],
        facts: &["reachable", "value", "unit", "source", "at", "age_s", "is_stale", "before_impact"],
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
    Row {
        name: "elbv2.check_targets",
        about: "Count the healthy targets of a load balancer, over all its target groups",
        parameters: &[field("load_balancer", Shape::Text).required().doc("its ARN")],
        facts: &["reachable", "target_groups", "targets", "healthy", "unhealthy"],
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
];

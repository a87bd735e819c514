//! Pretended buckets, node groups, load balancers, security groups, and what runs by itself.

use serde_json::{Map, Value, json};

use super::flip::{Flip, none, region};
use super::world::World;

/// A replication rule is switched.
pub(in crate::actions) const SET_REPLICATION: Flip = Flip {
    call: "s3:PutBucketReplication",
    of: &["bucket", "rule"],
    fact: "enabled",
    first: |world| json!(world.with("enabled") != "true"),
    to: |world| json!(world.with("enabled") == "true"),
    others: none,
    place: region,
    remarks: &[],
};

/// A statement of a policy.
pub(in crate::actions) const PUT_POLICY: Flip = Flip {
    call: "s3:PutBucketPolicy",
    of: &["bucket"],
    fact: "policy",
    first: |_| json!("-"),
    to: |world| json!(world.with("statement")),
    others: none,
    place: region,
    remarks: &[],
};

/// What was not copied is copied.
pub(in crate::actions) const BACKFILL: Flip = Flip {
    call: "s3control:CreateJob",
    of: &["bucket"],
    fact: "status",
    first: |_| json!("not started"),
    to: |_| json!("Complete"),
    others: |_, _| Map::from_iter([("failed".to_owned(), json!(0))]),
    place: region,
    remarks: &["remark.s3.hours"],
};

/// A node group's size.
pub(in crate::actions) const SCALE_NODES: Flip = Flip {
    call: "eks:UpdateNodegroupConfig",
    of: &["cluster", "nodegroup"],
    fact: "min",
    first: |_| json!("2"),
    to: |world| json!(world.with("min")),
    others: |_, _| Map::from_iter([("status".to_owned(), json!("ACTIVE"))]),
    place: region,
    remarks: &["remark.eks.minutes"],
};

/// Reserved capacity.
pub(in crate::actions) const RESERVE_CAPACITY: Flip = Flip {
    call: "elasticloadbalancing:ModifyCapacityReservation",
    of: &["load_balancer"],
    fact: "capacity_units",
    first: |_| json!("0"),
    to: |world| json!(world.with("units")),
    others: none,
    place: |world| world.with("load_balancer"),
    remarks: &[],
};

/// A port is closed.
pub(in crate::actions) const CLOSE_GROUP: Flip = Flip {
    call: "ec2:RevokeSecurityGroupIngress",
    of: &["group", "port"],
    fact: "is_closed",
    first: |_| json!(false),
    to: |_| json!(true),
    others: none,
    place: region,
    remarks: &["remark.ec2.tracked"],
};

/// An alarm rings.
pub(in crate::actions) const SET_ALARM: Flip = Flip {
    call: "cloudwatch:SetAlarmState",
    of: &["alarm"],
    fact: "status",
    first: |_| json!("not started"),
    to: |_| json!("in history"),
    others: |_, now| Map::from_iter([("action_succeeded".to_owned(), json!(now == "in history"))]),
    place: region,
    remarks: &[],
};

/// An automation runs.
pub(in crate::actions) const START_AUTOMATION: Flip = Flip {
    call: "ssm:StartAutomationExecution",
    of: &["document"],
    to: |_| json!("Success"),
    others: none,
    ..SET_ALARM
};

/// An experiment runs.
pub(in crate::actions) const START_EXPERIMENT: Flip =
    Flip { call: "fis:StartExperiment", of: &["template"], to: ended, ..START_AUTOMATION };

fn ended(_world: &World<'_>) -> Value {
    json!("completed")
}

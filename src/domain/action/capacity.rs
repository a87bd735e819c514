//! Room for the traffic that comes, and the fence that keeps the old region out: EKS, load balancers, security groups.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[Row] = &[SCALE_NODES, RESERVE_CAPACITY, CLOSE_GROUP];

const SCALE_NODES: Row = Row {
    name: "eks.scale_nodes",
    about: "Set how many nodes a managed node group keeps",
    parameters: &[
        field("region", Shape::Text).required().doc("where the cluster is"),
        field("cluster", Shape::Text).required().doc("its name"),
        field("nodegroup", Shape::Text).required().doc("name of the node group"),
        field("min", Shape::Whole).required().doc("an autoscaler never goes below it"),
        field("desired", Shape::Whole).required().doc("nodes at once"),
        field("max", Shape::Whole).required().doc("an autoscaler never goes above it"),
    ],
    facts: &["scaling", "status", "min", "desired"],
    danger: Danger::Changes,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const RESERVE_CAPACITY: Row = Row {
    name: "alb.reserve_capacity",
    about: "Reserve capacity units of a load balancer before the traffic comes; 0 gives them back",
    parameters: &[
        field("load_balancer", Shape::Text).required().doc("its ARN"),
        field("units", Shape::Whole).required().doc("capacity units (LCU)"),
    ],
    facts: &["capacity_units", "zones"],
    danger: Danger::Changes,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const CLOSE_GROUP: Row = Row {
    name: "ec2.close_security_group",
    about: "Take away the rules of a security group that open one port: a fence that needs no Kubernetes",
    parameters: &[
        field("region", Shape::Text).required().doc("where the group is"),
        field("group", Shape::Text).required().doc("its id: `sg-…`"),
        field("port", Shape::Whole).required().doc("the port that is closed: 5432"),
    ],
    facts: &["rules", "is_closed"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

//! Aurora global databases.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Shape, field};

const FACTS: &[&str] = &[
    "writer_arn",
    "writer_region",
    "operation",
    "operation_target",
    "target_status",
    "target_instances",
    "target_is_writer",
];

pub(super) const ALL: &[Row] = &[
    Row {
        name: "aurora.failover",
        about: "Fail an Aurora global database over to another region, accepting the loss of what was not replicated",
        parameters: &[
            field("global_cluster", Shape::Text).required().doc("identifier of the global cluster"),
            field("target", Shape::Text)
                .required()
                .doc("ARN of the cluster that becomes the writer"),
            field("allow_data_loss", Shape::Flag).required().doc(
                "must be true: without it AWS does a switchover, which hangs in a real outage",
            ),
        ],
        facts: FACTS,
        danger: Danger::Grave,
        repeat: Repeat::NamesState,
        undo: Undo::None("undo.none.aurora_failover"),
    },
    Row {
        name: "aurora.switchover",
        about: "Move the writer of a healthy Aurora global database to another region without loss",
        parameters: &[
            field("global_cluster", Shape::Text).required().doc("identifier of the global cluster"),
            field("target", Shape::Text)
                .required()
                .doc("ARN of the cluster that becomes the writer"),
        ],
        facts: FACTS,
        danger: Danger::Grave,
        repeat: Repeat::NamesState,
        undo: Undo::Possible,
    },
    Row {
        name: "aurora.detach",
        about: "Take a cluster out of its Aurora global database so that it writes for itself: the last resort",
        parameters: &[
            field("global_cluster", Shape::Text).required().doc("identifier of the global cluster"),
            field("target", Shape::Text).required().doc("ARN of the cluster that leaves it"),
        ],
        facts: &[
            "is_member",
            "writer_arn",
            "writer_region",
            "operation",
            "target_status",
            "target_instances",
        ],
        danger: Danger::Grave,
        repeat: Repeat::NamesState,
        undo: Undo::None("undo.none.aurora_detach"),
    },
    Row {
        name: "rds.promote_read_replica",
        about: "Make a cross-region read replica a cluster that writes; refuses members of a global database",
        parameters: &[
            field("region", Shape::Text).required().doc("where the replica is"),
            field("cluster", Shape::Text).required().doc("identifier of the replica cluster"),
        ],
        facts: &["is_replica", "replica_source", "status", "global_cluster"],
        danger: Danger::Grave,
        repeat: Repeat::NamesState,
        undo: Undo::None("undo.none.rds_promote"),
    },
];

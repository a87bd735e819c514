//! ElastiCache Global Datastores.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[Row] = &[FAILOVER_GLOBAL, DETACH, PROMOTE];

const PROMOTE: Row = Row {
    name: "elasticache.promote",
    about: "Make another node of one replication group its primary; not for members of a Global Datastore",
    parameters: &[
        field("region", Shape::Text).required().doc("where the group is"),
        field("group", Shape::Text).required().doc("id of the replication group"),
        field("node", Shape::Text)
            .required()
            .doc("cache cluster id of the node that becomes the primary"),
    ],
    facts: &["primary_node", "status", "shards", "nodes", "automatic_failover", "global"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const DETACH: Row = Row {
    name: "elasticache.detach",
    about: "Take a secondary replication group out of its Global Datastore so that it writes for itself: the last resort",
    parameters: &[
        field("global", Shape::Text).required().doc("id of the Global Datastore"),
        field("region", Shape::Text).required().doc("where the group is"),
        field("target", Shape::Text).required().doc("replication group that leaves it"),
    ],
    facts: &["is_member", "primary_group", "primary_region", "status", "members"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::None("undo.none.elasticache_detach"),
};

const FAILOVER_GLOBAL: Row = Row {
    name: "elasticache.failover_global",
    about: "Make another region's replication group the primary of a Global Datastore; what was not copied is lost",
    parameters: &[
        field("global", Shape::Text).required().doc(
            "id of the Global Datastore, with the letters AWS puts before it: read it, do not build it",
        ),
        field("region", Shape::Text).required().doc("where the new primary is"),
        field("target", Shape::Text).required().doc("replication group that becomes the primary"),
    ],
    facts: &["primary_group", "primary_region", "status", "members"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

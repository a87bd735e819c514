//! Redis or Valkey, and the queues BullMQ keeps there, by connections that dr-buddy's settings name.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

const CONNECTION: Field<'_> = field("connection", Shape::Text)
    .required()
    .doc("a name of DR_BUDDY_CONNECTIONS; its URL is never in a runbook");
const TIMEOUT: Field<'_> = field("timeout", Shape::Span).doc("10s unless told");

pub(super) const ALL: &[Row] = &[
    Row {
        name: "redis.check",
        about: "Ask a Redis server for its role, its replication and its memory",
        parameters: &[CONNECTION, TIMEOUT],
        facts: &[
            "reachable",
            "role",
            "writable",
            "replicas",
            "link_up",
            "lag_s",
            "lag_bytes",
            "maxmemory_policy",
            "used_memory_bytes",
            "maxmemory_bytes",
        ],
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
    Row {
        name: "bullmq.drained",
        about: "Count what is left in queues of BullMQ; drained is only where every queue was seen and nothing is left",
        parameters: &[
            CONNECTION,
            field("queues", Shape::Texts).required().doc("names of the queues"),
            field("prefix", Shape::Text).doc("prefix of the keys; bull unless told"),
            field("may_remain", Shape::Texts)
                .doc("failed, delayed: what may be left in a queue that counts as drained"),
            TIMEOUT,
        ],
        facts: &[
            "reachable",
            "queues",
            "seen",
            "waiting",
            "active",
            "delayed",
            "prioritized",
            "waiting_children",
            "failed",
            "paused",
            "oldest_waiting_s",
            "drained",
            "role",
        ],
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
];

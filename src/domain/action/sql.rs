//! PostgreSQL and MySQL or MariaDB, by connections that dr-buddy's settings name.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

const CONNECTION: Field<'_> = field("connection", Shape::Text)
    .required()
    .doc("a name of DR_BUDDY_CONNECTIONS; its URL is never in a runbook");
const TIMEOUT: Field<'_> = field("timeout", Shape::Span).doc("10s unless told");

pub(super) const ALL: &[Row] = &[
    Row {
        name: "sql.check",
        about: "Ask a database one thing, in a read-only transaction; give the connection a user who may only read",
        parameters: &[
            CONNECTION,
            field("query", Shape::Text)
                .doc("one SELECT (or WITH, TABLE, VALUES) of one row; this or `probe`"),
            field("probe", Shape::Text)
                .doc("writable, replication, heartbeat, aurora_lag or wal_lsn (PostgreSQL)"),
            TIMEOUT,
        ],
        facts: &["reachable", "value", "unit", "source", "at", "row", "writable", "role", "lag_s"],
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
    Row {
        name: "sql.canary",
        about: "Write one row to the table dr_buddy_canary, which is made if need be, and read it by another connection",
        parameters: &[CONNECTION, TIMEOUT],
        facts: &["reachable", "writable", "row_present"],
        danger: Danger::Changes,
        repeat: Repeat::Token,
        undo: Undo::Possible,
    },
];

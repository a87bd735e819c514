//! Buckets in S3.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

pub(super) const ALL: &[Row] = &[SET_REPLICATION, BACKFILL, PUT_POLICY];

const REGION: Field<'_> = field("region", Shape::Text).required().doc("where the bucket is");
const BUCKET: Field<'_> = field("bucket", Shape::Text).required().doc("its name");

const SET_REPLICATION: Row = Row {
    name: "s3.set_replication",
    about: "Switch one replication rule of a bucket on or off; what was written meanwhile is not copied by it",
    parameters: &[
        REGION,
        BUCKET,
        field("rule", Shape::Text).required().doc("id of the rule"),
        field("enabled", Shape::Flag).required().doc("true: on; false: off"),
    ],
    facts: &["enabled", "document"],
    danger: Danger::Changes,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const BACKFILL: Row = Row {
    name: "s3.backfill",
    about: "Copy what a bucket's rules have not copied (S3 Batch Replication); takes hours",
    parameters: &[
        REGION,
        BUCKET,
        field("role", Shape::Text).required().doc("ARN of the role the batch works with"),
    ],
    facts: &["id", "status", "total", "succeeded", "failed"],
    danger: Danger::Changes,
    repeat: Repeat::Token,
    undo: Undo::None("undo.none.runs_on"),
};

const PUT_POLICY: Row = Row {
    name: "s3.put_policy",
    about: "Add or replace one statement of a bucket's policy; the others stay, and the old policy can come back",
    parameters: &[
        REGION,
        BUCKET,
        field("statement", Shape::Text).required().doc("the statement as JSON, with a Sid"),
    ],
    facts: &["policy", "statements"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

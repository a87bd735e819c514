//! Secrets Manager.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[Row] = &[REPLACE_HOST, PROMOTE_REPLICA];

const PROMOTE_REPLICA: Row = Row {
    name: "secretsmanager.promote_replica",
    about: "Cut a replicated secret from its source, so that it can be written where it is",
    parameters: &[
        field("region", Shape::Text).required().doc("where the replica is"),
        field("secret", Shape::Text).required().doc("name of the secret"),
    ],
    facts: &["is_replica", "source_region"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::None("undo.none.secret_replica"),
};

const REPLACE_HOST: Row = Row {
    name: "secretsmanager.replace_host",
    about: "Replace the host in a connection URL held in Secrets Manager; the rest stays, and is never shown",
    parameters: &[
        field("region", Shape::Text).required().doc("where the secret is changed"),
        field("secret", Shape::Text).required().doc("name or ARN of the secret"),
        field("host", Shape::Text).required().doc("the new host name"),
        field("key", Shape::Text).doc("the key of the URL when the secret is a JSON object"),
    ],
    facts: &["host", "version", "is_replica", "token_present"],
    danger: Danger::Grave,
    repeat: Repeat::Token,
    undo: Undo::Possible,
};

//! DNS records in Route 53.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

pub(super) const ALL: &[Row] = &[LATCH, PIN, SWAP_ROLES, SET_TTL, ROUTING_CONTROL];

const LATCH: Row = Row {
    name: "route53.latch",
    about: "Turn traffic by an object in S3 that an inverted health check looks at: works without the control plane",
    parameters: &[
        field("region", Shape::Text)
            .required()
            .doc("where the bucket is: the region traffic goes to"),
        field("bucket", Shape::Text).required().doc("the bucket the health check looks at"),
        field("key", Shape::Text).required().doc("the object the health check asks for"),
        field("latched", Shape::Flag).doc("true (default): put it there; false: take it away"),
    ],
    facts: &["latched"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const ROUTING_CONTROL: Row = Row {
    name: "arc.set_routing_control",
    about: "Switch routing controls of Application Recovery Controller, all in one call to any endpoint that answers",
    parameters: &[
        field("endpoints", Shape::Texts)
            .required()
            .doc("the cluster's endpoints: `REGION=https://…`"),
        field("on", Shape::Texts).required().doc("ARNs of the controls that are switched on"),
        field("off", Shape::Texts).required().doc("ARNs of the controls that are switched off"),
    ],
    facts: &["controls"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const ZONE: Field<'_> = field("zone", Shape::Text).required().doc("id of the hosted zone");
const NAME: Field<'_> = field("name", Shape::Text).required().doc("the record's name");
const TYPE: Field<'_> = field("record_type", Shape::Text).doc("A (default) or AAAA");

const SWAP_ROLES: Row = Row {
    name: "route53.swap_roles",
    about: "Make the SECONDARY failover record of a name the PRIMARY one, and the other way round, in one batch",
    parameters: &[
        ZONE,
        NAME,
        TYPE,
        field("primary_set", Shape::Text)
            .required()
            .doc("SetIdentifier of the record that becomes PRIMARY; it must be the SECONDARY one"),
    ],
    facts: &[
        "primary_set",
        "primary_target",
        "secondary_target",
        "primary_records",
        "change_status",
    ],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const SET_TTL: Row = Row {
    name: "route53.set_ttl",
    about: "Change how long resolvers keep the answers of a name; an alias has no TTL and is refused",
    parameters: &[
        ZONE,
        NAME,
        TYPE,
        field("seconds", Shape::Whole).required().doc("the new TTL in seconds"),
    ],
    facts: &["ttl", "change_status"],
    danger: Danger::Changes,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

const PIN: Row = Row {
    name: "route53.pin",
    about: "Point the PRIMARY failover record of a name at another load balancer with one UPSERT",
    parameters: &[
        ZONE,
        NAME,
        TYPE,
        field("set_identifier", Shape::Text).required().doc("SetIdentifier of the PRIMARY record"),
        field("target", Shape::Text)
            .required()
            .doc("DNS name of the load balancer that shall answer"),
        field("target_zone", Shape::Text)
            .required()
            .doc("hosted zone id of that load balancer, not of the record"),
    ],
    facts: &["primary_target", "secondary_target", "primary_records", "change_status"],
    danger: Danger::Grave,
    repeat: Repeat::NamesState,
    undo: Undo::Possible,
};

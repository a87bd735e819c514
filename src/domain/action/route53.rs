//! DNS records in Route 53.

use super::{ActionSpec, Danger, Repeat, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

pub(super) const ALL: &[ActionSpec] = &[PIN, SWAP_ROLES, SET_TTL];

const ZONE: Field = field("zone", Shape::Text).required().doc("id of the hosted zone");
const NAME: Field = field("name", Shape::Text).required().doc("the record's name");
const TYPE: Field = field("record_type", Shape::Text).doc("A (default) or AAAA");

const SWAP_ROLES: ActionSpec = ActionSpec {
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

const SET_TTL: ActionSpec = ActionSpec {
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

const PIN: ActionSpec = ActionSpec {
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

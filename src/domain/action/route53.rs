//! DNS records in Route 53.

use super::{ActionSpec, Danger, Repeat, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[ActionSpec] = &[ActionSpec {
    name: "route53.pin",
    about: "Point the PRIMARY failover record of a name at another load balancer with one UPSERT",
    parameters: &[
        field("zone", Shape::Text).required().doc("id of the hosted zone"),
        field("name", Shape::Text).required().doc("the record's name"),
        field("record_type", Shape::Text).doc("A (default) or AAAA"),
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
}];

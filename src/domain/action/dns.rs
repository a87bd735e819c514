//! What name servers and resolvers answer.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[Row] = &[Row {
    name: "dns.check",
    about: "Ask the name servers of a zone and public resolvers for a name, and compare with what they should answer",
    parameters: &[
        field("name", Shape::Text).required().doc("the name that is asked for"),
        field("record_type", Shape::Text).doc("A (default), AAAA or CNAME"),
        field("expect", Shape::Texts).doc("the answers that are right; this or `same_as`"),
        field("same_as", Shape::Text)
            .doc("a name whose own answers at that moment are right: that of a load balancer"),
        field("name_servers", Shape::Texts).doc(
            "name servers of the zone, by name or address; those of its NS records unless told",
        ),
        field("resolvers", Shape::Texts)
            .doc("addresses of resolvers; those of dr-buddy's settings unless told"),
    ],
    facts: &[
        "answers",
        "expected",
        "asked",
        "answered",
        "matching",
        "all_match",
        "name_servers_match",
        "resolvers_match",
        "ttl_s",
    ],
    danger: Danger::Reads,
    repeat: Repeat::ReadsOnly,
    undo: Undo::None("undo.none.reads"),
}];

//! Endpoints that are asked.

use super::{ActionSpec, Danger, Repeat, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[ActionSpec] = &[ActionSpec {
    name: "http.check",
    about: "Ask an HTTP endpoint, at a chosen address if need be, and take facts from the answer",
    parameters: &[
        field("url", Shape::Text)
            .required()
            .doc("http or https; the host is also the SNI and Host"),
        field("method", Shape::Text).doc("GET (default) or HEAD"),
        field("put_first", Shape::Flag)
            .doc("write first: one PUT to the same URL before the GET, a canary write"),
        field("resolve_to", Shape::Text)
            .doc("host or address to connect to instead of the URL's, before DNS has moved"),
        field("timeout", Shape::Span).doc("10s unless told"),
        field("region_header", Shape::Text)
            .doc("header that names the answering region; x-region unless told"),
    ],
    facts: &["reachable", "status", "region", "latency_ms", "body"],
    danger: Danger::Reads,
    repeat: Repeat::ReadsOnly,
    undo: Undo::None("undo.none.reads"),
}];

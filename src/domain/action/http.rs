//! Endpoints that are asked, and written to once.

use super::{ActionSpec, Danger, Repeat, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

const URL: Field =
    field("url", Shape::Text).required().doc("http or https; the host is also the SNI and Host");
const RESOLVE_TO: Field = field("resolve_to", Shape::Text)
    .doc("host or address to connect to instead of the URL's, before DNS has moved");
const TIMEOUT: Field = field("timeout", Shape::Span).doc("10s unless told");
const REGION_HEADER: Field = field("region_header", Shape::Text)
    .doc("header that names the answering region; x-region unless told");
const FACTS: &[&str] = &["reachable", "status", "region", "latency_ms", "body"];

pub(super) const ALL: &[ActionSpec] = &[
    ActionSpec {
        name: "http.check",
        about: "Ask an HTTP endpoint, at a chosen address if need be, and take facts from the answer",
        parameters: &[
            URL,
            field("method", Shape::Text).doc("GET (default) or HEAD"),
            RESOLVE_TO,
            TIMEOUT,
            REGION_HEADER,
        ],
        facts: FACTS,
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
    ActionSpec {
        name: "http.canary",
        about: "Write once to an HTTP endpoint, by a PUT, and read it back by a GET of the same URL",
        parameters: &[URL, RESOLVE_TO, TIMEOUT, REGION_HEADER],
        facts: FACTS,
        danger: Danger::Changes,
        repeat: Repeat::Token,
        undo: Undo::None("undo.none.http_canary"),
    },
];

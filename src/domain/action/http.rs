//! Endpoints that are asked, written to once, or asked to change something.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

const URL: Field<'_> =
    field("url", Shape::Text).required().doc("http or https; the host is also the SNI and Host");
const RESOLVE_TO: Field<'_> = field("resolve_to", Shape::Text)
    .doc("host or address to connect to instead of the URL's, before DNS has moved");
const TIMEOUT: Field<'_> = field("timeout", Shape::Span).doc("10s unless told");
const REGION_HEADER: Field<'_> = field("region_header", Shape::Text)
    .doc("header that names the answering region; x-region unless told");
const FACTS: &[&str] = &["reachable", "status", "region", "latency_ms", "body"];

pub(super) const ALL: &[Row] = &[
    Row {
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
    Row {
        name: "http.canary",
        about: "Write once to an HTTP endpoint, by a PUT, and read it back by a GET of the same URL",
        parameters: &[URL, RESOLVE_TO, TIMEOUT, REGION_HEADER],
        facts: FACTS,
        danger: Danger::Changes,
        repeat: Repeat::Token,
        undo: Undo::None("undo.none.http_canary"),
    },
    Row {
        name: "http.request",
        about: "Send one request that changes something, to a host that dr-buddy's settings allow; redirects are not followed",
        parameters: &[
            field("method", Shape::Text).required().doc("POST, PUT, PATCH or DELETE"),
            URL,
            field("headers", Shape::Any).doc("texts by name; none that holds a secret"),
            field("secret_headers", Shape::Any)
                .doc("names of DR_BUDDY_HTTP_SECRETS by header; the value is never in a runbook"),
            field("body", Shape::Any).doc("sent as JSON"),
            field("expected_status", Shape::Whole).doc("any of 200 to 299 unless told"),
            field("idempotency_header", Shape::Text)
                .doc("carries a key that is the same for one preview; Idempotency-Key unless told"),
            field("probe_url", Shape::Text)
                .doc("asked by GET whether it was done; without it only the answer tells"),
            field("probe_pointer", Shape::Text)
                .doc("JSON pointer to what shows it: `/incident/status`"),
            field("probe_value", Shape::Any).doc("what stands there when it was done"),
            TIMEOUT,
            field("undo", Shape::Any).doc("the request that takes it back, written the same way"),
        ],
        facts: &["reachable", "status", "region", "latency_ms", "body", "shows"],
        danger: Danger::Changes,
        repeat: Repeat::ActsAgain,
        undo: Undo::Possible,
    },
];

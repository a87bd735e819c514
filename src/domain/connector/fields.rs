//! The fields of a connector's file, as tables.

use crate::domain::yaml::shape::{Field, Shape, field};

pub(super) const CONNECTOR: &[Field<'_>] = &[
    field("id", Shape::Text).required().doc("first half of its actions' names: `github`"),
    field("url", Shape::Text).required().doc("where the system is: `https://…` or `${github.api}`"),
    field("auth", Shape::Defined("auth")).doc("how we prove who we are; secrets by name"),
    field("headers", Shape::Mapping).doc("sent with every request"),
    field("request_id", Shape::Text).doc("header of an answer that names the request"),
    field("rate", Shape::Defined("rate")).doc("how often it may be asked"),
    field("timeout", Shape::Span).doc("how long an answer may take; 10s unless told"),
    field("doctor", Shape::Defined("doctor"))
        .doc("what the doctor asks: does it answer, does it know us?"),
    field("operations", Shape::Defined("operations")).required().doc("its requests, by name"),
];

pub(super) const RATE: &[Field<'_>] = &[
    field("calls", Shape::Whole).required().doc("at most so many"),
    field("per", Shape::Span).required().doc("in so long a time"),
];

const SECRET: Field<'_> =
    field("secret", Shape::Text).required().doc("a name of DR_BUDDY_HTTP_SECRETS");

/// How we prove who we are, by name.
pub(super) const AUTH: &[(&str, &[Field<'_>])] = &[
    ("bearer", &[SECRET]),
    ("basic", &[SECRET, field("user", Shape::Text).required().doc("the user's name")]),
    (
        "header",
        &[
            SECRET,
            field("name", Shape::Text).required().doc("name of the header"),
            field("prefix", Shape::Text).doc("what stands before the secret: `OAuth `"),
        ],
    ),
    (
        "github_app",
        &[
            SECRET,
            field("app", Shape::Text).required().doc("id of the App"),
            field("installation", Shape::Text).required().doc("id of the installation"),
        ],
    ),
    (
        "google_service_account",
        &[SECRET, field("scope", Shape::Text).required().doc("what the token is for")],
    ),
    (
        "aws_sigv4",
        &[
            field("service", Shape::Text).required().doc("the name it is signed for: `aps`"),
            field("region", Shape::Text).required().doc("where it is"),
        ],
    ),
];

pub(super) const OPERATION: &[Field<'_>] = &[
    field("about", Shape::Text).required().doc("what it does, in one line"),
    field("danger", Shape::Text).required().doc("reads, changes or grave"),
    field("repeat", Shape::Text).doc("names_state, acts_again or token; not for what only reads"),
    field("method", Shape::Text).required().doc("GET, HEAD, POST, PUT, PATCH or DELETE"),
    field("path", Shape::Text).required().doc("below the connector's url: `/repos/${with.owner}`"),
    field("query", Shape::Mapping).doc("parameters in the URL; a list repeats the name"),
    field("headers", Shape::Mapping).doc("headers of this request"),
    field("token_header", Shape::Text).doc("header with a key that is the same for one preview"),
    field("body", Shape::Any).doc("sent as JSON"),
    field("body_secrets", Shape::Mapping).doc("names of secrets by JSON pointer into the body"),
    field("expect", Shape::Any)
        .doc("statuses that say it was taken; any of 200 to 299 unless told"),
    field("answer", Shape::Text).doc("json (default) or any: a picture"),
    field("timeout", Shape::Span).doc("how long its answer may take"),
    field("parameters", Shape::Mapping).doc("what a runbook gives it, by name"),
    field("facts", Shape::Mapping).doc("what is taken out of its answer, by name"),
    field("probe", Shape::Defined("probe")).doc("how its effect is found"),
    field("undo", Shape::Defined("undo")).doc("what takes it back"),
    field("pretend", Shape::Mapping).doc("facts as a tabletop tells them"),
];

pub(super) const PARAMETER: &[Field<'_>] = &[
    field("type", Shape::Text)
        .doc("text (default), path, texts, whole, flag, span, mapping or any"),
    field("required", Shape::Flag).doc("whether it must be given"),
    field("default", Shape::Any).doc("what it is unless told"),
    field("about", Shape::Text).required().doc("one line"),
];

pub(super) const FACT: &[Field<'_>] = &[
    field("from", Shape::Text).required().doc("JMESPath over {status, body, with}: `body.state`"),
    field("example", Shape::Any).required().doc("what it may look like; tabletops pretend it"),
];

pub(super) const PROBE: &[Field<'_>] = &[
    field("operation", Shape::Text).required().doc("an operation of this connector that reads"),
    field("with", Shape::Mapping).doc("its parameters; those of the same name are handed on"),
    field("done", Shape::Text).required().doc("JMESPath: true when the effect is there"),
    field("running", Shape::Text).doc("JMESPath: true while it is under way"),
    field("absent", Shape::Any).doc("statuses that say that there is nothing yet"),
];

pub(super) const DOCTOR: &[Field<'_>] = &[
    field("operation", Shape::Text).required().doc("an operation of this connector that reads"),
    field("with", Shape::Mapping).doc("its parameters"),
];

pub(super) const UNDO: &[Field<'_>] = &[
    field("operation", Shape::Text).required().doc("an operation of this connector"),
    field("with", Shape::Mapping).doc("its parameters; those of the same name are handed on"),
];

//! The fields of documents, as tables: the check refuses other keys, the JSON Schema is made from the same rows.

use crate::domain::yaml::shape::{Field, Shape, field};

/// A runbook.
pub const RUNBOOK: &[Field<'_>] = &[
    field("id", Shape::Id).required().doc("name of the runbook and of its file"),
    field("title", Shape::Localized).required().doc("what people call it"),
    field("phases", Shape::Defined("phases")).required().doc("the groups people see, in order"),
    field("restored_by", Shape::Id)
        .required()
        .doc("the step whose end is \"the service is back\": RTO is measured to it"),
    field("steps", Shape::Defined("steps"))
        .required()
        .doc("the order of work follows from `needs`"),
];

/// A phase.
pub const PHASE: &[Field<'_>] = &[
    field("id", Shape::Id).required().doc("name used by steps"),
    field("title", Shape::Localized).required().doc("what people call it"),
];

/// A step.
pub const STEP: &[Field<'_>] = &[
    field("id", Shape::Id).required().doc("name used by `needs`, conditions and chat"),
    field("title", Shape::Localized).required().doc("what people call it"),
    field("phase", Shape::Id).required().doc("one of the phases"),
    field("owner", Shape::Role).required().doc("the role that looks after it"),
    field("needs", Shape::Ids)
        .doc("steps that must be settled before this one opens; none unless told"),
    field("when", Shape::Condition).doc(
        "CEL on env, regions, run and steps; false: skipped with the reason; always unless told",
    ),
    field("action", Shape::Defined("action"))
        .required()
        .doc("what it does: one action and its parameters"),
    field("gate", Shape::Defined("gate")).doc("who must agree first; none unless told"),
    field("guard", Shape::Condition).doc("CEL on facts, re-measured right before the call"),
    field("verify", Shape::Defined("verify")).doc("what must be seen afterwards"),
    field("typical", Shape::Span).required().doc("how long it usually takes"),
    field("worst", Shape::Span).required().doc("how long before people are told that it is late"),
    field("nag", Shape::Span)
        .doc("how long it waits for people before they are called by name; 2m unless told"),
    field("point_of_no_return", Shape::Flag).doc("after it there is no way back"),
    field("code", Shape::Defined("code")).doc(
        "required: whoever agrees needs a one-time code; unless told, those who are enrolled are asked for one at a \
         point of no return",
    ),
    field("best_effort", Shape::Flag)
        .doc("an unreachable system is an outcome here and does not stop what follows"),
    field("on_failure", Shape::Defined("on_failure"))
        .doc("what follows from a failure; hold unless told"),
    field("note", Shape::Localized).doc("advice for the people who run it"),
];

/// A gate of several people.
pub const GATE: &[Field<'_>] = &[
    field("people", Shape::Whole).required().doc("how many different people, at least 2"),
    field("roles", Shape::Roles).required().doc("each of them holds one of these"),
    field("expires", Shape::Span)
        .doc("how long the first approval waits for the last; 10m unless told"),
];

/// What must be seen after a call.
pub const VERIFY: &[Field<'_>] = &[
    field("expect", Shape::Condition).required().doc("CEL on facts"),
    field("timeout", Shape::Span).doc("how long to wait for it; 5m unless told"),
    field("hold_for", Shape::Span).doc("how long it must stay true; 0s unless told"),
];

/// What follows from a failure, where it is a step.
pub const FALLBACK: &[Field<'_>] =
    &[field("fallback", Shape::Id).required().doc("opens when this step fails")];

/// Every table of a runbook, with its name in the schema.
pub const DEFINED: &[(&str, &[Field<'_>])] = &[
    ("runbook", RUNBOOK),
    ("phase", PHASE),
    ("step", STEP),
    ("people_gate", GATE),
    ("verify", VERIFY),
    ("fallback", FALLBACK),
];

//! Programs on the machine of dr-buddy, as far as whoever runs it allows them.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

const PARAMETERS: &[Field<'_>] = &[
    field("program", Shape::Text).required().doc("its name in DR_BUDDY_PROGRAMS, never a path"),
    field("args", Shape::Texts).doc("its arguments, each as it is: no shell reads them"),
    field("timeout", Shape::Span)
        .doc("30s unless told, 50s at most; then all it started is killed"),
];
const FACTS: &[&str] = &["exit_code", "timed_out", "seconds", "last_line"];

pub(super) const ALL: &[Row] = &[
    Row {
        name: "exec.check",
        about: "Run a program that only reads, as the runbook's author vouches, and take facts from how it ends",
        parameters: PARAMETERS,
        facts: FACTS,
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.reads"),
    },
    Row {
        name: "exec",
        about: "Run a program; what it changes cannot be seen from here",
        parameters: PARAMETERS,
        facts: FACTS,
        danger: Danger::Grave,
        repeat: Repeat::ActsAgain,
        undo: Undo::None("undo.none.exec"),
    },
];

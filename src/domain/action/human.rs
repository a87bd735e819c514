//! What people do and decide.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Shape, field};

pub(super) const ALL: &[Row] = &[
    Row {
        name: "human.task",
        about: "Something a person does and says is done; the step's note tells how",
        parameters: &[],
        facts: &[],
        danger: Danger::Reads,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.human"),
    },
    Row {
        name: "human.decide",
        about: "GO or NO GO: people decide on what was seen; frozen when decided",
        parameters: &[
            field("question", Shape::Localized).required(),
            field("go", Shape::Localized).doc("what follows from GO"),
            field("no_go", Shape::Localized).doc("what follows from NO GO"),
            field("hold", Shape::Localized)
                .doc("the former name of `no_go`, as runbooks of open runs have it"),
            field("seen", Shape::Texts).doc("steps whose facts are shown with their age"),
        ],
        facts: &[],
        danger: Danger::Grave,
        repeat: Repeat::ReadsOnly,
        undo: Undo::None("undo.none.human"),
    },
];

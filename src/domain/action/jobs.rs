//! What is started at AWS and then runs by itself.

use super::{Danger, Repeat, Row, Undo};
use crate::domain::yaml::shape::{Field, Shape, field};

pub(super) const ALL: &[Row] = &[SET_ALARM, START_AUTOMATION, START_EXPERIMENT];

const REGION: Field<'_> = field("region", Shape::Text).required().doc("where it is");

const SET_ALARM: Row = Row {
    name: "cloudwatch.set_alarm",
    about: "Make an alarm ring for a moment, to see who hears it: its real actions run",
    parameters: &[
        REGION,
        field("alarm", Shape::Text).required().doc("its name"),
        field("state", Shape::Text).required().doc("ALARM, OK or INSUFFICIENT_DATA"),
    ],
    facts: &["id", "status", "action_succeeded"],
    danger: Danger::Changes,
    repeat: Repeat::ActsAgain,
    undo: Undo::None("undo.none.alarm"),
};

const START_AUTOMATION: Row = Row {
    name: "ssm.start_automation",
    about: "Run an automation document of Systems Manager",
    parameters: &[
        REGION,
        field("document", Shape::Text).required().doc("its name"),
        field("version", Shape::Text).doc("its version; without it the default one"),
        field("parameters", Shape::Texts).doc("what it takes: `Name=value`"),
    ],
    facts: &["id", "status", "failure"],
    danger: Danger::Grave,
    repeat: Repeat::Token,
    undo: Undo::Possible,
};

const START_EXPERIMENT: Row = Row {
    name: "fis.start_experiment",
    about: "Start an experiment of the Fault Injection Service; its template must have a stop condition",
    parameters: &[
        REGION,
        field("template", Shape::Text).required().doc("id of the experiment template: `EXT…`"),
    ],
    facts: &["id", "status", "reason"],
    danger: Danger::Grave,
    repeat: Repeat::Token,
    undo: Undo::Possible,
};

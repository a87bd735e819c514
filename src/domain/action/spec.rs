//! Everything the rules know about an action. A step of a connector keeps its own copy: what an open run means does not
//! change with a file.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Row;
use crate::domain::ids::Digest;
use crate::domain::yaml::shape::{Field, Shape};

/// How bad a mistake is; decides the weakest gate a runbook may put before the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Danger {
    /// Changes nothing outside: no gate needed.
    Reads,
    /// Changes something that is put back easily: one person confirms.
    Changes,
    /// Data or all traffic: two different people.
    Grave,
}

/// Why a second call is harmless, or that it is not: whoever starts a step in doubt again is told. Nothing ever starts
/// again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// The API takes an idempotency token; ours comes from run, step and preview.
    Token,
    /// The call names the wanted state, so the second one changes nothing.
    NamesState,
    /// A second call may act again.
    ActsAgain,
    /// Nothing is changed.
    ReadsOnly,
}

/// Whether there is a way back. Only connectors' are stored, and those have one reason for having none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// There is; it asks for the same approvals.
    Possible,
    /// There is none, for the reason with this message key.
    None(&'static str),
}

impl Undo {
    /// Of a connector's operation.
    pub fn of_connector(is_possible: bool) -> Self {
        if is_possible { Self::Possible } else { Self::None("undo.none.connector") }
    }
}

impl Serialize for Undo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == Self::Possible)
    }
}

impl<'de> Deserialize<'de> for Undo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer).map(Self::of_connector)
    }
}

/// Everything the rules know about an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionSpec {
    /// As documents write it: `aurora.failover`.
    pub name: String,
    /// One line, for the schema.
    pub about: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The facts its probe reports; conditions may name these as `facts.<name>`.
    pub facts: Vec<String>,
    /// How bad a mistake is.
    pub danger: Danger,
    /// Why a repeat is harmless, or not.
    pub repeat: Repeat,
    /// The way back.
    pub undo: Undo,
    /// Of a connector's operation: what of the environment it names, beside what a runbook gives it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// Of a connector's operation: all that decides what it does, as it was when this was read. Absent: an action of
    /// this build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Digest>,
}

/// A parameter of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its key.
    pub name: String,
    /// What it may hold.
    pub shape: Shape,
    /// Whether it must be there.
    #[serde(rename = "required")]
    pub is_required: bool,
    /// One line for the schema.
    pub about: String,
}

impl Parameter {
    /// As a field of a mapping.
    pub fn field(&self) -> Field<'_> {
        let Self { name, shape, is_required, about } = self;
        Field { name, shape: *shape, is_required: *is_required, about }
    }
}

impl ActionSpec {
    /// The parameters as fields of a mapping.
    pub fn fields(&self) -> Vec<Field<'_>> {
        self.parameters.iter().map(Parameter::field).collect()
    }

    pub(super) fn of(row: &Row) -> Self {
        let Row { name, about, parameters, facts, danger, repeat, undo } = *row;
        let parameter = |field: &Field<'_>| Parameter {
            name: field.name.to_owned(),
            shape: field.shape,
            is_required: field.is_required,
            about: field.about.to_owned(),
        };
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            parameters: parameters.iter().map(parameter).collect(),
            facts: facts.iter().map(|&fact| fact.to_owned()).collect(),
            danger,
            repeat,
            undo,
            environment: vec![],
            source: None,
        }
    }
}

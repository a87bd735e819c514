//! The shape of documents as data: one description that the check, the JSON Schema and the help are all made from.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a value in a document may be. Every text, whole and flag may also be a template `${…}` where the
/// field is a parameter of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// A whole number, zero or more.
    Whole,
    /// true or false.
    Flag,
    /// A length of time: `10m`.
    Span,
    /// Anything: a mapping, a list, a text … The action itself checks what is in it.
    Any,
    /// A mapping of whatever an outside system understands. Only for parameters of actions.
    Mapping,
    /// `{en: …, fr: …}`, both there and not empty.
    Localized,
    /// The id of something: lower-case letters, digits and `-`. Not for parameters of actions.
    Id,
    /// A list of ids. Not for parameters of actions.
    Ids,
    /// The name of a role. Not for parameters of actions.
    Role,
    /// A list of roles. Not for parameters of actions.
    Roles,
    /// A CEL expression. Not for parameters of actions.
    Condition,
    /// A mapping or list with fields of its own, by its name in the schema. Not for parameters of actions.
    Defined(&'static str),
}

impl Shape {
    /// What a parameter of a connector's operation may be, by the word its document says.
    pub const OF_PARAMETERS: [(&'static str, Self); 7] = [
        ("text", Self::Text),
        ("texts", Self::Texts),
        ("whole", Self::Whole),
        ("flag", Self::Flag),
        ("span", Self::Span),
        ("mapping", Self::Mapping),
        ("any", Self::Any),
    ];

    /// What is expected, for a sentence: "a whole number".
    pub fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Whole => "a whole number, zero or more",
            Self::Flag => "true or false",
            Self::Span => "a length of time such as 90s, 10m or 4h",
            Self::Any => "a value",
            Self::Mapping => "a mapping that is not empty",
            Self::Localized => "a text in each language: {en: …, fr: …}",
            Self::Id => "an id: lower-case letters, digits and `-`",
            Self::Ids => "a list of ids",
            Self::Role => "a role",
            Self::Roles => "a list of roles",
            Self::Condition => "a CEL expression in quotes",
            Self::Defined(_) => "a mapping",
        }
    }
}

/// Stored with the step of a run whose connector says it: by its word.
impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let word = Self::OF_PARAMETERS.iter().find(|(_, shape)| shape == self);
        let (word, _) = word.ok_or_else(|| serde::ser::Error::custom("not of a parameter"))?;
        serializer.serialize_str(word)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let found = Self::OF_PARAMETERS.iter().find(|(known, _)| *known == word);
        let (_, shape) = found.ok_or_else(|| serde::de::Error::custom("an unknown shape"))?;
        Ok(*shape)
    }
}

/// One field of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its key.
    pub name: &'a str,
    /// What it may hold.
    pub shape: Shape,
    /// Whether it must be there.
    pub is_required: bool,
    /// One line for the schema.
    pub about: &'a str,
}

/// An optional field; see [`Field::required`] and [`Field::doc`].
pub const fn field(name: &str, shape: Shape) -> Field<'_> {
    Field { name, shape, is_required: false, about: "" }
}

impl<'a> Field<'a> {
    /// The same field, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The same field with its line for the schema.
    #[must_use]
    pub const fn doc(self, about: &'a str) -> Self {
        Self { about, ..self }
    }
}

//! The shape of documents as data: one description that the check, the JSON Schema and the help are all made from.

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
    /// `{en: …, fr: …}`, both there and not empty.
    Localized,
}

/// One field of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What it may hold.
    pub shape: Shape,
    /// Whether it must be there.
    pub is_required: bool,
    /// One line for the schema.
    pub about: &'static str,
}

/// An optional field; see [`Field::required`] and [`Field::doc`].
pub const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, is_required: false, about: "" }
}

impl Field {
    /// The same field, required.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The same field with its line for the schema.
    #[must_use]
    pub const fn doc(self, about: &'static str) -> Self {
        Self { about, ..self }
    }
}

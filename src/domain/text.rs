//! What is said, before it has a language: a message key with arguments, resolved against `prompts/messages` by the
//! surface that speaks. Words never stand in code.

use super::ids::PersonId;
use super::value::Localized;

/// A piece of text that can be said in any language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// A sentence of the catalog.
    Key(&'static str, Vec<(&'static str, Text)>),
    /// A sentence of the catalog whose key comes from data (an action's remark, a role's name).
    Named(String, Vec<(String, Text)>),
    /// A text of the runbook, which is written in every language.
    Said(Localized),
    /// A name, number or text of the outside world; escaped where it is shown.
    Raw(String),
    /// A person, mentioned as the surface does it.
    Person(PersonId),
    /// Several, with commas.
    List(Vec<Text>),
}

impl Text {
    /// A sentence without arguments.
    pub fn key(key: &'static str) -> Self {
        Self::Key(key, Vec::new())
    }

    /// A text of the outside world.
    pub fn raw(text: impl std::fmt::Display) -> Self {
        Self::Raw(text.to_string())
    }

    /// Several people.
    pub fn people<'a>(ids: impl IntoIterator<Item = &'a PersonId>) -> Self {
        Self::List(ids.into_iter().cloned().map(Self::Person).collect())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Raw(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Raw(text)
    }
}

impl From<&Localized> for Text {
    fn from(text: &Localized) -> Self {
        Self::Said(text.clone())
    }
}

impl From<&PersonId> for Text {
    fn from(id: &PersonId) -> Self {
        Self::Person(id.clone())
    }
}

//! Reads mappings by their tables: unknown keys, missing ones, wrong types, each with its place. Every method returns
//! `None` both for what is absent and for what is wrong; the wrong has been added to the problems by then.

use super::{MAX_TEXT, Problems, near, quoted};
use crate::domain::actor::Role;
use crate::domain::ids::BadId;
use crate::domain::time::Span;
use crate::domain::value::{Language, Localized};
use crate::domain::yaml::shape::{Field, Shape};
use crate::domain::yaml::tree::{Entry, Node, Place, Tree};

/// A value and its place.
pub type At<T> = (T, Place);

/// A mapping whose keys have been checked.
#[derive(Debug, Clone, Copy)]
pub struct Mapping<'a> {
    /// Where it begins.
    pub at: Place,
    entries: &'a [Entry],
}

impl<'a> Mapping<'a> {
    /// The mapping at `node`, called `what` in messages. Reports unknown, missing and empty keys.
    pub fn read(
        node: &'a Node,
        what: &str,
        fields: &[Field<'_>],
        problems: &mut Problems,
    ) -> Option<Self> {
        let mapping = Self::read_open(node, what, fields, problems)?;
        for entry in mapping.entries {
            if fields.iter().all(|field| field.name != entry.key) {
                let message = format!("unknown key {} in {what}", quoted(&entry.key));
                problems.add(
                    entry.at,
                    message,
                    near(&entry.key, fields.iter().map(|field| field.name)),
                );
            }
        }
        Some(mapping)
    }

    /// The same, but keys beside those of the table are allowed.
    pub fn read_open(
        node: &'a Node,
        what: &str,
        fields: &[Field<'_>],
        problems: &mut Problems,
    ) -> Option<Self> {
        let Tree::Map(entries) = &node.value else {
            problems.add(node.at, format!("{what} must be a mapping, not {}", node.kind()), "");
            return None;
        };
        let mapping = Self { at: node.at, entries };
        for field in fields {
            let name = field.name;
            match entries.iter().find(|entry| entry.key == name) {
                Some(entry) if entry.node.value == Tree::Null => {
                    let or = if field.is_required { "" } else { ", or leave the key out" };
                    let hint = format!("write {}{or}", field.shape.expected());
                    problems.add(entry.at, format!("`{name}` of {what} is empty"), hint);
                }
                None if field.is_required => {
                    let about =
                        if field.about.is_empty() { field.shape.expected() } else { field.about };
                    let hint = format!("add `{name}`: {about}");
                    problems.add(node.at, format!("{what} has no `{name}`"), hint);
                }
                Some(_) | None => {}
            }
        }
        Some(mapping)
    }

    /// The lines of it.
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// The value of a key, unless it is empty.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.node.value != Tree::Null).then_some(&entry.node)
    }

    /// A text, not empty.
    pub fn text(&self, key: &str, problems: &mut Problems) -> Option<At<String>> {
        let node = self.get(key)?;
        text(node, key, Shape::Text, problems).map(|text| (text.to_owned(), node.at))
    }

    /// A list of what is there; empty if it is absent.
    pub fn list(&self, key: &str, shape: Shape, problems: &mut Problems) -> &'a [Node] {
        let Some(node) = self.get(key) else { return &[] };
        if let Tree::List(items) = &node.value {
            return items;
        }
        wrong(node, key, shape, problems);
        &[]
    }

    /// A text in each language.
    pub fn localized(&self, key: &str, problems: &mut Problems) -> Option<Localized> {
        localized(self.get(key)?, key, problems)
    }

    /// true or false; false if it is absent.
    pub fn flag(&self, key: &str, problems: &mut Problems) -> bool {
        let Some(node) = self.get(key) else { return false };
        let Tree::Flag(flag) = node.value else {
            wrong(node, key, Shape::Flag, problems);
            return false;
        };
        flag
    }

    /// A length of time.
    pub fn span(&self, key: &str, problems: &mut Problems) -> Option<At<Span>> {
        let node = self.get(key)?;
        let Tree::Text(text) = &node.value else {
            wrong(node, key, Shape::Span, problems);
            return None;
        };
        match Span::parse(text) {
            Ok(span) => Some((span, node.at)),
            Err(error) => {
                problems.add(
                    node.at,
                    format!("{error}"),
                    "a whole number and ms, s, m, h or d: `90s`, `10m`",
                );
                None
            }
        }
    }

    /// An id.
    pub fn id<T>(
        &self,
        key: &str,
        parse: fn(&str) -> Result<T, BadId>,
        problems: &mut Problems,
    ) -> Option<At<T>> {
        id(self.get(key)?, key, parse, problems)
    }

    /// A list of ids.
    pub fn ids<T>(
        &self,
        key: &str,
        parse: fn(&str) -> Result<T, BadId>,
        problems: &mut Problems,
    ) -> Vec<At<T>> {
        let items = self.list(key, Shape::Ids, problems);
        items.iter().filter_map(|item| id(item, key, parse, problems)).collect()
    }

    /// A role.
    pub fn role(&self, key: &str, problems: &mut Problems) -> Option<At<Role>> {
        role(self.get(key)?, problems)
    }

    /// A list of roles, not empty and none twice.
    pub fn roles(&self, key: &str, problems: &mut Problems) -> Option<Vec<At<Role>>> {
        let node = self.get(key)?;
        let items = self.list(key, Shape::Roles, problems);
        if items.is_empty() && matches!(node.value, Tree::List(_)) {
            problems.add(node.at, format!("`{key}` is empty"), "name at least one role");
        }
        let mut roles: Vec<At<Role>> = Vec::new();
        for item in items {
            let found = role(item, problems)?;
            if roles.iter().any(|(other, _)| *other == found.0) {
                problems.add(found.1, format!("role `{}` is named twice", found.0.name()), "");
            }
            roles.push(found);
        }
        Some(roles)
    }
}

/// A text in each language, none missing and none empty.
pub fn localized(node: &Node, key: &str, problems: &mut Problems) -> Option<Localized> {
    let Tree::Map(entries) = &node.value else {
        wrong(node, key, Shape::Localized, problems);
        return None;
    };
    for entry in entries {
        if Language::ALL.iter().all(|language| language.code() != entry.key) {
            let known = near(&entry.key, Language::ALL.map(Language::code));
            problems.add(
                entry.at,
                format!("unknown language {} in `{key}`", quoted(&entry.key)),
                known,
            );
        }
    }
    let mut of = |language: Language| {
        let code = language.code();
        let found = entries.iter().find(|entry| entry.key == code);
        match found.map(|entry| &entry.node.value) {
            Some(Tree::Text(text)) if !text.trim().is_empty() => Some(text.clone()),
            Some(Tree::Text(_) | Tree::Null) | None => {
                let at = found.map_or(node.at, |entry| entry.at);
                problems.add(
                    at,
                    format!("`{key}` has no text in `{code}`"),
                    "people read it in their own language",
                );
                None
            }
            Some(Tree::Flag(_) | Tree::Number(_) | Tree::List(_) | Tree::Map(_)) => {
                let at = found.map_or(node.at, |entry| entry.node.at);
                problems.add(
                    at,
                    format!("`{key}` in `{code}` must be a text"),
                    "write it in quotes",
                );
                None
            }
        }
    };
    let (en, fr) = (of(Language::En), of(Language::Fr));
    Some(Localized { en: en?, fr: fr? })
}

/// A text, not empty.
pub fn text<'a>(
    node: &'a Node,
    key: &str,
    shape: Shape,
    problems: &mut Problems,
) -> Option<&'a str> {
    match &node.value {
        Tree::Text(text) if !text.trim().is_empty() => Some(text),
        Tree::Text(_) => {
            problems.add(
                node.at,
                format!("`{key}` is empty"),
                format!("write {}", shape.expected()),
            );
            None
        }
        Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::List(_) | Tree::Map(_) => {
            wrong(node, key, shape, problems);
            None
        }
    }
}

/// An id.
pub fn id<T>(
    node: &Node,
    key: &str,
    parse: fn(&str) -> Result<T, BadId>,
    problems: &mut Problems,
) -> Option<At<T>> {
    match parse(text(node, key, Shape::Id, problems)?) {
        Ok(id) => Some((id, node.at)),
        Err(error) => {
            problems.add(node.at, error.to_string(), "");
            None
        }
    }
}

fn role(node: &Node, problems: &mut Problems) -> Option<At<Role>> {
    let name = text(node, "role", Shape::Role, problems)?;
    let found = Role::parse(name);
    if found.is_none() {
        let known = near(name, Role::ALL.map(Role::name));
        problems.add(node.at, format!("unknown role {}", quoted(name)), known);
    }
    found.map(|role| (role, node.at))
}

/// Reports that `node` is not of `shape`.
pub fn wrong(node: &Node, key: &str, shape: Shape, problems: &mut Problems) {
    let hint = match (&node.value, shape) {
        (Tree::Flag(_) | Tree::Number(_), Shape::Text | Shape::Id) => "write it in quotes",
        _ => "",
    };
    let message = format!("`{key}` must be {}, not {}", shape.expected(), node.kind());
    problems.add(node.at, message, hint);
}

/// Reports every text of the document that is too long.
pub fn lengths(root: &Node, problems: &mut Problems) {
    root.each_text(&mut |text, at| {
        let length = text.chars().count();
        if length > MAX_TEXT {
            let message = format!("this text has {length} characters; {MAX_TEXT} are allowed");
            problems.add(
                at,
                message,
                "cards on a phone must stay readable: link to a page instead",
            );
        }
    });
}

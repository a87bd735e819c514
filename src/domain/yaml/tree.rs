//! A YAML text as a tree in which every key and every value knows its line and column. It knows nothing of what the
//! document means: that is `check`'s. Broken YAML, a key written twice, an alias bomb or a text too large to be a
//! document become one [`Fault`]; there is nothing sensible to say about the rest of such a text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// Largest document, in bytes.
pub const MAX_DOCUMENT: usize = 512 * 1024;

/// Where something stands; both count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl Place {
    /// The first character of a document.
    pub const START: Self = Self { line: 1, column: 1 };

    fn of(location: serde_saphyr::Location) -> Self {
        Self { line: location.line().max(1), column: location.column().max(1) }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Tree,
    /// Where it begins.
    pub at: Place,
}

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Nothing: `key:` or `null`.
    Null,
    /// true or false.
    Flag(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in document order.
    Map(Vec<Entry>),
}

/// One line of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub at: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// What the value is, for a sentence: "a list".
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Tree::Null => "nothing",
            Tree::Flag(_) => "true or false",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a mapping",
        }
    }

    /// The same value as JSON, without places.
    pub fn json(&self) -> Value {
        match &self.value {
            Tree::Null => Value::Null,
            Tree::Flag(flag) => Value::Bool(*flag),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Tree::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.node.json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// Calls `see` with every text in here and its place.
    pub fn each_text<'a>(&'a self, see: &mut dyn FnMut(&'a str, Place)) {
        match &self.value {
            Tree::Null | Tree::Flag(_) | Tree::Number(_) => {}
            Tree::Text(text) => see(text, self.at),
            Tree::List(items) => items.iter().for_each(|item| item.each_text(see)),
            Tree::Map(entries) => entries.iter().for_each(|entry| entry.node.each_text(see)),
        }
    }
}

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Place,
    /// What is wrong.
    pub message: String,
}

/// Parses one YAML document.
pub fn parse(text: &str) -> Result<Node, Fault> {
    if text.len() > MAX_DOCUMENT {
        let message = format!("the document is larger than {} KiB", MAX_DOCUMENT / 1024);
        return Err(Fault { at: Place::START, message });
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_events: 60_000,
            max_nodes: 30_000,
            max_depth: 32,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 1,
        },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(root) => Ok(node(root)),
        Err(error) => {
            let error = error.without_snippet();
            let at = error.location().map_or(Place::START, Place::of);
            Err(Fault { at, message: plain(&error.to_string()) })
        }
    }
}

/// The first line of the parser's message, without its own mention of the place.
fn plain(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split_once(" at line ").map_or(line, |(before, _)| before);
    // Its advice is for programmers.
    let line = line.split_once(", set ").map_or(line, |(before, _)| before);
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line: String = line.chars().take(200).collect();
    if line.is_empty() { "this is not YAML".to_owned() } else { line }
}

fn node(spanned: Spanned<Raw>) -> Node {
    let value = match spanned.value {
        Raw::Null => Tree::Null,
        Raw::Flag(flag) => Tree::Flag(flag),
        Raw::Number(number) => Tree::Number(number),
        Raw::Text(text) => Tree::Text(text),
        Raw::List(items) => Tree::List(items.into_iter().map(node).collect()),
        Raw::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Raw>)| Entry {
                at: Place::of(key.referenced),
                key: key.value,
                node: node(value),
            };
            Tree::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { value, at: Place::of(spanned.referenced) }
}

/// What serde sees: any value, each child with its span.
enum Raw {
    Null,
    Flag(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Raw, E> {
        Ok(Raw::Text(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Raw, E> {
        Ok(Raw::Text(number.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Raw, E> {
        Number::from_f64(number).map(Raw::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_its_place() {
        let root =
            parse("# c\nid: a\nsteps:\n  - title: {en: x, fr: y}\n    needs: [a, 1]\n").unwrap();
        let Tree::Map(entries) = &root.value else { panic!("{root:?}") };
        assert_eq!((entries[1].at.line, entries[1].at.column), (3, 1));
        let Tree::List(steps) = &entries[1].node.value else { panic!("{entries:?}") };
        let Tree::Map(step) = &steps[0].value else { panic!("{steps:?}") };
        let Tree::Map(title) = &step[0].node.value else { panic!("{step:?}") };
        assert_eq!((title[1].at.line, title[1].at.column), (4, 20));
        assert_eq!((title[1].node.at.line, title[1].node.at.column), (4, 24));
        assert_eq!(step[1].node.json(), serde_json::json!(["a", 1]));
    }

    #[test]
    fn what_is_not_a_document_is_one_fault_with_its_place() {
        for (text, line, message) in [
            ("a: 1\nb: 2\na: 3\n", 3, "duplicate"),
            ("a: [1, 2\nb: }", 2, ""),
            ("a: 1\n---\nb: 2\n", 2, ""),
            ("a: *nowhere\n", 1, "anchor"),
            ("? [a]\n: 1\n", 1, ""),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.at.line, line, "{text}: {fault:?}");
            assert!(fault.message.contains(message), "{fault:?}");
        }
        let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
            format!("{text}a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)
        });
        assert!(parse(&bomb).is_err());
        assert!(parse(&"[".repeat(5000)).is_err());
        assert!(parse(&" ".repeat(MAX_DOCUMENT + 1)).is_err());
    }
}

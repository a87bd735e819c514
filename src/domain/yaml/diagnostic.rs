//! One problem of a document, and the list of them that a check fills. Texts here are for whoever edits the document,
//! on a terminal or in CI; they are not chat messages and so not in the catalog.

use std::fmt;

use super::tree::{Fault, Place};
use crate::domain::text::{cut, nearest};

/// Most problems listed for one document; a file that is not a runbook at all should not print a thousand lines.
const MAX_DIAGNOSTICS: usize = 200;

/// Most characters of a document that a message repeats at once.
const QUOTED: usize = 60;

/// One problem, with its place and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the caller named it.
    pub file: String,
    /// Line, from one.
    pub line: u64,
    /// Column, from one.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, hint } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        if hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {hint}") }
    }
}

impl std::error::Error for Diagnostic {}

/// The problems found so far in one file.
#[derive(Debug)]
pub struct Problems {
    file: String,
    found: Vec<Diagnostic>,
}

impl Problems {
    /// None so far.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    /// Adds one.
    pub fn add(&mut self, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        let (message, hint) = (message.into(), hint.into());
        if self.found.len() < MAX_DIAGNOSTICS {
            let Place { line, column } = at;
            self.found.push(Diagnostic { file: self.file.clone(), line, column, message, hint });
        }
    }

    /// Adds the one fault of a text that is not YAML.
    pub fn fault(&mut self, fault: Fault) {
        self.add(
            fault.at,
            fault.message,
            "the rest of the file is not looked at until this is YAML",
        );
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// All of them in document order, or `value` if there are none.
    pub fn or<T>(mut self, value: Option<T>) -> Result<T, Vec<Diagnostic>> {
        self.found.sort_by_key(|one| (one.line, one.column));
        self.found.dedup();
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(self.found),
        }
    }
}

/// ``did you mean `word`?`` if one of the known words is near, else the known words themselves.
pub fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(other) => format!("did you mean `{other}`?"),
        None if known.is_empty() => String::new(),
        None => {
            let rest = if known.len() > 12 { ", …" } else { "" };
            let list: Vec<String> = known.iter().take(12).map(|word| format!("`{word}`")).collect();
            format!("known: {}{rest}", list.join(", "))
        }
    }
}

/// A text of a document inside a message: cut, on one line.
pub fn quoted(text: &str) -> String {
    let line = text.replace(char::is_control, " ");
    format!("`{}`", cut(&line, QUOTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(
            near("aurora.failovr", ["aurora.failover", "k8s.scale"]),
            "did you mean `aurora.failover`?"
        );
        assert_eq!(near("zzzzzz", ["a", "b"]), "known: `a`, `b`");
        assert_eq!(near("abcdefg", ["abc"]), "known: `abc`");
        assert_eq!(near("x", []), "");
    }

    #[test]
    fn what_is_quoted_is_cut_and_says_so_only_if_it_was() {
        let long = |length| quoted(&"é".repeat(length));
        assert_eq!(long(60), format!("`{}`", "é".repeat(60)));
        assert_eq!(long(61), format!("`{}…`", "é".repeat(59)));
        assert_eq!(quoted("two\nlines"), "`two lines`");
    }

    #[test]
    fn a_diagnostic_reads_as_compilers_write_them() {
        let mut problems = Problems::new("a.yaml");
        problems.add(Place { line: 3, column: 5 }, "wrong", "do this");
        problems.add(Place { line: 1, column: 1 }, "first", "");
        let found = problems.or(Some(())).unwrap_err();
        assert_eq!(found[0].to_string(), "a.yaml:1:1: first");
        assert_eq!(found[1].to_string(), "a.yaml:3:5: wrong\n  hint: do this");
    }
}

//! How documents are read, whatever they are about: runbooks, environments, texts.
//!
//! [`tree`] reads YAML with the place of everything; [`shape`] says as data what a document may hold; [`reader`] reads
//! the one by the other; what is wrong becomes a [`Diagnostic`] with line, column and a hint. Nothing here knows what a
//! runbook or an environment is.

mod diagnostic;
pub mod reader;
pub mod shape;
pub mod tree;

pub use diagnostic::{Diagnostic, Problems, near, quoted};

/// Longest text in a document, in characters.
pub const MAX_TEXT: usize = 2000;

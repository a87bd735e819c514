//! Tests of what is made of a document: every fault it can have is named in its line, and nothing else is.

mod broken;
mod read;
mod shown;

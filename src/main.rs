//! The `dr-buddy` command.
fn main() {}

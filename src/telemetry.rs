//! Logs: for people and for queries. Errors are written with their causes.

use std::error::Error;
use std::fmt;

use tracing_subscriber::EnvFilter;

/// An error with everything that caused it: `a: b: c`.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a, E: Error + ?Sized>(pub &'a E);

impl<E: Error + ?Sized> fmt::Display for Chain<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Writes logs to stderr: JSON lines, or text for people. `filter` is in the syntax of `RUST_LOG`.
pub fn init(filter: &str, json: bool) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written is lost. Reporting that would write to the same full disk, and panic.
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // A second start in one process (tests) keeps the first.
    let started = if json { logs.json().try_init() } else { logs.with_target(false).try_init() };
    drop(started);
}

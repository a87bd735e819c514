//! `dr-buddy serve`.

use std::io::{self, Write};

use crate::app::{App, Stopped};
use crate::catalog::Catalog;
use crate::cli::runbook;
use crate::config::{Config, Read};
use crate::domain::readiness::Light;
use crate::telemetry;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it was told.
    Well,
    /// It could not start, or not end, for a reason outside.
    Badly,
    /// Settings or documents are wrong: nothing was started.
    Misconfigured,
    /// What was asked was declined; nothing changed.
    Refused,
    /// What was asked was done, and a step is in doubt. Of `serve`: a call was still out when it ended.
    InDoubt,
    /// Of `doctor`: how the worst it found is shown.
    Found(Light),
}

impl From<Stopped> for Ended {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Well => Self::Well,
            Stopped::Unfinished => Self::Badly,
            Stopped::InDoubt => Self::InDoubt,
        }
    }
}

/// Runs the bot until it is told to end. Whatever is wrong is listed whole before anything starts.
///
/// # Errors
/// When `out` cannot be written.
pub async fn serve(read: Read<'_>, out: &mut dyn Write) -> io::Result<Ended> {
    let config = match Config::read(read) {
        Ok(config) => config,
        Err(wrong) => {
            for line in &wrong {
                writeln!(out, "{line}")?;
            }
            return Ok(Ended::Misconfigured);
        }
    };
    telemetry::init(&config.log, config.log_json);
    let catalog = match Catalog::load(&config.sources) {
        Ok(catalog) => catalog,
        Err(found) => {
            runbook::report(&found, out)?;
            return Ok(Ended::Misconfigured);
        }
    };
    if catalog.environment(&config.environment).is_none() {
        let all: Vec<_> = catalog.environments.keys().map(ToString::to_string).collect();
        let id = &config.environment;
        writeln!(out, "DR_BUDDY_ENVIRONMENT: there is no `{id}`; there are: {}", all.join(", "))?;
        return Ok(Ended::Misconfigured);
    }
    match App::serve(config, catalog).await {
        Ok(stopped) => Ok(stopped.into()),
        Err(error) => {
            writeln!(out, "{error:#}")?;
            Ok(Ended::Badly)
        }
    }
}

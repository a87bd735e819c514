//! From the words people use to everything a new run depends on.

use super::Catalog;
use crate::domain::environment::Environment;
use crate::domain::ids::{Digest, EnvironmentId, RunId};
use crate::domain::run::declared::Declared;
use crate::domain::run::{Kind, Start};
use crate::domain::runbook::Runbook;
use crate::domain::text::{Text, cut, nearest};
use crate::domain::time::Timestamp;

/// The runbook that is meant when none is named.
pub const DEFAULT_RUNBOOK: &str = "region-failover";

/// What somebody wants to open.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Names the request.
    pub key: &'a str,
    /// The runbook's id, or the default one.
    pub runbook: Option<&'a str>,
    /// The environment.
    pub environment: &'a EnvironmentId,
    /// What for.
    pub kind: Kind,
    /// Since when the service is hit.
    pub impact_at: Timestamp,
}

impl Catalog {
    /// Everything the run depends on, with nothing said of the trouble; or, for the asker, what does not exist and what was perhaps meant.
    ///
    /// # Errors
    /// The sentence for the asker.
    pub fn start(&self, opening: Opening<'_>) -> Result<Start, Text> {
        let runbook = self.runbook_named(opening.runbook.unwrap_or(DEFAULT_RUNBOOK))?;
        let environment = self.environment_named(opening.environment.as_str())?;
        Ok(Start {
            id: run_id(environment, opening.key, opening.impact_at),
            kind: opening.kind,
            runbook: runbook.clone(),
            environment: environment.clone(),
            impact_at: opening.impact_at,
            declared: Declared::default(),
        })
    }

    /// The environment of this id; or, for the asker, that there is none and which was perhaps meant.
    ///
    /// # Errors
    /// The sentence for the asker.
    pub fn environment_named(&self, wanted: &str) -> Result<&Environment, Text> {
        let found = self.environments.values().find(|one| one.id.as_str() == wanted);
        found.ok_or_else(|| {
            let ids = self.environments.keys().map(|id| id.as_str());
            nothing_like("refused.no_environment", wanted, ids.collect())
        })
    }

    /// The runbook of this id; or, for the asker, that there is none and which was perhaps meant.
    ///
    /// # Errors
    /// The sentence for the asker.
    pub fn runbook_named(&self, wanted: &str) -> Result<&Runbook, Text> {
        let found = self.runbooks.values().find(|runbook| runbook.id.as_str() == wanted);
        found.ok_or_else(|| {
            let ids = self.runbooks.keys().map(|id| id.as_str());
            nothing_like("refused.no_runbook", wanted, ids.collect())
        })
    }
}

/// `OPS-DR-2026-11-20-7f3a2c`: the same request makes the same id, so that its repeat opens nothing new.
pub fn run_id(environment: &Environment, key: &str, at: Timestamp) -> RunId {
    let digest = Digest::of(key.as_bytes());
    let tail = digest.as_str().get(..6).unwrap_or_default();
    let prefix = &environment.chat.run_prefix;
    RunId::parse(&format!("{prefix}-{}-{tail}", at.date()))
        .or_else(|_| RunId::parse(&format!("DR-{}-{tail}", at.date())))
        .unwrap_or_else(|_| unreachable!("a date and hex digits are a valid id"))
}

fn nothing_like(key: &'static str, name: &str, all: Vec<&str>) -> Text {
    let near = nearest(name, all.iter().copied()).unwrap_or_default();
    let name = cut(name, 60);
    Text::Key(
        key,
        vec![
            ("name", Text::raw(name)),
            ("near", Text::raw(near)),
            ("all", Text::List(all.into_iter().map(Text::raw).collect())),
        ],
    )
}

//! What people wrote: runbooks and environments, read from the copy built into the binary and from directories laid
//! over it. Loaded once, at the start, whole or not at all: a document that does not pass its check keeps the program from
//! starting. Files are read here and nowhere else; nothing is decided.

pub mod documents;
mod start;
pub mod templates;
pub mod texts;

pub use start::{DEFAULT_RUNBOOK, Opening, run_id};
pub use templates::Templates;
pub use texts::{Texts, Voice};

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::domain::action::Known;
use crate::domain::connector::Connector;
use crate::domain::environment::Environment;
use crate::domain::ids::{EnvironmentId, RunbookId};
use crate::domain::runbook::Runbook;
use crate::domain::yaml::Diagnostic;

/// Where to read from besides the binary itself. A document there replaces the built-in one of the same id.
#[derive(Debug, Clone, Default)]
pub struct CatalogSources {
    /// A directory laid over `prompts/`: its `runbooks/*.yaml`, `connectors/*.yaml`, `messages/{en,fr}/*.yaml` and
    /// `documents/{en,fr}/*.md` count.
    pub prompts: Option<PathBuf>,
    /// A directory of environments instead of the built-in ones: a deployment must not offer somebody else's `prod`.
    pub environments: Option<PathBuf>,
}

/// Everything people wrote, checked.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The runbooks.
    pub runbooks: BTreeMap<RunbookId, Runbook>,
    /// The environments.
    pub environments: BTreeMap<EnvironmentId, Environment>,
    /// Every sentence.
    pub texts: Texts,
    /// Every document that is filled in.
    pub templates: Templates,
    /// The connectors.
    pub connectors: BTreeMap<String, Connector>,
    /// What runbooks may name.
    pub known: Known,
}

impl Catalog {
    /// Loads everything, or lists every problem of every file.
    pub fn load(sources: &CatalogSources) -> Result<Self, Vec<Diagnostic>> {
        let mut wrong = Vec::new();
        let mut note = |found: Vec<Diagnostic>| wrong.extend(found);
        let environments = documents::environments(sources.environments.as_deref());
        let environments = environments.map_err(&mut note).unwrap_or_default();
        let all: Vec<Environment> = environments.values().cloned().collect();
        let connectors = documents::connectors(sources.prompts.as_deref());
        let connectors = connectors.map_err(&mut note).unwrap_or_default();
        let known = Known::with(connectors.values().flat_map(Connector::specs));
        let runbooks = documents::runbooks(sources.prompts.as_deref(), &known, &all);
        let runbooks = runbooks.map_err(&mut note).unwrap_or_default();
        let texts = Texts::read(sources.prompts.as_deref()).map_err(&mut note);
        let templates = Templates::read(sources.prompts.as_deref()).map_err(&mut note);
        match (texts, templates) {
            (Ok(texts), Ok(templates)) if wrong.is_empty() => {
                Ok(Self { runbooks, environments, texts, templates, connectors, known })
            }
            (Ok(_) | Err(()), Ok(_) | Err(())) => Err(wrong),
        }
    }

    /// The runbook of this id.
    pub fn runbook(&self, id: &RunbookId) -> Option<&Runbook> {
        self.runbooks.get(id)
    }

    /// The environment of this id.
    pub fn environment(&self, id: &EnvironmentId) -> Option<&Environment> {
        self.environments.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::runbook::schema;

    #[test]
    fn what_is_shipped_is_silent() {
        let catalog = Catalog::load(&CatalogSources::default());
        let catalog = catalog.unwrap_or_else(|found| {
            panic!("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        });
        assert!(catalog.runbook(&RunbookId::parse("region-failover").unwrap()).is_some());
        assert_eq!(catalog.environments.len(), 3);
        // By its name a built-in runbook is known before it is read.
        for file in std::fs::read_dir("prompts/runbooks").unwrap().flatten() {
            let name = file.file_name().into_string().unwrap();
            if let Some(id) = name.strip_suffix(".yaml") {
                assert!(catalog.runbook(&RunbookId::parse(id).unwrap()).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn the_schema_in_prompts_is_that_of_what_is_shipped() {
        let known = Catalog::load(&CatalogSources::default()).unwrap().known;
        assert!(
            include_str!("../../prompts/runbook.schema.json") == schema::text(&known),
            "write it anew: cargo run -- runbook schema > prompts/runbook.schema.json"
        );
    }

    #[test]
    fn a_directory_laid_over_replaces_by_id_and_a_broken_file_loads_nothing() {
        let over = tempfile::tempdir().unwrap();
        let runbooks = over.path().join("runbooks");
        std::fs::create_dir(&runbooks).unwrap();
        let shipped = include_str!("../../prompts/runbooks/region-failover.yaml");
        let other = shipped.replace("en: Region failover", "en: Ours");
        std::fs::write(runbooks.join("ours.yaml"), &other).unwrap();
        let sources = CatalogSources { prompts: Some(over.path().to_owned()), environments: None };
        let catalog = Catalog::load(&sources).unwrap();
        let id = RunbookId::parse("region-failover").unwrap();
        assert_eq!(catalog.runbook(&id).unwrap().title.en, "Ours");

        std::fs::write(runbooks.join("twice.yaml"), &other).unwrap();
        let found = Catalog::load(&sources).unwrap_err();
        assert!(found[0].message.contains("also in"), "{found:?}");
        std::fs::write(runbooks.join("twice.yaml"), "id: [").unwrap();
        assert!(Catalog::load(&sources).is_err());

        let nowhere = CatalogSources { environments: Some("/nowhere".into()), ..sources };
        assert!(Catalog::load(&nowhere).unwrap_err()[0].message.contains("cannot read"));
    }
}

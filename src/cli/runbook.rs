//! `dr-buddy runbook check | schema | show`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::args::Format;
use crate::catalog::{Catalog, documents};
use crate::domain::action::Known;
use crate::domain::connector::Connector;
use crate::domain::ids::RunbookId;
use crate::domain::runbook::{Runbook, check, mermaid, schema as json_schema, show as print};
use crate::domain::value::Language;
use crate::domain::yaml::{Diagnostic, near};

/// Checks runbooks (files, or directories of them) against the environments of a directory, or the built-in ones.
/// Writes every problem; silent and true if there is none.
pub fn check(
    paths: &[PathBuf],
    environments: Option<&Path>,
    prompts: Option<&Path>,
    out: &mut dyn Write,
) -> io::Result<bool> {
    // A broken environment must not hide what is wrong with the runbooks.
    let (environments, mut found) = match documents::environments(environments) {
        Ok(environments) => (environments.into_values().collect(), vec![]),
        Err(found) => (vec![], found),
    };
    let known = known(prompts).unwrap_or_else(|problems| {
        found.extend(problems);
        Known::default()
    });
    for path in paths {
        let files = if path.is_dir() {
            documents::directory(path)
        } else {
            documents::file(path).map(|file| vec![file]).map_err(|one| vec![one])
        };
        match files {
            Ok(files) => {
                for file in files {
                    found.extend(
                        check::check(&file.name, &file.text, &known, &environments)
                            .err()
                            .unwrap_or_default(),
                    );
                }
            }
            Err(problems) => found.extend(problems),
        }
    }
    report(&found, out)
}

/// What runbooks may name.
fn known(prompts: Option<&Path>) -> Result<Known, Vec<Diagnostic>> {
    let connectors = documents::connectors(prompts)?;
    Ok(Known::with(connectors.values().flat_map(Connector::specs)))
}

/// Writes the JSON Schema of runbooks.
pub fn schema(prompts: Option<&Path>, out: &mut dyn Write) -> io::Result<bool> {
    match known(prompts) {
        Ok(known) => {
            out.write_all(json_schema::text(&known).as_bytes())?;
            Ok(true)
        }
        Err(found) => report(&found, out),
    }
}

/// Writes a runbook, of the catalog or of a file, as Markdown or as a Mermaid flowchart. `word` gives the fixed words
/// ([`print::KEYS`]) in that language.
pub fn show(
    catalog: &Catalog,
    id: &str,
    format: Format,
    language: Language,
    word: &dyn Fn(&str) -> String,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let read;
    let found = if Path::new(id).is_file() {
        match from_file(catalog, Path::new(id)) {
            Ok(runbook) => {
                read = runbook;
                Some(&read)
            }
            Err(problems) => return report(&problems, out),
        }
    } else {
        RunbookId::parse(id).ok().and_then(|id| catalog.runbook(&id))
    };
    let Some(runbook) = found else {
        let hint = near(id, catalog.runbooks.keys().map(RunbookId::as_str));
        writeln!(out, "there is no runbook `{id}`\n  hint: {hint}")?;
        return Ok(false);
    };
    let text = match format {
        Format::Markdown => print::markdown(runbook, language, word),
        Format::Mermaid => mermaid::mermaid(runbook, language),
    };
    out.write_all(text.as_bytes())?;
    Ok(true)
}

fn from_file(catalog: &Catalog, path: &Path) -> Result<Runbook, Vec<Diagnostic>> {
    let file = documents::file(path).map_err(|one| vec![one])?;
    let environments: Vec<_> = catalog.environments.values().cloned().collect();
    check::check(&file.name, &file.text, &catalog.known, &environments)
}

/// Writes problems as compilers do; true if there is none.
pub fn report(found: &[Diagnostic], out: &mut dyn Write) -> io::Result<bool> {
    for diagnostic in found {
        writeln!(out, "{diagnostic}")?;
    }
    if !found.is_empty() {
        let s = if found.len() == 1 { "" } else { "s" };
        writeln!(out, "{} problem{s}", found.len())?;
    }
    Ok(found.is_empty())
}

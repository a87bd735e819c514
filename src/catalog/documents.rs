//! Reads YAML documents, built in and from directories, and checks each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use tracing::warn;

use crate::domain::action::Known;
use crate::domain::connector::{self, Connector};
use crate::domain::environment::{self, Environment};
use crate::domain::ids::{EnvironmentId, RunbookId};
use crate::domain::runbook::Runbook;
use crate::domain::runbook::check::check as check_runbook;
use crate::domain::yaml::Diagnostic;

static RUNBOOKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts/runbooks");
static CONNECTORS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts/connectors");
static ENVIRONMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/deploy/environments");

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What to call it in messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The built-in runbooks that fit the environments, and those of `prompts/runbooks` laid over them, which must.
pub fn runbooks(
    prompts: Option<&Path>,
    known: &Known,
    environments: &[Environment],
) -> Result<BTreeMap<RunbookId, Runbook>, Vec<Diagnostic>> {
    let check = |file: &File| check_runbook(&file.name, &file.text, known, environments);
    let over = match prompts.map(|prompts| prompts.join("runbooks")).filter(|path| path.is_dir()) {
        Some(path) => checked(directory(&path)?, check, |runbook| runbook.id.clone())?,
        None => BTreeMap::new(),
    };
    let mut all = over;
    let mut wrong = Vec::new();
    for file in built_in(&RUNBOOKS, "prompts/runbooks")? {
        // What is replaced is not read: the name of a built-in file is the id of its runbook.
        if all.keys().any(|id| file.name.ends_with(&format!("/{id}.yaml"))) {
            continue;
        }
        match check(&file) {
            Ok(runbook) => drop(all.insert(runbook.id.clone(), runbook)),
            Err(unfit) => match check_runbook(&file.name, &file.text, known, &[]) {
                Ok(runbook) => {
                    let why = unfit.first().map_or("", |first| first.message.as_str());
                    warn!(runbook.id = %runbook.id, "Not offered: it does not fit the environments: {why}");
                }
                Err(found) => wrong.extend(found),
            },
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// The built-in connectors, and those of `prompts/connectors` laid over them.
pub fn connectors(prompts: Option<&Path>) -> Result<BTreeMap<String, Connector>, Vec<Diagnostic>> {
    let check = |file: &File| connector::check::check(&file.name, &file.text);
    let built_in = built_in(&CONNECTORS, "prompts/connectors")?;
    let mut all = checked(built_in, check, |one| one.id.clone())?;
    let over = prompts.map(|prompts| prompts.join("connectors"));
    if let Some(path) = over.filter(|path| path.is_dir()) {
        all.extend(checked(directory(&path)?, check, |one| one.id.clone())?);
    }
    Ok(all)
}

/// The environments of a directory, or the built-in ones.
pub fn environments(
    path: Option<&Path>,
) -> Result<BTreeMap<EnvironmentId, Environment>, Vec<Diagnostic>> {
    let files = match path {
        Some(path) => directory(path)?,
        None => built_in(&ENVIRONMENTS, "deploy/environments")?,
    };
    let all =
        checked(files, |file| environment::check(&file.name, &file.text), |one| one.id.clone())?;
    if all.is_empty() {
        let place = path.unwrap_or(Path::new("deploy/environments")).display().to_string();
        return Err(vec![trouble(
            place,
            "there is no environment here",
            "add a file such as `prod.yaml`",
        )]);
    }
    Ok(all)
}

/// One file.
pub fn file(path: &Path) -> Result<File, Diagnostic> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(File { name, text }),
        Err(error) => Err(trouble(name, &format!("cannot read this file: {error}"), "")),
    }
}

/// Every `*.yaml` of a directory, by name.
pub fn directory(path: &Path) -> Result<Vec<File>, Vec<Diagnostic>> {
    files(path, is_yaml)
}

/// Every such file of a directory, by name.
pub(super) fn files(path: &Path, is: fn(&Path) -> bool) -> Result<Vec<File>, Vec<Diagnostic>> {
    let failed = |error: std::io::Error| {
        vec![trouble(
            path.display().to_string(),
            &format!("cannot read this directory: {error}"),
            "",
        )]
    };
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths: Vec<PathBuf> = paths.map_err(failed)?;
    paths.retain(|path| is(path));
    paths.sort();
    gather(paths.iter().map(|path| file(path).map_err(|one| vec![one])))
}

pub(super) fn built_in(dir: &Dir<'_>, place: &str) -> Result<Vec<File>, Vec<Diagnostic>> {
    built_in_files(dir, place, is_yaml)
}

pub(super) fn built_in_files(
    dir: &Dir<'_>,
    place: &str,
    is: fn(&Path) -> bool,
) -> Result<Vec<File>, Vec<Diagnostic>> {
    let files = dir.files().filter(|file| is(file.path()));
    gather(files.map(|file| {
        let name = format!("{place}/{}", file.path().display());
        match file.contents_utf8() {
            Some(text) => Ok(File { name, text: text.to_owned() }),
            None => Err(vec![trouble(name, "this file is not UTF-8", "")]),
        }
    }))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

pub(super) fn trouble(file: String, message: &str, hint: &str) -> Diagnostic {
    Diagnostic { file, line: 1, column: 1, message: message.to_owned(), hint: hint.to_owned() }
}

/// All values, or all problems.
fn gather<T>(
    results: impl Iterator<Item = Result<T, Vec<Diagnostic>>>,
) -> Result<Vec<T>, Vec<Diagnostic>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(found) => bad.extend(found),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

/// Checks every file; one id may stand in one file only.
fn checked<T, I: Ord + std::fmt::Display>(
    files: Vec<File>,
    check: impl Fn(&File) -> Result<T, Vec<Diagnostic>>,
    id: impl Fn(&T) -> I,
) -> Result<BTreeMap<I, T>, Vec<Diagnostic>> {
    let mut first: BTreeMap<I, String> = BTreeMap::new();
    let all = gather(files.into_iter().map(|file| {
        let value = check(&file)?;
        match first.insert(id(&value), file.name.clone()) {
            Some(other) => {
                let message = format!("id `{}` is also in {other}", id(&value));
                Err(vec![trouble(file.name, &message, "an id names one document")])
            }
            None => Ok((id(&value), value)),
        }
    }))?;
    Ok(all.into_iter().collect())
}

//! Every broken document of `tests/it/broken` names its faults, each in its own line, and nothing else. The first line
//! of a document says what is expected: `# expect LINE: fragment | LINE: fragment`.

use include_dir::{Dir, include_dir};

use super::read::environments;
use crate::domain::action::Known;
use crate::domain::environment;
use crate::domain::runbook::check::check;
use crate::domain::yaml::Diagnostic;

static BROKEN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tests/it/broken");

/// The documents of a folder, by their names.
fn documents(folder: &Dir<'static>) -> Vec<(&'static str, &'static str)> {
    let files =
        folder.files().filter(|file| file.path().extension().is_some_and(|end| end == "yaml"));
    let text = |name: &'static std::path::Path| name.file_name().and_then(std::ffi::OsStr::to_str);
    files.map(|file| (text(file.path()).unwrap(), file.contents_utf8().unwrap())).collect()
}

/// What is different between the expectation in the first line and what was found.
fn unexpected(name: &str, text: &str, found: Vec<Diagnostic>) -> Vec<String> {
    let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect "));
    let Some(expected) = expected else { return vec![format!("{name}: no expectation")] };
    let mut found = found;
    let mut wrong = Vec::new();
    for expectation in expected.split(" | ") {
        let (line, fragment) =
            expectation.split_once(": ").unwrap_or((expectation.trim_end_matches(':'), ""));
        let line: u64 = line.trim().parse().expect("an expectation begins with a line number");
        match found.iter().position(|one| one.line == line && one.message.contains(fragment)) {
            Some(at) => {
                found.remove(at);
            }
            None => wrong.push(format!("{name}: not found: {expectation}")),
        }
    }
    wrong.extend(found.iter().map(|one| format!("not expected: {one}")));
    wrong
}

#[test]
fn every_broken_runbook_names_each_fault_with_its_line() {
    let (files, environments) = (documents(&BROKEN), environments());
    assert!(files.len() >= 24, "{}", files.len());
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|(name, text)| {
            let found =
                check(name, text, &Known::default(), &environments).err().unwrap_or_default();
            unexpected(name, text, found)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_broken_environment_names_each_fault_with_its_line() {
    let files = documents(BROKEN.get_dir("environments").unwrap());
    assert!(files.len() >= 4, "{}", files.len());
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|(name, text)| {
            let found = environment::check(name, text).err().unwrap_or_default();
            unexpected(name, text, found)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

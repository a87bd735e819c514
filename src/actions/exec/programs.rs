//! The programs that may be run, as whoever runs dr-buddy allows them; a runbook only names one of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::deny::is_runner;

/// Variables that would make another program of it, or that are its own.
const NOT_GIVEN: [&str; 4] = ["PATH", "HOME", "TMPDIR", "SHELL"];

/// The allow list. `Debug` shows no value of a variable.
#[derive(Debug, Clone, Default)]
pub struct ExecSettings {
    /// By the name that runbooks use.
    pub programs: BTreeMap<String, Program>,
}

/// One program.
#[derive(Debug, Clone)]
pub struct Program {
    /// Where it is; never looked for.
    pub path: PathBuf,
    /// What it gets of our environment, besides a PATH, HOME and TMPDIR of its own.
    pub variables: BTreeMap<String, SecretString>,
}

/// As it is written: `terraform: /usr/bin/terraform`, or with variables.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Path(PathBuf),
    Whole(Whole),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    path: PathBuf,
    #[serde(default)]
    variables: Vec<String>,
}

impl ExecSettings {
    /// Reads the list: a YAML or JSON mapping of names to paths, or to `{path: …, variables: [NAME, …]}`. `read` gives the
    /// values of variables.
    ///
    /// # Errors
    /// One line per problem.
    pub fn parse(text: &str, read: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let written: BTreeMap<String, Written> = serde_saphyr::from_str(text).map_err(|_| {
            vec![
                "it is not a mapping of names to absolute paths: write `{terraform: /usr/bin/terraform}`, or \
                 `{terraform: {path: /usr/bin/terraform, variables: [AWS_PROFILE]}}`"
                    .to_owned(),
            ]
        })?;
        let (mut programs, mut wrong) = (BTreeMap::new(), Vec::new());
        for (name, written) in written {
            let whole = match written {
                Written::Path(path) => Whole { path, variables: vec![] },
                Written::Whole(whole) => whole,
            };
            wrong.extend(fault(&name, &whole.path));
            let mut variables = BTreeMap::new();
            for variable in whole.variables {
                if NOT_GIVEN.contains(&variable.as_str()) || variable.starts_with("LD_") {
                    wrong.push(format!("`{name}` cannot be given `{variable}`"));
                } else if let Some(value) = read(&variable) {
                    variables.insert(variable, value.into());
                } else {
                    wrong.push(format!("`{name}` is given `{variable}`, which is not set"));
                }
            }
            programs.insert(name, Program { path: whole.path, variables });
        }
        if wrong.is_empty() { Ok(Self { programs }) } else { Err(wrong) }
    }
}

fn fault(name: &str, path: &Path) -> Option<String> {
    let shown = path.display();
    if !path.is_absolute() {
        return Some(format!("`{name}`: `{shown}` is not an absolute path"));
    }
    is_runner(path).then(|| format!("`{name}`: `{shown}` runs whatever it is told: not allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<String> {
        (name == "AWS_PROFILE").then(|| "s3cr3t-profile".to_owned())
    }

    #[test]
    fn the_list_names_absolute_paths_and_what_each_is_given() {
        let text =
            "{terraform: {path: /usr/bin/terraform, variables: [AWS_PROFILE]}, e2e: /opt/e2e}";
        let settings = ExecSettings::parse(text, &read).unwrap();
        assert_eq!(settings.programs["e2e"].path, Path::new("/opt/e2e"));
        assert_eq!(settings.programs["terraform"].variables.len(), 1);
        assert!(!format!("{settings:?}").contains("s3cr3t"));
        for (bad, count) in [
            ("terraform", 1),
            ("{a: terraform}", 1),
            ("{a: {path: /x, variable: [A]}}", 1),
            ("{a: /bin/bash, b: /usr/bin/env}", 2),
            ("{a: {path: /x, variables: [PATH, LD_PRELOAD, UNSET]}}", 3),
        ] {
            assert_eq!(ExecSettings::parse(bad, &read).unwrap_err().len(), count, "{bad}");
        }
    }
}

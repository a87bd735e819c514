//! Documents that are filled in, in every language: `prompts/documents/{en,fr}/*.md`, minijinja templates with the fixed
//! words in them. What they are filled with is escaped, so that a note on the timeline cannot break a table or hide a link.

use std::collections::BTreeSet;
use std::path::Path;

use include_dir::{Dir, include_dir};
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};
use serde::Serialize;

use super::documents::{self, File};
use crate::domain::time::Span;
use crate::domain::value::Language;
use crate::domain::yaml::Diagnostic;

static DOCUMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts/documents");

/// The document that is drafted after a run.
pub const POST_MORTEM: &str = "post-mortem.md";

/// The documents. One laid over a built-in one replaces it, and may be filled with what that one is.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// The built-in documents, and those of `documents/{en,fr}` in a directory laid over them.
    ///
    /// # Errors
    /// Every document that cannot be used: nobody would hear of it before it is needed.
    pub fn read(prompts: Option<&Path>) -> Result<Self, Vec<Diagnostic>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Custom("markdown".into()));
        environment.set_formatter(write);
        environment.add_filter("clock", |ms: u64| Span(ms).clock());
        environment.add_filter("spoken", |ms: u64| Span(ms).spoken());
        let mut templates = Self { environment };
        let mut bad = Vec::new();
        for language in Language::ALL {
            let code = language.code();
            if let Some(dir) = DOCUMENTS.get_dir(code) {
                for file in documents::built_in_files(dir, code, is_markdown)? {
                    bad.extend(templates.add(language, file).err());
                }
            }
            let over = prompts.map(|prompts| prompts.join("documents").join(code));
            if let Some(path) = over.filter(|path| path.is_dir()) {
                for file in documents::files(&path, is_markdown)? {
                    bad.extend(templates.replace(language, file).err());
                }
            }
        }
        if bad.is_empty() { Ok(templates) } else { Err(bad) }
    }

    fn replace(&mut self, language: Language, file: File) -> Result<(), Diagnostic> {
        let at = file.name.clone();
        let known = self.names(language, document(&at));
        if known.is_empty() {
            let hint = format!("what there is: {POST_MORTEM}");
            let message = "there is no such document, so it would never be printed";
            return Err(documents::trouble(at, message, &hint));
        }
        self.add(language, file)?;
        let names = self.names(language, document(&at));
        let unknown: Vec<_> = names.difference(&known).map(String::as_str).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let message = format!("it is not filled with {}", unknown.join(", "));
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        Err(documents::trouble(at, &message, &format!("what it is: {}", known.join(", "))))
    }

    fn add(&mut self, language: Language, file: File) -> Result<(), Diagnostic> {
        let name = format!("{}/{}", language.code(), document(&file.name));
        let added = self.environment.add_template_owned(name, file.text);
        added.map_err(|error| {
            let line = error.line().and_then(|line| u64::try_from(line).ok()).unwrap_or(1);
            let found = documents::trouble(file.name, &error.to_string(), "");
            Diagnostic { line, ..found }
        })
    }

    /// What a document is filled with, by its first names; nothing if there is no such document.
    pub fn names(&self, language: Language, document: &str) -> BTreeSet<String> {
        let template = self.environment.get_template(&format!("{}/{document}", language.code()));
        let names = template.map(|template| template.undeclared_variables(false));
        names.unwrap_or_default().into_iter().collect()
    }

    /// Fills a document in.
    ///
    /// # Errors
    /// When it names what the value does not have, or does with it what cannot be done.
    pub fn fill(
        &self,
        language: Language,
        document: &str,
        with: &impl Serialize,
    ) -> Result<String, Error> {
        let template = self.environment.get_template(&format!("{}/{document}", language.code()))?;
        template.render(Serde(with))
    }
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The last part of a file's name.
fn document(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// Writes a value so that it is read as it is, in a paragraph or in a cell of a table.
fn write(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let is_text = value.kind() == ValueKind::String && !value.is_safe();
    let text = if is_text { escaped(&value.to_string()) } else { value.to_string() };
    out.write_str(&text).map_err(Error::from)
}

fn escaped(text: &str) -> String {
    let line = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|").replace('<', "&lt;").replace('[', "\\[")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn over(text: &str) -> Result<Templates, Vec<Diagnostic>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("documents/en")).unwrap();
        std::fs::write(folder.path().join("documents/en/post-mortem.md"), text).unwrap();
        Templates::read(Some(folder.path()))
    }

    #[test]
    fn both_languages_are_filled_with_the_same() {
        let templates = Templates::read(None).unwrap();
        let [en, fr] = Language::ALL.map(|language| templates.names(language, POST_MORTEM));
        assert_eq!(en, fr);
        assert!(en.contains("times") && en.contains("deviations"), "{en:?}");
    }

    #[test]
    fn a_document_is_replaced_by_one_that_can_be_filled() {
        let templates = over("{{ run }}: {{ times.rto.ms | clock }}\n").unwrap();
        let with = json!({"run": "a|b <i>\n[c](d)", "times": {"rto": {"ms": 62_000}}});
        let filled = templates.fill(Language::En, POST_MORTEM, &with).unwrap();
        assert_eq!(filled, "a\\|b &lt;i> \\[c](d): 1:02");
        assert!(templates.fill(Language::En, POST_MORTEM, &json!({})).is_err());
        assert!(templates.fill(Language::En, "other.md", &with).is_err());
        for (text, why) in
            [("{{ weather }}", "it is not filled with weather"), ("one\n{% if %}", "syntax error")]
        {
            let bad = over(text).unwrap_err();
            assert!(bad.len() == 1 && bad[0].message.contains(why), "{bad:?}");
        }
    }

    #[test]
    fn a_document_that_nobody_prints_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("documents/fr")).unwrap();
        std::fs::write(folder.path().join("documents/fr/post-morten.md"), "x").unwrap();
        let bad = Templates::read(Some(folder.path())).unwrap_err();
        assert!(bad[0].message.contains("no such document"), "{bad:?}");
    }
}

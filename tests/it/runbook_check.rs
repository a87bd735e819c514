//! Every broken document names its faults, each in its own line, and nothing else; the shipped documents are silent.
//! The first line of a document in `broken/` says what is expected: `# expect LINE: fragment | LINE: fragment`.

use std::path::{Path, PathBuf};

use dr_buddy::catalog::{Catalog, CatalogSources, documents};
use dr_buddy::cli;
use dr_buddy::domain::environment::{self, Environment};
use dr_buddy::domain::runbook::check::check;
use dr_buddy::domain::runbook::show;
use dr_buddy::domain::value::Language;
use dr_buddy::domain::yaml::Diagnostic;
use proptest::prelude::*;

const SHIPPED: &str = include_str!("../../prompts/runbooks/region-failover.yaml");
const DEMO: &str = include_str!("../../deploy/environments/demo.yaml");

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn environments() -> Vec<Environment> {
    let shipped = documents::environments(None).expect("the shipped environments are silent");
    shipped.into_values().collect()
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
    let files = documents::directory(&here("tests/it/broken")).unwrap();
    assert!(files.len() >= 24, "{}", files.len());
    let environments = environments();
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let found = check(&file.name, &file.text, &environments).err().unwrap_or_default();
            unexpected(&file.name, &file.text, found)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_broken_environment_names_each_fault_with_its_line() {
    let files = documents::directory(&here("tests/it/broken/environments")).unwrap();
    assert!(files.len() >= 4, "{}", files.len());
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let found = environment::check(&file.name, &file.text).err().unwrap_or_default();
            unexpected(&file.name, &file.text, found)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_template_that_only_one_environment_defines_names_the_others() {
    let one = environment::check("demo.yaml", &format!("{DEMO}\nextra: {{name: x}}\n")).unwrap();
    let mut all = environments();
    all.retain(|environment| environment.id != one.id);
    all.push(one);
    let text = SHIPPED.replacen("\"${dns.zone}\"", "\"${extra.name}\"", 1);
    let found = check("a.yaml", &text, &all).unwrap_err();
    let messages: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["`extra.name` is not defined in environment `prod`, `staging`"]);
}

#[test]
fn the_command_prints_every_problem_and_is_silent_on_what_is_shipped() {
    let mut out = Vec::new();
    assert!(cli::runbook::check(&[here("prompts/runbooks")], None, &mut out).unwrap());
    assert_eq!(String::from_utf8(out).unwrap(), "");
    let mut out = Vec::new();
    let paths = [here("tests/it/broken/unknown-action.yaml"), here("tests/it/broken/nowhere.yaml")];
    assert!(!cli::runbook::check(&paths, None, &mut out).unwrap());
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains("unknown-action.yaml:15:14: unknown action `htp.check`\n  hint: did you mean"),
        "{out}"
    );
    assert!(
        out.contains("nowhere.yaml:1:1: cannot read this file") && out.ends_with("2 problems\n"),
        "{out}"
    );
}

#[test]
fn a_runbook_is_shown_in_the_language_asked_for_with_words_of_the_catalog() {
    let catalog = Catalog::load(&CatalogSources::default()).unwrap();
    let word = |key: &str| {
        assert!(show::KEYS.contains(&key), "{key}");
        format!("<{key}>")
    };
    let mut out = Vec::new();
    assert!(
        cli::runbook::show(&catalog, "region-failover", Language::Fr, &word, &mut out).unwrap()
    );
    let page = String::from_utf8(out).unwrap();
    assert!(page.starts_with("# Bascule de région (`region-failover`)"), "{page}");
    assert!(
        page.contains("## 3. Promouvoir les données") && page.contains("<show.ponr>"),
        "{page}"
    );
    assert!(!page.contains("Promote Aurora"), "{page}");
    for key in show::KEYS.iter().filter(|key| !key.ends_with("fallback")) {
        assert!(page.contains(&format!("<{key}>")), "{key} is not used");
    }
    let mut out = Vec::new();
    assert!(
        !cli::runbook::show(&catalog, "region-failovr", Language::En, &word, &mut out).unwrap()
    );
    assert!(String::from_utf8(out).unwrap().contains("did you mean `region-failover`?"));
}

#[test]
fn a_checked_runbook_reads_back_from_storage() {
    let runbook = check("a.yaml", SHIPPED, &environments()).unwrap();
    let stored = serde_json::to_string(&runbook).unwrap();
    let back: dr_buddy::domain::runbook::Runbook = serde_json::from_str(&stored).unwrap();
    assert_eq!(back, runbook);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_change_to_a_document_makes_the_check_panic(
        cuts in prop::collection::vec((0usize..20_000, 0usize..40, prop::sample::select(vec![
            "", "\n", ":", "- ", "[", "]", "{", "}", "\"", "${", "*a", "&a ", "null", "9e999", "<<: *a\n", "é", "\t", "!!x ", "|",
        ])), 1..5),
        whole in any::<bool>(),
    ) {
        let mut text = if whole { SHIPPED.to_owned() } else { DEMO.to_owned() };
        for (at, length, put) in cuts {
            let mut start = at % text.len().max(1);
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, put);
        }
        let environments = environments();
        for one in check("a.yaml", &text, &environments).err().unwrap_or_default() {
            prop_assert!(one.line >= 1 && one.column >= 1 && !one.message.is_empty());
        }
        environment::check("a.yaml", &text).ok();
    }
}

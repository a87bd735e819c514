//! The commands that check and show runbooks; and no change to a document makes the check panic. What each broken
//! document of `broken/` is told is tested beside the check.

use std::path::{Path, PathBuf};

use dr_buddy::catalog::{Catalog, CatalogSources, documents};
use dr_buddy::cli;
use dr_buddy::cli::args::Format;
use dr_buddy::domain::action::Known;
use dr_buddy::domain::connector::Connector;
use dr_buddy::domain::environment::{self, Environment};
use dr_buddy::domain::runbook::check::check;
use dr_buddy::domain::runbook::show;
use dr_buddy::domain::value::Language;
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

#[test]
fn the_command_prints_every_problem_and_is_silent_on_what_is_shipped() {
    let mut out = Vec::new();
    assert!(cli::runbook::check(&[here("prompts/runbooks")], None, None, &mut out).unwrap());
    assert_eq!(String::from_utf8(out).unwrap(), "");
    let mut out = Vec::new();
    let paths = [here("tests/it/broken/unknown-action.yaml"), here("tests/it/broken/nowhere.yaml")];
    assert!(!cli::runbook::check(&paths, None, None, &mut out).unwrap());
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
        cli::runbook::show(
            &catalog,
            "region-failover",
            Format::Markdown,
            Language::Fr,
            &word,
            &mut out
        )
        .unwrap()
    );
    let page = String::from_utf8(out).unwrap();
    assert!(page.starts_with("# Bascule de région (`region-failover`)"), "{page}");
    assert!(
        page.contains("## 4. Promouvoir les données") && page.contains("<show.ponr>"),
        "{page}"
    );
    assert!(!page.contains("Promote Aurora"), "{page}");
    for key in show::KEYS {
        assert!(page.contains(&format!("<{key}>")), "{key} is not used");
    }
    let mut out = Vec::new();
    let file = here("prompts/runbooks/region-failback.yaml").display().to_string();
    let format = Format::Mermaid;
    assert!(cli::runbook::show(&catalog, &file, format, Language::En, &word, &mut out).unwrap());
    let drawn = String::from_utf8(out).unwrap();
    assert!(drawn.starts_with("flowchart TD\n  %% Region failback\n"), "{drawn}");
    let mut out = Vec::new();
    let file = here("tests/it/broken/cycle.yaml").display().to_string();
    assert!(!cli::runbook::show(&catalog, &file, format, Language::En, &word, &mut out).unwrap());
    let mut out = Vec::new();
    assert!(
        !cli::runbook::show(
            &catalog,
            "region-failovr",
            Format::Markdown,
            Language::En,
            &word,
            &mut out
        )
        .unwrap()
    );
    assert!(String::from_utf8(out).unwrap().contains("did you mean `region-failover`?"));
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
        let connectors = documents::connectors(None).unwrap();
        let mut text = if whole { SHIPPED.to_owned() } else { DEMO.to_owned() };
        for (at, length, put) in cuts {
            let mut start = at % text.len().max(1);
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, put);
        }
        let environments = environments();
        let known = Known::with(connectors.values().flat_map(Connector::specs));
        for one in check("a.yaml", &text, &known, &environments).err().unwrap_or_default() {
            prop_assert!(one.line >= 1 && one.column >= 1 && !one.message.is_empty());
        }
        environment::check("a.yaml", &text).ok();
    }
}

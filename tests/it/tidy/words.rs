//! Every sentence said exists, and every sentence written is said.

use std::collections::BTreeSet;

use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::domain::value::Language;

use super::{code, nothing, sources};

/// Every string literal of the code that could be a key: `page.back`, `step.done.seen`.
fn key_like(code: &str) -> BTreeSet<&str> {
    let is_key = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        let is_part = |part: &&str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
        };
        parts.len() > 1 && parts.iter().all(is_part)
    };
    code.split('"').filter(|text| is_key(text)).collect()
}

/// `format!("state.{}", …)`: the start of keys whose end is a name of ours.
fn prefixes(code: &str) -> BTreeSet<&str> {
    let made = code.split('"').filter_map(|text| text.strip_suffix("{}"));
    made.filter(|prefix| prefix.ends_with('.') && !prefix.contains(' ')).collect()
}

/// Keys by their first word, as far as the catalog has that word at all.
fn unsaid<'a>(code: &'a str, known: &BTreeSet<&str>) -> Vec<&'a str> {
    let families: BTreeSet<_> = known.iter().filter_map(|key| key.split('.').next()).collect();
    let of_family = |key: &&str| key.split('.').next().is_some_and(|word| families.contains(word));
    key_like(code).into_iter().filter(of_family).filter(|key| !known.contains(key)).collect()
}

/// Literals that look like keys and are none.
const NO_KEYS: [&str; 3] = ["run.id", "demo.db", "timeline.md"];

#[test]
fn every_sentence_said_is_written_and_every_sentence_written_is_said() {
    let texts = Catalog::load(&CatalogSources::default()).unwrap().texts;
    let all = sources("src");
    let product = all.iter().filter(|source| !source.path.contains("/tests/"));
    let code: String = product.map(|source| code(&source.text)).collect();
    let mut found = Vec::new();
    for language in Language::ALL {
        let known: BTreeSet<&str> = texts.keys(language).collect();
        for key in unsaid(&code, &known).into_iter().filter(|key| !NO_KEYS.contains(key)) {
            found.push(format!("{}: `{key}` is said but not written", language.code()));
        }
        let (literal, made) = (key_like(&code), prefixes(&code));
        let is_said =
            |key: &str| literal.contains(key) || made.iter().any(|start| key.starts_with(start));
        for key in known.iter().filter(|key| !is_said(key)) {
            found.push(format!("{}: `{key}` is written but never said", language.code()));
        }
    }
    nothing(found);

    let known = BTreeSet::from(["page.back", "state.done"]);
    assert_eq!(
        unsaid("say(\"page.bakc\"); say(\"page.back\"); open(\"file.txt\")", &known),
        ["page.bakc"]
    );
    assert!(prefixes("format!(\"state.{}\", x)").contains("state."));
}

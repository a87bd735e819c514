//! Everything the bot says, in both languages: the same keys and placeholders, within the places where it is shown,
//! with the typography of its language. The documents people wrote for it too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use dr_buddy::catalog::{Catalog, CatalogSources, Texts};
use dr_buddy::domain::comms::Ask;
use dr_buddy::domain::value::{Language, Localized};
use dr_buddy::web::glyph;
use serde_json::Value;

use crate::harness::repository;

fn catalog() -> Catalog {
    Catalog::load(&CatalogSources::default()).unwrap()
}

/// The sentence with every placeholder filled, or left empty.
fn filled(texts: &Texts, language: Language, key: &str, with: &str) -> String {
    let names = texts.placeholders(language, key);
    texts.render(language, key, names.into_iter().map(|name| (name, with.to_owned())).collect())
}

#[track_caller]
fn nothing(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn both_languages_say_the_same_things_with_the_same_arguments() {
    let texts = catalog().texts;
    let keys = |language| texts.keys(language).collect::<BTreeSet<_>>();
    let (en, fr) = (keys(Language::En), keys(Language::Fr));
    let mut found: Vec<String> = en
        .symmetric_difference(&fr)
        .map(|key| format!("`{key}` is in one language only"))
        .collect();
    for key in en.intersection(&fr) {
        let (en, fr) =
            (texts.placeholders(Language::En, key), texts.placeholders(Language::Fr, key));
        // A language may leave an argument unsaid, but never asks for one that the other does not have.
        let optional = BTreeSet::from(["roles", "at", "since"].map(str::to_owned));
        let odd: BTreeSet<_> =
            en.symmetric_difference(&fr).filter(|name| !optional.contains(*name)).collect();
        if !odd.is_empty() {
            found.push(format!("`{key}`: {odd:?} in one language only"));
        }
    }
    nothing(found);
}

#[test]
fn every_sentence_renders_with_and_without_its_optional_parts() {
    let texts = catalog().texts;
    for language in Language::ALL {
        for key in texts.keys(language) {
            for with in ["x", "", "1", "2"] {
                let said = filled(&texts, language, key, with);
                assert_ne!(said, key, "{}: `{key}` cannot be said", language.code());
                assert!(!said.contains("{{") && !said.contains("{%"), "{key}: {said}");
            }
        }
    }
}

#[test]
fn what_stands_in_a_small_place_is_short() {
    let texts = catalog().texts;
    let mut found = Vec::new();
    let mut at_most = |language: Language, key: &str, most: usize| {
        let said = filled(&texts, language, key, "");
        if said.chars().count() > most {
            found.push(format!("{}: `{key}` is longer than {most}: {said}", language.code()));
        }
    };
    for language in Language::ALL {
        for ask in Ask::ALL {
            // Slack takes 75; a phone shows two side by side with about 20.
            at_most(language, &format!("button.{}", ask.name()), 20);
            if ask.wants_words() {
                at_most(language, &format!("form.title.{}", ask.name()), 24);
            }
        }
        for key in ["form.send", "form.cancel"] {
            at_most(language, key, 24);
        }
        at_most(language, "confirm.title", 100);
        for key in ["confirm.yes", "confirm.no"] {
            at_most(language, key, 30);
        }
        let own: Vec<&str> = texts.keys(language).collect();
        for key in own.iter().filter(|key| key.starts_with("remark.")) {
            at_most(language, key, 300);
        }
        for key in
            own.iter().filter(|key| key.starts_with("page.state.") || key.starts_with("page.kind."))
        {
            at_most(language, key, 24);
        }
    }
    nothing(found);
}

/// In French, a space that a line may break at never stands before `; : ! ? »` or after `«`; the quote is `’`.
fn bad_french(text: &str) -> Option<String> {
    let text: String = text.split('`').step_by(2).collect();
    let bad = [" ;", " :", " !", " ?", " »", "« ", "'", "\"", "..."];
    bad.into_iter().find(|bad| text.contains(bad)).map(|bad| format!("`{bad}` in: {text}"))
}

/// Every sentence of a file under `prompts/messages`.
fn written(language: &str) -> BTreeMap<String, String> {
    let folder = repository().join("prompts/messages").join(language);
    let mut all = BTreeMap::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let sentences: BTreeMap<String, String> = serde_saphyr::from_str(&text).unwrap();
        for (key, sentence) in sentences {
            assert!(all.insert(key.clone(), sentence).is_none(), "{language}: `{key}` twice");
        }
    }
    all
}

/// Every document under `prompts/documents`.
fn documents(language: &str) -> BTreeMap<String, String> {
    let folder = repository().join("prompts/documents").join(language);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    named.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
}

/// A template without its `{% … %}` and `{{ … }}`, whose quotes are its own.
fn words_of(template: &str) -> String {
    let without = |text: &str, opens, closes| -> String {
        text.split(opens)
            .map(|part| part.split_once(closes).map_or(part, |(_, text)| text))
            .collect()
    };
    without(&without(template, "{%", "%}"), "{{", "}}")
}

#[test]
fn french_is_set_as_french_is() {
    let french = written("fr").into_iter().chain(documents("fr"));
    nothing(
        french
            .filter_map(|(key, text)| {
                bad_french(&words_of(&text)).map(|why| format!("{key}: {why}"))
            })
            .collect(),
    );
    for bad in ["Suite : rien", "l'exécution", "« mot »", "Quoi ?"] {
        assert!(bad_french(bad).is_some(), "{bad}");
    }
    assert_eq!(bad_french("Suite\u{a0}: l’exécution `a : b`"), None);
}

#[test]
fn english_uses_its_own_quotes() {
    for (key, text) in written("en").into_iter().chain(documents("en")) {
        let words = words_of(&text);
        let plain: String = words.split('`').step_by(2).collect();
        assert!(!plain.contains(['\'', '"']), "{key}: {words}");
    }
}

#[test]
fn every_emoji_said_is_drawn_on_the_page() {
    // Text signs that every font has; everything else beyond them is drawn.
    let plain = "→←●○•✔✖…—–·×▓░";
    let is_sign =
        |c: &char| !c.is_alphanumeric() && !c.is_ascii() && !plain.contains(*c) && *c > '\u{2190}';
    for language in ["en", "fr"] {
        for (key, text) in written(language) {
            let sign = text.chars().filter(is_sign).find(|c| glyph::of_char(*c).is_none());
            assert_eq!(sign, None, "{language}: {key}: no machine is sure to have it");
        }
    }
}

/// Every text that runbooks and environments say in two languages.
fn localized(catalog: &Catalog) -> Vec<(String, Localized)> {
    let mut found = Vec::new();
    for runbook in catalog.runbooks.values() {
        found.push((format!("{}", runbook.id), runbook.title.clone()));
        found
            .extend(runbook.phases.iter().map(|phase| (phase.id.to_string(), phase.title.clone())));
        for step in &runbook.steps {
            found.push((step.id.to_string(), step.title.clone()));
            found.extend(step.note.iter().map(|note| (step.id.to_string(), note.clone())));
            let action = serde_json::to_value(&step.action).unwrap();
            texts_in(&action, &mut |text| found.push((step.id.to_string(), text)));
        }
    }
    found
}

fn texts_in(value: &Value, found: &mut impl FnMut(Localized)) {
    if let Ok(text) = serde_json::from_value::<Localized>(value.clone()) {
        found(text);
    } else if let Some(map) = value.as_object() {
        map.values().for_each(|value| texts_in(value, found));
    } else if let Some(list) = value.as_array() {
        list.iter().for_each(|value| texts_in(value, found));
    }
}

#[test]
fn the_runbooks_are_written_in_both_languages_and_set_as_they_are() {
    let all = localized(&catalog());
    assert!(all.len() > 30, "decisions are read too: {}", all.len());
    let mut found = Vec::new();
    for (at, text) in &all {
        let same = text.en == text.fr;
        if same || text.en.trim().is_empty() || text.fr.trim().is_empty() {
            found.push(format!("{at}: not written twice: {}", text.en));
        }
        if let Some(why) = bad_french(&text.fr) {
            found.push(format!("{at}: {why}"));
        }
    }
    nothing(found);
}

#[test]
fn only_what_was_proven_or_decided_is_ticked() {
    let texts = catalog().texts;
    for language in Language::ALL {
        // A question may have been answered with no; a call may have been accepted and have done nothing.
        for end in ["read", "accepted", "word"] {
            for key in [format!("step.done.{end}"), format!("timeline.done_{end}")] {
                let said = filled(&texts, language, &key, "x");
                assert!(!said.contains('✔'), "{}: {key}: {said}", language.code());
            }
        }
    }
}

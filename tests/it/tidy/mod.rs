//! Reads the sources. What a reviewer would have to remember is remembered here: who may import whom, what the pure
//! core never calls, which files are too long or forgotten, and that every sentence said exists and every sentence
//! written is said. Each rule is shown a text that breaks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::domain::value::Language;

use crate::harness::repository;

/// A source file: its path from the repository's root, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn sources(under: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join(under)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|end| end == "rs") {
                let path = entry.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path, text: fs::read_to_string(&entry).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 5, "{under} is read");
    found
}

/// Code without comments, and without the tests at the end of a file.
pub(crate) fn code(text: &str) -> String {
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => &text[..tests],
        None => text,
    };
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|l| format!("{l}\n"))
        .collect()
}

#[track_caller]
pub(crate) fn nothing(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Every place where `words` stand as words of their own.
fn places<'t>(text: &'t str, words: &'t str) -> impl Iterator<Item = usize> + 't {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(words).map(|(at, _)| at).filter(move |at| {
        let starts_name = words.starts_with(is_name);
        !(starts_name && text[..*at].ends_with(is_name))
    })
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

// ------------------------------------------------------------------------------------------------ layers

/// Who may import whom, besides itself. `app` puts everything together; `main` and `cli` start it.
const LAYERS: [(&str, &[&str]); 14] = [
    ("domain", &[]),
    ("faults", &["engine", "store", "domain"]),
    ("store", &["domain", "faults"]),
    ("actions", &["domain", "faults"]),
    ("engine", &["domain", "store", "actions", "telemetry", "faults"]),
    ("catalog", &["domain"]),
    ("desk", &["engine", "domain", "catalog", "store", "telemetry"]),
    ("slack", &["engine", "domain", "catalog", "desk", "store", "telemetry", "faults"]),
    ("web", &["engine", "domain", "catalog", "desk", "store", "slack", "telemetry"]),
    ("cli", &["engine", "domain", "catalog", "desk", "app", "config", "telemetry", "store"]),
    ("config", &["domain", "catalog", "actions", "slack", "web"]),
    ("telemetry", &[]),
    (
        "app",
        &[
            "domain",
            "store",
            "actions",
            "engine",
            "catalog",
            "desk",
            "slack",
            "web",
            "config",
            "faults",
            "telemetry",
        ],
    ),
    ("main", &["domain", "catalog", "cli", "config", "telemetry"]),
];

/// Outside crates that belong to some layers only.
const CRATES: [(&str, &[&str]); 10] = [
    ("sqlx", &["store"]),
    ("aws_", &["actions"]),
    ("kube", &["actions"]),
    ("k8s_openapi", &["actions"]),
    ("reqwest", &["actions", "cli"]),
    ("slack_morphism", &["slack"]),
    ("tokio_tungstenite", &["slack"]),
    ("axum", &["slack", "web", "app"]),
    ("maud", &["web"]),
    ("clap", &["cli", "main"]),
];

/// `src/web/page.rs` is in `web`.
fn layer(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(layer, _)| layer)
}

/// How many modules a file is below the root.
fn depth(path: &str) -> usize {
    let parts = path.strip_prefix("src/").unwrap().split('/').count();
    if path.ends_with("/mod.rs") { parts - 1 } else { parts }
}

/// The layers that a file names: `crate::x`, `crate::{x, y}`, and as many `super::` as lead to the root.
fn imports(path: &str, code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let up = "super::".repeat(depth(path));
    for root in ["crate::", "dr_buddy::", up.as_str()] {
        for at in places(code, root).collect::<Vec<_>>() {
            let rest = &code[at + root.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                named.extend(top_names(group));
            } else {
                named.insert(name_at(rest).to_owned());
            }
        }
    }
    named.retain(|name| LAYERS.iter().any(|(layer, _)| layer == name));
    named
}

/// The first names of a `{…}` group.
fn top_names(group: &str) -> Vec<String> {
    let (mut nested, mut names, mut start) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => nested += 1,
            '}' if nested == 0 => break,
            '}' => nested -= 1,
            ',' if nested == 0 => start = true,
            c if start && !c.is_whitespace() => {
                names.push(name_at(&group[at..]).to_owned());
                start = false;
            }
            _ => {}
        }
    }
    names
}

fn layer_faults(source: &Source) -> Vec<String> {
    let (own, code) = (layer(&source.path), code(&source.text));
    if own == "lib" {
        return Vec::new();
    }
    let Some((_, may)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
        return vec![format!("{}: layer `{own}` is not in the table", source.path)];
    };
    let strange = imports(&source.path, &code)
        .into_iter()
        .filter(|name| name != own && !may.contains(&name.as_str()));
    let mut found: Vec<_> =
        strange.map(|name| format!("{}: `{own}` must not import `{name}`", source.path)).collect();
    for (outside, layers) in CRATES {
        let uses = |at: usize| {
            let rest = &code[at + outside.len()..];
            let rest = if outside.ends_with('_') { &rest[name_at(rest).len()..] } else { rest };
            // `self::kube::…`, `mod kube`: a module of ours with the name of a crate.
            rest.starts_with("::") && !code[..at].ends_with("::")
        };
        let is_module = code.contains(&format!("mod {outside};"));
        if !layers.contains(&own) && !is_module && places(&code, outside).any(uses) {
            found.push(format!("{}: `{outside}` belongs to {layers:?}", source.path));
        }
    }
    found
}

#[test]
fn nobody_imports_a_layer_or_a_crate_that_is_not_theirs() {
    nothing(sources("src").iter().flat_map(layer_faults).collect());

    let caught = |path: &str, text: &str| {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(layer_faults(&source).len(), 1, "{path}: {text}");
    };
    caught("src/domain/run/mod.rs", "use crate::store::Store;");
    caught("src/domain/run/mod.rs", "use crate::{domain::ids, engine::{Clock, submit}};");
    caught("src/slack/mod.rs", "use super::web::router;");
    caught("src/web/page.rs", "fn f() { super::super::actions::run() }");
    caught("src/engine/mod.rs", "use crate::app::App;");
    caught("src/desk.rs", "fn f() -> sqlx::Result<()> {}");
    caught("src/engine/x.rs", "use aws_sdk_rds::Client;");
    caught("src/slack/x.rs", "use kube::Client;");
    caught("src/new/mod.rs", "");
    let fine = |path: &str, text: &str| {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(layer_faults(&source), [""; 0], "{path}: {text}");
    };
    fine("src/web/page.rs", "use super::router;\n// use crate::actions\nuse crate::slack::render;");
    fine(
        "src/domain/x.rs",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::catalog::Catalog;\n}",
    );
}

/// What is known of a person's codes is said by the one place that looks.
fn says_of_codes(source: &Source) -> bool {
    let code = code(&source.text);
    let may =
        source.path == "src/engine/codes.rs" || source.path.starts_with("src/domain/run/tests/");
    let made = ["Confirmation::by_code", "Confirmation::not_enrolled", "Confirmation {"];
    !may && source.path != "src/domain/code.rs" && made.iter().any(|made| code.contains(made))
}

#[test]
fn nothing_but_the_check_says_that_a_code_has_counted() {
    let found: Vec<Source> = sources("src").into_iter().filter(says_of_codes).collect();
    nothing(found.into_iter().map(|source| source.path).collect());
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    assert!(says_of_codes(&source("src/desk.rs", "let c = Confirmation::not_enrolled(&person);")));
    assert!(!says_of_codes(&source("src/engine/codes.rs", "Confirmation::by_code(person)")));
}

// ------------------------------------------------------------------------------------------------ the pure core

/// What makes a function something other than a function of its arguments.
const IMPURE: [&str; 19] = [
    "std::time",
    "Instant",
    "SystemTime",
    "::now(",
    "tokio",
    "futures",
    "async fn",
    ".await",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "rand::",
    "uuid::",
    "println!",
    "eprintln!",
    "tracing::",
    "static mut",
];

fn impure(source: &Source) -> Vec<String> {
    let code = code(&source.text);
    let found = IMPURE.iter().filter(|call| places(&code, call).next().is_some());
    found.map(|call| format!("{}: `{call}` in the pure core", source.path)).collect()
}

#[test]
fn the_domain_is_a_function_of_its_arguments() {
    let domain = sources("src/domain");
    let domain = domain.iter().filter(|source| !source.path.contains("/tests/"));
    nothing(domain.flat_map(impure).collect());
    for text in [
        "let now = Timestamp::now();",
        "use std::time::Duration;",
        "pub async fn f() {}",
        "println!()",
    ] {
        let source = Source { path: "src/domain/x.rs".into(), text: text.into() };
        assert_eq!(impure(&source).len(), 1, "{text}");
    }
    let said = Source {
        path: "src/domain/x.rs".into(),
        text: "// println!()\nfn known(now: u8) {}".into(),
    };
    assert_eq!(impure(&said), [""; 0]);
}

// ------------------------------------------------------------------------------------------------ files

/// Files that no `mod` leads to, from these roots.
fn forgotten(roots: &[&str], all: &BTreeMap<String, String>) -> Vec<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    while let Some(path) = open.pop() {
        let Some(text) = all.get(&path) else { continue };
        if !reached.insert(path.clone()) {
            continue;
        }
        let file = Path::new(&path);
        let is_root = roots.contains(&path.as_str()) || path.ends_with("/mod.rs");
        let folder =
            if is_root { file.parent().unwrap().to_owned() } else { file.with_extension("") };
        for line in text.lines().map(str::trim).filter(|line| line.ends_with(';')) {
            let Some((_, name)) = line.split_once("mod ") else { continue };
            let name = name.trim_end_matches(';');
            for file in [format!("{name}.rs"), format!("{name}/mod.rs")] {
                open.push(folder.join(file).to_str().unwrap().to_owned());
            }
        }
    }
    let lost = all.keys().filter(|path| !reached.contains(*path));
    lost.map(|path| format!("{path}: no `mod` names this file")).collect()
}

#[test]
fn every_file_is_part_of_the_program_or_its_tests() {
    let all: Vec<Source> = ["src", "tests/it", "tests/sim"].into_iter().flat_map(sources).collect();
    let all = all.into_iter().map(|source| (source.path, source.text)).collect();
    let roots = ["src/lib.rs", "src/main.rs", "tests/it/main.rs", "tests/sim/main.rs"];
    nothing(forgotten(&roots, &all));

    let of =
        |files: &[(&str, &str)]| files.iter().map(|(p, t)| ((*p).into(), (*t).into())).collect();
    let lost = of(&[
        ("src/lib.rs", "mod a;"),
        ("src/a/mod.rs", "pub mod b;"),
        ("src/a/b.rs", ""),
        ("src/c.rs", ""),
    ]);
    assert_eq!(forgotten(&["src/lib.rs"], &lost), ["src/c.rs: no `mod` names this file"]);
}

fn too_long(source: &Source) -> Option<String> {
    let most = if source.path.starts_with("src/domain/") { 400 } else { 600 };
    let lines = source.text.lines().count();
    (lines > most).then(|| format!("{}: {lines} lines, at most {most}", source.path))
}

#[test]
fn no_file_is_too_long_to_read() {
    nothing(sources("src").iter().filter_map(too_long).collect());
    let long = |path: &str, lines| Source { path: path.into(), text: "x\n".repeat(lines) };
    assert!(too_long(&long("src/domain/x.rs", 401)).is_some());
    assert!(too_long(&long("src/web/x.rs", 601)).is_some());
    assert!(too_long(&long("src/web/x.rs", 600)).is_none());
}

fn unfinished(source: &Source) -> Vec<String> {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
        concat!("todo", "!("),
        concat!("unimple", "mented!("),
    ];
    let found = words.iter().filter(|word| source.text.contains(**word));
    found.map(|word| format!("{}: `{word}`", source.path)).collect()
}

#[test]
fn nothing_is_left_for_later_and_no_test_is_skipped() {
    let all = ["src", "tests/it", "tests/sim"].into_iter().flat_map(sources).collect::<Vec<_>>();
    nothing(all.iter().flat_map(unfinished).collect());
    let text = concat!("// TO", "DO: later\n#[ig", "nore]").to_owned();
    assert_eq!(unfinished(&Source { path: "src/x.rs".into(), text }).len(), 2);
}

// ------------------------------------------------------------------------------------------------ what is said

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
    let code: String = sources("src").iter().map(|source| code(&source.text)).collect();
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

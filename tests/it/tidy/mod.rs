//! Reads the sources. What a reviewer would have to remember is remembered here: who may import whom ([`layers`]), that
//! nobody needs each other, what the pure core never calls, which files are too long or forgotten, and that every
//! sentence said exists and every sentence written is said ([`words`]). Each rule is shown a text that breaks it.

mod layers;
mod paths;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

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
    assert!(!found.is_empty(), "{under} is read");
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
    // Its tests as well: what they need from outside is built into them.
    nothing(sources("src/domain").iter().flat_map(impure).collect());
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
    let most = if source.path.starts_with("src/domain/") { 400 } else { 500 };
    let lines = source.text.lines().count();
    (lines > most).then(|| format!("{}: {lines} lines, at most {most}", source.path))
}

#[test]
fn no_file_is_too_long_to_read() {
    let all: Vec<Source> = ["src", "tests", "benches"].into_iter().flat_map(sources).collect();
    nothing(all.iter().filter_map(too_long).collect());
    let long = |path: &str, lines| Source { path: path.into(), text: "x\n".repeat(lines) };
    assert!(too_long(&long("src/domain/x.rs", 401)).is_some());
    assert!(too_long(&long("tests/it/x.rs", 501)).is_some());
    assert!(too_long(&long("src/web/x.rs", 500)).is_none());
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

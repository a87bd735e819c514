//! Which modules of ours a file names: in `use`, with groups and `super`, and in the middle of the code.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, code, name_at};

/// `src/web/page.rs` is `web::page`, `src/web/mod.rs` is `web`.
pub(super) fn module(path: &str) -> String {
    let inside = path.strip_prefix("src/").unwrap().trim_end_matches(".rs");
    inside.trim_end_matches("/mod").replace('/', "::")
}

/// Every path that the code names, part by part: `use a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<Vec<&str>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(next) = code[at..].chars().next() {
        let name = name_at(&code[at..]);
        let end = at + name.len().max(next.len_utf8());
        let begins = !name.is_empty() && code[end..].starts_with("::");
        let begins = begins && !code[..at].ends_with("::");
        at = if begins { tree(code, at, &[], &mut found) } else { end };
    }
    found
}

/// Reads what follows `before`, up to where it ends.
fn tree<'c>(
    code: &'c str,
    mut at: usize,
    before: &[&'c str],
    found: &mut Vec<Vec<&'c str>>,
) -> usize {
    let skipped = |at: usize| code.len() - code[at..].trim_start().len();
    let mut path = before.to_vec();
    loop {
        if code[at..].starts_with('{') {
            at = skipped(at + 1);
            while !code[at..].starts_with('}') {
                let end = tree(code, at, &path, found);
                let end = if code[end..].starts_with(',') { end + 1 } else { end };
                if end == at {
                    return at;
                }
                at = skipped(end);
            }
            return at + 1;
        }
        let name = name_at(&code[at..]);
        if !name.is_empty() {
            path.push(name);
        }
        at += name.len();
        if name.is_empty() || !code[at..].starts_with("::") {
            found.push(path);
            return at;
        }
        at = skipped(at + 2);
    }
}

/// The module that a path in `own` leads to, if it is one of ours.
fn leads_to(own: &str, path: &[&str], modules: &BTreeSet<String>) -> Option<String> {
    let mut from: Vec<&str> = own.split("::").filter(|part| *part != "main").collect();
    let mut rest = path;
    match path {
        ["crate" | "dr_buddy", ..] => {
            from.clear();
            rest = &path[1..];
        }
        ["self", ..] => rest = &path[1..],
        ["super", ..] => {
            while let ["super", after @ ..] = rest {
                from.pop();
                rest = after;
            }
        }
        [first, ..] if modules.contains(&format!("{own}::{first}")) => {}
        _ => return None,
    }
    from.extend(rest);
    (1..=from.len()).rev().map(|parts| from[..parts].join("::")).find(|name| modules.contains(name))
}

/// What every module names of the others.
pub(super) fn arrows(all: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let modules: BTreeSet<String> = all.iter().map(|source| module(&source.path)).collect();
    let of = |source: &Source| {
        let (own, code) = (module(&source.path), code(&source.text));
        let paths = paths(&code);
        let named = paths.iter().filter_map(|path| leads_to(&own, path, &modules));
        let named = named.filter(|name| *name != own).collect();
        (own, named)
    };
    all.iter().filter(|source| source.path != "src/lib.rs").map(of).collect()
}

#[test]
fn a_module_is_found_however_it_is_named() {
    let files = ["src/a/mod.rs", "src/a/b.rs", "src/a/c.rs", "src/d/mod.rs", "src/d/e.rs"];
    let named = |text: &str| {
        let text_of = |path: &str| if path == "src/a/b.rs" { text } else { "" }.to_owned();
        let all = files.map(|path| Source { path: path.to_owned(), text: text_of(path) });
        arrows(&all)["a::b"].iter().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named("use crate::d::e::Thing;"), "d::e");
    assert_eq!(named("use crate::{a::c, d::{self, e::{One, Two}}};"), "a::c d d::e");
    assert_eq!(named("use crate::{\n    d::e,\n    a::c as x,\n};"), "a::c d::e");
    assert_eq!(named("use super::c::Thing;"), "a::c");
    assert_eq!(named("fn f() { super::super::d::run::<u8>() }"), "d");
    assert_eq!(named("use std::fmt;\n// use crate::d;\nfn f(d: u8) {}"), "");
}

//! Who may import whom: the map in `src/lib.rs`, read as a table. Its rows are in reading order: whoever comes first
//! knows nothing of those after. In a room, too, no two modules need each other.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{arrows, module};
use super::{Source, code, name_at, nothing, places, sources};

/// A room and those it may import, in the order of the map.
type Rooms = Vec<(String, Vec<String>)>;

/// The rows of the map: `| [`store`] | what survives | `domain`, `faults` |`.
fn rooms(map: &str) -> Rooms {
    let names = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
    };
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! |"));
    let rows = rows.filter_map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let room = names(cells.first()?).pop()?;
        Some((room, names(cells.get(2)?)))
    });
    rows.collect()
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap()
}

/// What is wrong with the map itself, and what the sources do that is not in it, or do not that is.
fn room_faults(rooms: &Rooms, all: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, (own, may)) in rooms.iter().enumerate() {
        for other in may {
            if !rooms[..at].iter().any(|(before, _)| before == other) {
                found.push(format!("the map: `{other}` does not come before `{own}`"));
            }
        }
    }
    let mut used = BTreeSet::new();
    for (module, named) in arrows(all) {
        let own = room(&module);
        let Some((_, may)) = rooms.iter().find(|(known, _)| known == own) else {
            found.push(format!("`{module}` is in no room of the map"));
            continue;
        };
        let others: BTreeSet<&str> = named.iter().map(|name| room(name)).collect();
        for other in others.into_iter().filter(|other| *other != own) {
            used.insert((own.to_owned(), other.to_owned()));
            if !may.iter().any(|may| may == other) {
                found.push(format!("`{module}`: `{own}` must not import `{other}`"));
            }
        }
        let engines = ["store::sqlite", "store::postgres"];
        for engine in engines.into_iter().filter(|engine| named.contains(*engine)) {
            if !["store", "app"].contains(&own) && !module.ends_with("::tests") {
                found.push(format!("`{module}` knows `{engine}`: the trait will do"));
            }
        }
    }
    for (own, may) in rooms {
        for other in may.iter().filter(|other| !used.contains(&(own.clone(), (*other).clone()))) {
            found.push(format!("the map: `{own}` has no need of `{other}`"));
        }
    }
    found
}

#[test]
fn nobody_imports_a_room_that_is_not_theirs() {
    let all = sources("src");
    let map = all.iter().find(|source| source.path == "src/lib.rs").unwrap();
    let rooms = rooms(&map.text);
    assert!(rooms.len() > 10, "the map is read");
    nothing(room_faults(&rooms, &all));

    let with = |path: &str, text: &str| {
        let mut all = sources("src");
        all.push(Source { path: path.to_owned(), text: text.to_owned() });
        room_faults(&rooms, &all)
    };
    for (path, text) in [
        ("src/domain/x.rs", "use crate::store::Store;"),
        ("src/domain/run/x.rs", "use crate::{domain::ids, engine::{Clock, submit}};"),
        ("src/slack/x.rs", "use super::super::web::router;"),
        ("src/web/x.rs", "fn f() { super::super::actions::run() }"),
        ("src/engine/x.rs", "use crate::app::App;"),
        ("src/desk/x.rs", "use crate::store::postgres::PostgresStore;"),
        ("src/new/mod.rs", ""),
    ] {
        assert_eq!(with(path, text).len(), 1, "{path}: {text}");
    }
    let fine = "use super::router;\n// use crate::actions\nuse crate::slack::render;";
    assert_eq!(with("src/web/x.rs", fine), [""; 0]);
    let fine = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::catalog::Catalog;\n}";
    assert_eq!(with("src/domain/x.rs", fine), [""; 0]);
    let own = |name: &str, may: &str| vec![(name.to_owned(), vec![may.to_owned()])];
    assert_eq!(room_faults(&own("a", "b"), &[]).len(), 2, "not before, and not needed");
}

/// The next module of two paths below what they have in common; none where one leads to the other.
fn siblings(one: &str, other: &str) -> Option<(String, String)> {
    let (one, other): (Vec<&str>, Vec<&str>) =
        (one.split("::").collect(), other.split("::").collect());
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let next = |parts: &[&str]| parts.get(..=same).map(|parts| parts.join("::"));
    Some((next(&one)?, next(&other)?))
}

fn reached<'n>(
    from: &'n String,
    needs: &'n BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<&'n String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        open.extend(needs.get(next).into_iter().flatten().filter(|one| reached.insert(*one)));
    }
    reached
}

/// Modules side by side that need each other, be it by way of others.
fn circles(all: &[Source]) -> Vec<String> {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, named) in arrows(all) {
        for (one, other) in named.iter().filter_map(|name| siblings(&module, name)) {
            needs.entry(one).or_default().insert(other);
        }
    }
    let reached = |from| reached(from, &needs);
    let back = needs.keys().filter(|one| reached(one).contains(one));
    let back = back.map(|one| {
        let both = reached(one).into_iter().filter(|other| reached(other).contains(one));
        both.map(String::as_str).collect::<Vec<_>>().join(", ")
    });
    back.collect::<BTreeSet<_>>()
        .into_iter()
        .map(|ring| format!("{ring} need each other"))
        .collect()
}

#[test]
fn no_modules_need_each_other() {
    let all = sources("src").into_iter().filter(|source| !source.path.contains("/tests/"));
    nothing(circles(&all.collect::<Vec<_>>()));

    let of = |files: &[(&str, &str)]| {
        let source =
            |(path, text): &(&str, &str)| Source { path: (*path).into(), text: (*text).into() };
        circles(&files.iter().map(source).collect::<Vec<_>>())
    };
    let ring = [
        ("src/a/mod.rs", "use crate::c::d::Thing;"),
        ("src/b.rs", "use crate::a;"),
        ("src/c/mod.rs", ""),
        ("src/c/d.rs", "use super::super::b;\nuse super::Thing;"),
    ];
    assert_eq!(of(&ring), ["a, b, c need each other"]);
    assert_eq!(of(&ring[..3]), [""; 0]);
    let inner =
        [("src/c/d.rs", "use super::e::Thing;"), ("src/c/e.rs", "fn f() { super::d::g() }")];
    assert_eq!(of(&inner), ["c::d, c::e need each other"]);
}

/// Outside crates that belong to some layers only.
const CRATES: [(&str, &[&str]); 12] = [
    ("sqlx", &["store", "actions"]),
    ("redis", &["actions"]),
    ("hickory_resolver", &["actions"]),
    ("aws_", &["actions"]),
    ("kube", &["actions"]),
    ("k8s_openapi", &["actions"]),
    ("reqwest", &["actions", "hooks", "cli"]),
    ("slack_morphism", &["slack"]),
    ("tokio_tungstenite", &["slack"]),
    ("axum", &["slack", "hooks", "web", "app"]),
    ("maud", &["web"]),
    ("clap", &["cli", "main"]),
];

fn crate_faults(source: &Source) -> Vec<String> {
    let (module, code) = (module(&source.path), code(&source.text));
    let own = room(&module);
    let mut found = Vec::new();
    for (outside, rooms) in CRATES {
        let uses = |at: usize| {
            let rest = &code[at + outside.len()..];
            let rest = if outside.ends_with('_') { &rest[name_at(rest).len()..] } else { rest };
            // `self::kube::…`, `mod kube`: a module of ours with the name of a crate.
            rest.starts_with("::") && !code[..at].ends_with("::")
        };
        let is_module = code.contains(&format!("mod {outside};"));
        if !rooms.contains(&own) && !is_module && places(&code, outside).any(uses) {
            found.push(format!("{}: `{outside}` belongs to {rooms:?}", source.path));
        }
    }
    found
}

#[test]
fn nobody_imports_a_crate_that_is_not_theirs() {
    nothing(sources("src").iter().flat_map(crate_faults).collect());
    for (path, text) in [
        ("src/desk.rs", "fn f() -> sqlx::Result<()> {}"),
        ("src/engine/x.rs", "use aws_sdk_rds::Client;"),
        ("src/slack/x.rs", "use kube::Client;"),
    ] {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(crate_faults(&source).len(), 1, "{path}: {text}");
    }
}

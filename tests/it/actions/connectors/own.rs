//! A connector of somebody's own: a file in a directory, and nothing is built. A wrong one is refused when it is read;
//! one that is changed while a run is open is not what that run goes on with.

use std::fs;
use std::path::Path;

use dr_buddy::actions::{Absent, ActionSettings, Actions, Happened};
use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::domain::connector::check::check;
use dr_buddy::domain::ids::RunbookId;
use dr_buddy::domain::run::Kind;
use dr_buddy::domain::runbook::{Runbook, Step as Line};
use serde_json::json;

use super::{Server, says, step_with};
use crate::actions::{Step, is_accepted};

const OWN: &str = r#"id: lamps
url: "${regions_api.lamps}"
operations:
  lamp:
    about: Ask whether a lamp is on
    danger: reads
    method: GET
    path: "/lamps/${with.lamp}"
    parameters: {lamp: {required: true, about: its name}}
    facts: {is_on: {from: body.on, example: false}}
  light:
    about: Switch a lamp on
    danger: changes
    repeat: names_state
    method: PUT
    path: "/lamps/${with.lamp}"
    body: {on: true}
    parameters: {lamp: {required: true, about: its name}}
    probe: {operation: lamp, done: "body.on == `true`"}
    undo: {operation: darken}
    pretend: {is_on: true}
  darken:
    about: Switch a lamp off
    danger: changes
    repeat: names_state
    method: PUT
    path: "/lamps/${with.lamp}"
    body: {on: false}
    parameters: {lamp: {required: true, about: its name}}
    probe: {operation: lamp, done: "body.on == `false`"}
"#;

const RUNBOOK: &str = r#"id: lamps
title: {en: Lamps, fr: Lampes}
phases: [{id: all, title: {en: All, fr: Tout}}]
restored_by: light
steps:
  - id: light
    title: {en: Light, fr: Allumer}
    phase: all
    owner: ic
    action: {lamps.light: {lamp: door}}
    gate: confirm
    verify: {expect: "facts.is_on && facts.shows", timeout: 1m}
    typical: 10s
    worst: 1m
"#;

/// A directory of prompts and one of environments.
fn laid_over(connector: &str, runbook: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("connectors/lamps.yaml", connector);
    write("runbooks/lamps.yaml", runbook);
    let demo = include_str!("../../../../deploy/environments/demo.yaml");
    write(
        "environments/demo.yaml",
        &format!("{demo}\nregions_api: {{lamps: \"http://lamps.example\"}}\n"),
    );
    folder
}

fn sources(folder: &Path) -> CatalogSources {
    let environments = Some(folder.join("environments"));
    CatalogSources { prompts: Some(folder.to_owned()), environments }
}

fn runbook(catalog: &Catalog) -> &Runbook {
    catalog.runbook(&RunbookId::parse("lamps").unwrap()).unwrap()
}

fn actions(catalog: &Catalog) -> Actions {
    let connectors = catalog.connectors.values().cloned().collect();
    Actions::new(ActionSettings { connectors, ..ActionSettings::default() })
}

#[tokio::test]
async fn a_file_in_a_directory_is_enough() {
    let folder = laid_over(OWN, RUNBOOK);
    let catalog =
        Catalog::load(&sources(folder.path())).unwrap_or_else(|found| panic!("{found:#?}"));
    let connector = &catalog.connectors["lamps"];
    let server = {
        let on = std::sync::Mutex::new(false);
        Server::start(move |asked| {
            let mut on = on.lock().unwrap();
            if asked.method == "PUT" {
                *on = asked.body["on"] == json!(true);
            }
            says(200, &json!({"on": *on}))
        })
        .await
    };
    let at = |direction: &str| {
        let http = super::settings(connector, &server.base, super::SECRET);
        let mut step =
            step_with(connector, direction, &server.base, json!({"lamp": "a/../b"}), http);
        step.environment.document = json!({"regions_api": {"lamps": server.base}});
        step
    };
    let mut step = at("light");
    let preview = step.preview().await;
    assert_eq!(preview.calls[0], format!("PUT {}/lamps/a%2F..%2Fb", server.base));
    assert_eq!(preview.facts["is_on"], json!(false));
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(step.past[0]["status"], json!(200));
    assert_eq!(step.probe(&preview).await.happened, Happened::Done);
    let mut back = step.back(preview);
    let undo = back.preview().await;
    assert!(is_accepted(&back.run(&undo).await));
    assert_eq!(back.probe(&undo).await.facts["is_on"], json!(false));
    let puts = || server.asked().iter().filter(|asked| asked.method == "PUT").count();
    assert_eq!(puts(), 2);

    // Lit by somebody else before the step: putting that back would make what never was.
    for was_so in [false, true] {
        let mut step = at("light");
        let preview = step.preview().await;
        assert_eq!(preview.facts["shows"], json!(was_so));
        assert!(is_accepted(&step.run(&preview).await));
        if was_so {
            assert!(step.back(preview).refusal().await.contains("trouble.was_so"));
        }
    }
    assert_eq!(puts(), 4);
}

#[tokio::test]
async fn a_tabletop_pretends_the_examples_and_reaches_nothing() {
    let folder = laid_over(OWN, RUNBOOK);
    let catalog = Catalog::load(&sources(folder.path())).unwrap();
    let line: &Line = &runbook(&catalog).steps[0];
    let actions = actions(&catalog);
    let mut step = Step::new(&actions, "lamps.light", json!({"lamp": "door"}));
    step.action = actions.find(Kind::Tabletop, &line.action).unwrap();
    let preview = step.preview().await;
    assert!(preview.calls[0].contains("(simulated)"));
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    assert!(is_accepted(&step.run(&preview).await));
    let at = step.past[0]["at"].as_i64().unwrap();
    step.past[0]["at"] = json!(at - 60_000);
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["is_on"]), (Happened::Done, &json!(true)));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_hint_and_keeps_the_program_from_starting() {
    let wrong = OWN.replace("operation: darken}", "operation: darkn}");
    let folder = laid_over(&wrong, RUNBOOK);
    let found = Catalog::load(&sources(folder.path())).unwrap_err();
    let first = found.iter().find(|one| one.message.contains("darkn")).unwrap();
    assert_eq!((first.line, first.hint.as_str()), (20, "did you mean `darken`?"));
    assert!(first.file.ends_with("connectors/lamps.yaml"));
    for (was, is, message) in [
        ("id: lamps", "id: k8s", "a system of dr-buddy itself"),
        ("danger: reads", "danger: safe", "unknown danger `safe`"),
        ("    repeat: names_state\n", "", "does not say what a second call comes to"),
        ("method: GET", "method: FETCH", "unknown method `FETCH`"),
        ("method: GET", "method: DELETE", "a request that reads is a GET"),
        ("from: body.on", "from: \"body.[\"", "this is not JMESPath"),
        (
            "\"/lamps/${with.lamp}\"\n    parameters",
            "\"/lamps/${with.lmp}\"\n    parameters",
            "no parameter `lmp`",
        ),
        ("required: true, about", "about", "may be left out"),
        ("path: \"/lamps", "path: \"lamps", "is not a path"),
        (
            "body: {on: true}",
            "body: {on: true}\n    headers: {X-Api-Token: x}",
            "would hold a secret",
        ),
        (
            "body: {on: true}",
            "body: {on: true}\n    body_secrets: {/key: own}",
            "nothing in the body waits",
        ),
        ("pretend: {is_on: true}", "pretend: {on: true}", "a fact that there is not"),
        ("operation: lamp, done", "operation: darken, done", "cannot be asked for that"),
        ("operations:", "auth: {beaer: {secret: x}}\noperations:", "unknown way `beaer`"),
        ("operations:", "timeout: 60s\noperations:", "nobody can wait"),
        ("url: \"${regions_api.lamps}\"", "url: lamps.example", "not where a system is"),
        ("about: Ask", "abuot: Ask", "unknown key `abuot`"),
    ] {
        assert!(OWN.contains(was), "{was}");
        let found = check("own.yaml", &OWN.replacen(was, is, 1)).unwrap_err();
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|one| one.contains(message)), "{message}: {all:#?}");
        assert!(found.iter().all(|one| one.line > 0), "{all:#?}");
    }
    // A runbook is held against it as against any other action.
    for (was, is, message) in [
        ("lamp: door", "lmp: door", "unknown key `lmp`"),
        ("gate: confirm", "gate: none", "is too weak"),
        ("facts.is_on", "facts.is_off", "reports no fact `is_off`"),
        ("lamps.light", "lamps.lihgt", "unknown action `lamps.lihgt`"),
    ] {
        let folder = laid_over(OWN, &RUNBOOK.replacen(was, is, 1));
        let found = Catalog::load(&sources(folder.path())).unwrap_err();
        assert!(found.iter().any(|one| one.message.contains(message)), "{message}: {found:#?}");
    }
    let folder = laid_over(&OWN.replace("regions_api.lamps", "gone.lamps"), RUNBOOK);
    let found = Catalog::load(&sources(folder.path())).unwrap_err();
    assert!(
        found.iter().any(|one| one.message.contains("no environment defines `gone.lamps`")),
        "{found:#?}"
    );
}

#[test]
fn a_run_goes_on_with_the_connector_it_began_with_or_not_at_all() {
    let began = laid_over(OWN, RUNBOOK);
    let began = Catalog::load(&sources(began.path())).unwrap();
    // As the store has it.
    let stored = serde_json::to_string(runbook(&began)).unwrap();
    let stored: Runbook = serde_json::from_str(&stored).unwrap();
    assert_eq!(&stored, runbook(&began));
    let call = &stored.steps[0].action;
    let after = |connector: &str, runbook: &str| {
        let folder = laid_over(connector, runbook);
        let catalog = Catalog::load(&sources(folder.path())).unwrap();
        [Kind::Incident, Kind::Tabletop].map(|kind| actions(&catalog).find(kind, call).err())
    };
    let now = |connector: &str| after(connector, RUNBOOK);
    assert_eq!(now(OWN), [None, None]);
    assert_eq!(now(&OWN.replace("Switch a lamp on", "Light a lamp")), [None, None], "a word");
    assert_eq!(
        now(&format!(
            "{OWN}  more:\n    about: x\n    danger: reads\n    method: GET\n    path: /more\n"
        )),
        [None, None]
    );
    for (was, is) in [
        ("body: {on: true}", "body: {on: false}"),
        ("url: \"${regions_api", "timeout: 9s\nurl: \"${regions_api"),
        ("done: \"body.on == `true`\"", "done: \"body.on\""),
        ("body: {on: false}", "body: {on: 0}"),
    ] {
        let changed = [Some(Absent::Changed), Some(Absent::Changed)];
        assert_eq!(now(&OWN.replace(was, is)), changed, "{was} → {is}");
    }
    let renamed = OWN.replace("  light:", "  shine:");
    let other = RUNBOOK.replace("lamps.light", "lamps.shine");
    assert_eq!(after(&renamed, &other), [Some(Absent::Unknown), Some(Absent::Unknown)]);
}

//! The terminal: driving a run without Slack, and taking its evidence away.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use dr_buddy::app::App;
use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::cli::evidence::{NotWhole, verify};
use dr_buddy::config::{Database, Local};
use dr_buddy::desk::{Answer, Desk};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{EnvironmentId, PersonId, RunId, StepId};
use dr_buddy::domain::run::{Kind, StepRun};
use dr_buddy::domain::value::Language;
use dr_buddy::engine::supervise::Supervisor;

use crate::harness::eventually;

const TOKENS: &str = "antoine=antoine-0123456789,mia=mia-0123456789abcd";

/// A folder with a database in which a tabletop has been started and its first previews made.
struct Scene {
    folder: tempfile::TempDir,
    desk: Desk,
    run: RunId,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::load(&CatalogSources::default()).unwrap();
    let local = Local {
        database: Database::File(folder.path().join("dr.db")),
        environment: EnvironmentId::parse("demo").unwrap(),
        sources: CatalogSources::default(),
        person: None,
        seal_key: None,
    };
    let desk = App::desk(&local, catalog).await.unwrap();
    let by = Actor::Person { id: PersonId::parse("antoine").unwrap(), via: Surface::Web };
    let now = desk.engine.clock.now();
    let Answer::Done { run, .. } = desk.start("start", &by, None, Kind::Tabletop, now).await else {
        panic!("not started");
    };
    let supervisor = Supervisor::default();
    let (engine, token) = (Arc::clone(&desk.engine), supervisor.token().clone());
    supervisor
        .keep("outbox", move || dr_buddy::engine::outbox::work(Arc::clone(&engine), token.clone()));
    let (store, id) = (Arc::clone(&desk.engine.store), run.clone());
    eventually("the decision is asked", 30, || async {
        let run = store.run(&id).await.unwrap().unwrap().run;
        let is_asked = |(id, at): (&StepId, &StepRun)| {
            id.as_str() == "decide-go" && at.state.name() == "ready"
        };
        run.steps.iter().any(is_asked).then_some(())
    })
    .await;
    supervisor.drain(std::time::Duration::from_secs(10)).await;
    Scene { folder, desk, run }
}

impl Scene {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&self, who: &str, args: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_dr-buddy"))
            .args(args)
            .env("DR_BUDDY_DATABASE", self.path("dr.db"))
            .env("DR_BUDDY_ENVIRONMENT", "demo")
            .env("DR_BUDDY_WEB_TOKENS", TOKENS)
            .env("DR_BUDDY_TOKEN", who)
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        (status.code().unwrap(), said)
    }

    async fn events(&self) -> u64 {
        self.desk.engine.store.run(&self.run).await.unwrap().unwrap().run.seq
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_driven_from_the_terminal_by_known_people_only() {
    let scene = scene().await;
    let before = scene.events().await;
    let (code, said) = scene.ask("somebody", &["run", "note", "hello"]);
    assert_eq!((code, scene.events().await), (2, before), "{said}");

    let (code, said) = scene.ask("mia-0123456789abcd", &["run", "list"]);
    assert!(code == 0 && said.contains(scene.run.as_str()), "{said}");
    let (code, said) = scene.ask("mia-0123456789abcd", &["run", "show", "--step", "decide-go"]);
    assert!(code == 0 && said.contains("GO or NO GO") && said.contains("[go]"), "{said}");

    let (code, said) = scene.ask("mia-0123456789abcd", &["run", "note", "db", "is", "slow"]);
    assert_eq!(code, 0, "{said}");
    let record = scene.desk.engine.store.record(&scene.run, before, 9).await.unwrap();
    let by = serde_json::to_value(&record[0].entry.by).unwrap();
    assert_eq!(by["person"]["via"], "cli");

    // The wrong digits agree to nothing; the right ones are those of the card.
    let go = ["run", "go", "--step", "decide-go", "--digest"];
    let (code, said) = scene.ask("mia-0123456789abcd", &[&go[..], &["000000"]].concat());
    assert_eq!(code, 2, "{said}");
    let run = scene.desk.engine.store.run(&scene.run).await.unwrap().unwrap().run;
    let step = StepId::parse("decide-go").unwrap();
    let digest = run.steps[&step].shown.as_ref().unwrap().digest.as_str()[..6].to_owned();
    let (code, said) = scene.ask("mia-0123456789abcd", &[&go[..], &[&digest]].concat());
    assert_eq!(code, 0, "{said}");
    let (code, said) = scene.ask("mia-0123456789abcd", &[&go[..], &[&digest]].concat());
    assert!(code == 2 && said.contains("counts once"), "{said}");
    assert_eq!(scene.ask("mia-0123456789abcd", &["run", "launch"]).0, 64);

    // What is missing is asked for, and nothing is done.
    let before = scene.events().await;
    let (code, said) = scene.ask("mia-0123456789abcd", &["run", "go"]);
    assert!(code == 2 && said.contains("--step") && said.contains("decide-go"), "{said}");
    let (code, said) = scene.ask("mia-0123456789abcd", &["run", "mark-done"]);
    assert!(code == 2 && said.contains("None can be asked that now"), "{said}");
    for wrong in [&["run", "take"][..], &["run", "take", "--role", "king"]] {
        let (code, said) = scene.ask("mia-0123456789abcd", wrong);
        assert!(code == 2 && said.contains("--role") && said.contains("comms"), "{said}");
    }
    assert_eq!(scene.events().await, before);
    let (code, said) = scene.ask("mia-0123456789abcd", &["run", "take", "--role", "comms"]);
    assert_eq!((code, scene.events().await), (0, before + 1), "{said}");
    // A task is done with the digest of what is shown, as everything else that agrees.
    let done = ["run", "done", "--step", "freeze-controllers", "--digest", "000000"];
    let (code, said) = scene.ask("antoine-0123456789", &done);
    assert_eq!((code, scene.events().await), (2, before + 1), "{said}");
    // Each is answered in the language they chose.
    let antoine = PersonId::parse("antoine").unwrap();
    scene.desk.engine.store.choose_language(&antoine, Language::En).await.unwrap();
    let (_, said) = scene.ask("antoine-0123456789", &["run", "go"]);
    assert!(said.contains("Nothing was done"), "{said}");
    scene.desk.engine.store.choose_language(&antoine, Language::Fr).await.unwrap();
    for asked in [&["run", "go"][..], &["enrol"]] {
        let (_, said) = scene.ask("antoine-0123456789", asked);
        assert!(said.contains("Rien n’a été fait") || said.contains("Qui\u{a0}?"), "{said}");
    }
}

fn change(path: &Path, change: impl Fn(&mut Vec<String>)) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tampered_evidence_is_found_and_the_first_broken_link_named() {
    let scene = scene().await;
    let export = |name: &str| {
        let folder = scene.path(name);
        let to = folder.to_str().unwrap();
        let (code, said) = scene.ask("", &["evidence", "export", scene.run.as_str(), "--to", to]);
        assert_eq!(code, 0, "{said}");
        folder
    };
    let good = export("good");
    let (run, events) = verify(&good).unwrap();
    assert_eq!((run, events), (scene.run.clone(), scene.events().await));
    assert_eq!(scene.ask("", &["evidence", "verify", good.to_str().unwrap()]).0, 0);

    let broken_at = |folder: &Path| {
        let NotWhole::Chain(broken) = verify(folder).unwrap_err() else { panic!("not the chain") };
        broken.seq
    };
    let changed = export("changed");
    change(&changed.join("events.jsonl"), |lines| {
        lines[3] = lines[3].replacen("\"step\":\"", "\"step\":\"a", 1);
    });
    assert_eq!(broken_at(&changed), 4);
    let removed = export("removed");
    change(&removed.join("events.jsonl"), |lines| drop(lines.remove(4)));
    assert_eq!(broken_at(&removed), 5);
    let inserted = export("inserted");
    change(&inserted.join("events.jsonl"), |lines| lines.insert(2, lines[1].clone()));
    assert_eq!(broken_at(&inserted), 3);
    let swapped = export("swapped");
    change(&swapped.join("events.jsonl"), |lines| lines.swap(2, 3));
    assert_eq!(broken_at(&swapped), 3);
    let cut = export("cut");
    change(&cut.join("events.jsonl"), |lines| drop(lines.pop()));
    assert!(matches!(verify(&cut), Err(NotWhole::Count { .. })));

    let output = export("output");
    let preview = std::fs::read_dir(output.join("previews")).unwrap().next().unwrap().unwrap();
    // Still JSON, and says something else.
    change(&preview.path(), |lines| lines.insert(1, "  \"added\": 1,".to_owned()));
    let found = verify(&output);
    assert!(matches!(found, Err(NotWhole::NotAsRecorded { .. })), "{found:?}");
    let retold = export("retold");
    change(&retold.join("timeline.md"), |lines| lines.push("5. all is well".to_owned()));
    assert!(matches!(verify(&retold), Err(NotWhole::Changed { file }) if file == "timeline.md"));
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_printed_to_read_and_as_rows_and_what_nobody_measured_is_unknown() {
    // A tabletop is all there is: it is in no figure, and no step was exercised by it.
    let scene = scene().await;
    let (code, said) = scene.ask("", &["stats"]);
    assert!(code == 0 && said.contains("MTBF") && said.contains("unknown"), "{said}");
    assert!(said.contains("never exercised") && !said.contains("changed since"), "{said}");

    let (code, csv) = scene.ask("", &["stats", "--format", "csv"]);
    assert_eq!((code, csv.lines().next()), (0, Some("of,period,figure,value,unit,runs")), "{csv}");
    assert!(csv.contains("\ndemo,all,mttr,,s,0\n"), "{csv}");
    assert!(
        csv.contains("\nregion-failover/promote-database,all,exercised_last,,UTC,0\n"),
        "{csv}"
    );
    assert!(csv.lines().all(|line| line.split(',').count() == 6), "{csv}");

    let (code, said) = scene.ask("", &["stats", "--env", "prod", "--format", "json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["environment"]), (0, &"prod".into()));
    assert_eq!(said["rows"].as_array().unwrap().len(), csv.lines().count() - 1);
    assert!(said["rows"][0]["value"].is_null(), "{said}");

    let (code, said) = scene.ask("", &["stats", "--env", "prodd"]);
    assert!(code == 2 && said.contains("prod"), "{said}");
}

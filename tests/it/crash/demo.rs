//! The demo that keeps its folder, killed ten times at random and driven through its pages.

use std::path::Path;
use std::time::Duration;

use dr_buddy::domain::run::apply::replay;
use dr_buddy::domain::run::log::verify;
use dr_buddy::domain::run::state::Happened;
use dr_buddy::domain::run::{Event, Run, StepState};
use dr_buddy::store::Store;
use dr_buddy::store::sqlite::SqliteStore;
use tokio::time::Instant;

use super::{Dice, count};
use crate::harness::{Child, free_port, now_s, ready};

const KILLS: usize = 10;
const SPEED: &str = "20";

struct Demo {
    folder: tempfile::TempDir,
    store: SqliteStore,
    http: reqwest::Client,
    base: String,
}

impl Demo {
    async fn start(&self, number: usize) -> Child {
        let folder = self.folder.path().display().to_string();
        let listen = self.base.trim_start_matches("http://");
        let arguments = ["demo", "--listen", listen, "--speed", SPEED, "--keep", &folder];
        let binary = Path::new(env!("CARGO_BIN_EXE_dr-buddy"));
        let name = format!("demo-{number}");
        let child = Child::start(&name, self.folder.path(), binary, arguments, &[]);
        ready(child, &format!("{}/readyz", self.base)).await
    }

    async fn run(&self) -> Option<Run> {
        self.store.runs(5).await.expect("it can be read").pop()
    }

    async fn post(&self, person: &str, page: &str, to: &str, form: &[(&str, &str)]) -> Option<()> {
        let cookie = format!("dr_buddy_session={person}; dr_buddy_lang=en");
        let seen = self.http.get(format!("{}{page}", self.base)).header("cookie", &cookie);
        let seen = seen.send().await.ok()?.text().await.ok()?;
        let (_, token) = seen.split_once("name=\"token\" value=\"")?;
        let (token, _) = token.split_once('"')?;
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.append_pair("token", token).extend_pairs(form).finish();
        let request = self.http.post(format!("{}{to}", self.base)).header("cookie", cookie);
        let kind = ("content-type", "application/x-www-form-urlencoded");
        request.header(kind.0, kind.1).body(body).send().await.ok().map(drop)
    }

    /// The people press what is to be pressed; whether the run is closed.
    async fn round(&self) -> bool {
        let Some(run) = self.run().await else {
            self.post("antoine", "/", "/start", &[]).await;
            return false;
        };
        if run.is_closed() {
            return true;
        }
        let room = format!("/runs/{}", run.id);
        let (act, submit) = (format!("{room}/act"), format!("{room}/submit"));
        if run.steps.keys().all(|step| run.is_settled(step)) {
            let value = format!("{}||", run.id);
            let form =
                [("callback_id", "ask-close"), ("private_metadata", &value), ("words.words", "")];
            self.post("antoine", &room, &submit, &form).await;
            return false;
        }
        for (step, at) in &run.steps {
            let digest = at.shown.as_ref().map(|shown| shown.digest.as_str()).unwrap_or_default();
            let value = format!("{}|{step}|{digest}", run.id);
            if let StepState::InDoubt { seen: Some(seen), .. } = &at.state
                && seen.happened == Happened::Never
            {
                let form = [
                    ("callback_id", "ask-start-again"),
                    ("private_metadata", &value),
                    ("words.words", "we looked"),
                ];
                self.post("antoine", &room, &submit, &form).await;
            }
            let asks: &[&str] = match at.state.name() {
                "ready" => &["run", "approve", "go", "done"],
                // Nobody in the demo reaches the dead region; that is settled, and decided about.
                "failed" if !run.is_settled(step) => &["retry"],
                "blind" => &["look-again"],
                _ => continue,
            };
            let spec = run.runbook.step(step).expect("it is of the runbook");
            for ask in asks {
                let fits = match *ask {
                    "go" => spec.action.is_decision(),
                    "done" => spec.action.is_human(),
                    "run" => at.approvals.is_empty() && !spec.action.is_human(),
                    "approve" => !at.approvals.is_empty(),
                    _ => true,
                };
                for person in ["antoine", "mia", "leo"] {
                    if fits {
                        let form = [("action", *ask), ("value", value.as_str())];
                        self.post(person, &room, &act, &form).await;
                    }
                }
            }
        }
        false
    }
}

fn assert_whole(run: &Run, events: &[dr_buddy::domain::run::log::Recorded]) {
    verify(&run.id, events).expect("the chain is whole");
    let replayed = replay(events.iter().map(|recorded| &recorded.entry));
    assert_eq!(replayed.as_ref(), Some(run));
    for (step, at) in &run.steps {
        assert!(run.is_settled(step), "`{step}` is {:?}", at.state);
        // Nothing is outside of a tabletop; the record itself must not say that a call was made twice.
        let accepted = events.iter().filter(
            |one| matches!(&one.entry.event, Event::CallAccepted { step: of, .. } if of == step),
        );
        assert!(accepted.count() <= 1, "`{step}` was accepted twice");
    }
    super::verdict::assert_nothing_blind(run, events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_demo_killed_ten_times_goes_on_where_it_was() {
    let seed = now_s();
    println!("demo: seed {seed}");
    let mut dice = Dice(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open_beside(&folder.path().join("demo.db")).await.expect("it opens");
    // Makes the TLS provider known.
    drop(crate::harness::http());
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .no_proxy()
        .build()
        .expect("a client");
    let demo = Demo { folder, store, http, base: format!("http://127.0.0.1:{}", free_port()) };
    let mut child = demo.start(0).await;
    let mut kills = 0;
    let begun = Instant::now();
    let mut next = Instant::now() + Duration::from_millis(dice.roll(1000));
    while !demo.round().await {
        child.must_live();
        if kills < KILLS && Instant::now() >= next {
            drop(child);
            kills += 1;
            child = demo.start(kills).await;
            next = Instant::now() + Duration::from_millis(100 + dice.roll(900));
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "seed {seed}: {:#?}", demo.run().await);
        tokio::time::sleep(Duration::from_millis(dice.roll(40))).await;
    }
    assert_eq!(kills, KILLS, "seed {seed}: it was over too soon");
    let runs = demo.store.runs(5).await.expect("they can be read");
    assert_eq!(runs.len(), 1, "seed {seed}: started once");
    let events = demo.store.record(&runs[0].id, 0, u32::MAX).await.expect("it can be read");
    assert_whole(&runs[0], &events);
    count(
        "random-demo",
        &format!(
            "kill -9 at random of the demo: {kills} in one run (seed {seed}), nothing lost, nothing twice"
        ),
    );
}

//! People who agree to whatever is asked of them, and do by hand what steps ask of hands.
#![expect(clippy::disallowed_methods, reason = "the outbox ends with its token")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dr_buddy::actions::{ActionSettings, Actions};
use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::desk::{Answer, Desk};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::environment;
use dr_buddy::domain::ids::{EnvironmentId, PersonId, RunId, RunbookId, StepId};
use dr_buddy::domain::run::log::{Recorded, verify};
use dr_buddy::domain::run::state::Choice;
use dr_buddy::domain::run::{Kind, Request, Run, StepState};
use dr_buddy::domain::runbook::Runbook;
use dr_buddy::engine::channel::Silent;
use dr_buddy::engine::clock::SystemClock;
use dr_buddy::engine::{Engine, outbox};
use dr_buddy::store::Store;
use dr_buddy::store::sqlite::SqliteStore;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::world::World;
use crate::actions::seeds;
use crate::harness::http;

const PEOPLE: [&str; 4] = ["antoine", "mia", "leo", "clara"];
/// A runbook is walked within so long.
const LONGEST: Duration = Duration::from_secs(200);

/// A shipped runbook; what must stay as it is for a while is looked at for a second. Nothing else is changed.
fn shipped(name: &str) -> Runbook {
    let path = crate::harness::repository().join(format!("prompts/runbooks/{name}.yaml"));
    let text = std::fs::read_to_string(path).expect("it is shipped");
    let mut parts = text.split("hold_for: ");
    let mut quicker = parts.next().expect("there is always one").to_owned();
    for part in parts {
        quicker.push_str("hold_for: 1s");
        quicker.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    }
    let known = Catalog::load(&CatalogSources::default()).expect("what is shipped is good").known;
    dr_buddy::domain::runbook::check::check(&format!("{name}.yaml"), &quicker, &known, &[])
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The team and its bot.
pub(super) struct Team {
    desk: Desk,
    keys: u32,
    by_hand: BTreeSet<StepId>,
    _outbox: DropGuard,
}

impl Team {
    /// The product in this process, on its own file, with settings as its own reader makes them.
    pub(super) async fn of(world: &World) -> Self {
        let mut catalog =
            Catalog::load(&CatalogSources::default()).expect("what is shipped is good");
        for name in ["region-failover", "region-failback"] {
            catalog.runbooks.insert(RunbookId::parse(name).expect("an id"), shipped(name));
        }
        let text = world.environment();
        let environment = environment::check("shop.yaml", &text)
            .unwrap_or_else(|problems| panic!("{problems:#?}"));
        let id = EnvironmentId::parse("shop").expect("an id");
        catalog.environments.insert(id, environment.clone());
        let store = SqliteStore::open(&world.folder.path().join("dr.db")).await.expect("a file");
        let connectors = catalog.connectors.values().cloned().collect();
        let settings = ActionSettings { connectors, ..world.settings() };
        let (actions, clock) = (Actions::new(settings), SystemClock::default());
        let engine =
            Engine::new(Arc::new(store), Arc::new(actions), Arc::new(Silent), Arc::new(clock));
        let desk = Desk::new(Arc::new(engine), Arc::new(catalog), Arc::new(environment));
        let token = CancellationToken::new();
        tokio::spawn(outbox::work(Arc::clone(&desk.engine), token.clone()));
        Self { desk, keys: 0, by_hand: BTreeSet::new(), _outbox: token.drop_guard() }
    }

    async fn ask(&mut self, person: &str, request: &Request) -> bool {
        self.keys += 1;
        let key = format!("round/{}", self.keys);
        let by = Actor::Person { id: PersonId::parse(person).expect("an id"), via: Surface::Slack };
        matches!(self.desk.ask_open_run(&key, &by, request).await, Answer::Done { .. })
    }

    pub(super) async fn start(&mut self) {
        let id = PersonId::parse("antoine").expect("an id");
        let by = Actor::Person { id, via: Surface::Slack };
        let now = self.desk.engine.clock.now();
        let started = self.desk.start("round/start", &by, None, Kind::Incident, now).await;
        assert!(matches!(started, Answer::Done { .. }), "{started:?}");
    }

    pub(super) async fn attach(&mut self) {
        let id = RunbookId::parse("region-failback").expect("an id");
        let runbook = self.desk.catalog.runbook(&id).expect("it is there").clone();
        assert!(self.ask("antoine", &Request::Attach { runbook: Box::new(runbook) }).await);
    }

    pub(super) async fn run(&self) -> Run {
        self.desk.open_run().await.expect("it can be read").expect("it is open")
    }

    /// The run's record, its chain checked.
    pub(super) async fn record(&self, run: &RunId) -> Vec<Recorded> {
        let store: &dyn Store = &*self.desk.engine.store;
        let record = store.record(run, 0, u32::MAX).await.expect("it can be read");
        verify(run, &record).expect("the chain is whole");
        record
    }

    /// Everybody answers what is asked of them, until nothing is left.
    pub(super) async fn walk(&mut self, world: &World) -> Run {
        let begun = Instant::now();
        let mut changes = self.desk.engine.changes();
        loop {
            let run = self.run().await;
            let open: Vec<&StepId> = run.steps.keys().filter(|id| !run.is_settled(id)).collect();
            if open.is_empty() {
                return run;
            }
            let states = open.iter().map(|id| (id, &run.steps[*id].state));
            let stuck: Vec<_> = states.filter(|(_, state)| **state != StepState::Waiting).collect();
            assert!(begun.elapsed() < LONGEST, "{}: {stuck:#?}", world.name);
            for (id, state) in &stuck {
                let broken = matches!(state, StepState::Failed { .. } | StepState::InDoubt { .. });
                assert!(!broken, "{}: `{id}` {state:#?}", world.name);
            }
            self.round(world, &run).await;
            // Something changed, or is asked again; what came meanwhile is in the next look.
            drop(tokio::time::timeout(Duration::from_millis(500), changes.recv()).await);
            while changes.try_recv().is_ok() {}
        }
    }

    async fn round(&mut self, world: &World, run: &Run) {
        for (step, at) in run.each_step() {
            let id = step.id.clone();
            let shown = at.shown.as_ref().map(|shown| shown.digest.clone());
            let needed = step.gate.people();
            let request = match (&at.state, shown) {
                (StepState::Ready, Some(digest)) if step.action.is_decision() => {
                    Request::Vote { step: id, digest, choice: Choice::Go, words: String::new() }
                }
                (StepState::Ready, Some(digest)) => {
                    if self.by_hand.insert(id.clone()) {
                        by_hand(world, run, id.as_str()).await;
                    }
                    Request::Approve { step: id, digest }
                }
                // It says that the rule is on: nobody could suspend it in the dead region.
                (StepState::Blind { .. }, _) if id.as_str() == "resume-s3-replication" => {
                    Request::Skip { step: id, reason: "it was never suspended".to_owned() }
                }
                (StepState::Blind { .. }, _) => {
                    assert!(at.previews < 20, "{}: {at:#?}", world.name);
                    Request::LookAgain { step: id }
                }
                _ => continue,
            };
            let mut agreed = 0;
            for person in PEOPLE {
                agreed += u32::from(self.ask(person, &request).await);
                if agreed >= needed.max(1) {
                    break;
                }
            }
        }
    }
}

/// What was sent by a step that is done; nothing of one that never was.
fn sent<'a>(run: &'a Run, step: &str) -> Option<&'a Value> {
    let at = &run.steps[&StepId::parse(step).expect("an id")];
    let shown = at.shown.as_ref().filter(|_| matches!(at.state, StepState::Done { .. }))?;
    Some(&shown.preview.request)
}

/// The request that writes rules again as they were.
fn authorize(group: &str, sent: &Value) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "AuthorizeSecurityGroupIngress");
    form.append_pair("Version", "2016-11-15").append_pair("GroupId", group);
    let rules = sent["parameters"]["from"].as_array().expect("it kept the rules");
    assert_eq!(rules.len(), 2, "{sent}");
    for (place, rule) in rules.iter().enumerate() {
        for (name, value) in rule.as_object().expect("a rule") {
            let name = format!("IpPermissions.{}.{name}", place + 1);
            form.append_pair(&name, value.as_str().expect("text"));
        }
    }
    form.finish()
}

/// What the notes of these steps ask of people.
async fn by_hand(world: &World, run: &Run, step: &str) {
    match step {
        // Sync with Argo CD by hand, overlay passive: the API is back, and workers are at zero.
        "redeploy-primary" => {
            let (kube, namespace) = (world.kube, &world.namespace);
            if kube.replicas("eu", namespace, "shop-api").await == 0 {
                let passive = json!({"spec": {"replicas": 1}});
                kube.patch("eu", namespace, "shop-api", passive).await;
            }
        }
        // Try one write and see it refused.
        "confirm-read-only" => {
            let url = format!("http://localhost:{}/canary/by-hand", world.shop.port);
            let tried = http().put(url).json(&json!({"canary": "by-hand"})).send().await;
            assert_eq!(tried.expect("it answers").status(), 503, "the application is read-only");
        }
        // Exactly the rules that the step which cut them kept in its evidence.
        "reopen-database-access" => {
            let Some(sent) = sent(run, "cut-database-access") else { return };
            let body = authorize(&world.moto.1.group, sent);
            let moto = &world.moto.0.direct;
            seeds::ask(moto, "ec2", "eu-west-1", Method::POST, "/", body).await;
        }
        // Those that the step which suspended them names, and no others.
        "resume-cronjobs" => {
            let Some(sent) = sent(run, "suspend-cronjobs") else { return };
            for name in sent["jobs"].as_array().expect("it names them") {
                let name = name.as_str().expect("a name");
                let namespace = &world.namespace;
                let path = format!("/apis/batch/v1beta1/namespaces/{namespace}/cronjobs/{name}");
                world.kube.merge(&path, &json!({"spec": {"suspend": false}})).await;
            }
        }
        _ => {}
    }
}

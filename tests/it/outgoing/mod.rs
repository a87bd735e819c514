//! What goes out to the war room: the engine on a real store, before a Slack that is as strict as Slack and fails as it
//! is told. The clock is moved by hand; a process is "killed" by dropping it where it stands.

mod audiences;
mod groups;
mod lost;
mod many;
mod order;
mod threads;
mod watch;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use dr_buddy::actions::{ActionSettings, Actions};
use dr_buddy::catalog::{Catalog, CatalogSources, Opening};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{EnvironmentId, PersonId, RunId};
use dr_buddy::domain::run::{Effect, Kind, MessageKey, Request};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::engine::channel::Channel;
use dr_buddy::engine::clock::{Clock, SystemClock};
use dr_buddy::engine::{Asked, Engine, outbox};
use dr_buddy::slack::client::{SlackClientHandle, SlackSettings};
use dr_buddy::store::sqlite::SqliteStore;
use dr_buddy::store::{Claimed, Posted, Store};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::{FakeSlack, crypto, eventually, fake_slack};

pub(super) const ROOM: &str = "C0DEMOWARROOM";
const TOKEN: &str = "xoxb-test-token";

/// What a runbook of these tests begins with. Mostly it has nothing but questions: four at once, and one after them.
const RUNBOOK: &str = "
id: questions
title: {en: Questions, fr: Questions}
phases:
  - {id: all, title: {en: All, fr: Tout}}
restored_by: last
steps:
";

/// A question, with more lines about it.
fn human(id: &str, more: &str) -> String {
    format!(
        "  - id: {id}\n    title: {{en: Ask {id}, fr: Demander {id}}}\n    phase: all\n    owner: ic\n{more}    \
         action:\n      human.task: {{}}\n    typical: 1m\n    worst: 5m\n"
    )
}

fn runbook() -> String {
    let first = ["a", "b", "c", "d"].map(|id| human(id, ""));
    format!("{RUNBOOK}{}{}", first.concat(), human("last", "    needs: [a, b, c, d]\n"))
}

/// The system's time, and as much more as it was moved on.
#[derive(Debug, Default)]
struct MovedClock {
    system: SystemClock,
    ahead: AtomicI64,
}

#[async_trait]
impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.system.now().0 + self.ahead.load(Ordering::SeqCst))
    }

    async fn sleep(&self, span: Span) {
        let until = self.now().plus(span);
        while self.now() < until {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

/// A store, a Slack and a clock; processes come and go.
struct Bed {
    slack: FakeSlack,
    store: Arc<dyn Store>,
    clock: Arc<MovedClock>,
    catalog: Arc<Catalog>,
    folder: TempDir,
}

/// A process; dropped, it is killed.
struct Process {
    engine: Arc<Engine>,
    _work: JoinSet<()>,
}

fn antoine() -> Actor {
    Actor::Person { id: PersonId::parse("antoine").expect("an id"), via: Surface::Web }
}

impl Bed {
    async fn new() -> Self {
        Self::with(&runbook()).await
    }

    /// With another runbook, whose id is `questions`.
    async fn with(runbook: &str) -> Self {
        Self::with_groups(runbook, None).await
    }

    /// With these user groups in the environment as well: `[{id: S0DB, roles: [db]}]`.
    async fn with_groups(runbook: &str, groups: Option<&str>) -> Self {
        Self::with_more(runbook, groups.map(|groups| format!("groups: {groups}"))).await
    }

    /// With these lines at the end of the environment's file.
    async fn with_more(runbook: &str, more: Option<String>) -> Self {
        crypto();
        let folder = tempfile::tempdir().expect("a folder");
        let runbooks = folder.path().join("prompts/runbooks");
        fs::create_dir_all(&runbooks).expect("a folder");
        fs::write(runbooks.join("questions.yaml"), runbook).expect("it can be written");
        let environments = more.map(|more| {
            let demo = include_str!("../../../deploy/environments/demo.yaml");
            let environments = folder.path().join("environments");
            fs::create_dir_all(&environments).expect("a folder");
            let text = format!("{demo}\n{more}\n");
            fs::write(environments.join("demo.yaml"), text).expect("it can be written");
            environments
        });
        let prompts = Some(folder.path().join("prompts"));
        let sources = CatalogSources { prompts, environments };
        let catalog = Catalog::load(&sources).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        let store = SqliteStore::open(&folder.path().join("dr.db")).await.expect("it opens");
        Self {
            slack: fake_slack(TOKEN, &[]).await,
            store: Arc::new(store),
            clock: Arc::default(),
            catalog: Arc::new(catalog),
            folder,
        }
    }

    fn engine(&self) -> Arc<Engine> {
        let settings = SlackSettings {
            token: TOKEN.to_owned().into(),
            signing_secret: None,
            app_token: None,
            api_url: self.slack.api_url.clone(),
        };
        let slack = SlackClientHandle::new(&settings, Arc::clone(&self.catalog));
        let slack: Arc<dyn Channel> = Arc::new(slack.expect("there are certificates"));
        let actions = Arc::new(Actions::new(ActionSettings::default()));
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Arc::new(Engine::new(Arc::clone(&self.store), actions, slack, clock))
    }

    /// Starts a process; the one before must be gone.
    async fn process(&self) -> Process {
        self.store.release_leases().await.expect("the database is there");
        let engine = self.engine();
        let mut work = JoinSet::new();
        work.spawn(outbox::work(Arc::clone(&engine), CancellationToken::new()));
        Process { engine, _work: work }
    }

    /// Opens a run; nothing is shown before there is a process.
    async fn start(&self, kind: Kind) -> RunId {
        let environment = EnvironmentId::parse("demo").expect("an id");
        let (runbook, impact_at) = (Some("questions"), self.clock.now());
        let key = kind.name();
        let opening = Opening { key, runbook, environment: &environment, kind, impact_at };
        let start = self.catalog.start(opening).expect("it can be opened");
        let started = self.engine().start(key, &start, &antoine()).await;
        started.expect("it is opened");
        start.id
    }

    /// Time passes, for us and for Slack.
    fn pass(&self, span: Span) {
        let ms = i64::try_from(span.ms()).expect("not so long");
        self.clock.ahead.fetch_add(ms, Ordering::SeqCst);
        self.slack.advance(ms / 1000);
    }

    /// Takes the showing of the run's card, as a worker does.
    async fn take_card(&self, run: &RunId) -> Claimed {
        static HOLDERS: AtomicI64 = AtomicI64::new(0);
        let holder = format!("worker {}", HOLDERS.fetch_add(1, Ordering::SeqCst));
        let (card, lease) = (Effect::Show(MessageKey::Run), Span::seconds(240));
        let taken = self.store.claim_one(run, &card, &holder, self.clock.now(), lease).await;
        taken.expect("the database is there").expect("it is owed, and nobody's")
    }

    async fn place(&self, run: &RunId, key: &MessageKey) -> Option<Posted> {
        self.store.posted(run, key).await.expect("the database is there")
    }

    /// Waits until the message stands; what it looks like.
    async fn stands(&self, run: &RunId, key: &MessageKey) -> Value {
        eventually(&format!("{key} stands"), 60, || async {
            let place = self.place(run, key).await.filter(Posted::stands)?;
            self.slack.messages().get(&(place.channel, place.ts)).cloned()
        })
        .await
    }

    /// The messages that Slack keeps under this key.
    fn kept(&self, key: &MessageKey) -> Vec<Value> {
        let mut all: Vec<Value> = self.slack.messages().into_values().collect();
        all.retain(|one| one["metadata"]["event_payload"]["key"] == key.to_string().as_str());
        all
    }
}

impl Process {
    async fn ask(&self, run: &RunId, key: &str, request: Request) {
        let asked = Asked { key, request: &request, by: &antoine(), settles: None };
        self.engine.submit(run, asked).await.expect("it is accepted");
    }

    async fn note(&self, run: &RunId, text: &str) {
        self.ask(run, text, Request::Note { text: text.to_owned() }).await;
    }
}

/// Whether a message has buttons.
fn has_buttons(message: &Value) -> bool {
    let blocks = message["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    blocks.iter().any(|block| block["type"] == "actions")
}

fn says(message: &Value, words: &str) -> bool {
    message.to_string().contains(words)
}

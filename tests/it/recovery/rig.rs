//! An engine on a real database, with a system outside that does as it is told, and a clock that is set by hand.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dr_buddy::actions::{Action, Actions, Call, Happened, LookError, Outcome, Permissions, Probe};
use dr_buddy::domain::action::Known;
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{PersonId, RunId, StepId};
use dr_buddy::domain::run::declared::Declared;
use dr_buddy::domain::run::log::Recorded;
use dr_buddy::domain::run::preview::{Approved, Preview};
use dr_buddy::domain::run::{Effect, Event, Kind, Request, Run, Start, StepState};
use dr_buddy::domain::runbook::check::check;
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::engine::channel::Silent;
use dr_buddy::engine::clock::Clock;
use dr_buddy::engine::patience::Patience;
use dr_buddy::engine::{Asked, Engine, outbox};
use dr_buddy::store::{Claimed, Store};
use serde_json::{Map, Value, json};

use crate::harness::eventually;
use crate::store::{Bed, draft};

pub(super) const START: Timestamp = draft::NOW;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(super) struct Hand(AtomicI64);

impl Hand {
    pub(super) fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }

    pub(super) fn pass(&self, span: Span) {
        self.set(self.now().plus(span));
    }
}

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, span: Span) {
        let until = self.now().plus(span);
        while self.now() < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn not_before(&self, latest: Timestamp) {
        self.0.fetch_max(latest.0, Ordering::SeqCst);
    }
}

/// The system outside.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// Calls that arrived.
    pub(super) calls: AtomicU32,
    /// Looks at what happened.
    pub(super) probes: AtomicU32,
    /// Calls never return.
    pub(super) swallows: AtomicBool,
    /// Looks never return.
    pub(super) dark: AtomicBool,
    /// What a look at a call says.
    pub(super) happened: Mutex<Option<Happened>>,
}

impl Outside {
    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn say(&self, happened: Happened) {
        *self.happened.lock().expect("nobody panics while holding it") = Some(happened);
    }
}

#[derive(Debug)]
struct Scripted(Arc<Outside>);

#[async_trait]
impl Action for Scripted {
    async fn preview(&self, call: &Call<'_>) -> Result<Preview, LookError> {
        Ok(Preview {
            request: json!({"step": call.step}),
            binding: Map::new(),
            facts: Map::new(),
            changes: vec![],
            calls: vec![],
            remarks: vec![],
        })
    }

    async fn probe(&self, _call: &Call<'_>, _request: &Value) -> Probe {
        self.0.probes.fetch_add(1, Ordering::SeqCst);
        if self.0.dark.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let happened = *self.0.happened.lock().expect("nobody panics while holding it");
        let happened = happened.unwrap_or(Happened::Unknown);
        let mut facts = Map::new();
        facts.insert("at_target".to_owned(), json!(happened == Happened::Done));
        Probe { happened, facts, saw: "as scripted".to_owned() }
    }

    async fn run(&self, _call: &Call<'_>, _approved: &Approved) -> Outcome {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        if self.0.swallows.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Outcome::Accepted { evidence: Value::Null }
    }

    fn permissions(&self) -> Permissions {
        Permissions { look: &[], act: &[] }
    }
}

/// See the module.
pub(super) struct Rig {
    _bed: Bed,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<Hand>,
    pub(super) outside: Arc<Outside>,
    pub(super) patience: Patience,
    pub(super) run: RunId,
}

/// A runbook of so many steps, all open at once, each for two people.
fn runbook(steps: usize) -> String {
    let mut text = "id: rig\ntitle: {en: Rig, fr: Banc}\nrestored_by: s0\n\
         phases: [{id: all, title: {en: All, fr: Tout}}]\nsteps:\n"
        .to_owned();
    for n in 0..steps {
        text.push_str(&format!(
            "  - {{id: s{n}, title: {{en: Step, fr: Pas}}, phase: all, owner: platform, typical: 5s, worst: 30s, nag: 60m,\n     \
             action: {{k8s.scale: {{context: eu, namespace: app, workloads: [worker], replicas: 0}}}},\n     \
             gate: {{people: 2, roles: [db, platform], expires: 10m}}, verify: {{expect: \"facts.at_target\", timeout: 1m}}}}\n"
        ));
    }
    text
}

pub(super) fn step(n: usize) -> StepId {
    StepId::parse(&format!("s{n}")).expect("an id")
}

impl Rig {
    pub(super) async fn new(bed: Bed, steps: usize) -> Self {
        let (store, clock) = (bed.open().await, Arc::new(Hand(AtomicI64::new(START.0))));
        let environment = draft::start("rig", Kind::Incident).environment;
        let runbook = check(
            "rig.yaml",
            &runbook(steps),
            &Known::default(),
            std::slice::from_ref(&environment),
        )
        .unwrap_or_else(|problems| panic!("{problems:#?}"));
        let run = RunId::parse("RIG-1").expect("an id");
        let patience = Patience { look: Duration::from_millis(500), ..Patience::default() };
        let rig = Self { _bed: bed, store, clock, outside: Arc::default(), patience, run };
        let (id, kind) = (rig.run.clone(), Kind::Incident);
        let declared = Declared::default();
        let start = Start { id, kind, runbook, environment, impact_at: START, declared };
        let opened = rig.process().start("open", &start, &who("antoine")).await;
        opened.expect("it is recorded");
        rig
    }

    /// Another process on the same database.
    pub(super) fn process(&self) -> Arc<Engine> {
        let actions = Actions::of([(
            "k8s.scale",
            Arc::new(Scripted(Arc::clone(&self.outside))) as Arc<dyn Action>,
        )]);
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let engine =
            Engine::new(Arc::clone(&self.store), Arc::new(actions), Arc::new(Silent), clock);
        Arc::new(engine.with_patience(self.patience))
    }

    pub(super) async fn state(&self) -> Run {
        self.store.run(&self.run).await.expect("it can be read").expect("it is there").run
    }

    pub(super) async fn step(&self, n: usize) -> StepState {
        self.state().await.steps[&step(n)].state.clone()
    }

    pub(super) async fn record(&self) -> Vec<Recorded> {
        self.store.record(&self.run, 0, u32::MAX).await.expect("it can be read")
    }

    pub(super) async fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.record().await.iter().filter(|one| is_it(&one.entry.event)).count()
    }

    /// Both people agree; the effect that follows is left where it is.
    pub(super) async fn agree(&self, engine: &Engine, n: usize) {
        for person in ["antoine", "mia"] {
            let run = self.state().await;
            let digest = run.steps[&step(n)].shown.as_ref().expect("it was shown").digest.clone();
            let request = Request::Approve { step: step(n), digest };
            let key = format!("{person}/{n}/{}", run.seq);
            let by = who(person);
            let asked = Asked { key: &key, request: &request, by: &by, settles: None };
            engine.submit(&self.run, asked).await.expect("it is recorded");
        }
    }

    /// A process takes the calls of these steps, and dies while they are out.
    pub(super) async fn die_calling(&self, steps: usize) {
        let engine = self.process();
        settle(&engine).await;
        for n in 0..steps {
            self.agree(&engine, n).await;
        }
        self.outside.swallows.store(true, Ordering::SeqCst);
        let before = self.outside.calls();
        let mut tasks = tokio::task::JoinSet::new();
        for claimed in acts(&engine).await {
            let engine = Arc::clone(&engine);
            tasks.spawn(async move { outbox::perform(&engine, claimed).await });
        }
        eventually("all calls are out", 30, || async {
            let out = usize::try_from(self.outside.calls() - before).unwrap_or_default();
            (out == steps).then_some(())
        })
        .await;
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
        self.outside.swallows.store(false, Ordering::SeqCst);
    }
}

pub(super) fn who(person: &str) -> Actor {
    Actor::Person { id: PersonId::parse(person).expect("an id"), via: Surface::Slack }
}

/// Takes all that is due, and hands over the calls; the rest is performed.
pub(super) async fn acts(engine: &Arc<Engine>) -> Vec<Claimed> {
    let mut acts = Vec::new();
    for claimed in outbox::take(engine, 99, 99).await {
        if matches!(claimed.effect, Effect::Act { .. }) {
            acts.push(claimed);
        } else {
            outbox::perform(engine, claimed).await;
        }
    }
    acts
}

/// Performs whatever is due until nothing is; what that was.
pub(super) async fn settle(engine: &Arc<Engine>) -> Vec<Effect> {
    let mut performed = Vec::new();
    loop {
        let claimed = outbox::take(engine, 99, 99).await;
        if claimed.is_empty() {
            return performed;
        }
        assert!(performed.len() < 1000, "it never ends: {performed:?}");
        for claimed in claimed {
            performed.push(claimed.effect.clone());
            outbox::perform(engine, claimed).await;
        }
    }
}

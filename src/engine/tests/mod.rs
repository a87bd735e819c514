//! The engine on a real database, one effect at a time: with a system outside and a channel that do as they are told,
//! and a clock that is set by hand.

mod audiences;
mod breath;
mod calls;
mod gate;
mod hands;
mod in_doubt;
mod limits;
mod lost;
mod races;
mod told;
mod typed;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use gate::Gate;
use hands::{Hand, Outside, Scripted, Wall};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::channel::Channel;
use super::clock::Clock;
use super::patience::Patience;
use super::seal::Seal;
use super::{Asked, Engine, SubmitError, Submitted, effect, outbox};
use crate::actions::{Action, Actions};
use crate::domain::action::Known;
use crate::domain::actor::{Actor, Surface};
use crate::domain::environment::{self, Environment};
use crate::domain::ids::{PersonId, RunId, StepId};
use crate::domain::run::declared::Declared;
use crate::domain::run::{Effect, Event, Kind, Request, Run, Start, StepState};
use crate::domain::runbook::Runbook;
use crate::domain::runbook::check::check;
use crate::domain::time::Timestamp;
use crate::store::sqlite::SqliteStore;
use crate::store::{Claimed, Store};

const START: Timestamp = Timestamp(1_795_184_300_000);

const ENVIRONMENT: &str = r##"
id: rig
kind: staging
account: "111111111111"
regions: {primary: eu-west-1, dr: us-east-1}
objectives: {rto: 1h, rpo: 5m}
chat: {war_room: C0ROOM, updates: 100h}
people:
  - {id: ana, name: Ana, slack: U0ANA, roles: [ic, platform]}
  - {id: mia, name: Mia, slack: U0MIA, roles: [db]}
cluster: {global: g1}
"##;

const RUNBOOK: &str = "
id: rig
title: {en: Rig, fr: Banc}
phases: [{id: all, title: {en: All, fr: Tout}}]
restored_by: move
steps:
  - {id: move, title: {en: Move, fr: Bouger}, phase: all, owner: db, typical: 1m, worst: 5m, nag: 60m,
     action: {aurora.switchover: {global_cluster: '${cluster.global}', target: t}},
     gate: {people: 2, roles: [ic, db], expires: 60m},
     verify: {expect: facts.target_is_writer, timeout: 30s, hold_for: 3s}}
";

/// A run of one step on a database of its own.
struct Rig {
    _folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    clock: Arc<Hand>,
    outside: Arc<Outside>,
    wall: Arc<Wall>,
    engine: Arc<Engine>,
    run: RunId,
}

fn environment() -> Environment {
    environment::check("rig.yaml", ENVIRONMENT).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

fn runbook() -> Runbook {
    check("rig.yaml", RUNBOOK, &Known::default(), &[environment()])
        .unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

fn the_step() -> StepId {
    StepId::parse("move").unwrap()
}

fn who(person: &str) -> Actor {
    Actor::Person { id: PersonId::parse(person).unwrap(), via: Surface::Slack }
}

impl Rig {
    async fn new() -> Self {
        Self::of(environment()).await
    }

    async fn of(environment: Environment) -> Self {
        Self::with(environment, runbook()).await
    }

    async fn with(environment: Environment, runbook: Runbook) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&folder.path().join("runs.db")).await.unwrap());
        let (clock, outside) = (Arc::new(Hand::at(START)), Arc::<Outside>::default());
        let wall = Arc::<Wall>::default();
        let engine = Arc::new(process(&store, &clock, &outside, &wall));
        let run = RunId::parse("RIG-1").unwrap();
        let rig = Self { _folder: folder, store, clock, outside, wall, engine, run };
        let (id, kind, declared) = (rig.run.clone(), Kind::Incident, Declared::default());
        let start = Start { id, kind, runbook, environment, impact_at: START, declared };
        rig.engine.start("open", &start, &who("ana")).await.unwrap();
        rig
    }

    /// Another process on the same database.
    fn process(&self) -> Arc<Engine> {
        Arc::new(process(&self.store, &self.clock, &self.outside, &self.wall))
    }

    /// From now on the process has this key.
    fn sealed_with(&mut self, seal: Option<Seal>) {
        let engine = process(&self.store, &self.clock, &self.outside, &self.wall);
        self.engine = Arc::new(engine.with_seal(seal));
    }

    /// From now on the process meets its database at a gate.
    fn gated(&mut self) -> Arc<Gate> {
        let gate = Gate::before(&self.store);
        let store: Arc<dyn Store> = Arc::<Gate>::clone(&gate);
        self.engine = Arc::new(process(&store, &self.clock, &self.outside, &self.wall));
        gate
    }

    async fn state(&self) -> Run {
        self.store.run(&self.run).await.unwrap().unwrap().run
    }

    async fn step(&self) -> StepState {
        self.state().await.steps[&the_step()].state.clone()
    }

    async fn events(&self) -> Vec<Event> {
        let record = self.store.record(&self.run, 0, u32::MAX).await.unwrap();
        record.into_iter().map(|one| one.entry.event).collect()
    }

    async fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.events().await.iter().filter(|event| is_it(event)).count()
    }

    async fn ask(&self, person: &str, request: &Request) -> Result<Submitted, SubmitError> {
        let (key, by) = (format!("{person}/{}", self.state().await.seq), who(person));
        let asked = Asked { key: &key, request, by: &by, settles: None };
        self.engine.submit(&self.run, asked).await
    }

    /// Takes what is due: all that is.
    async fn take(&self) -> Vec<Claimed> {
        outbox::take(&self.engine, 99, 99).await
    }

    /// The one effect of this kind among what is due; the others are let go.
    async fn take_one(&self, is_it: impl Fn(&Effect) -> bool) -> Claimed {
        let mut found = Vec::new();
        for claimed in self.take().await {
            if is_it(&claimed.effect) {
                found.push(claimed);
            } else {
                effect::hand_back(&self.engine, &claimed).await.unwrap();
            }
        }
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    async fn take_act(&self) -> Claimed {
        self.take_one(|effect| matches!(effect, Effect::Act { .. })).await
    }

    async fn perform(&self, claimed: Claimed) {
        outbox::perform(&self.engine, claimed).await;
    }

    /// Performs all that is due, once each; what that was.
    async fn pass(&self) -> Vec<Effect> {
        let mut performed = Vec::new();
        for claimed in self.take().await {
            performed.push(claimed.effect.clone());
            self.perform(claimed).await;
        }
        performed
    }

    /// Performs until nothing is due.
    async fn settle(&self) {
        for _ in 0..100 {
            if self.pass().await.is_empty() {
                return;
            }
        }
        panic!("it never ends: {:?}", self.take().await);
    }

    /// Both agree to what is shown.
    async fn agree(&self) {
        for person in ["ana", "mia"] {
            let shown = self.state().await.steps[&the_step()].shown.clone().unwrap();
            let request = Request::Approve { step: the_step(), digest: shown.digest };
            self.ask(person, &request).await.unwrap();
        }
    }

    /// The look right before the call still sees something; the call goes out, and never comes back.
    async fn dark_once_called(&self) {
        self.outside.now(|script| script.swallows_calls = true);
        until("the call is out", || !self.outside.asked("run").is_empty()).await;
        self.outside.now(|script| (script.is_dark, script.swallows_calls) = (true, false));
    }

    /// Shown and agreed to, and everybody knows; the call is still owed.
    async fn agreed() -> Self {
        let rig = Self::new().await;
        rig.settle().await;
        rig.agree().await;
        rig
    }
}

/// Lets everything else go on until it is so, or for half a minute.
async fn until(what: &str, is_it: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_it() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}, at last");
        tokio::task::yield_now().await;
    }
}

/// Work beside the test, which ends it or waits for it.
#[expect(clippy::disallowed_methods, reason = "the test ends it")]
fn beside(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(work)
}

/// What a task comes to within half a minute.
async fn over(work: JoinHandle<()>) {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it ends").unwrap();
}

fn process(
    store: &Arc<dyn Store>,
    clock: &Arc<Hand>,
    outside: &Arc<Outside>,
    wall: &Arc<Wall>,
) -> Engine {
    let action: Arc<dyn Action> = Arc::new(Scripted(Arc::clone(outside)));
    let actions = Arc::new(Actions::of(
        ["aurora.switchover", "http.check"].map(|name| (name, Arc::clone(&action))),
    ));
    let channel: Arc<dyn Channel> = Arc::<Wall>::clone(wall);
    let clock: Arc<dyn Clock> = Arc::<Hand>::clone(clock);
    Engine::new(Arc::clone(store), actions, channel, clock).with_patience(Patience::default())
}

/// What stands at `path` of a call's parameters or evidence.
fn at<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

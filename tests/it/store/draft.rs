//! Commits made by hand: what the engine would hand to the store.

use dr_buddy::catalog::{Catalog, CatalogSources, Opening};
use dr_buddy::domain::actor::{Actor, Surface};
use dr_buddy::domain::ids::{EnvironmentId, PersonId};
use dr_buddy::domain::run::apply::{apply, open};
use dr_buddy::domain::run::log::{Recorded, record, root};
use dr_buddy::domain::run::{Effect, Entry, Event, Kind, MessageKey, Run, Start};
use dr_buddy::domain::time::Timestamp;
use dr_buddy::store::{Claimed, Commit, Committed, Store, StoreError, Stored};

pub(crate) const NOW: Timestamp = Timestamp(1_795_184_300_000);

/// A commit on its way.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) run: Run,
    pub(super) after: u64,
    pub(super) events: Vec<Recorded>,
    pub(super) effects: Vec<Effect>,
}

pub(super) fn antoine() -> Actor {
    Actor::Person { id: PersonId::parse("antoine").expect("an id"), via: Surface::Web }
}

/// What a run of the demo begins with.
pub(crate) fn start(key: &str, kind: Kind) -> Start {
    let catalog = Catalog::load(&CatalogSources::default()).expect("the embedded one is right");
    let environment = EnvironmentId::parse("demo").expect("an id");
    let opening = Opening { key, runbook: None, environment: &environment, kind, impact_at: NOW };
    catalog.start(opening).expect("it can be opened")
}

impl Draft {
    /// A new run; its id follows from the key.
    pub(super) fn new(key: &str, kind: Kind) -> Self {
        let start = start(key, kind);
        let head = root(&start.id);
        let event = Event::RunStarted(Box::new(start));
        let entry = Entry { at: NOW, by: antoine(), event };
        let run = open(&entry).expect("it begins a run");
        let events = vec![record(&head, 1, entry)];
        Self { run, after: 0, events, effects: vec![show()] }
    }

    /// The next thing that happens in a run.
    pub(super) fn next(stored: &Stored, event: Event) -> Self {
        let entry = Entry { at: NOW, by: antoine(), event };
        let mut run = stored.run.clone();
        apply(&mut run, &entry);
        let events = vec![record(&stored.head, run.seq, entry)];
        Self { run, after: stored.run.seq, events, effects: vec![] }
    }

    pub(super) fn note(stored: &Stored, text: &str) -> Self {
        Self::next(stored, Event::NoteAdded { text: text.to_owned() })
    }

    /// What is stored once it is.
    pub(super) fn stored(&self) -> Stored {
        let last = self.events.last().expect("a draft has an event");
        Stored { run: self.run.clone(), head: last.hash.clone() }
    }

    pub(super) fn with(mut self, effects: &[Effect]) -> Self {
        self.effects = effects.to_vec();
        self
    }

    pub(super) async fn try_commit(
        &self,
        store: &dyn Store,
        key: &str,
        settles: Option<&Claimed>,
    ) -> Result<Committed, StoreError> {
        let Self { run, after, events, effects } = self;
        let commit = Commit { key, run, after: *after, events, effects, settles, at: NOW };
        store.commit(&commit).await
    }

    /// Commits. A machine so busy that no connection is had in time is asked again: nothing was sent then.
    pub(super) async fn commit(&self, store: &dyn Store, key: &str) -> Committed {
        for _ in 0..9 {
            match self.try_commit(store, key, None).await {
                Err(busy) if format!("{busy:?}").contains("PoolTimedOut") => {}
                done => return done.expect("the database is there"),
            }
        }
        panic!("no connection to the database is had")
    }
}

/// A new run, committed.
pub(super) async fn begun(store: &dyn Store) -> Stored {
    let draft = Draft::new("begin", Kind::Tabletop);
    assert_eq!(draft.commit(store, "begin").await, Committed::Done);
    store.run(&draft.run.id).await.unwrap().expect("it was committed")
}

pub(super) fn show() -> Effect {
    Effect::Show(MessageKey::Run)
}

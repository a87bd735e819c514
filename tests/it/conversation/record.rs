//! The product's own record, read from its database file while it runs, to be compared with what the servers say.

use dr_buddy::domain::ids::RunId;
use dr_buddy::domain::run::log::{Recorded, verify};
use dr_buddy::domain::run::{Event, Run};
use dr_buddy::store::Store;
use dr_buddy::store::sqlite::SqliteStore;

use super::stage::Stage;
use crate::harness::eventually;

/// A run and its record.
pub(super) struct Record {
    pub(super) run: Run,
    pub(super) events: Vec<Recorded>,
}

impl Record {
    /// How many events are like this.
    pub(super) fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|recorded| is_it(&recorded.entry.event)).count()
    }

    /// How often a step's call was begun.
    pub(super) fn attempts(&self, step: &str) -> usize {
        self.count(
            |event| matches!(event, Event::AttemptStarted { step: of, .. } if of.as_str() == step),
        )
    }
}

impl Stage {
    pub(super) async fn store(&self) -> SqliteStore {
        SqliteStore::open_beside(&self.database).await.expect("the database can be read")
    }

    /// The newest run, if there is one, after checking its chain.
    pub(super) async fn record(&self) -> Option<Record> {
        let store = self.store().await;
        let run = store.runs(1).await.expect("it can be read").pop()?;
        let events = store.record(&run.id, 0, u32::MAX).await.expect("it can be read");
        verify(&run.id, &events).expect("the chain is whole");
        Some(Record { run, events })
    }

    /// Waits until an event like this is on the record.
    pub(super) async fn recorded(&self, what: &str, is_it: impl Fn(&Event) -> bool) -> Record {
        eventually(what, 60, || async {
            self.must_live();
            self.record().await.filter(|record| record.count(&is_it) > 0)
        })
        .await
    }

    /// How many events there are of all runs.
    pub(super) async fn events(&self) -> usize {
        let store = self.store().await;
        let mut count = 0;
        for run in store.runs(50).await.expect("it can be read") {
            count += store.record(&run.id, 0, u32::MAX).await.expect("it can be read").len();
        }
        count
    }

    /// The id of the one run.
    pub(super) async fn run(&self) -> RunId {
        eventually("a run is open", 20, || self.record()).await.run.id
    }
}

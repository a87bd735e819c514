//! A store with a place before and after everything it writes. Places have names that are the same in every run: what is
//! written and of which step, never an id or a number.

mod alerts;
mod codes;
mod reports;

use std::sync::Arc;

use async_trait::async_trait;

use super::{Claimed, Commit, Committed, Posted, Room, Store, StoreError, Stored};
use crate::domain::ids::{PersonId, RunId};
use crate::domain::run::log::Recorded;
use crate::domain::run::{Effect, MessageKey, Run};
use crate::domain::time::{Span, Timestamp};
use crate::domain::value::Language;
use crate::faults::{message, place, writing};

/// The store, with a place before and after everything it writes.
pub fn watch(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(WatchedStore(store))
}

/// `step_done promote-database`, of each event; the step once.
fn events(events: &[Recorded]) -> String {
    let names = events.iter().map(|recorded| {
        let event = serde_json::to_value(&recorded.entry.event).unwrap_or_default();
        let object = event.as_object().and_then(|object| object.iter().next());
        let Some((kind, content)) = object else { return "an event".to_owned() };
        let part = |name: &str| content.get(name).and_then(|text| text.as_str());
        match (part("step"), content.pointer("/seen/happened").and_then(|text| text.as_str())) {
            (Some(step), Some(seen)) => format!("{kind} {seen} {step}"),
            (Some(step), None) => format!("{kind} {step}"),
            (None, _) => kind.clone(),
        }
    });
    let mut names: Vec<String> = names.collect();
    names.dedup();
    names.truncate(4);
    names.join(", ")
}

/// `show step/promote-database`.
fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Show(key) => format!("show {}", message(key)),
        Effect::Preview { step, .. } => format!("preview {step}"),
        Effect::Act { step, .. } => format!("act {step}"),
        Effect::Prove { step, .. } => format!("prove {step}"),
        Effect::Probe { step, .. } => format!("probe {step}"),
        Effect::Read(_) => "read a message".to_owned(),
        Effect::ReadGroup(_) => "read a group".to_owned(),
        Effect::WakeAt(_) => "wake".to_owned(),
        Effect::Watch => "watch".to_owned(),
    }
}

fn before(what: &str) {
    place(format_args!("before {what}"));
}

fn after(what: &str) {
    place(format_args!("after {what}"));
}

#[derive(Debug)]
struct WatchedStore(Arc<dyn Store>);

#[async_trait]
impl Store for WatchedStore {
    async fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        let what = match commit.events {
            [] => "commit of nothing".to_owned(),
            some => format!("commit of {}", events(some)),
        };
        before(&what);
        writing(&what, commit.key.starts_with("slack/"));
        let committed = self.0.commit(commit).await;
        writing("something else", false);
        if matches!(committed, Ok(Committed::Done)) {
            after(&what);
        }
        committed
    }

    async fn is_known(&self, key: &str) -> Result<bool, StoreError> {
        self.0.is_known(key).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Stored>, StoreError> {
        self.0.run(id).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.0.runs(limit).await
    }

    async fn record(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.0.record(run, after, limit).await
    }

    async fn want(&self, run: &RunId, wanted: &Effect, at: Timestamp) -> Result<(), StoreError> {
        let what = format!("want of {}", effect(wanted));
        before(&what);
        let done = self.0.want(run, wanted, at).await;
        after(&what);
        done
    }

    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Span,
        room: Room,
    ) -> Result<Vec<Claimed>, StoreError> {
        let claimed = self.0.claim(holder, now, lease, room).await?;
        for one in &claimed {
            after(&format!("claim of {}", effect(&one.effect)));
        }
        Ok(claimed)
    }

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.0.open_runs().await
    }

    async fn claim_one(
        &self,
        run: &RunId,
        wanted: &Effect,
        holder: &str,
        now: Timestamp,
        lease: Span,
    ) -> Result<Option<Claimed>, StoreError> {
        let claimed = self.0.claim_one(run, wanted, holder, now, lease).await?;
        if let Some(one) = &claimed {
            after(&format!("claim of {}", effect(&one.effect)));
        }
        Ok(claimed)
    }

    async fn settle(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        let what = format!("settling of {}", effect(&claimed.effect));
        before(&what);
        let done = self.0.settle(claimed).await;
        after(&what);
        done
    }

    async fn postpone(
        &self,
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed: bool,
    ) -> Result<(), StoreError> {
        let what = format!("postponing of {}", effect(&claimed.effect));
        before(&what);
        let done = self.0.postpone(claimed, due_at, note, failed).await;
        after(&what);
        done
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0.next_due().await
    }

    async fn release_leases(&self) -> Result<(), StoreError> {
        before("release of leases");
        let done = self.0.release_leases().await;
        after("release of leases");
        done
    }

    async fn woken(&self) {
        self.0.woken().await;
    }

    async fn posted(&self, run: &RunId, key: &MessageKey) -> Result<Option<Posted>, StoreError> {
        self.0.posted(run, key).await
    }

    async fn remember(
        &self,
        run: &RunId,
        key: &MessageKey,
        posted: &Posted,
    ) -> Result<(), StoreError> {
        let what = format!("remembering of {}", message(key));
        before(&what);
        let done = self.0.remember(run, key, posted).await;
        after(&what);
        done
    }

    async fn language(&self, person: &PersonId) -> Result<Option<Language>, StoreError> {
        self.0.language(person).await
    }

    async fn choose_language(
        &self,
        person: &PersonId,
        language: Language,
    ) -> Result<(), StoreError> {
        before("choice of a language");
        let done = self.0.choose_language(person, language).await;
        after("choice of a language");
        done
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.0.check().await
    }
}

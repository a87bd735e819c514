//! The contract of [`Store`] in memory: each method is one transaction, at one moment between two places where others
//! may come first. The database may not answer: before it did what was asked, or after.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dr_buddy::domain::ids::{Digest, PersonId, RunId};
use dr_buddy::domain::run::log::Recorded;
use dr_buddy::domain::run::{Effect, MessageKey, Run};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::domain::value::Language;
use dr_buddy::store::{Claimed, Commit, Committed, Posted, Room, Store, StoreError, Stored};

use crate::Seeded;
use crate::fate::Fate;
use crate::world::World;

/// An effect that is owed.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    effect: Effect,
    priority: u8,
    due_at: Timestamp,
    version: i64,
    tries: u32,
    lease: Option<String>,
    lease_until: Timestamp,
    note: Option<String>,
}

impl Row {
    fn lend(&mut self, (run, key): &(RunId, String), holder: &str, until: Timestamp) -> Claimed {
        (self.lease, self.lease_until) = (Some(holder.to_owned()), until);
        Claimed {
            run: run.clone(),
            key: key.clone(),
            effect: self.effect.clone(),
            version: self.version,
            tries: self.tries,
            note: self.note.clone(),
            lease: holder.to_owned(),
            until,
        }
    }
}

#[derive(Debug, Default)]
struct Tables {
    inbox: BTreeMap<String, RunId>,
    runs: BTreeMap<RunId, (Arc<Run>, Digest)>,
    events: BTreeMap<RunId, Vec<Recorded>>,
    outbox: BTreeMap<(RunId, String), Row>,
    messages: BTreeMap<(RunId, MessageKey), Posted>,
}

/// The store.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    tables: Mutex<Tables>,
    fate: Arc<Fate>,
    world: Arc<World>,
    seeded: Option<Seeded>,
}

impl Tables {
    fn want(&mut self, run: &RunId, effect: &Effect, at: Timestamp) {
        let due_at = if let Effect::WakeAt(due) = effect { *due } else { at };
        let row = self.outbox.entry((run.clone(), effect.key()));
        let row = row.and_modify(|row| row.version += 1).or_insert_with(|| Row {
            effect: effect.clone(),
            priority: effect.priority(),
            due_at,
            version: 1,
            tries: 0,
            lease: None,
            lease_until: Timestamp(0),
            note: None,
        });
        row.due_at = due_at;
        row.effect = effect.clone();
    }

    fn ours(&mut self, claimed: &Claimed) -> Option<&mut Row> {
        let row = self.outbox.get_mut(&(claimed.run.clone(), claimed.key.clone()))?;
        (row.lease.as_ref() == Some(&claimed.lease)).then_some(row)
    }

    fn settle(&mut self, claimed: &Claimed) -> bool {
        let Some(row) = self.ours(claimed) else { return false };
        if row.version == claimed.version {
            self.outbox.remove(&(claimed.run.clone(), claimed.key.clone()));
        } else {
            (row.lease, row.lease_until) = (None, Timestamp(0));
        }
        true
    }

    fn commit(&mut self, commit: &Commit<'_>, on_any_head: bool) -> Committed {
        if let Some(run) = self.inbox.get(commit.key) {
            return Committed::Duplicate(run.clone());
        }
        if let Some(claimed) = commit.settles
            && self.ours(claimed).is_none()
        {
            return Committed::LeaseLost;
        }
        let id = &commit.run.id;
        if let Some(last) = commit.events.last() {
            if commit.after == 0
                && let Some(open) = self.runs.values().find(|(run, _)| !run.is_closed())
                && open.0.id != *id
            {
                return Committed::SlotTaken(open.0.id.clone());
            }
            let (seq, head) = match self.runs.get(id) {
                Some((run, head)) => (run.seq, Some(head)),
                None => (0, None),
            };
            let is_of_this_state = match (commit.events.first(), head) {
                (Some(first), Some(head)) => first.previous == *head,
                (None, _) | (_, None) => true,
            };
            if seq != commit.after || !(is_of_this_state || on_any_head) {
                return Committed::LostRace;
            }
            self.runs.insert(id.clone(), (Arc::new(commit.run.clone()), last.hash.clone()));
            self.events.entry(id.clone()).or_default().extend_from_slice(commit.events);
        }
        self.inbox.insert(commit.key.to_owned(), id.clone());
        if let Some(claimed) = commit.settles {
            self.settle(claimed);
        }
        for effect in commit.effects {
            self.want(id, effect, commit.at);
        }
        Committed::Done
    }
}

impl MemoryStore {
    pub(crate) fn new(fate: &Arc<Fate>, world: &Arc<World>, seeded: Option<Seeded>) -> Self {
        let (fate, world) = (Arc::clone(fate), Arc::clone(world));
        Self { tables: Mutex::default(), fate, world, seeded }
    }

    async fn before(&self, what: &'static str) -> Result<(), StoreError> {
        self.fate.step().await;
        self.answer(what)
    }

    async fn after(&self, what: &'static str) -> Result<(), StoreError> {
        self.fate.step().await;
        self.answer(what)
    }

    fn answer(&self, what: &'static str) -> Result<(), StoreError> {
        if !self.fate.strikes(self.fate.weather.store) {
            return Ok(());
        }
        self.fate.say(|| format!("       the database does not answer ({what})"));
        Err(StoreError::Unavailable { what, source: sqlx::Error::PoolTimedOut })
    }

    /// The run as it is, for those who look from outside.
    pub(crate) fn peek(&self, id: &RunId) -> Option<Arc<Run>> {
        self.tables.lock().unwrap().runs.get(id).map(|(run, _)| Arc::clone(run))
    }

    /// The record as it is.
    pub(crate) fn events(&self, id: &RunId) -> Vec<Recorded> {
        self.tables.lock().unwrap().events.get(id).cloned().unwrap_or_default()
    }

    pub(crate) fn knows(&self, key: &str) -> bool {
        self.tables.lock().unwrap().inbox.contains_key(key)
    }

    /// Where a message stands, as far as is remembered.
    pub(crate) fn place(&self, run: &RunId, key: &MessageKey) -> Option<Posted> {
        self.tables.lock().unwrap().messages.get(&(run.clone(), key.clone())).cloned()
    }

    /// What is owed, by key.
    pub(crate) fn owed(&self) -> Vec<String> {
        self.tables.lock().unwrap().outbox.keys().map(|(_, key)| key.clone()).collect()
    }

    /// When there is something to take.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let tables = self.tables.lock().unwrap();
        tables.outbox.values().map(|row| row.due_at.max(row.lease_until)).min()
    }

    /// One transaction, or what was one before a mistake was made of it.
    async fn write(&self, commit: &Commit<'_>) -> Committed {
        let on_any_head = self.seeded == Some(Seeded::AnyHead);
        match self.seeded {
            Some(Seeded::OutboxAfter) => {
                let first = Commit { effects: &[], ..*commit };
                let done = self.tables.lock().unwrap().commit(&first, false);
                self.world.recorded(&done, commit.events);
                self.fate.step().await;
                if done == Committed::Done {
                    let mut tables = self.tables.lock().unwrap();
                    for effect in commit.effects {
                        tables.want(&commit.run.id, effect, commit.at);
                    }
                }
                return done;
            }
            Some(Seeded::SettleFirst) if commit.settles.is_some() => {
                if let Some(claimed) = commit.settles {
                    let mut tables = self.tables.lock().unwrap();
                    if tables.ours(claimed).is_none() {
                        return Committed::LeaseLost;
                    }
                    tables.settle(claimed);
                }
                self.fate.step().await;
                let second = Commit { settles: None, ..*commit };
                let done = self.tables.lock().unwrap().commit(&second, false);
                self.world.recorded(&done, commit.events);
                return done;
            }
            Some(_) | None => {}
        }
        let done = self.tables.lock().unwrap().commit(commit, on_any_head);
        self.world.recorded(&done, commit.events);
        done
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, commit: &Commit<'_>) -> Result<Committed, StoreError> {
        self.before("commit").await?;
        let done = self.write(commit).await;
        self.after("commit")
            .await
            .map_err(|_| StoreError::InDoubt { source: sqlx::Error::WorkerCrashed })?;
        Ok(done)
    }

    async fn is_known(&self, key: &str) -> Result<bool, StoreError> {
        self.before("look up the request").await?;
        Ok(self.knows(key))
    }

    async fn run(&self, id: &RunId) -> Result<Option<Stored>, StoreError> {
        self.before("read a run").await?;
        let found = self.tables.lock().unwrap().runs.get(id).cloned();
        Ok(found.map(|(run, head)| Stored { run: Run::clone(&run), head }))
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.before("list runs").await?;
        let tables = self.tables.lock().unwrap();
        let mut runs: Vec<Run> = tables.runs.values().map(|(run, _)| Run::clone(run)).collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.id.clone())));
        runs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(runs)
    }

    async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        self.before("list runs").await?;
        let tables = self.tables.lock().unwrap();
        let open = tables.runs.values().filter(|(run, _)| !run.is_closed());
        let mut runs: Vec<Run> = open.map(|(run, _)| Run::clone(run)).collect();
        runs.sort_by_key(|run| (run.started_at, run.id.clone()));
        Ok(runs)
    }

    async fn record(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.before("read the record").await?;
        let tables = self.tables.lock().unwrap();
        let events = tables.events.get(run).into_iter().flatten();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(events.filter(|event| event.seq > after).take(limit).cloned().collect())
    }

    async fn want(&self, run: &RunId, effect: &Effect, at: Timestamp) -> Result<(), StoreError> {
        self.before("record an effect").await?;
        self.tables.lock().unwrap().want(run, effect, at);
        self.after("record an effect").await
    }

    async fn claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Span,
        room: Room,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.before("lease work").await?;
        let claimed = {
            let mut tables = self.tables.lock().unwrap();
            let due = |row: &Row| row.due_at <= now && row.lease_until <= now;
            let mut rows: Vec<_> = tables.outbox.iter_mut().filter(|(_, row)| due(row)).collect();
            rows.sort_by_key(|(_, row)| (row.priority, row.due_at));
            let (mut work, mut talk) = (room.work, room.talk);
            rows.retain(|(_, row)| {
                let left = if row.effect.is_talk() { &mut talk } else { &mut work };
                left.checked_sub(1).map(|less| *left = less).is_some()
            });
            rows.into_iter().map(|(name, row)| row.lend(name, holder, now.plus(lease))).collect()
        };
        self.after("lease work").await?;
        Ok(claimed)
    }

    async fn claim_one(
        &self,
        run: &RunId,
        effect: &Effect,
        holder: &str,
        now: Timestamp,
        lease: Span,
    ) -> Result<Option<Claimed>, StoreError> {
        self.before("lease work").await?;
        let name = (run.clone(), effect.key());
        let claimed = {
            let mut tables = self.tables.lock().unwrap();
            let row = tables.outbox.get_mut(&name).filter(|row| row.lease_until <= now);
            row.map(|row| row.lend(&name, holder, now.plus(lease)))
        };
        self.after("lease work").await?;
        Ok(claimed)
    }

    async fn settle(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        self.before("settle an effect").await?;
        let is_ours = self.tables.lock().unwrap().settle(claimed);
        self.after("settle an effect").await?;
        Ok(is_ours)
    }

    async fn postpone(
        &self,
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed: bool,
    ) -> Result<(), StoreError> {
        self.before("postpone work").await?;
        if let Some(row) = self.tables.lock().unwrap().ours(claimed) {
            let again = row.version != claimed.version && !row.effect.is_talk();
            row.due_at = if again { row.due_at.min(due_at) } else { due_at };
            row.note = note.map(str::to_owned);
            row.tries += u32::from(failed);
            (row.lease, row.lease_until) = (None, Timestamp(0));
        }
        self.after("postpone work").await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.before("look for work").await?;
        Ok(self.due())
    }

    async fn release_leases(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn posted(&self, run: &RunId, key: &MessageKey) -> Result<Option<Posted>, StoreError> {
        self.before("look up a message").await?;
        let tables = self.tables.lock().unwrap();
        Ok(tables.messages.get(&(run.clone(), key.clone())).cloned())
    }

    async fn remember(
        &self,
        run: &RunId,
        key: &MessageKey,
        posted: &Posted,
    ) -> Result<(), StoreError> {
        self.before("remember a message").await?;
        let place = (run.clone(), key.clone());
        self.tables.lock().unwrap().messages.insert(place, posted.clone());
        self.after("remember a message").await
    }

    /// Nobody of the simulation chooses one.
    async fn language(&self, _: &PersonId) -> Result<Option<Language>, StoreError> {
        Ok(None)
    }

    async fn choose_language(&self, _: &PersonId, _: Language) -> Result<(), StoreError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.before("write").await
    }
}

//! What a request writes, in the form in which it is written: made before a transaction begins, so that inside one
//! there is only the database to wait for.

use super::codec::{self, Moving, STATE_VERSION};
use super::frozen::Named;
use super::{Claimed, Commit, Posted, StoreError};
use crate::domain::ids::RunId;
use crate::domain::run::{Effect, MessageKey};
use crate::domain::time::Timestamp;

/// Longest name of a request, an effect or a message, in bytes. PostgreSQL indexes no more than 2704.
const NAME: usize = 1024;

/// A [`Commit`], written out.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) key: String,
    pub(super) run: String,
    pub(super) at: i64,
    pub(super) settles: Option<Held>,
    /// The run's new row; `None` where there are no events.
    pub(super) row: Option<Row>,
    /// As JSON arrays of their columns: what is frozen of the run and not known to be stored (hash, body), the events
    /// (seq, version, body, previous, hash), and the effects (key, priority, due at, body), no two of the same key.
    pub(super) frozen: String,
    pub(super) events: String,
    pub(super) effects: String,
}

/// The row of a run.
#[derive(Debug)]
pub(super) struct Row {
    /// How many events it had before; 0 for a new one.
    pub(super) after: i64,
    /// The hash of the last of them: the change is of this very state, and of no other with as many events.
    pub(super) before: String,
    pub(super) seq: i64,
    pub(super) head: String,
    pub(super) slot: Option<String>,
    pub(super) status: &'static str,
    pub(super) started_at: i64,
    pub(super) version: i64,
    pub(super) state: String,
}

/// An effect to be recorded.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) run: String,
    pub(super) key: String,
    pub(super) priority: i64,
    pub(super) due_at: i64,
    pub(super) body: String,
}

/// An effect in somebody's hands.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) run: String,
    pub(super) key: String,
    pub(super) lease: String,
    pub(super) version: i64,
}

/// An effect to be put off.
#[derive(Debug)]
pub(super) struct Postponed {
    pub(super) held: Held,
    /// Work that was wanted again meanwhile is due sooner, if it is.
    pub(super) due_at: i64,
    pub(super) note: Option<String>,
    pub(super) tries: i64,
}

/// Where a message stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) run: String,
    pub(super) key: String,
    pub(super) channel: String,
    pub(super) ts: String,
    pub(super) fate: &'static str,
}

impl Change {
    pub(super) fn of(commit: &Commit<'_>, named: &Named) -> Result<Self, StoreError> {
        let run = commit.run;
        let row = match (commit.events.first(), commit.events.last()) {
            (None, _) | (_, None) => None,
            (Some(first), Some(last)) => Some(Row {
                after: number(commit.after),
                before: first.previous.to_string(),
                seq: number(run.seq),
                head: last.hash.to_string(),
                slot: codec::open_slot(run),
                status: if run.is_closed() { "closed" } else { "open" },
                started_at: run.started_at.0,
                version: STATE_VERSION,
                state: codec::write("run", &Moving::of(run, &named.runbook, &named.environment))?,
            }),
        };
        let frozen = named.rows.iter().filter(|_| row.is_some());
        let frozen: Vec<_> = frozen.map(|row| (&row.hash, &row.body)).collect();
        let events = commit.events.iter();
        let events: Vec<_> = events
            .map(|event| (event.seq, event.version, event.body(), &event.previous, &event.hash))
            .collect();
        let mut wanted: Vec<Wanted> = Vec::with_capacity(commit.effects.len());
        for effect in commit.effects {
            let effect = Wanted::of(&run.id, effect, commit.at)?;
            wanted.retain(|other| other.key != effect.key);
            wanted.push(effect);
        }
        let effects: Vec<_> = wanted
            .iter()
            .map(|effect| (&effect.key, effect.priority, effect.due_at, &effect.body))
            .collect();
        Ok(Self {
            key: name("key of a request", commit.key)?,
            run: run.id.to_string(),
            at: commit.at.0,
            settles: commit.settles.map(Held::of),
            row,
            frozen: codec::write("frozen", &frozen)?,
            events: codec::write("events", &events)?,
            effects: codec::write("effects", &effects)?,
        })
    }
}

impl Wanted {
    pub(super) fn of(run: &RunId, effect: &Effect, now: Timestamp) -> Result<Self, StoreError> {
        let due = effect.wake_at().unwrap_or(now);
        Ok(Self {
            run: run.to_string(),
            key: effect.key(),
            priority: effect.priority().into(),
            due_at: due.0,
            body: codec::write("effect", effect)?,
        })
    }
}

impl Held {
    pub(super) fn of(claimed: &Claimed) -> Self {
        Self {
            run: claimed.run.to_string(),
            key: claimed.key.clone(),
            lease: claimed.lease.clone(),
            version: claimed.version,
        }
    }
}

impl Postponed {
    pub(super) fn of(
        claimed: &Claimed,
        due_at: Timestamp,
        note: Option<&str>,
        failed: bool,
    ) -> Result<Self, StoreError> {
        let note = note.map(|note| plain("note", note)).transpose()?;
        let tries = i64::from(failed);
        Ok(Self { held: Held::of(claimed), due_at: due_at.0, note, tries })
    }
}

impl Placed {
    pub(super) fn of(run: &RunId, key: &MessageKey, at: &Posted) -> Result<Self, StoreError> {
        Ok(Self {
            run: run.to_string(),
            key: key.to_string(),
            channel: plain("channel", &at.channel)?,
            ts: plain("place of a message", &at.ts)?,
            fate: codec::fate_name(at.fate),
        })
    }
}

/// As a database counts.
pub(super) fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Text that every database keeps as it is. PostgreSQL has no place for NUL; JSON escapes it, so bodies may hold it.
fn plain(what: &'static str, text: &str) -> Result<String, StoreError> {
    if text.contains('\0') {
        return Err(StoreError::Unfit { what, why: "it holds a NUL character" });
    }
    Ok(text.to_owned())
}

fn name(what: &'static str, text: &str) -> Result<String, StoreError> {
    if text.len() > NAME {
        return Err(StoreError::Unfit { what, why: "it is longer than 1024 bytes" });
    }
    plain(what, text)
}

//! Rows as both databases give them back, and what they mean.

use tracing::error;

use super::codec::{self, Moving, STATE_VERSION};
use super::{Claimed, Posted, StoreError, Stored};
use crate::domain::ids::{Digest, RunId};
use crate::domain::run::log::{Place, Recorded};
use crate::domain::time::Timestamp;

/// id, head, version, state
pub(super) type RunRow = (String, String, i64, String);
/// seq, version, body, previous, hash
pub(super) type EventRow = (i64, i64, String, String, String);
/// priority, due at, run, key, version, tries, note, body
pub(super) type DueRow = (i64, i64, String, String, i64, i64, Option<String>, String);

/// channel, ts, fate
pub(super) type PostedRow = (String, String, String);

/// What the row of a run holds.
#[derive(Debug)]
pub(super) enum State {
    /// The state.
    Ready(Box<Moving<'static>>),
    /// It was written by another version: the state follows from the record.
    Outdated(RunId),
}

pub(super) fn state((run, _, version, state): &RunRow) -> Result<State, StoreError> {
    if *version == STATE_VERSION {
        return codec::read("run", state).map(|moving| State::Ready(Box::new(moving)));
    }
    id(run).map(State::Outdated)
}

pub(super) fn replay(record: &[Recorded]) -> Result<Stored, StoreError> {
    let run = crate::domain::run::apply::replay(record.iter().map(|recorded| &recorded.entry));
    let head = record.last().map(|last| last.hash.clone());
    run.zip(head)
        .map(|(run, head)| Stored { run, head })
        .ok_or_else(|| unreadable("record", "it does not begin with the start of a run"))
}

pub(super) fn event(
    (seq, version, body, previous, hash): &EventRow,
) -> Result<Recorded, StoreError> {
    let place = Place {
        seq: u64::try_from(*seq).unwrap_or(0),
        version: u32::try_from(*version).unwrap_or(u32::MAX),
        previous: digest(previous)?,
        hash: digest(hash)?,
    };
    Recorded::read(place, body)
        .map_err(|error| StoreError::UnreadableEvent { seq: *seq, source: error })
}

/// What was leased, the important first. An effect that this version cannot read (a newer replica left it) is not in
/// it, and holds up nobody: its lease ends by itself, perhaps to be taken by somebody who can.
pub(super) fn claimed(mut rows: Vec<DueRow>, holder: &str, until: Timestamp) -> Vec<Claimed> {
    rows.sort_unstable_by_key(|row| (row.0, row.1));
    let mut claimed = Vec::with_capacity(rows.len());
    for (_, _, run, key, version, tries, note, body) in rows {
        let read = id(&run).and_then(|run| Ok((run, codec::read("effect", &body)?)));
        match read {
            Ok((run, effect)) => claimed.push(Claimed {
                run,
                key,
                effect,
                version,
                tries: u32::try_from(tries).unwrap_or(u32::MAX),
                note,
                lease: holder.to_owned(),
                until,
            }),
            Err(error) => {
                error!(run.id = run, effect = key, error = %error, "Cannot read an effect");
            }
        }
    }
    claimed
}

pub(super) fn posted((channel, ts, fate): PostedRow) -> Result<Posted, StoreError> {
    Ok(Posted { channel, ts, fate: codec::fate(&fate)? })
}

pub(super) fn digest(text: &str) -> Result<Digest, StoreError> {
    Digest::parse(text).map_err(|error| unreadable("hash", &error.to_string()))
}

pub(super) fn id(text: &str) -> Result<RunId, StoreError> {
    RunId::parse(text).map_err(|error| unreadable("run id", &error.to_string()))
}

fn unreadable(what: &'static str, why: &str) -> StoreError {
    StoreError::Unreadable { what, source: serde::de::Error::custom(why) }
}

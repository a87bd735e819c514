//! The chain: each recorded event holds the SHA-256 of the one before, so that a change, a gap or a swap shows.

use serde::{Deserialize, Serialize};

use super::protocol::Entry;
use crate::domain::ids::{Digest, RunId};
use crate::domain::value::canonical;

/// The version of [`Entry`]'s JSON. Older ones are read by the store's codec.
pub const VERSION: u32 = 1;

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// From 1, without gaps.
    pub seq: u64,
    /// The entry.
    pub entry: Entry,
    /// Hash of the one before; of the run's id for the first.
    pub previous: Digest,
    /// Hash of this one.
    pub hash: Digest,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record of run `{run}` is broken at event {seq}: {what}")]
pub struct Broken {
    /// Which run.
    pub run: RunId,
    /// The first event that does not fit.
    pub seq: u64,
    /// How.
    pub what: &'static str,
}

/// What the first event of a run chains to.
pub fn root(run: &RunId) -> Digest {
    Digest::of(format!("dr-buddy run {run}").as_bytes())
}

/// Puts an entry behind `previous`.
pub fn record(previous: &Digest, seq: u64, entry: Entry) -> Recorded {
    let hash = hash(previous, seq, &entry);
    Recorded { seq, entry, previous: previous.clone(), hash }
}

fn hash(previous: &Digest, seq: u64, entry: &Entry) -> Digest {
    let body = serde_json::json!({
        "version": VERSION, "seq": seq, "previous": previous, "entry": entry,
    });
    Digest::of(canonical(&body).as_bytes())
}

/// Checks a whole record, from its first event.
pub fn verify(run: &RunId, record: &[Recorded]) -> Result<(), Broken> {
    let mut previous = root(run);
    for (expected, event) in (1..).zip(record) {
        let broken = |what| Broken { run: run.clone(), seq: expected, what };
        if event.seq != expected {
            return Err(broken("an event is missing or out of order"));
        }
        if event.previous != previous {
            return Err(broken("it does not follow from the one before"));
        }
        if event.hash != hash(&event.previous, event.seq, &event.entry) {
            return Err(broken("its content was changed"));
        }
        previous = event.hash.clone();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::Actor;
    use crate::domain::run::protocol::Event;
    use crate::domain::time::Timestamp;

    fn chain(run: &RunId, texts: &[&str]) -> Vec<Recorded> {
        let mut previous = root(run);
        let mut out = Vec::new();
        for (seq, text) in (1..).zip(texts) {
            let event = Event::NoteAdded { text: (*text).to_owned() };
            let entry = Entry { at: Timestamp(1), by: Actor::Engine, event };
            let recorded = record(&previous, seq, entry);
            previous = recorded.hash.clone();
            out.push(recorded);
        }
        out
    }

    #[test]
    fn a_changed_removed_inserted_or_swapped_event_is_found() {
        let run = RunId::parse("r1").unwrap();
        let good = chain(&run, &["a", "b", "c", "d"]);
        assert_eq!(verify(&run, &good), Ok(()));
        assert!(verify(&RunId::parse("r2").unwrap(), &good).is_err());

        let mut changed = good.clone();
        changed[1].entry.event = Event::NoteAdded { text: "B".into() };
        assert_eq!(verify(&run, &changed).unwrap_err().seq, 2);

        let mut removed = good.clone();
        removed.remove(2);
        assert_eq!(verify(&run, &removed).unwrap_err().seq, 3);

        let mut inserted = good.clone();
        inserted.insert(1, good[0].clone());
        assert_eq!(verify(&run, &inserted).unwrap_err().seq, 2);

        let mut swapped = good;
        swapped.swap(2, 3);
        assert_eq!(verify(&run, &swapped).unwrap_err().seq, 3);
    }
}

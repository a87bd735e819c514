//! The chain: each recorded event holds the SHA-256 of the one before, so that a change, a gap or a swap shows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::protocol::Entry;
use crate::domain::ids::{Digest, RunId};
use crate::domain::value::canonical;

/// The version of [`Entry`]'s JSON that is written now. Older ones are read in [`Entry::of_version`], which alone is to
/// be thought of when this is raised: the hash of an event covers what was written then, and stays.
pub const VERSION: u32 = 2;

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Recorded {
    /// From 1, without gaps.
    pub seq: u64,
    /// The version it was written with.
    pub version: u32,
    /// The entry.
    pub entry: Entry,
    /// Hash of the one before; of the run's id for the first.
    pub previous: Digest,
    /// Hash of this one.
    pub hash: Digest,
    /// The entry as it was written, if today it would be written in another way.
    as_written: Option<Value>,
}

/// A place in the chain, and what stands there beside the entry.
#[derive(Debug)]
pub struct Place {
    /// From 1, without gaps.
    pub seq: u64,
    /// The version the entry was written with.
    pub version: u32,
    /// Hash of the one before.
    pub previous: Digest,
    /// Hash of this one.
    pub hash: Digest,
}

/// Why an entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// A later dr-buddy wrote it.
    #[error(
        "it was written by a newer dr-buddy (format {found}, this one reads up to {VERSION}): use that one, or a later"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It is not an entry.
    #[error("it is not an entry of format {version}")]
    Garbled {
        /// The version it says it has.
        version: u32,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A [`Recorded`] as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    seq: u64,
    #[serde(default = "first_version")]
    version: u32,
    entry: Value,
    previous: Digest,
    hash: Digest,
}

/// Of lines that were exported before they said their version.
fn first_version() -> u32 {
    1
}

impl Recorded {
    /// Reads the JSON of an entry at its place.
    ///
    /// # Errors
    /// When it is not one, or of a version later than [`VERSION`].
    pub fn read(place: Place, body: &str) -> Result<Self, NotRead> {
        let Place { seq, version, previous, hash } = place;
        let garbled = |source| NotRead::Garbled { version, source };
        let (entry, as_written) = if version == VERSION {
            (serde_json::from_str(body).map_err(garbled)?, None)
        } else {
            let written = serde_json::from_str(body).map_err(garbled)?;
            (Entry::of_version(version, &written)?, Some(written))
        };
        Ok(Self { seq, version, entry, previous, hash, as_written })
    }

    /// The JSON of the entry, as it was written: what is stored.
    pub fn body(&self) -> String {
        match &self.as_written {
            None => serde_json::to_string(&self.entry).expect("an entry is plain data"),
            Some(written) => written.to_string(),
        }
    }

    fn written(&self) -> Cow<'_, Value> {
        self.as_written.as_ref().map_or_else(|| Cow::Owned(plain(&self.entry)), Cow::Borrowed)
    }
}

impl Entry {
    /// Reads an entry that was written with an older version.
    fn of_version(version: u32, written: &Value) -> Result<Self, NotRead> {
        if version > VERSION {
            return Err(NotRead::Newer { found: version });
        }
        // Version 1 calls a NO GO `hold`; both words are read.
        Self::deserialize(written).map_err(|source| NotRead::Garbled { version, source })
    }
}

impl TryFrom<Line> for Recorded {
    type Error = NotRead;

    fn try_from(line: Line) -> Result<Self, NotRead> {
        let Line { seq, version, entry: written, previous, hash } = line;
        let entry = Entry::of_version(version, &written)?;
        let as_written = (version != VERSION).then_some(written);
        Ok(Self { seq, version, entry, previous, hash, as_written })
    }
}

impl From<Recorded> for Line {
    fn from(recorded: Recorded) -> Self {
        let entry = recorded.written().into_owned();
        let Recorded { seq, version, previous, hash, .. } = recorded;
        Self { seq, version, entry, previous, hash }
    }
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
    let previous = previous.clone();
    let hash = hash(VERSION, seq, &previous, &plain(&entry));
    Recorded { seq, version: VERSION, entry, previous, hash, as_written: None }
}

fn hash(version: u32, seq: u64, previous: &Digest, written: &Value) -> Digest {
    let body = serde_json::json!({
        "version": version, "seq": seq, "previous": previous, "entry": written,
    });
    Digest::of(canonical(&body).as_bytes())
}

fn plain(entry: &Entry) -> Value {
    serde_json::to_value(entry).expect("an entry is plain data")
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
        if event.hash != hash(event.version, event.seq, &event.previous, &event.written()) {
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
    use crate::domain::run::state::Choice;
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

        let mut renamed = good.clone();
        renamed[1].version = 0;
        assert_eq!(verify(&run, &renamed).unwrap_err().seq, 2);

        let mut swapped = good;
        swapped.swap(2, 3);
        assert_eq!(verify(&run, &swapped).unwrap_err().seq, 3);
    }

    /// As version 1 wrote it, and as any later one must be able to read and prove.
    const FIRST: &str = r#"{"seq":1,"version":1,"entry":{"at":1,"by":"engine","event":{"note_added":{"text":"a"}}},"previous":"7519bf6553a91121abfcde6000f9554ea28384ffaf52d9ce5cabee5b42daf829","hash":"d3a37723a0d105ac43fd21d0c8086d6ca6b53a6ea9e43463f1d971b4f9cc3107"}"#;

    #[test]
    fn an_event_of_version_1_holds_in_every_version() {
        let run = RunId::parse("r1").unwrap();
        let recorded: Recorded = serde_json::from_str(FIRST).unwrap();
        assert_eq!(verify(&run, std::slice::from_ref(&recorded)), Ok(()));
        let again: Value = serde_json::to_value(&recorded).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(FIRST).unwrap());
        // Bundles that were exported before lines said their version.
        let unsaid = FIRST.replace("\"version\":1,", "");
        assert_eq!(serde_json::from_str::<Recorded>(&unsaid).unwrap().version, 1);
    }

    /// A NO GO as version 1 wrote it.
    const HOLD: &str = r#"{"at":1,"by":"engine","event":{"vote_cast":{"step":"go","digest":"7519bf6553a91121abfcde6000f9554ea28384ffaf52d9ce5cabee5b42daf829","choice":"hold","words":""}}}"#;

    #[test]
    fn a_no_go_of_version_1_is_one_and_keeps_its_word_and_hash() {
        let run = RunId::parse("r1").unwrap();
        let (previous, written) = (root(&run), serde_json::from_str(HOLD).unwrap());
        let place = Place { seq: 1, version: 1, hash: hash(1, 1, &previous, &written), previous };
        let old = Recorded::read(place, HOLD).unwrap();
        assert!(matches!(old.entry.event, Event::VoteCast { choice: Choice::NoGo, .. }));
        assert_eq!(verify(&run, std::slice::from_ref(&old)), Ok(()));
        assert!(old.body().contains("hold") && !plain(&old.entry).to_string().contains("hold"));
    }

    #[test]
    fn an_event_written_in_another_format_keeps_its_hash_and_its_text() {
        let run = RunId::parse("r1").unwrap();
        // As if the present version were a later one that has dropped the field `mood`.
        let mut written = plain(&chain(&run, &["a"])[0].entry);
        written["mood"] = "calm".into();
        let previous = root(&run);
        let place = Place { seq: 1, version: 0, hash: hash(0, 1, &previous, &written), previous };
        let old = Recorded::read(place, &written.to_string()).unwrap();
        assert_eq!(verify(&run, std::slice::from_ref(&old)), Ok(()));
        assert_eq!(old.body(), written.to_string());
        let line = serde_json::to_string(&old).unwrap();
        let read: Recorded = serde_json::from_str(&line).unwrap();
        assert_eq!((&read, verify(&run, std::slice::from_ref(&read))), (&old, Ok(())));
        let forged = line.replace("calm", "wild");
        let forged: Recorded = serde_json::from_str(&forged).unwrap();
        assert!(verify(&run, &[forged]).is_err());
    }

    #[test]
    fn an_event_of_a_newer_version_is_refused_by_name() {
        let newer = FIRST.replace("\"version\":1", "\"version\":7");
        let refused = serde_json::from_str::<Recorded>(&newer).unwrap_err().to_string();
        assert!(refused.contains("newer dr-buddy (format 7"), "{refused}");
    }
}

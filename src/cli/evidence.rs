//! `dr-buddy evidence`: what an auditor takes away, and the check that it is whole.
//!
//! A bundle is a folder: `events.jsonl` (the chained record, one event a line), `previews/` (exactly what people were
//! shown, by step and number), `calls/` (what each call left: request ids, outputs), `timeline.md`, and
//! `manifest.json` with the SHA-256 of every file and the head of the chain.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::Voice;
use crate::domain::ids::{Digest, RunId};
use crate::domain::report::timeline;
use crate::domain::run::apply::replay;
use crate::domain::run::log::{self, Recorded};
use crate::domain::run::{Event, Run};

const EVENTS: &str = "events.jsonl";
const MANIFEST: &str = "manifest.json";

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    run: RunId,
    events: u64,
    head: Digest,
    files: BTreeMap<String, Digest>,
}

/// Why a bundle is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum NotWhole {
    /// It cannot be read.
    #[error("cannot read `{file}`")]
    Unreadable {
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It does not hold what it should.
    #[error("`{file}` cannot be understood: {why}")]
    Garbled {
        /// Which file, with the line.
        file: String,
        /// Why.
        why: String,
    },
    /// A file is not the one that was exported.
    #[error("`{file}` was changed since it was exported")]
    Changed {
        /// Which file.
        file: String,
    },
    /// The chain is broken.
    #[error(transparent)]
    Chain(#[from] log::Broken),
    /// The record ends early or late.
    #[error("the record has {found} events, the manifest says {expected}")]
    Count {
        /// In the record.
        found: u64,
        /// In the manifest.
        expected: u64,
    },
    /// A file beside the record is not what the record says.
    #[error("`{file}` is not what event {seq} recorded")]
    NotAsRecorded {
        /// Which file.
        file: String,
        /// Which event.
        seq: u64,
    },
}

/// Writes a bundle into `folder`, which must not exist.
///
/// # Errors
/// When it cannot be written.
pub fn export(run: &Run, record: &[Recorded], voice: &Voice<'_>, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder.parent().unwrap_or(Path::new(".")))?;
    std::fs::create_dir(folder)?;
    let mut files = BTreeMap::new();
    let mut write = |name: &str, content: &str| -> io::Result<()> {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, content)?;
        files.insert(name.to_owned(), Digest::of(content.as_bytes()));
        Ok(())
    };
    let mut events = String::new();
    let mut lines = format!("# {}\n\n", run.id);
    for recorded in record {
        events.push_str(&serde_json::to_string(recorded)?);
        events.push('\n');
        let at = recorded.entry.at.rfc3339();
        let line = voice.plain(&timeline::line(run, recorded));
        lines.push_str(&format!("{}. {at} {line}\n", recorded.seq));
        if let Some((name, content)) = beside(recorded) {
            write(&name, &serde_json::to_string_pretty(&content)?)?;
        }
    }
    write(EVENTS, &events)?;
    write("timeline.md", &lines)?;
    let head = record.last().map_or_else(|| log::root(&run.id), |last| last.hash.clone());
    let count = u64::try_from(record.len()).unwrap_or(u64::MAX);
    let manifest = Manifest { run: run.id.clone(), events: count, head, files };
    std::fs::write(folder.join(MANIFEST), serde_json::to_string_pretty(&manifest)?)
}

/// The file that stands beside an event: a preview, or what a call left.
fn beside(recorded: &Recorded) -> Option<(String, Value)> {
    let seq = recorded.seq;
    match &recorded.entry.event {
        Event::PreviewShown { step, shown, .. } => {
            let content = serde_json::to_value(shown).ok()?;
            Some((format!("previews/{seq}-{step}.json"), content))
        }
        Event::CallAccepted { step, evidence, .. }
        | Event::OutcomeUnknown { step, evidence, .. } => {
            Some((format!("calls/{seq}-{step}.json"), evidence.clone()))
        }
        Event::RunStarted(_)
        | Event::StepOpened { .. }
        | Event::StepReopened { .. }
        | Event::PreviewAsked { .. }
        | Event::PreviewFailed { .. }
        | Event::ApprovalGiven { .. }
        | Event::CodeConfirmed { .. }
        | Event::CodesLocked { .. }
        | Event::GlassBroken { .. }
        | Event::ApprovalsVoided { .. }
        | Event::StepApproved { .. }
        | Event::VoteCast { .. }
        | Event::DissentVoiced { .. }
        | Event::StepDeclined { .. }
        | Event::AttemptStarted { .. }
        | Event::OutcomeProbed { .. }
        | Event::ProbeAsked { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::StepSkipped { .. }
        | Event::UndoAsked { .. }
        | Event::StepUndone { .. }
        | Event::PeopleCalled { .. }
        | Event::StepLate { .. }
        | Event::RoleTaken { .. }
        | Event::RunbookAttached { .. }
        | Event::RunHeld { .. }
        | Event::RunResumed {}
        | Event::NoteAdded { .. }
        | Event::Chat { .. }
        | Event::Alerted { .. }
        | Event::GroupSeen { .. }
        | Event::GroupUnread { .. }
        | Event::Update { .. }
        | Event::RunClosed { .. } => None,
    }
}

/// Checks a bundle without anything but itself: the chain from its root, every file, and that the files beside the
/// record are what the record says. Returns the run and how many events it has.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(folder: &Path) -> Result<(RunId, u64), NotWhole> {
    let manifest: Manifest = serde_json::from_str(&read(folder, MANIFEST)?)
        .map_err(|error| garbled(MANIFEST, &error.to_string()))?;
    let mut record: Vec<Recorded> = Vec::new();
    for (number, line) in (1..).zip(read(folder, EVENTS)?.lines()) {
        let event = serde_json::from_str(line)
            .map_err(|error| garbled(&format!("{EVENTS}:{number}"), &error.to_string()))?;
        record.push(event);
    }
    log::verify(&manifest.run, &record)?;
    let found = u64::try_from(record.len()).unwrap_or(u64::MAX);
    let head = record.last().map(|last| &last.hash);
    if found != manifest.events || head.is_some_and(|head| *head != manifest.head) {
        return Err(NotWhole::Count { found, expected: manifest.events });
    }
    if replay(record.iter().map(|recorded| &recorded.entry)).is_none() {
        return Err(garbled(EVENTS, "it does not begin with the start of a run"));
    }
    for recorded in &record {
        if let Some((file, content)) = beside(recorded) {
            let found: Value = serde_json::from_str(&read(folder, &file)?)
                .map_err(|error| garbled(&file, &error.to_string()))?;
            if found != content {
                return Err(NotWhole::NotAsRecorded { file, seq: recorded.seq });
            }
        }
    }
    for (file, digest) in &manifest.files {
        if Digest::of(read(folder, file)?.as_bytes()) != *digest {
            return Err(NotWhole::Changed { file: file.clone() });
        }
    }
    Ok((manifest.run, manifest.events))
}

fn read(folder: &Path, file: &str) -> Result<String, NotWhole> {
    // A manifest that names files outside its folder is not one of ours.
    let stays =
        Path::new(file).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !stays {
        return Err(garbled(MANIFEST, "it names a file outside the folder"));
    }
    std::fs::read_to_string(folder.join(file))
        .map_err(|source| NotWhole::Unreadable { file: file.to_owned(), source })
}

fn garbled(file: &str, why: &str) -> NotWhole {
    NotWhole::Garbled { file: file.to_owned(), why: why.to_owned() }
}

/// `dr-buddy evidence verify PATH`; true if it is whole.
///
/// # Errors
/// When `out` cannot be written.
pub fn report(folder: &Path, out: &mut dyn Write) -> io::Result<bool> {
    match verify(folder) {
        Ok((run, events)) => {
            writeln!(out, "{run}: whole, {events} events, each chained to the one before")?;
            Ok(true)
        }
        Err(error) => {
            writeln!(out, "{}", crate::telemetry::Chain(&error))?;
            Ok(false)
        }
    }
}

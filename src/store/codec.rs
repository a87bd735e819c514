//! How state, events and effects are written: JSON text with a version beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fate, StoreError};
use crate::domain::actor::Role;
use crate::domain::environment::Environment;
use crate::domain::ids::{AudienceId, Digest, GroupId, PersonId, RunId, StepId};
use crate::domain::run::Run;
use crate::domain::run::chat::ChatNote;
use crate::domain::run::declared::Declared;
use crate::domain::run::groups::Members;
use crate::domain::run::state::{Kind, Status, StepRun};
use crate::domain::run::update::Standing;
use crate::domain::runbook::Runbook;
use crate::domain::time::Timestamp;

/// Version of a run's row. A row of another version is rebuilt from its events.
pub(super) const STATE_VERSION: i64 = 6;

/// A run without what was frozen at its start: that is named here, and stands in rows of its own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Moving<'a> {
    pub(super) runbook: Cow<'a, Digest>,
    pub(super) environment: Cow<'a, Digest>,
    id: Cow<'a, RunId>,
    kind: Kind,
    started_by: Cow<'a, PersonId>,
    started_at: Timestamp,
    impact_at: Timestamp,
    #[serde(default)]
    declared: Cow<'a, Declared>,
    restored_at: Option<Timestamp>,
    status: Cow<'a, Status>,
    duty: Cow<'a, BTreeMap<Role, PersonId>>,
    groups: Cow<'a, BTreeMap<GroupId, Members>>,
    updates: Cow<'a, BTreeMap<AudienceId, Standing>>,
    steps: Cow<'a, BTreeMap<StepId, StepRun>>,
    chat: Cow<'a, [ChatNote]>,
    evidence: Cow<'a, [Value]>,
    seq: u64,
    seen_at: Timestamp,
}

impl<'a> Moving<'a> {
    pub(super) fn of(run: &'a Run, runbook: &'a Digest, environment: &'a Digest) -> Self {
        // Without `..`: a new field is to be thought about here.
        let Run {
            id,
            kind,
            runbook: _,
            environment: _,
            started_by,
            started_at,
            impact_at,
            declared,
            restored_at,
            status,
            duty,
            groups,
            updates,
            steps,
            chat,
            evidence,
            seq,
            seen_at,
        } = run;
        Self {
            runbook: Cow::Borrowed(runbook),
            environment: Cow::Borrowed(environment),
            id: Cow::Borrowed(id),
            kind: *kind,
            started_by: Cow::Borrowed(started_by),
            started_at: *started_at,
            impact_at: *impact_at,
            declared: Cow::Borrowed(declared),
            restored_at: *restored_at,
            status: Cow::Borrowed(status),
            duty: Cow::Borrowed(duty),
            groups: Cow::Borrowed(groups),
            updates: Cow::Borrowed(updates),
            steps: Cow::Borrowed(steps),
            chat: Cow::Borrowed(chat),
            evidence: Cow::Borrowed(evidence),
            seq: *seq,
            seen_at: *seen_at,
        }
    }

    /// The whole run, with what it names.
    pub(super) fn with(self, runbook: Arc<Runbook>, environment: Arc<Environment>) -> Run {
        Run {
            id: self.id.into_owned(),
            kind: self.kind,
            runbook,
            environment,
            started_by: self.started_by.into_owned(),
            started_at: self.started_at,
            impact_at: self.impact_at,
            declared: self.declared.into_owned(),
            restored_at: self.restored_at,
            status: self.status.into_owned(),
            duty: self.duty.into_owned(),
            groups: self.groups.into_owned(),
            updates: self.updates.into_owned(),
            steps: self.steps.into_owned(),
            chat: self.chat.into_owned(),
            evidence: self.evidence.into_owned(),
            seq: self.seq,
            seen_at: self.seen_at,
        }
    }
}

pub(super) fn write<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable { what, source })
}

pub(super) fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Unreadable { what, source })
}

/// The name of a message's fate.
pub(super) fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Posted => "posted",
        Fate::Again => "again",
        Fate::Posting => "posting",
        Fate::Unposted => "unposted",
    }
}

pub(super) fn fate(name: &str) -> Result<Fate, StoreError> {
    let all = [Fate::Posted, Fate::Again, Fate::Posting, Fate::Unposted];
    all.into_iter().find(|fate| fate_name(*fate) == name).ok_or_else(|| StoreError::Unreadable {
        what: "fate of a message",
        source: serde::de::Error::custom(format!("`{name}` is none")),
    })
}

/// What holds the place of an open run: one of a kind in an environment.
pub(super) fn open_slot(run: &Run) -> Option<String> {
    (!run.is_closed()).then(|| format!("{}/{}", run.environment.id, run.kind.name()))
}

//! How state, events and effects are written: JSON text with a version beside it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::domain::run::Effect;
use crate::domain::run::Run;

/// Version of a run's row. A row of another version is rebuilt from its events.
pub(super) const STATE_VERSION: i64 = 2;

pub(super) fn write<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable { what, source })
}

pub(super) fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Unreadable { what, source })
}

/// The effect's key within its run: the same key is the same effect, performed once however often it is wanted.
pub(super) fn key(effect: &Effect) -> String {
    match effect {
        Effect::Show(message) => format!("show/{message}"),
        Effect::Preview { step, number } => format!("preview/{step}/{number}"),
        Effect::Act { step, attempt } => format!("act/{step}/{attempt}"),
        Effect::Prove { step, attempt } => format!("prove/{step}/{attempt}"),
        Effect::Probe { step, attempt } => format!("probe/{step}/{attempt}"),
        Effect::WakeAt(_) => "wake".to_owned(),
    }
}

/// What goes first: work, then questions and news, then the upkeep of cards.
pub(super) fn priority(effect: &Effect) -> i64 {
    use crate::domain::run::MessageKey;
    match effect {
        Effect::Act { .. } | Effect::Probe { .. } | Effect::Prove { .. } => 0,
        Effect::Preview { .. } | Effect::WakeAt(_) => 1,
        Effect::Show(MessageKey::Notice(_)) => 2,
        Effect::Show(MessageKey::Step(_)) => 3,
        Effect::Show(MessageKey::Run) => 4,
    }
}

/// What holds the place of an open run: one of a kind in an environment.
pub(super) fn open_slot(run: &Run) -> Option<String> {
    (!run.is_closed()).then(|| format!("{}/{}", run.environment.id, run.kind.name()))
}

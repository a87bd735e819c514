//! The pretended world: what the environment file says, changed by the record.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::{Call, LookError};
use crate::domain::run::preview::Direction;
use crate::domain::runbook::template;
use crate::domain::text::told;
use crate::domain::time::{Span, Timestamp};

/// A change of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::actions) struct Set {
    /// What changes.
    pub(super) key: String,
    /// To what.
    pub(super) to: Value,
}

/// A change that was made, with the time at which it shows.
#[derive(Debug)]
struct Made {
    key: String,
    to: Value,
    shows_at: Timestamp,
}

/// The world as the run has left it.
#[derive(Debug)]
pub(in crate::actions) struct World<'a> {
    pub(super) call: &'a Call<'a>,
    made: Vec<Made>,
}

impl<'a> World<'a> {
    pub(super) fn of(call: &'a Call<'a>) -> Self {
        let made = call.past.iter().flat_map(|evidence| {
            let shows_at = shows_at(evidence).unwrap_or(call.now);
            let sets = evidence.get("sets").cloned().unwrap_or_default();
            let sets: Vec<Set> = serde_json::from_value(sets).unwrap_or_default();
            sets.into_iter().map(move |set| Made { shows_at, key: set.key, to: set.to })
        });
        World { call, made: made.collect() }
    }

    /// The value now.
    pub(super) fn now(&self, key: &str) -> Option<&Value> {
        let mut made = self.made.iter().filter(|made| made.key == key);
        made.rfind(|made| made.shows_at <= self.call.now).map(|made| &made.to)
    }

    /// The value now, or what it was in the beginning.
    pub(super) fn now_or(&self, key: &str, first: &str) -> String {
        self.now(key).map_or_else(|| first.to_owned(), plain)
    }

    /// The value a change under way will bring.
    pub(super) fn coming(&self, key: &str) -> Option<&Value> {
        let mut made = self.made.iter().filter(|made| made.key == key);
        made.rfind(|made| made.shows_at > self.call.now).map(|made| &made.to)
    }

    /// Whether the last call of this step has not had its time yet.
    pub(super) fn is_underway(&self) -> bool {
        let own = |evidence: &&Value| {
            evidence.get("step").and_then(Value::as_str) == Some(self.call.step.as_str())
        };
        let last = self.call.past.iter().rfind(own).and_then(shows_at);
        last.is_some_and(|shows_at| shows_at > self.call.now)
    }

    /// What began as true and no longer is, of the keys that begin so.
    pub(super) fn no_longer(&self, of: &str) -> impl Iterator<Item = &str> {
        let made = self.made.iter().map(|made| made.key.as_str());
        made.filter(move |key| key.starts_with(of) && self.now(key) == Some(&Value::Bool(false)))
    }

    pub(super) fn shows(&self, set: &Set) -> bool {
        self.now(&set.key) == Some(&set.to)
    }

    pub(super) fn is_coming(&self, set: &Set) -> bool {
        self.coming(&set.key) == Some(&set.to)
    }

    /// A value of the environment file, as text.
    pub(super) fn environment(&self, path: &str) -> Option<String> {
        template::find(&self.call.environment.document, path).map(plain)
    }

    /// Whether nothing in this region (or at this address in it) answers, until it is back.
    pub(super) fn is_dark(&self, place: &str) -> bool {
        let back = self.environment("tabletop.back_after").and_then(|span| Span::parse(&span).ok());
        if back.is_some_and(|back| self.call.now.since(self.call.started_at) >= back) {
            return false;
        }
        let dark = template::find(&self.call.environment.document, "tabletop.dark");
        let dark = dark.and_then(Value::as_array).cloned().unwrap_or_default();
        dark.iter().filter_map(Value::as_str).any(|region| place.contains(region))
    }

    /// Fails as a dead region does.
    pub(super) fn reach(&self, place: &str) -> Result<(), LookError> {
        if self.is_dark(place) {
            let detail = told("told.timed_out", &["3"]);
            return Err(LookError::Unreachable { system: place.to_owned(), detail });
        }
        Ok(())
    }

    /// What goes wrong at the first attempt of this action: `fails` or `no_answer`.
    pub(super) fn trouble(&self, action: &str) -> Option<&str> {
        if self.call.attempt > 1 || self.call.direction == Direction::Undo {
            return None;
        }
        let first = self.call.environment.document.get("tabletop")?.get("first_attempt")?;
        first.get(action)?.as_str()
    }

    /// A parameter, as text.
    pub(super) fn with(&self, name: &str) -> String {
        self.call.with.get(name).map(plain).unwrap_or_default()
    }

    /// A list parameter.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let list = self.call.with.get(name).and_then(Value::as_array);
        list.map(|items| items.iter().map(plain).collect()).unwrap_or_default()
    }

    /// `account 000000000000`.
    pub(super) fn account(&self) -> String {
        format!("account {} (simulated)", self.call.environment.account)
    }
}

/// When the effect of a call shows.
fn shows_at(evidence: &Value) -> Option<Timestamp> {
    let at = evidence.get("at")?.as_i64().map(Timestamp)?;
    let after: Option<Span> = serde_json::from_value(evidence.get("shows_after")?.clone()).ok();
    Some(at.plus(after?))
}

/// Text without quotes, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// As a database says it that is a copy.
pub(super) fn read_only(system: &str) -> LookError {
    LookError::Refused { system: system.to_owned(), detail: told("told.read_only", &[]) }
}

//! What people say of the trouble when they open a run: how bad it is, what is hit, who is on duty.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::domain::actor::Role;
use crate::domain::alert::Alert;
use crate::domain::ids::PersonId;
use crate::domain::text::Text;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Customers cannot use the service, or data is at risk.
    Sev1,
    /// A part of the service is down or slow.
    Sev2,
    /// Nobody outside notices yet.
    Sev3,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 3] = [Self::Sev1, Self::Sev2, Self::Sev3];

    /// Its name; also the message key under `severity.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sev1 => "sev1",
            Self::Sev2 => "sev2",
            Self::Sev3 => "sev3",
        }
    }

    /// The name in the reader's language.
    pub fn text(self) -> Text {
        Text::Named(format!("severity.{}", self.name()), vec![])
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == text)
    }
}

/// What was said at the start; all of it may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What is hit: names of [`Environment::systems`](crate::domain::environment::Environment::systems).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub affected: BTreeSet<String>,
    /// Who goes on duty for what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<Role, PersonId>,
    /// What rang, the first first; no more than [`ALERTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

/// Alerts with which a run is opened; others go on its timeline.
pub const ALERTS: usize = 20;

impl Declared {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is asked before a run opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Which runbook.
    Runbook,
    /// What the run is for.
    Kind,
    /// Since when the service is hit.
    Impact,
    /// How bad it is.
    Severity,
    /// What is hit.
    Affected,
    /// Who is on duty for this role.
    Role(Role),
}

impl Field {
    /// Its name: `kind`, `role-ic`.
    pub fn name(self) -> String {
        match self {
            Self::Runbook => "runbook".to_owned(),
            Self::Kind => "kind".to_owned(),
            Self::Impact => "impact".to_owned(),
            Self::Severity => "severity".to_owned(),
            Self::Affected => "affected".to_owned(),
            Self::Role(role) => format!("role-{}", role.name()),
        }
    }
}

impl Refusal {
    /// What of a start it is about, if it is about one thing.
    pub fn field(&self) -> Option<Field> {
        if let Self::NotQualified { role, .. } = self {
            return Some(Field::Role(*role));
        }
        if let Self::ImpactOutOfRange { .. } = self {
            return Some(Field::Impact);
        }
        if let Self::NoSuchSystem { .. } = self {
            return Some(Field::Affected);
        }
        let kind = matches!(self, Self::NoExerciseInProduction { .. } | Self::AlreadyOpen { .. });
        kind.then_some(Field::Kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_read_back_and_nothing_said_is_nothing_written() {
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.name()), Some(severity));
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.name());
        }
        assert_eq!(Severity::parse("sev4"), None);
        assert_eq!(serde_json::to_string(&Declared::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Declared>("{}").unwrap(), Declared::default());
    }
}

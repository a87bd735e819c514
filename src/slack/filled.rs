//! What came back of the form that opens a run.

use serde_json::Value;

use crate::domain::actor::Role;
use crate::domain::run::declared::Field;

/// By what Slack tells which form was sent.
pub(super) const CALLBACK: &str = "start-run";

/// What was filled in, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// The runbook's id.
    pub runbook: Option<String>,
    /// The kind's name.
    pub kind: Option<String>,
    /// Seconds since 1970.
    pub impact: Option<i64>,
    /// The severity's name.
    pub severity: Option<String>,
    /// Names of systems.
    pub affected: Vec<String>,
    /// For each role that was given, the Slack user.
    pub roles: Vec<(Role, String)>,
    /// The offer of alerts that the form came from.
    pub offer: Option<u64>,
}

impl Filled {
    /// Reads the state of a form that was sent.
    pub(super) fn read(payload: &Value) -> Self {
        let at = |field: Field, part: &str| {
            let name = field.name();
            payload.pointer(&format!("/view/state/values/{name}/{name}/{part}"))
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let chosen = |field: Field| at(field, "selected_option/value").and_then(text);
        let user = |role: Role| at(Field::Role(role), "selected_user").and_then(text);
        let affected = at(Field::Affected, "selected_options").and_then(Value::as_array);
        let affected = affected.into_iter().flatten();
        Self {
            runbook: chosen(Field::Runbook),
            kind: chosen(Field::Kind),
            impact: at(Field::Impact, "selected_date_time").and_then(Value::as_i64),
            severity: chosen(Field::Severity),
            affected: affected.filter_map(|one| one.get("value").and_then(text)).collect(),
            roles: Role::ALL.into_iter().filter_map(|role| Some((role, user(role)?))).collect(),
            offer: payload
                .pointer("/view/private_metadata")
                .and_then(Value::as_str)
                .and_then(|offer| offer.parse().ok()),
        }
    }
}

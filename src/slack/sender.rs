//! Who asked, and the one way in which parts of a payload are read.

use serde_json::Value;

/// Who asked, where, and how to answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// The workspace it was asked in, if Slack said (an organisation-wide install may not).
    pub team: Option<String>,
    /// The workspace the person is at home in, if Slack said: in a shared channel it may be another.
    pub home: Option<String>,
    /// The user id.
    pub user: String,
    /// The channel id.
    pub channel: Option<String>,
    /// For opening a form; valid for three seconds.
    pub trigger: Option<String>,
}

/// A text that is there and not empty.
pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

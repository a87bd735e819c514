//! Roles from Slack user groups, within a run: who is in them as far as it was seen. Who holds a role by that is among
//! the [`questions`](super::questions).
//!
//! What was seen is on the record, so that a replay says the same. From the entry on, whoever left the group does not
//! hold its roles, and whoever joined does; what people agreed to before stays as it was judged then. A failure to read
//! changes nobody: those who were seen last stay, and everybody sees how long ago that was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::ids::PersonId;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// Why it cannot be read where there is no Slack.
pub const NO_SLACK: &str = "no_slack";

/// What came of asking Slack who is in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// These are: Slack's ids.
    Members(Vec<String>),
    /// It could not be read.
    Unread {
        /// Slack's code, or what went wrong.
        why: String,
        /// When it was read the last time, if it ever was.
        read_at: Option<Timestamp>,
    },
}

/// What a run knows of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// Those whom the environment file knows.
    pub people: Vec<PersonId>,
    /// How many it does not know.
    pub unknown: usize,
    /// Who was in it earlier in this run and is not any more, and since when that is known.
    pub left: BTreeMap<PersonId, Timestamp>,
    /// When it was read, as far as the record tells; `None`: never.
    pub read_at: Option<Timestamp>,
    /// Why it cannot be read now.
    pub unread: Option<String>,
    /// When any of this was recorded last: so soon nobody asks again.
    pub asked_at: Option<Timestamp>,
}

impl Members {
    /// These are in it now.
    pub(super) fn seen(&mut self, people: &[PersonId], unknown: usize, at: Timestamp) {
        let before = std::mem::replace(&mut self.people, people.to_vec());
        self.left.extend(before.into_iter().map(|id| (id, at)));
        self.left.retain(|id, _| !people.contains(id));
        self.unknown = unknown;
        (self.read_at, self.asked_at) = (Some(at), Some(at));
        self.unread = None;
    }

    /// It could not be read: nobody joins and nobody leaves.
    pub(super) fn unread(&mut self, why: &str, read_at: Option<Timestamp>, at: Timestamp) {
        self.read_at = self.read_at.max(read_at);
        self.asked_at = Some(at);
        self.unread = Some(why.to_owned());
    }
}

/// Why a group cannot be read, for people: Slack's codes in their language, anything else as it came; `None`: it has not
/// been tried to the end yet.
pub fn why(why: Option<&str>) -> Text {
    match why {
        None => Text::key("group.why.not_yet"),
        Some("missing_scope") => Text::key("group.why.missing_scope"),
        Some("no_such_subteam") => Text::key("group.why.no_such_subteam"),
        Some("plan_upgrade_required") => Text::key("group.why.plan"),
        Some(NO_SLACK) => Text::key("group.why.no_slack"),
        Some(other) => Text::raw(other),
    }
}

//! Roles from Slack user groups, within a run: who is in them as far as it was seen, and who holds a role by that.
//!
//! What was seen is on the record, so that a replay says the same. From the entry on, whoever left the group does not
//! hold its roles, and whoever joined does; what people agreed to before stays as it was judged then. A failure to read
//! changes nobody: those who were seen last stay, and everybody sees how long ago that was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::Run;
use crate::domain::actor::Role;
use crate::domain::environment::{Group, Person};
use crate::domain::ids::{GroupId, PersonId};
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

impl Run {
    /// The groups that give one of the roles, with what is known of them.
    pub fn groups_for(&self, roles: &[Role]) -> impl Iterator<Item = (&Group, Option<&Members>)> {
        let gives = move |group: &&Group| group.gives_one_of(roles);
        let groups = self.environment.groups.iter().filter(gives);
        groups.map(|group| (group, self.groups.get(&group.id)))
    }

    /// Whether this person holds one of the roles: by the environment file, or as a member of a group it names.
    pub fn holds(&self, person: &Person, roles: &[Role]) -> bool {
        let is_in = |of: Option<&Members>| of.is_some_and(|of| of.people.contains(&person.id));
        person.holds_one_of(roles) || self.groups_for(roles).any(|(_, of)| is_in(of))
    }

    /// The people who hold one of the roles, in the order of the file.
    pub fn holders<'a>(&'a self, roles: &'a [Role]) -> impl Iterator<Item = &'a Person> {
        self.environment.people.iter().filter(move |person| self.holds(person, roles))
    }

    /// Whether this person holds one of the roles, or did when they agreed: nobody agrees who does not hold it then,
    /// and leaving a group takes nothing back.
    pub(super) fn held(&self, person: &Person, roles: &[Role]) -> bool {
        let was_in = |of: &Members| of.left.contains_key(&person.id);
        self.holds(person, roles) || self.groups_for(roles).any(|(_, of)| of.is_some_and(was_in))
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

/// What the record says of a group changes who is in it, and whoever holds a role no longer is not on duty for it.
pub(super) fn seen(
    run: &mut Run,
    group: &GroupId,
    people: &[PersonId],
    unknown: usize,
    at: Timestamp,
) {
    let members = run.groups.entry(group.clone()).or_default();
    let before = std::mem::replace(&mut members.people, people.to_vec());
    members.left.extend(before.into_iter().map(|id| (id, at)));
    members.left.retain(|id, _| !people.contains(id));
    members.unknown = unknown;
    members.read_at = Some(at);
    members.unread = None;
    members.asked_at = Some(at);
    let is_lost = |role: &Role, id: &PersonId| {
        let holds = run.environment.person(id).is_some_and(|person| run.holds(person, &[*role]));
        role.is_given_by_the_file() && !holds
    };
    let lost: Vec<Role> =
        run.duty.iter().filter(|(role, id)| is_lost(role, id)).map(|(role, _)| *role).collect();
    run.duty.retain(|role, _| !lost.contains(role));
}

/// It could not be read: nobody joins and nobody leaves.
pub(super) fn unread(
    run: &mut Run,
    group: &GroupId,
    why: &str,
    read_at: Option<Timestamp>,
    at: Timestamp,
) {
    let members = run.groups.entry(group.clone()).or_default();
    members.asked_at = Some(at);
    members.read_at = members.read_at.max(read_at);
    members.unread = Some(why.to_owned());
}

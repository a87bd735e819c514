//! The environment: what a run acts on. Runbooks never name a resource directly; they say `${aurora.dr.arn}`, and the
//! environment file says what that is. Whatever its top level holds can be used in templates and conditions; the
//! fields below are those the product itself reads. What a runbook makes of it is not known here.

mod alerts;
mod audiences;
mod check;
mod groups;
mod words;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::alerts::Alerts;
pub use self::audiences::{Audience, ROOM, Wording};
pub use self::check::{ENVIRONMENT, check};
pub use self::groups::Group;

use crate::domain::actor::Role;
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::time::Span;
use crate::domain::value::Language;

/// What the simulated world pretends, which is no system.
const TABLETOP: &str = "tabletop";
/// What only the doctor's checks read, which is no system either.
const READINESS: &str = "readiness";

/// A checked environment file. A run keeps a copy of it, frozen at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its id; shown in every message and part of every digest.
    pub id: EnvironmentId,
    /// Production or not: exercises keep out of production.
    pub kind: EnvironmentKind,
    /// The AWS account every changing call is checked against.
    pub account: String,
    /// The two regions.
    pub regions: Regions,
    /// What was promised.
    pub objectives: Objectives,
    /// How the team is spoken to.
    pub chat: Chat,
    /// Who may act.
    pub people: Vec<Person>,
    /// The user groups of Slack whose members hold roles as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Which alerts are taken.
    #[serde(default, skip_serializing_if = "Alerts::is_empty")]
    pub alerts: Alerts,
    /// Who is told how a run goes, beside the war room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Audience>,
    /// The whole document, for templates (`${aurora.dr.arn}`) and conditions (`env.aurora.present`).
    pub document: Value,
}

impl Environment {
    /// The person of this id.
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.people.iter().find(|person| person.id == *id)
    }

    /// The people who hold one of the roles by this file. In a run, its groups give them too: ask
    /// [`Run::holds`](crate::domain::run::Run::holds).
    pub fn holders<'a>(&'a self, roles: &'a [Role]) -> impl Iterator<Item = &'a Person> {
        self.people.iter().filter(|person| person.holds_one_of(roles))
    }

    /// The systems it has: every section of the document beside those the product itself reads, unless it says that
    /// it is not `present`.
    pub fn systems(&self) -> Vec<&str> {
        let ours = |name: &str| {
            [TABLETOP, READINESS].contains(&name) || ENVIRONMENT.iter().any(|one| one.name == name)
        };
        let sections = self.document.as_object().into_iter().flatten();
        let there = sections.filter(|(name, section)| {
            section.is_object()
                && section.get("present") != Some(&Value::Bool(false))
                && !ours(name)
        });
        there.map(|(name, _)| name.as_str()).collect()
    }

    /// Exactly one person with this Slack user id, at home in this team, or nobody: the same id in another workspace is
    /// somebody else.
    pub fn person_in_slack(&self, team: Option<&str>, user: &str) -> Option<&Person> {
        let same_team = |person: &&Person| match &person.slack_team {
            Some(wanted) => team == Some(wanted),
            None => self.chat.teams.is_empty() || self.chat.is_ours(team),
        };
        let mut found = self
            .people
            .iter()
            .filter(|person| person.slack.as_deref() == Some(user))
            .filter(same_team);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

/// Production or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    /// Customers are served from here: only incidents and tabletops.
    Production,
    /// Incidents, exercises and tabletops.
    Staging,
}

/// The two regions of a failover, by their AWS names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regions {
    /// Where the service normally runs.
    pub primary: String,
    /// Where it goes.
    pub dr: String,
}

/// What was promised to customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objectives {
    /// Longest time without service.
    pub rto: Span,
    /// Longest stretch of lost writes.
    pub rpo: Span,
    /// Longest time without service in an exercise, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exercise_rto: Option<Span>,
}

/// How the team is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Id of the Slack channel that is the war room.
    pub war_room: String,
    /// The language of the cards there.
    #[serde(default)]
    pub language: Language,
    /// The zone shown beside UTC (IANA).
    #[serde(default = "utc")]
    pub time_zone: String,
    /// How often the room is told how a run goes.
    #[serde(default = "updates")]
    pub updates: Span,
    /// How run ids begin: `OPS-DR`.
    #[serde(default = "run_prefix")]
    pub run_prefix: String,
    /// The reaction that puts a message on the timeline, without colons.
    #[serde(default = "timeline_reaction")]
    pub timeline_reaction: String,
    /// The Slack teams (workspaces) that may drive runs; any that Slack vouches for, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// The ids of the channels, beside the war room, in which runs may be driven; any, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
}

/// Why nothing is done from a place in Slack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// The workspace, or the one the person is at home in, is not named in `teams`.
    Team,
    /// The channel is neither the war room nor named in `channels`.
    Channel,
}

impl Chat {
    fn is_ours(&self, team: Option<&str>) -> bool {
        team.is_some_and(|team| self.teams.iter().any(|ours| ours == team))
    }

    /// Whether runs may be driven from these teams: where it was asked, and where the asker is at home.
    ///
    /// # Errors
    /// When one of them is not ours, or none is known.
    pub fn admits_teams(&self, teams: [Option<&str>; 2]) -> Result<(), Elsewhere> {
        let mut known = teams.into_iter().filter(Option::is_some).peekable();
        let ours = known.peek().is_some() && known.all(|team| self.is_ours(team));
        if self.teams.is_empty() || ours { Ok(()) } else { Err(Elsewhere::Team) }
    }

    /// Whether runs may be driven from the channel of this id.
    ///
    /// # Errors
    /// When they may not.
    pub fn admits_channel(&self, id: &str) -> Result<(), Elsewhere> {
        let is_named = self.channels.iter().any(|channel| channel == id);
        if self.channels.is_empty() || self.war_room == id || is_named {
            Ok(())
        } else {
            Err(Elsewhere::Channel)
        }
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

fn updates() -> Span {
    audiences::ROOM_EVERY
}

fn timeline_reaction() -> String {
    "stopwatch".to_owned()
}

fn run_prefix() -> String {
    "OPS-DR".to_owned()
}

/// One of the team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Short id used in the record.
    pub id: PersonId,
    /// As people call them.
    pub name: String,
    /// Slack user id: the identity, never an e-mail.
    #[serde(default)]
    pub slack: Option<String>,
    /// Slack team id, where one app serves several workspaces.
    #[serde(default)]
    pub slack_team: Option<String>,
    /// Roles held, beside those that a group gives.
    pub roles: Vec<Role>,
    /// Language of what only this person sees; the war room's if absent.
    #[serde(default)]
    pub language: Option<Language>,
}

impl Person {
    /// Whether this person holds one of the roles by the file alone.
    pub fn holds_one_of(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(teams: &[&str], channels: &[&str]) -> Chat {
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Chat {
            war_room: "C0ROOM".to_owned(),
            language: Language::En,
            time_zone: utc(),
            updates: updates(),
            run_prefix: run_prefix(),
            timeline_reaction: timeline_reaction(),
            teams: all(teams),
            channels: all(channels),
        }
    }

    #[test]
    fn a_team_that_is_not_named_drives_nothing() {
        let named = chat(&["T1", "T2"], &[]);
        assert_eq!(named.admits_teams([Some("T1"), Some("T2")]), Ok(()));
        assert_eq!(named.admits_teams([None, Some("T2")]), Ok(()));
        // A guest of a shared channel, in our workspace; one of ours in theirs; nobody knows where.
        for teams in [[Some("T1"), Some("T9")], [Some("T9"), Some("T1")], [None, None]] {
            assert_eq!(named.admits_teams(teams), Err(Elsewhere::Team), "{teams:?}");
        }
        assert_eq!(chat(&[], &[]).admits_teams([Some("T9"), None]), Ok(()));
    }

    #[test]
    fn a_channel_that_is_not_named_drives_nothing() {
        let named = chat(&[], &["C1"]);
        assert_eq!(named.admits_channel("C1"), Ok(()));
        assert_eq!(named.admits_channel("C0ROOM"), Ok(()));
        assert_eq!(named.admits_channel("C7"), Err(Elsewhere::Channel));
        assert_eq!(chat(&[], &[]).admits_channel("C7"), Ok(()));
    }
}

//! The environment: what a run acts on. Runbooks never name a resource directly; they say `${aurora.dr.arn}`, and the
//! environment file says what that is. Whatever its top level holds can be used in templates and conditions; the
//! fields below are those the product itself reads.

mod check;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::check::{ENVIRONMENT, check};

use crate::domain::actor::Role;
use crate::domain::ids::{EnvironmentId, PersonId};
use crate::domain::time::Span;
use crate::domain::value::Language;

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
    /// The whole document, for templates (`${aurora.dr.arn}`) and conditions (`env.aurora.present`).
    pub document: Value,
}

impl Environment {
    /// The person of this id.
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.people.iter().find(|person| person.id == *id)
    }

    /// The people who hold one of the roles.
    pub fn holders<'a>(&'a self, roles: &'a [Role]) -> impl Iterator<Item = &'a Person> {
        self.people.iter().filter(|person| person.holds_one_of(roles))
    }

    /// Exactly one person with this Slack user id (and team, where the file names one), or nobody.
    pub fn person_in_slack(&self, team: Option<&str>, user: &str) -> Option<&Person> {
        let same_team = |person: &&Person| match (&person.slack_team, team) {
            (Some(wanted), Some(team)) => wanted == team,
            (Some(_), None) => false,
            (None, _) => true,
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
}

/// How the team is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Slack channel id or name of the war room.
    pub war_room: String,
    /// The language of the cards there.
    #[serde(default)]
    pub language: Language,
    /// The zone shown beside UTC (IANA).
    #[serde(default = "utc")]
    pub time_zone: String,
    /// How run ids begin: `OPS-DR`.
    #[serde(default = "run_prefix")]
    pub run_prefix: String,
}

fn utc() -> String {
    "UTC".to_owned()
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
    /// Roles held.
    pub roles: Vec<Role>,
    /// Language of what only this person sees; the war room's if absent.
    #[serde(default)]
    pub language: Option<Language>,
}

impl Person {
    /// Whether this person holds one of the roles.
    pub fn holds_one_of(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

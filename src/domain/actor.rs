//! Who asks, and who may ask for what: the one table of rights.

use serde::{Deserialize, Serialize};

use super::ids::PersonId;

/// A role in an incident. People hold roles; steps have an owner role; gates name roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Incident commander: decides, holds, resumes, closes.
    Ic,
    /// Databases, caches, secrets.
    Db,
    /// Clusters, network, DNS.
    Platform,
    /// The application and its tests.
    App,
    /// Messages to customers and management.
    Comms,
    /// Customer support.
    Support,
    /// Keeps the record.
    Scribe,
    /// Watches; may add notes.
    Observer,
}

impl Role {
    /// All of them, in the order people see them.
    pub const ALL: [Self; 8] = [
        Self::Ic,
        Self::Db,
        Self::Platform,
        Self::App,
        Self::Comms,
        Self::Support,
        Self::Scribe,
        Self::Observer,
    ];

    /// As documents and messages write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ic => "ic",
            Self::Db => "db",
            Self::Platform => "platform",
            Self::App => "app",
            Self::Comms => "comms",
            Self::Support => "support",
            Self::Scribe => "scribe",
            Self::Observer => "observer",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }

    /// Whether only the environment file gives it: gates ask for these, so nobody takes one for themselves. The others
    /// anybody known may take for the length of a run.
    pub fn is_given_by_the_file(self) -> bool {
        match self {
            Self::Ic | Self::Db | Self::Platform | Self::App => true,
            Self::Comms | Self::Support | Self::Scribe | Self::Observer => false,
        }
    }
}

/// The way a request came in. On the record beside every request of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Surface {
    /// A Slack command, click, modal or mention.
    Slack,
    /// The war room in the browser.
    Web,
    /// The command line.
    Cli,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// One known person of the environment.
    Person {
        /// Who.
        id: PersonId,
        /// From where.
        via: Surface,
    },
    /// Somebody the environment does not know, with the name the surface gave (`U0123`). May do nothing.
    Stranger {
        /// The surface's own id, for the log and the refusal.
        name: String,
        /// From where.
        via: Surface,
    },
    /// The engine reporting what it did or saw.
    Engine,
}

impl Actor {
    /// The person, if it is a known one.
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Person { id, .. } => Some(id),
            Self::Stranger { .. } | Self::Engine => None,
        }
    }
}

/// What a person may ask for, as rights see it: each request of a person needs one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Open a run.
    Start,
    /// Add to the timeline.
    Note,
    /// Agree, refuse or vote: the roles of the step's gate.
    Answer,
    /// Take a step out of the way, try it again, settle its outcome: its owner or the commander.
    Steer,
    /// Stop everything that has not begun. Anyone known may.
    Hold,
    /// Go on after a hold; close: the commander.
    Command,
    /// Say what an audience is told: comms or the commander.
    Tell,
    /// Give somebody else one-time codes, or take theirs away: the commander.
    Enrol,
}

/// The roles that give a right, given the roles of the step's gate and the step's owner.
/// `None`: every known person has it.
pub fn roles_for(right: Right, gate: &[Role], owner: Role) -> Option<Vec<Role>> {
    match right {
        Right::Note | Right::Hold => None,
        Right::Start => Some(vec![Role::Ic, Role::Db, Role::Platform, Role::App]),
        Right::Answer => Some(gate.to_vec()),
        Right::Steer if owner == Role::Ic => Some(vec![Role::Ic]),
        Right::Steer => Some(vec![owner, Role::Ic]),
        Right::Tell => Some(vec![Role::Comms, Role::Ic]),
        Right::Command | Right::Enrol => Some(vec![Role::Ic]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
        assert_eq!(Role::parse("boss"), None);
    }

    #[test]
    fn anyone_may_hold_but_only_the_commander_resumes() {
        assert_eq!(roles_for(Right::Hold, &[], Role::Db), None);
        assert_eq!(roles_for(Right::Command, &[Role::Db], Role::Db), Some(vec![Role::Ic]));
        assert_eq!(roles_for(Right::Steer, &[], Role::Db), Some(vec![Role::Db, Role::Ic]));
        assert_eq!(roles_for(Right::Steer, &[], Role::Ic), Some(vec![Role::Ic]), "named once");
    }
}

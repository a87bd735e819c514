//! User groups of Slack that give roles: named by the environment file, read from Slack while a run is open.
//!
//! A group gives its roles to those of its members whom the file knows under `people`: they have an id on the record, a
//! name and a language. Members it does not know are counted, said, and may do nothing.

use serde::{Deserialize, Serialize};

use super::Environment;
use crate::domain::actor::Role;
use crate::domain::ids::{GroupId, PersonId};
use crate::domain::yaml::reader::{At, Mapping};
use crate::domain::yaml::shape::{Field, Shape, field};
use crate::domain::yaml::{Problems, near, quoted};

/// Groups of one environment: each is a call a minute of every open run, of which there may be three, and Slack takes
/// twenty.
const MOST: usize = 6;

const GROUP: &[Field<'_>] = &[
    field("id", Shape::Text).required().doc("Slack user group, such as `S012ABCDEF`"),
    field("team", Shape::Text).doc("Slack team id, where `chat.teams` names several"),
    field("roles", Shape::Roles).required().doc("what its members may answer for"),
];

/// A user group whose members hold roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Slack's id of it.
    pub id: GroupId,
    /// The Slack team it belongs to, where one app serves several workspaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// What its members hold.
    pub roles: Vec<Role>,
}

impl Group {
    /// Whether its members hold one of the roles.
    pub fn gives_one_of(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

impl Environment {
    /// The group of this id.
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == *id)
    }

    /// Whether members of some group hold one of the roles.
    pub fn has_group_for(&self, roles: &[Role]) -> bool {
        self.groups.iter().any(|group| group.gives_one_of(roles))
    }

    /// Whom the file knows among the members of a group, in the order of the file, and how many it does not know.
    pub fn members(&self, group: &Group, users: &[String]) -> (Vec<PersonId>, usize) {
        // Slack's ids are those of the group's workspace.
        let only = match self.chat.teams.as_slice() {
            [team] => Some(team),
            _ => None,
        };
        let team = group.team.as_ref().or(only).map(String::as_str);
        let known: Vec<&PersonId> = users
            .iter()
            .filter_map(|user| self.person_in_slack(team, user))
            .map(|person| &person.id)
            .collect();
        let people = self.people.iter().map(|person| &person.id);
        let people: Vec<PersonId> = people.filter(|id| known.contains(id)).cloned().collect();
        (people, users.len() - known.len())
    }
}

/// Reads the section; `teams`: those of `chat`.
pub(super) fn read(
    mapping: Mapping<'_>,
    teams: &[String],
    problems: &mut Problems,
) -> Option<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut is_whole = true;
    let items = mapping.list("groups", Shape::Defined("groups"), problems);
    if let Some(item) = items.get(MOST) {
        problems.add(
            item.at,
            format!("more than {MOST} user groups"),
            "a role may have several people and several roles one group",
        );
    }
    for item in items {
        let one = Mapping::read(item, "a user group", GROUP, problems);
        let group = one.and_then(|one| {
            let id = one.id("id", GroupId::parse, problems);
            let team = one.text("team", problems);
            home(id.as_ref(), team.as_ref(), teams, problems);
            let roles = one.roles("roles", problems)?;
            let roles = roles.into_iter().map(|(role, _)| role).collect();
            let (id, at) = id?;
            if groups.iter().any(|other| other.id == id) {
                let hint = "name all its roles in one line";
                problems.add(at, format!("user group `{id}` is named twice"), hint);
            }
            Some(Group { id, team: team.map(|(team, _)| team), roles })
        });
        match group {
            Some(group) => groups.push(group),
            None => is_whole = false,
        }
    }
    is_whole.then_some(groups)
}

/// A group's team must be one that may drive runs, and must be said where there are several.
fn home(
    group: Option<&At<GroupId>>,
    team: Option<&At<String>>,
    teams: &[String],
    problems: &mut Problems,
) {
    match (group, team) {
        (_, Some((team, at))) if !teams.is_empty() && !teams.contains(team) => {
            let hint = near(team, teams.iter().map(String::as_str));
            problems.add(*at, format!("team {} is not in `chat.teams`", quoted(team)), hint);
        }
        (Some((group, at)), None) if teams.len() > 1 => {
            let message = format!("user group `{group}` without a `team`");
            problems.add(*at, message, "`chat.teams` names several: say of which of them it is");
        }
        (_, Some(_)) | (Some(_), None) | (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::environment::check;

    const DEMO: &str = include_str!("../../../deploy/environments/demo.yaml");

    /// The demo with these groups, in these workspaces.
    fn environment(groups: &str, teams: &str) -> Environment {
        let text = DEMO.replace("chat:\n", &format!("chat:\n  teams: {teams}\n"));
        assert!(text.contains(teams));
        check("demo.yaml", &format!("{text}\ngroups: {groups}\n")).unwrap()
    }

    #[test]
    fn the_file_knows_its_people_among_the_members_and_counts_the_others() {
        let mut one = environment("[{id: S0DB, roles: [db]}]", "[T0ONE]");
        for (person, slack) in one.people.iter_mut().zip(["U1", "U2", "U3"]) {
            person.slack = Some(slack.to_owned());
        }
        let users = ["U9", "U2", "U1"].map(str::to_owned);
        let ids = |at: &[usize]| at.iter().map(|at| one.people[*at].id.clone()).collect::<Vec<_>>();
        assert_eq!(one.members(&one.groups[0], &users), (ids(&[0, 1]), 1));
        // The same id in another workspace is somebody else.
        let mut elsewhere = one.clone();
        elsewhere.people[1].slack_team = Some("T0TWO".to_owned());
        assert_eq!(elsewhere.members(&one.groups[0], &users), (ids(&[0]), 2));
        elsewhere.groups[0].team = Some("T0TWO".to_owned());
        assert_eq!(elsewhere.members(&elsewhere.groups[0], &users).0, ids(&[1]));
    }
}

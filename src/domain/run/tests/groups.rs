//! Roles from Slack user groups: who was seen in one counts from then on, who left does not, and what cannot be read
//! changes nobody.

use std::sync::Arc;

use super::sample::{World, environment, id, runbook, variant, variants};
use crate::domain::actor::Role;
use crate::domain::comms::{Block, Message, run_card};
use crate::domain::environment::{Environment, Group, Person};
use crate::domain::ids::{GroupId, PersonId};
use crate::domain::run::apply::replay;
use crate::domain::run::groups::Reading;
use crate::domain::run::protocol::{Effect, Event, Request};
use crate::domain::run::refusal::Refusal;
use crate::domain::text::Text;
use crate::domain::time::Span;

fn group() -> GroupId {
    GroupId::parse("S0DB").unwrap()
}

fn person(name: &str) -> PersonId {
    PersonId::parse(name).unwrap()
}

/// Adds zoe and yves, to whom the file gives no role, and the group of the databases.
fn add_group(environment: &mut Environment) {
    for name in ["zoe", "yves"] {
        let (id, slack) = (person(name), Some(format!("U-{name}")));
        let (name, roles) = (name.to_owned(), vec![]);
        environment.people.push(Person {
            id,
            name,
            slack,
            slack_team: None,
            roles,
            language: None,
        });
    }
    environment.groups.push(Group { id: group(), team: None, roles: vec![Role::Db] });
}

fn ready(step: &str) -> World {
    let mut world = World::ready(step);
    add_group(Arc::make_mut(&mut world.run.environment));
    world
}

impl World {
    fn followed(&mut self, reading: Reading) -> Result<Vec<Event>, Refusal> {
        self.ask("engine", &Request::FollowGroup { group: group(), reading })
    }

    fn members(&mut self, users: &[&str]) -> Vec<Event> {
        let users = users.iter().map(|name| format!("U-{name}")).collect();
        self.followed(Reading::Members(users)).unwrap()
    }

    fn unread(&mut self, why: &str) -> Vec<Event> {
        let read_at = self.run.groups.get(&group()).and_then(|members| members.read_at);
        self.followed(Reading::Unread { why: why.to_owned(), read_at }).unwrap()
    }
}

#[test]
fn who_was_seen_in_a_group_approves_and_who_left_is_told_so() {
    let mut world = ready("promote");
    let unread = world.approve("zoe", "promote").unwrap_err();
    assert!(matches!(&unread, Refusal::GroupUnread { why: None, who, .. } if who.len() == 2));
    assert_eq!(variants(&world.members(&["zoe"])), ["GroupSeen"]);
    let not_in_it = world.approve("yves", "promote").unwrap_err();
    let who: Vec<_> = ["antoine", "mia", "zoe"].map(person).into();
    let needs = vec![Role::Ic, Role::Db];
    assert_eq!(not_in_it, Refusal::NotAllowed { needs, who });
    assert_eq!(variants(&world.approve("zoe", "promote").unwrap()), ["ApprovalGiven"]);

    // She leaves and he joins: hers stays as it was judged, his counts from now on, hers no more.
    world.wait(Span::minutes(1));
    let left_at = world.now;
    assert_eq!(variants(&world.members(&["yves"])), ["GroupSeen"]);
    let again = world.approve("zoe", "promote").unwrap_err();
    let who = ["antoine", "mia", "yves"].map(person).into();
    let left = Refusal::LeftGroup { group: group(), person: person("zoe"), at: left_at, who };
    assert_eq!(again, left);
    let agreed = world.approve("yves", "promote").unwrap();
    assert_eq!(variants(&agreed), ["ApprovalGiven", "StepApproved"]);
    world.members(&[]);
    assert_eq!(variants(&world.begin("promote").unwrap()), ["AttemptStarted"]);

    // She is put back, and may again.
    let mut world = ready("promote");
    for users in [&["zoe"][..], &[], &["zoe"]] {
        world.members(users);
    }
    assert_eq!(variants(&world.approve("zoe", "promote").unwrap()), ["ApprovalGiven"]);
}

#[test]
fn somebody_who_never_was_in_it_makes_no_quorum() {
    let mut world = ready("promote");
    world.members(&["zoe"]);
    world.approve("antoine", "promote").unwrap();
    world.approve("mia", "promote").unwrap();
    let without = |person: &mut Person| {
        if person.id.as_str() == "mia" {
            person.roles.clear();
        }
    };
    Arc::make_mut(&mut world.run.environment).people.iter_mut().for_each(without);
    assert_eq!(variants(&world.begin("promote").unwrap()), ["ApprovalsVoided"]);
}

#[test]
fn a_failure_empties_no_role_and_is_written_down_once() {
    let mut world = ready("promote");
    world.members(&["zoe"]);
    world.wait(Span::minutes(3));
    assert_eq!(variants(&world.unread("ratelimited")), ["GroupUnread"]);
    assert!(world.unread("ratelimited").is_empty(), "the same again is no news");
    assert_eq!(variants(&world.approve("zoe", "promote").unwrap()), ["ApprovalGiven"]);
    assert_eq!(variants(&world.members(&["zoe"])), ["GroupSeen"], "it can be read again");
    assert!(world.members(&["zoe"]).is_empty(), "only a change is news");
    assert_eq!(variants(&world.members(&["zoe", "eve"])), ["GroupSeen"], "one nobody knows");
}

#[test]
fn only_the_engine_says_who_is_in_a_group_that_the_file_names_while_the_run_is_open() {
    let mut world = ready("promote");
    let reading = Reading::Members(vec!["U-zoe".to_owned()]);
    let asked = Request::FollowGroup { group: group(), reading: reading.clone() };
    for name in ["antoine", "zoe", "U0"] {
        assert_eq!(world.ask(name, &asked).unwrap_err(), Refusal::EngineOnly, "{name}");
    }
    let other = GroupId::parse("S0OTHER").unwrap();
    let unknown = Request::FollowGroup { group: other, reading: reading.clone() };
    assert_eq!(world.ask("engine", &unknown).unwrap_err(), Refusal::OutOfDate);
    world.ask("antoine", &Request::Close { reason: "over".into() }).unwrap();
    assert_eq!(variant(&world.followed(reading).unwrap_err()), "Closed");
}

#[test]
fn who_left_is_not_on_duty_for_what_the_group_gave() {
    let mut world = ready("by-hand");
    world.members(&["zoe"]);
    for role in [Role::Db, Role::Support] {
        world.ask("zoe", &Request::TakeRole { role, person: None }).unwrap();
    }
    let take = |name| Request::TakeRole { role: Role::Db, person: Some(person(name)) };
    assert_eq!(variant(&world.ask("antoine", &take("yves")).unwrap_err()), "NotQualified");
    world.members(&[]);
    assert_eq!(world.run.duty.get(&Role::Db), None);
    assert_eq!(world.run.duty.get(&Role::Support), Some(&person("zoe")), "that is for everybody");
    // Where one person is enough, being on duty would have been.
    assert_eq!(variant(&world.approve("zoe", "by-hand").unwrap_err()), "LeftGroup");
    assert_eq!(variant(&world.ask("antoine", &take("zoe")).unwrap_err()), "LeftGroup");
}

#[test]
fn a_group_is_read_from_the_start_to_the_end_and_a_replay_says_the_same() {
    let mut environment = environment(Some(true));
    add_group(&mut environment);
    let mut world = World::of(runbook(), environment);
    let read = Effect::ReadGroup(group());
    let first = [(1, &world.record[0].entry.event)];
    assert!(crate::domain::run::effects::effects(&world.run, &first).contains(&read));
    world.members(&["zoe"]);
    assert!(world.effects.contains(&read), "what settled it asks for it anew");
    world.unread("missing_scope");
    assert!(world.effects.contains(&read));
    world.ask("antoine", &Request::Note { text: "so".into() }).unwrap();
    assert!(!world.effects.contains(&read));
    world.members(&["yves"]);
    let again = replay(world.record.iter().map(|recorded| &recorded.entry)).unwrap();
    assert_eq!(again, world.run);
    assert_eq!(again.groups[&group()].left.keys().collect::<Vec<_>>(), [&person("zoe")]);
    assert!(again.holds(again.environment.person(&person("yves")).unwrap(), &[Role::Db]));
}

/// The keys of what the card says of groups.
fn said(card: &Message) -> Vec<&'static str> {
    let lines = card.blocks.iter().filter_map(|block| match block {
        Block::Lines(lines) => Some(lines),
        Block::Banner(_)
        | Block::Heading(_)
        | Block::Small(_)
        | Block::Rule
        | Block::Buttons(_)
        | Block::Views(_)
        | Block::Offer(_) => None,
    });
    let mut keys = Vec::new();
    for line in lines.flatten() {
        if let Text::Key(key, args) = line
            && args.contains(&("group", Text::raw(group())))
        {
            keys.push(*key);
        }
    }
    keys
}

#[test]
fn the_card_says_what_is_not_known_of_a_group() {
    let mut world = ready("promote");
    let card = |world: &World| said(&run_card(&world.run, world.now));
    assert_eq!(card(&world), ["run.group.not_yet"]);
    world.unread("missing_scope");
    assert_eq!(card(&world), ["run.group.never"]);
    world.members(&["zoe"]);
    assert!(card(&world).is_empty(), "there is nothing to say");
    world.members(&["zoe", "eve"]);
    assert_eq!(card(&world), ["run.group.unknown"]);
    world.unread("fatal_error");
    assert_eq!(card(&world), ["run.group.old", "run.group.unknown"]);
    // Whoever is called is who may answer now.
    let waits: Vec<_> = world.run.waits_for(&person("zoe")).map(|step| step.id.clone()).collect();
    assert_eq!(waits, [id("promote")]);
}

//! What people must know of the user groups that give roles: one that is not read, or was read too long ago to be sure,
//! and members who do not count. A group that is read, and whose members all count, needs no line.

use super::clock;
use crate::domain::environment::Group;
use crate::domain::run::groups::{Members, why};
use crate::domain::run::refusal::roles;
use crate::domain::run::state::Run;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

pub(super) fn lines(run: &Run, now: Timestamp) -> Vec<Text> {
    let groups = run.environment.groups.iter();
    groups.flat_map(|group| of(run, group, run.groups.get(&group.id), now)).collect()
}

fn of(run: &Run, group: &Group, members: Option<&Members>, now: Timestamp) -> Vec<Text> {
    let about = || vec![("group", Text::raw(&group.id)), ("roles", roles(&group.roles))];
    let with = |key, more: Vec<(&'static str, Text)>| {
        Text::Key(key, about().into_iter().chain(more).collect())
    };
    let Some(members) = members else { return vec![with("run.group.not_yet", vec![])] };
    let mut lines = Vec::new();
    if let Some(unread) = &members.unread {
        let reason = ("why", why(Some(unread)));
        lines.push(match members.read_at {
            None => with("run.group.never", vec![reason]),
            Some(at) => {
                let (at, age) = (clock(run, at), Text::raw(now.since(at).clock()));
                with("run.group.old", vec![reason, ("at", at), ("age", age)])
            }
        });
    }
    if members.unknown > 0 {
        lines.push(with("run.group.unknown", vec![("count", Text::raw(members.unknown))]));
    }
    lines
}

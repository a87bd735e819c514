//! One step by itself: its fields, its gate, its times. What depends on other steps is `graph`'s, what its conditions
//! name is `conditions`'.

use super::action::{self, ReadAction};
use crate::domain::action::{Danger, Known};
use crate::domain::actor::Role;
use crate::domain::environment::Environment;
use crate::domain::ids::{PhaseId, StepId};
use crate::domain::runbook::condition;
use crate::domain::runbook::document::{self, Code, Gate, OnFailure, Step, Verify};
use crate::domain::runbook::fields;
use crate::domain::time::Span;
use crate::domain::yaml::reader::{self, At, Mapping};
use crate::domain::yaml::shape::Shape;
use crate::domain::yaml::tree::{Node, Place, Tree};
use crate::domain::yaml::{Problems, quoted};

/// A step as far as it could be read; its parts keep their places for the checks that follow.
#[derive(Debug)]
pub(super) struct Draft {
    /// Where it begins.
    pub at: Place,
    /// Its id.
    pub id: Option<At<StepId>>,
    /// Its phase.
    pub phase: Option<At<PhaseId>>,
    /// Steps it needs.
    pub needs: Vec<At<StepId>>,
    /// Step that opens when it fails.
    pub fallback: Option<At<StepId>>,
    /// Its action.
    pub action: Option<ReadAction>,
    /// Its condition to be done at all.
    pub when: Option<At<String>>,
    /// Its guard.
    pub guard: Option<At<String>>,
    /// What must be seen afterwards.
    pub expect: Option<At<String>>,
    /// The whole of it, if nothing was missing.
    pub step: Option<Step>,
}

/// Reads one step.
pub(super) fn read(
    node: &Node,
    known: &Known,
    environments: &[Environment],
    problems: &mut Problems,
) -> Option<Draft> {
    let name = match &node.value {
        Tree::Map(entries) => {
            entries.iter().find(|entry| entry.key == "id").map(|entry| entry.node.json())
        }
        Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => None,
    };
    let what = match name.as_ref().and_then(serde_json::Value::as_str) {
        Some(id) => format!("step {}", quoted(id)),
        None => "a step".to_owned(),
    };
    let mapping = Mapping::read(node, &what, fields::STEP, problems)?;
    let id = mapping.id("id", StepId::parse, problems);
    let title = mapping.localized("title", problems);
    let phase = mapping.id("phase", PhaseId::parse, problems);
    let owner = mapping.role("owner", problems);
    let needs = mapping.ids("needs", StepId::parse, problems);
    let when = mapping.text("when", problems);
    let environments = &opens_in(when.as_ref(), environments);
    let action =
        mapping.get("action").and_then(|node| action::read(node, known, environments, problems));
    let gate = read_gate(mapping, problems);
    let guard = mapping.text("guard", problems);
    let (verify, expect) = read_verify(mapping, problems);
    let times = times(mapping, problems);
    let nag = mapping.span("nag", problems).map_or_else(document::nag, |(nag, _)| nag);
    let (on_failure, fallback) = read_failure(mapping, problems);
    let note = mapping.localized("note", problems);
    unfilled(mapping, problems);
    let point_of_no_return = mapping.flag("point_of_no_return", problems);
    let best_effort = mapping.flag("best_effort", problems);
    let code = read_code(mapping, gate.as_ref(), problems);
    let gate_at = mapping.get("gate").map_or(node.at, |gate| gate.at);
    if let (Some(gate), Some(action)) = (&gate, &action) {
        strong_enough(gate, gate_at, action, point_of_no_return, problems);
        if mapping.get("verify").is_none()
            && action.spec.danger > Danger::Reads
            && !action.call.is_human()
        {
            let hint = "a call that was accepted is not an effect: say what must be seen, `verify: {expect: …}`";
            problems.add(node.at, format!("{what} changes something and has no `verify`"), hint);
        }
    }
    if let (Some(gate), Some((owner, _))) = (&gate, owner) {
        held(gate, gate_at, owner, environments, problems);
    }
    let whole = || {
        let (typical, worst) = times?;
        Some(Step {
            id: id.as_ref()?.0.clone(),
            title: title?,
            phase: phase.as_ref()?.0.clone(),
            owner: owner?.0,
            needs: needs.iter().map(|(id, _)| id.clone()).collect(),
            when: when.as_ref().map(|(text, _)| text.clone()),
            action: action.as_ref()?.call.clone(),
            gate: gate?,
            guard: guard.as_ref().map(|(text, _)| text.clone()),
            verify,
            typical,
            worst,
            nag,
            point_of_no_return,
            code,
            best_effort,
            on_failure,
            note,
        })
    };
    let step = whole();
    Some(Draft { at: node.at, id, phase, needs, fallback, action, when, guard, expect, step })
}

/// The environments in which a step with this condition may open. Where its environment alone says that it never does,
/// nothing of it is filled in and nobody is asked: what it names may be missing there.
pub(super) fn opens_in<'e>(
    when: Option<&At<String>>,
    environments: &'e [Environment],
) -> Vec<&'e Environment> {
    let never = |one: &&Environment| when.is_some_and(|(text, _)| condition::never(text, one));
    environments.iter().filter(|one| !never(one)).collect()
}

/// Whether a code is asked of everybody. Of nobody it could not be: then the step must ask somebody.
fn read_code(mapping: Mapping<'_>, gate: Option<&Gate>, problems: &mut Problems) -> Code {
    let Some(node) = mapping.get("code") else { return Code::Usual };
    match &node.value {
        Tree::Text(word) if word == "required" => {
            if gate == Some(&Gate::None) {
                let message = "a code is required, and nobody is asked";
                problems.add(node.at, message, "write a gate, at least `gate: confirm`");
            }
            Code::Required
        }
        Tree::Text(_)
        | Tree::Null
        | Tree::Flag(_)
        | Tree::Number(_)
        | Tree::List(_)
        | Tree::Map(_) => {
            let hint = "write `code: required`, or leave it out: then those who are enrolled are asked for a code \
                        at a point of no return";
            problems.add(node.at, "this is not what a code can be", hint);
            Code::Usual
        }
    }
}

/// Titles and notes are shown as written, also before there is an environment.
fn unfilled(mapping: Mapping<'_>, problems: &mut Problems) {
    for key in ["title", "note"] {
        if let Some(node) = mapping.get(key) {
            node.each_text(&mut |text, at| {
                if text.contains("${") {
                    let message = format!("a template in `{key}` is not filled");
                    problems.add(at, message, "templates work in the parameters of actions");
                }
            });
        }
    }
}

fn times(mapping: Mapping<'_>, problems: &mut Problems) -> Option<(Span, Span)> {
    let (typical, worst) = (mapping.span("typical", problems), mapping.span("worst", problems));
    let ((typical, _), (worst, at)) = (typical?, worst?);
    if worst < typical {
        let message = format!("`worst` ({worst}) is shorter than `typical` ({typical})");
        problems.add(at, message, "people are told that a step is late after `worst`");
    }
    Some((typical, worst))
}

fn read_gate(mapping: Mapping<'_>, problems: &mut Problems) -> Option<Gate> {
    let hint = "write `none`, `confirm` or `{people: 2, roles: [ic, db], expires: 10m}`";
    let Some(node) = mapping.get("gate") else { return Some(Gate::None) };
    match &node.value {
        Tree::Text(word) if word == "none" => Some(Gate::None),
        Tree::Text(word) if word == "confirm" => Some(Gate::Confirm),
        Tree::Map(_) => {
            let gate = Mapping::read(node, "the gate", fields::GATE, problems)?;
            let roles = gate.roles("roles", problems);
            let expires = gate.span("expires", problems);
            let number = gate.get("people")?;
            let people = match &number.value {
                Tree::Number(n) => n.as_u64().and_then(|n| u32::try_from(n).ok()),
                Tree::Null | Tree::Flag(_) | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => None,
            };
            let Some(people) = people else {
                reader::wrong(number, "people", Shape::Whole, problems);
                return None;
            };
            if people < 2 {
                let hint = "for one person write `gate: confirm`";
                problems.add(number.at, format!("a gate of {people} people is none"), hint);
            }
            let roles: Vec<Role> = roles?.into_iter().map(|(role, _)| role).collect();
            if people < 2 || roles.is_empty() {
                return None;
            }
            let expires = expires.map_or(Span::minutes(10), |(span, _)| span);
            Some(Gate::People { people, roles, expires })
        }
        Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => {
            problems.add(node.at, "this is not a gate", hint);
            None
        }
    }
}

/// A gate must be as strong as the action is dangerous.
fn strong_enough(
    gate: &Gate,
    at: Place,
    action: &ReadAction,
    is_ponr: bool,
    problems: &mut Problems,
) {
    let name = &action.spec.name;
    let (wanted, why) = match action.spec.danger {
        _ if is_ponr => (2, "it is a point of no return".to_owned()),
        Danger::Reads => return,
        Danger::Changes => (1, format!("`{name}` changes something")),
        Danger::Grave => (2, format!("`{name}` decides over data or all traffic")),
    };
    if gate.people() < wanted {
        let hint = match wanted {
            1 => "at least `gate: confirm`",
            _ => "two different people: `gate: {people: 2, roles: [ic, db], expires: 10m}`",
        };
        let word = match gate {
            Gate::None => "none".to_owned(),
            Gate::Confirm => "confirm".to_owned(),
            Gate::People { people, .. } => format!("{people} people"),
        };
        problems.add(at, format!("gate `{word}` is too weak: {why}"), hint);
    }
}

/// In every environment there must be enough people to pass the gate.
fn held(
    gate: &Gate,
    at: Place,
    owner: Role,
    environments: &[&Environment],
    problems: &mut Problems,
) {
    let roles = gate.roles(owner);
    for environment in environments {
        let name = &environment.id;
        if let Gate::People { .. } = gate {
            let nobody = |role: &&Role| {
                let role = [**role];
                environment.holders(&role).next().is_none() && !environment.has_group_for(&role)
            };
            for role in roles.iter().filter(nobody) {
                let message =
                    format!("nobody in environment `{name}` holds gate role `{}`", role.name());
                problems.add(at, message, "give somebody the role, or name another one");
            }
        }
        let (have, want) = (environment.holders(&roles).count(), gate.people() as usize);
        // How many a group adds is known only while a run is open.
        if have < want && !environment.has_group_for(&roles) {
            let message = format!(
                "the gate wants {want} people, and environment `{name}` has {have} who may"
            );
            problems.add(at, message, "name more roles, or give them to more people");
        }
    }
}

fn read_verify(
    mapping: Mapping<'_>,
    problems: &mut Problems,
) -> (Option<Verify>, Option<At<String>>) {
    let read = mapping
        .get("verify")
        .and_then(|node| Mapping::read(node, "`verify`", fields::VERIFY, problems));
    let Some(verify) = read else { return (None, None) };
    let expect = verify.text("expect", problems);
    let timeout = verify.span("timeout", problems).map_or(Span::minutes(5), |(span, _)| span);
    let hold_for = verify.span("hold_for", problems);
    if let Some((span, at)) = hold_for.filter(|(span, _)| *span >= timeout) {
        let message = format!("`hold_for` ({span}) is not shorter than `timeout` ({timeout})");
        problems.add(at, message, "it could never be seen in time");
    }
    let hold_for = hold_for.map_or(Span(0), |(span, _)| span);
    let whole = expect.as_ref().map(|(text, _)| Verify { expect: text.clone(), timeout, hold_for });
    (whole, expect)
}

fn read_failure(mapping: Mapping<'_>, problems: &mut Problems) -> (OnFailure, Option<At<StepId>>) {
    let Some(node) = mapping.get("on_failure") else { return (OnFailure::Hold, None) };
    match &node.value {
        Tree::Text(word) if word == "hold" => (OnFailure::Hold, None),
        Tree::Text(word) if word == "continue" => (OnFailure::Continue, None),
        Tree::Map(_) => {
            let read = Mapping::read(node, "`on_failure`", fields::FALLBACK, problems);
            match read.and_then(|one| one.id("fallback", StepId::parse, problems)) {
                Some((step, at)) => (OnFailure::Fallback(step.clone()), Some((step, at))),
                None => (OnFailure::Hold, None),
            }
        }
        Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => {
            let hint = "write `hold`, `continue` or `{fallback: step}`";
            problems.add(node.at, "this is not an answer to a failure", hint);
            (OnFailure::Hold, None)
        }
    }
}

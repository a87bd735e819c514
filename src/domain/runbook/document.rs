//! A checked runbook. Only [`super::check`] and the codec of stored runs make one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::action::{self, ActionSpec, Danger};
use crate::domain::actor::Role;
use crate::domain::ids::{Digest, PhaseId, RunbookId, StepId};
use crate::domain::time::Span;
use crate::domain::value::Localized;

/// Most steps a runbook may have.
pub const MAX_STEPS: usize = 200;

/// A runbook. A run keeps a copy of it, frozen at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Runbook {
    /// Its id; also the file's name.
    pub id: RunbookId,
    /// What people call it.
    pub title: Localized,
    /// In the order people see them.
    pub phases: Vec<Phase>,
    /// The step whose end is "the service is back": RTO is measured to it.
    pub restored_by: StepId,
    /// In document order; the order of work follows from `needs`.
    pub steps: Vec<Step>,
    /// In a run that goes on with further runbooks: the first step of each of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<StepId>,
}

impl Runbook {
    /// The step of this id.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// This runbook followed by another, whose steps have other ids. Its own end is still "the service is back".
    #[must_use]
    pub fn followed_by(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.phases.extend(other.phases.iter().cloned());
        both.parts.extend(other.steps.first().map(|step| step.id.clone()));
        both.steps.extend(other.steps.iter().cloned());
        both
    }

    /// The steps that came in one runbook with this one.
    pub fn part_of(&self, id: &StepId) -> &[Step] {
        let begins = |step: &Step| self.parts.contains(&step.id);
        let Some(at) = self.steps.iter().position(|step| step.id == *id) else { return &[] };
        let (before, after) = self.steps.split_at(at + 1);
        let from = before.iter().rposition(begins).unwrap_or(0);
        let to = after.iter().position(begins).map_or(self.steps.len(), |next| at + 1 + next);
        self.steps.get(from..to).unwrap_or_default()
    }

    /// The title of a step or phase that both have: then they cannot follow one another in one run.
    pub fn shared_with(&self, other: &Self) -> Option<Localized> {
        let phase = other.phases.iter().find(|one| self.phases.iter().any(|own| own.id == one.id));
        let step = || other.steps.iter().find(|one| self.step(&one.id).is_some());
        phase.map(|phase| phase.title.clone()).or_else(|| step().map(|step| step.title.clone()))
    }
}

/// A named group of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its id.
    pub id: PhaseId,
    /// What people call it.
    pub title: Localized,
}

/// One line of a runbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// What people call it.
    pub title: Localized,
    /// Its phase.
    pub phase: PhaseId,
    /// The role that looks after it.
    pub owner: Role,
    /// The steps that must be settled before this one opens.
    pub needs: Vec<StepId>,
    /// CEL; false: skipped with the reason. Absent: always.
    pub when: Option<String>,
    /// What it does.
    pub action: ActionCall,
    /// Who must agree first.
    pub gate: Gate,
    /// CEL on `facts`, re-measured right before the call.
    pub guard: Option<String>,
    /// What must be seen afterwards.
    pub verify: Option<Verify>,
    /// How long it usually takes.
    pub typical: Span,
    /// How long before people are told that it is late.
    pub worst: Span,
    /// How long it waits for people before they are called by name.
    #[serde(default = "nag")]
    pub nag: Span,
    /// After it there is no way back.
    pub point_of_no_return: bool,
    /// Of whom a one-time code is asked besides the press.
    #[serde(default, skip_serializing_if = "Code::is_usual")]
    pub code: Code,
    /// An unreachable system is an outcome here, shown as a risk, and does not stop what follows.
    pub best_effort: bool,
    /// What follows from a failure.
    pub on_failure: OnFailure,
    /// Advice for the people who run it.
    pub note: Option<Localized>,
}

/// Of whom a one-time code is asked, as the runbook says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Of those who are enrolled, where there is no way back.
    #[default]
    Usual,
    /// Of everybody; who is not enrolled cannot agree.
    Required,
}

impl Code {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_usual(&self) -> bool {
        *self == Self::Usual
    }
}

/// Of whom a code is asked at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeOf {
    /// Nobody.
    Nobody,
    /// Those who are enrolled.
    Enrolled,
    /// Everybody who agrees.
    Everybody,
}

impl Step {
    /// Of whom a one-time code is asked besides the press.
    pub fn code_of(&self) -> CodeOf {
        match (self.code, self.point_of_no_return) {
            (Code::Required, _) => CodeOf::Everybody,
            (Code::Usual, true) => CodeOf::Enrolled,
            (Code::Usual, false) => CodeOf::Nobody,
        }
    }
}

/// An action and its parameters, templates not yet filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionCall {
    /// Name of an [`ActionSpec`]; the check has found it.
    pub name: String,
    /// Parameters as written.
    pub with: Map<String, Value>,
    /// Of a connector's operation: what it was when the runbook was checked. What is of this build needs no copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Box<ActionSpec>>,
}

impl ActionCall {
    /// What it is, or `None` if this build has lost an action that a stored run names.
    pub fn spec(&self) -> Option<&ActionSpec> {
        self.operation.as_deref().or_else(|| action::find(&self.name))
    }

    /// What of its connector decides what it does; nothing for an action of this build.
    pub fn source(&self) -> Option<&Digest> {
        self.operation.as_ref()?.source.as_ref()
    }

    /// Whether a person does it and nothing outside is called.
    pub fn is_human(&self) -> bool {
        self.name.starts_with("human.")
    }

    /// Whether people vote on it.
    pub fn is_decision(&self) -> bool {
        self.name == "human.decide"
    }

    /// Whether it changes nothing outside.
    pub fn only_reads(&self) -> bool {
        self.spec().is_some_and(|spec| spec.danger == Danger::Reads)
    }
}

/// Who must agree before a step runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Nobody; it runs when it opens. Only for actions that change nothing.
    None,
    /// One person: the owner role or the commander.
    Confirm,
    /// So many different people, each holding one of the roles; pressing Run is the first.
    People {
        /// How many, at least two.
        people: u32,
        /// One of these each.
        roles: Vec<Role>,
        /// How long the first approval waits for the last.
        expires: Span,
    },
}

impl Gate {
    /// How many people.
    pub fn people(&self) -> u32 {
        match self {
            Self::None => 0,
            Self::Confirm => 1,
            Self::People { people, .. } => *people,
        }
    }

    /// The roles that may answer at a step of this owner.
    pub fn roles(&self, owner: Role) -> Vec<Role> {
        match self {
            Self::People { roles, .. } => roles.clone(),
            Self::None | Self::Confirm if owner == Role::Ic => vec![Role::Ic],
            Self::None | Self::Confirm => vec![owner, Role::Ic],
        }
    }

    /// How long an approval counts.
    pub fn expires(&self) -> Span {
        match self {
            Self::People { expires, .. } => *expires,
            Self::None | Self::Confirm => Span::minutes(10),
        }
    }
}

/// What must be seen after a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// CEL on `facts`.
    pub expect: String,
    /// How long to wait for it.
    pub timeout: Span,
    /// How long it must stay true: catches controllers that put things back.
    pub hold_for: Span,
}

/// What follows from a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// What needs this step waits for people.
    Hold,
    /// What needs it goes on.
    Continue,
    /// That step opens; when it is done, this one counts as settled.
    Fallback(StepId),
}

/// How long a step waits for people before they are called by name, unless the runbook says.
pub fn nag() -> Span {
    Span::minutes(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::{Parameter, Repeat, Undo};
    use crate::domain::yaml::shape::Shape;

    #[test]
    fn a_stored_step_keeps_what_its_connector_said_and_an_older_one_is_of_this_build() {
        let about = "what it is".to_owned();
        let parameter =
            Parameter { name: "text".to_owned(), shape: Shape::Text, is_required: true, about };
        let spec = ActionSpec {
            name: "status.post".to_owned(),
            about: "Post".to_owned(),
            parameters: vec![parameter],
            facts: vec!["status".to_owned()],
            danger: Danger::Changes,
            repeat: Repeat::ActsAgain,
            undo: Undo::of_connector(false),
            environment: vec!["status.url".to_owned()],
            source: Some(Digest::of(b"a file")),
        };
        let operation = Some(Box::new(spec.clone()));
        let call = ActionCall { name: spec.name.clone(), with: Map::new(), operation };
        let stored = serde_json::to_string(&call).unwrap();
        let read: ActionCall = serde_json::from_str(&stored).unwrap();
        assert_eq!((read.spec(), read.source()), (Some(&spec), spec.source.as_ref()));

        let old = r#"{"name": "k8s.scale", "with": {}}"#;
        let old: ActionCall = serde_json::from_str(old).unwrap();
        assert_eq!(old.spec(), action::find("k8s.scale"));
        assert_eq!(old.source(), None);
        assert_eq!(serde_json::to_value(&old).unwrap().get("operation"), None);
    }
}

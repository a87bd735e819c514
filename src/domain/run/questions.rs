//! What can be read off the state of a run: what is settled, what expires when, what there is no way back from.

use serde_json::{Map, Value, json};

use super::chat::{ChatNote, Source};
use super::groups::Members;
use super::preview::{Direction, Subject};
use super::state::{Kind, Run, Status, StepRun, StepState};
use crate::domain::actor::Role;
use crate::domain::environment::{Group, Person};
use crate::domain::ids::{PersonId, StepId};
use crate::domain::runbook::condition::Scope;
use crate::domain::runbook::{Gate, OnFailure, Step};
use crate::domain::time::{Span, Timestamp};

impl StepRun {
    /// A step that has not opened.
    pub fn waiting(at: Timestamp) -> Self {
        Self {
            state: StepState::Waiting,
            since: at,
            direction: Direction::Do,
            opened_at: at,
            previews: 0,
            attempts: 0,
            begun: 0,
            shown: None,
            approvals: Vec::new(),
            coded: Vec::new(),
            votes: Vec::new(),
            dissent: Vec::new(),
            calls: 0,
            called_at: None,
            asked_at: None,
            late: false,
            first: None,
            done_as: None,
            evidence: None,
            facts: Map::new(),
            facts_at: at,
        }
    }

    /// When the approvals given so far stop counting, if any were given.
    pub fn expires_at(&self, step: &Step) -> Option<Timestamp> {
        self.answered_at().min().map(|at| at.plus(step.gate.expires()))
    }

    /// Whether the approvals given so far have stopped counting. If the clock went back by more than they last, nobody
    /// can tell how old they are.
    pub fn has_expired(&self, step: &Step, now: Timestamp) -> bool {
        let lasts = step.gate.expires();
        self.answered_at().any(|at| at.plus(lasts) <= now || at > now.plus(lasts))
    }

    /// When people agreed or voted.
    fn answered_at(&self) -> impl Iterator<Item = Timestamp> {
        let approved = self.approvals.iter().map(|approval| approval.at);
        approved.chain(self.votes.iter().map(|vote| vote.at))
    }
}

impl StepState {
    /// As conditions name it: `steps['x'].state == 'done'`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Previewing => "previewing",
            Self::Blind { .. } => "blind",
            Self::Ready => "ready",
            Self::Declined { .. } => "declined",
            Self::Approved { .. } => "approved",
            Self::Calling { .. } => "calling",
            Self::Proving { .. } => "proving",
            Self::InDoubt { .. } => "in_doubt",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Undone => "undone",
        }
    }

    /// Whether a call may be out or its outcome is open: nothing may be torn down around it.
    pub fn is_in_flight(&self) -> bool {
        match self {
            Self::Approved { .. }
            | Self::Calling { .. }
            | Self::Proving { .. }
            | Self::InDoubt { .. } => true,
            Self::Waiting
            | Self::Previewing
            | Self::Blind { .. }
            | Self::Ready
            | Self::Declined { .. }
            | Self::Done { .. }
            | Self::Failed { .. }
            | Self::Skipped { .. }
            | Self::Undone => false,
        }
    }
}

impl Run {
    /// The runbook's step and its state.
    pub fn step(&self, id: &StepId) -> Option<(&Step, &StepRun)> {
        Some((self.runbook.step(id)?, self.steps.get(id)?))
    }

    /// Every step with its state, in document order.
    pub fn each_step(&self) -> impl Iterator<Item = (&Step, &StepRun)> {
        self.runbook.steps.iter().filter_map(|step| Some((step, self.steps.get(&step.id)?)))
    }

    /// The message of the chat that stands there, if it was ever marked.
    pub fn chat_note(&self, source: &Source) -> Option<&ChatNote> {
        self.chat.iter().find(|note| note.source == *source)
    }

    /// Whether what needs this step may go on.
    pub fn is_settled(&self, id: &StepId) -> bool {
        let Some((step, at)) = self.step(id) else { return false };
        match &at.state {
            StepState::Done { .. } | StepState::Skipped { .. } => true,
            StepState::Failed { unreachable: true, .. } if step.best_effort => true,
            StepState::Failed { .. } => match &step.on_failure {
                OnFailure::Continue => true,
                OnFailure::Hold => false,
                OnFailure::Fallback(other) => self.is_done_instead(other),
            },
            StepState::Waiting
            | StepState::Previewing
            | StepState::Blind { .. }
            | StepState::Ready
            | StepState::Declined { .. }
            | StepState::Approved { .. }
            | StepState::Calling { .. }
            | StepState::Proving { .. }
            | StepState::InDoubt { .. }
            | StepState::Undone => false,
        }
    }

    /// Whether this fallback is done, or the fallback it has itself.
    fn is_done_instead(&self, fallback: &StepId) -> bool {
        let mut next = Some(fallback);
        // The check of the runbook leaves no circles; the bound is for a stored one.
        for _ in 0..self.runbook.steps.len() {
            let Some((step, at)) = next.and_then(|id| self.step(id)) else { return false };
            if matches!(at.state, StepState::Done { .. }) {
                return true;
            }
            next = match &step.on_failure {
                OnFailure::Fallback(other) if matches!(at.state, StepState::Failed { .. }) => {
                    Some(other)
                }
                OnFailure::Hold | OnFailure::Continue | OnFailure::Fallback(_) => return false,
            };
        }
        false
    }

    /// What the step needs and is not settled.
    pub fn unsettled_needs<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = &'a Step> {
        let open = step.needs.iter().filter(|need| !self.is_settled(need));
        open.filter_map(|need| self.runbook.step(need))
    }

    /// The steps whose fallback this one is.
    pub fn fallback_of<'a>(&'a self, id: &'a StepId) -> impl Iterator<Item = &'a Step> {
        let names = move |step: &&Step| matches!(&step.on_failure, OnFailure::Fallback(other) if other == id);
        self.runbook.steps.iter().filter(names)
    }

    /// The first step past which there is no way back for this one, once it may have happened. A further runbook has
    /// ways back of its own.
    pub fn no_return(&self, of: &Step) -> Option<&Step> {
        let has_begun = |step: &&Step| self.steps.get(&step.id).is_some_and(|at| at.begun > 0);
        let part = self.runbook.part_of(&of.id).iter();
        part.filter(|step| step.point_of_no_return).find(has_begun)
    }

    /// Whether this person is on duty for one of the roles.
    pub fn is_on_duty(&self, person: &PersonId, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.duty.get(role) == Some(person))
    }

    /// Whether this person may speak for one of the roles at a step: those who hold it by the environment file or a group; where
    /// one person is enough, also who took it for this run.
    pub fn speaks_for(&self, person: &Person, roles: &[Role], gate: &Gate) -> bool {
        self.holds(person, roles)
            || match gate {
                Gate::None | Gate::Confirm => self.is_on_duty(&person.id, roles),
                Gate::People { .. } => false,
            }
    }

    /// The steps that wait for an answer of this person, in the order of the runbook.
    pub fn waits_for<'a>(&'a self, person: &'a PersonId) -> impl Iterator<Item = &'a Step> {
        let asked = move |(step, at): &(&Step, &StepRun)| {
            at.state == StepState::Ready && self.still_asked(step, at).contains(&person)
        };
        self.each_step().filter(asked).map(|(step, _)| step)
    }

    /// Who of those a step asks has not answered yet.
    pub fn still_asked<'a>(&'a self, step: &Step, at: &StepRun) -> Vec<&'a PersonId> {
        let approved = at.approvals.iter().map(|approval| &approval.by);
        let said: Vec<_> = approved.chain(at.votes.iter().map(|vote| &vote.by)).collect();
        let roles = step.gate.roles(step.owner);
        let asked = self.environment.people.iter();
        let asked = asked.filter(|person| self.speaks_for(person, &roles, &step.gate));
        asked.map(|person| &person.id).filter(|id| !said.contains(id)).collect()
    }

    /// What the digest of a step's present preview is bound to.
    pub fn subject<'a>(&'a self, step: &'a StepId, at: &StepRun) -> Subject<'a> {
        Subject {
            run: &self.id,
            step,
            number: at.previews,
            direction: at.direction,
            environment: &self.environment.id,
            account: &self.environment.account,
        }
    }

    /// What a condition of a step may name, with these facts.
    pub fn scope(&self, facts: &Map<String, Value>) -> Scope {
        let steps = self
            .steps
            .iter()
            .map(|(id, at)| (id.to_string(), json!({"state": at.state.name(), "facts": at.facts})));
        Scope {
            facts: Value::Object(facts.clone()),
            env: self.environment.document.clone(),
            regions: json!(self.environment.regions),
            steps: Value::Object(steps.collect()),
            run: json!({"id": self.id, "kind": self.kind}),
        }
    }

    /// How long the service has been away: until it was back, or until now.
    pub fn outage(&self, now: Timestamp) -> Span {
        self.ended_at().unwrap_or(now).since(self.impact_at)
    }

    /// When its clock stopped: the service was back, or the run was closed before it was.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.restored_at.or(match &self.status {
            Status::Closed { at, .. } => Some(*at),
            Status::Open | Status::Held { .. } => None,
        })
    }

    /// The longest time without service that was promised for such a run.
    pub fn rto(&self) -> Span {
        let objectives = &self.environment.objectives;
        match self.kind {
            Kind::Exercise => objectives.exercise_rto.unwrap_or(objectives.rto),
            Kind::Incident | Kind::Tabletop => objectives.rto,
        }
    }

    /// Whether the run is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.status, Status::Closed { .. })
    }
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

    /// Whether this person speaks for one of the roles at a step, or did when they agreed: handing over a role that one
    /// takes for a run takes nothing back either.
    pub(super) fn spoke_for(&self, person: &Person, roles: &[Role], gate: &Gate) -> bool {
        let is_taken = |role: &Role| !role.is_given_by_the_file();
        self.held(person, roles)
            || match gate {
                Gate::None | Gate::Confirm => roles.iter().any(is_taken),
                Gate::People { .. } => false,
            }
    }

    /// The roles that gates ask for whose person on duty holds them no longer.
    pub(super) fn lost_duty(&self) -> impl Iterator<Item = Role> {
        let holds = |role: Role, id: &PersonId| {
            self.environment.person(id).is_some_and(|person| self.holds(person, &[role]))
        };
        let on_duty = self.duty.iter().map(|(role, id)| (*role, id));
        on_duty
            .filter(move |(role, id)| role.is_given_by_the_file() && !holds(*role, id))
            .map(|(role, _)| role)
    }
}

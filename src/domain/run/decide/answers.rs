//! What people say to what they are shown: Run and Approve, Reject, GO and NO GO, dissent, break glass.

use serde_json::Map;

use super::{PRESSED, rights};
use crate::domain::actor::{Actor, Right};
use crate::domain::environment::Person;
use crate::domain::ids::{Digest, PersonId, StepId};
use crate::domain::run::limits;
use crate::domain::run::protocol::Event;
use crate::domain::run::refusal::Refusal;
use crate::domain::run::state::{Choice, Proof, Run, Shown, StepRun, StepState};
use crate::domain::runbook::condition::Verdict;
use crate::domain::runbook::{Gate, Step};
use crate::domain::time::Timestamp;

/// A step that asks, what it shows, and the person who may answer.
struct Asked<'a> {
    step: &'a Step,
    at: &'a StepRun,
    shown: &'a Shown,
    person: &'a Person,
}

fn asked<'a>(
    run: &'a Run,
    step: &StepId,
    digest: &Digest,
    (by, right): (&Actor, Right),
    now: Timestamp,
) -> Result<Asked<'a>, Refusal> {
    rights::not_closed(run)?;
    let (step, at) = rights::find(run, step)?;
    let person = rights::check(run, by, right, Some(step))?;
    rights::going(run)?;
    let shown = match (&at.state, &at.shown) {
        (StepState::Ready, Some(shown)) => shown,
        (StepState::Previewing, _) => return Err(Refusal::Stale { step: step.title.clone() }),
        (
            StepState::Ready
            | StepState::Waiting
            | StepState::Blind { .. }
            | StepState::Declined { .. }
            | StepState::Approved { .. }
            | StepState::Calling { .. }
            | StepState::Proving { .. }
            | StepState::InDoubt { .. }
            | StepState::Done { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Undone,
            _,
        ) => return Err(rights::not_now(step, at)),
    };
    if shown.digest != *digest {
        return Err(Refusal::Stale { step: step.title.clone() });
    }
    if at.has_expired(step, now) {
        return Err(Refusal::Expired { step: step.title.clone() });
    }
    Ok(Asked { step, at, shown, person })
}

pub(super) fn approve(
    run: &Run,
    step: &StepId,
    digest: &Digest,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let asked = asked(run, step, digest, (by, Right::Answer), now)?;
    if asked.step.action.is_decision() {
        return vote(run, step, digest, PRESSED, "", by, now);
    }
    asked.may_go(run)?;
    if let Some(given) = asked.at.approvals.iter().find(|given| given.by == asked.person.id) {
        let who = asked.others(run, asked.at.approvals.iter().map(|approval| &approval.by));
        return Err(Refusal::AlreadyApproved { at: given.at, who });
    }
    let mut events =
        vec![Event::ApprovalGiven { step: step.clone(), digest: asked.shown.digest.clone() }];
    let agreed = asked.at.approvals.len() + 1;
    if agreed >= asked.people() {
        events.push(asked.complete(run)?);
    }
    Ok(events)
}

pub(super) fn reject(
    run: &Run,
    step: &StepId,
    digest: &Digest,
    reason: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let asked = asked(run, step, digest, (by, Right::Answer), now)?;
    if asked.step.action.is_decision() {
        return vote(run, step, digest, Choice::NoGo, reason, by, now);
    }
    let reason = rights::reason(reason)?;
    let (by, facts) = (vec![asked.person.id.clone()], Map::new());
    Ok(vec![Event::StepDeclined { step: step.clone(), by, reason, facts }])
}

pub(super) fn vote(
    run: &Run,
    step: &StepId,
    digest: &Digest,
    choice: Choice,
    words: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let asked = asked(run, step, digest, (by, Right::Answer), now)?;
    if !asked.step.action.is_decision() {
        return Err(rights::not_now(asked.step, asked.at));
    }
    let words = rights::bounded(words)?;
    let me = &asked.person.id;
    let same = asked.at.votes.iter().find(|vote| vote.by == *me && vote.choice == choice);
    if let Some(same) = same {
        let who = asked.others(run, asked.at.votes.iter().map(|vote| &vote.by));
        return Err(Refusal::AlreadyVoted { at: same.at, who });
    }
    match choice {
        Choice::Go => asked.may_go(run)?,
        Choice::NoGo => {}
    }
    let others = asked.at.votes.iter().filter(|vote| vote.by != *me && vote.choice == choice);
    let mut agreed: Vec<PersonId> = others.map(|vote| vote.by.clone()).collect();
    agreed.push(me.clone());
    let mut events = vec![Event::VoteCast {
        step: step.clone(),
        digest: asked.shown.digest.clone(),
        choice,
        words: words.clone(),
    }];
    if agreed.len() >= asked.people() {
        events.push(match choice {
            Choice::Go => asked.complete(run)?,
            Choice::NoGo => {
                let (step, facts) = (step.clone(), run.frozen(asked.at));
                Event::StepDeclined { step, by: agreed, reason: words, facts }
            }
        });
    }
    Ok(events)
}

pub(super) fn disagree(
    run: &Run,
    step: &StepId,
    digest: &Digest,
    words: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let asked = asked(run, step, digest, (by, Right::Note), now)?;
    if !asked.step.action.is_decision() {
        return Err(rights::not_now(asked.step, asked.at));
    }
    let (step, digest) = (step.clone(), asked.shown.digest.clone());
    Ok(vec![Event::DissentVoiced { step, digest, words: rights::reason(words)? }])
}

pub(super) fn break_glass(
    run: &Run,
    step: &StepId,
    digest: &Digest,
    reason: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let asked = asked(run, step, digest, (by, Right::Answer), now)?;
    match asked.step.gate {
        Gate::People { .. } => {}
        Gate::None | Gate::Confirm => {
            return Err(Refusal::NoGlass { step: asked.step.title.clone() });
        }
    }
    asked.may_go(run)?;
    let reason = rights::reason(reason)?;
    let digest = asked.shown.digest.clone();
    Ok(vec![Event::GlassBroken { step: step.clone(), digest, reason }, asked.complete(run)?])
}

impl Asked<'_> {
    /// What a person does needs at least that person.
    fn people(&self) -> usize {
        let people = usize::try_from(self.step.gate.people()).unwrap_or(usize::MAX);
        people.max(1)
    }

    /// Nothing but people's agreement is missing.
    fn may_go(&self, run: &Run) -> Result<(), Refusal> {
        rights::in_order(run, self.step, self.at)?;
        self.guard_holds()
    }

    fn guard_holds(&self) -> Result<(), Refusal> {
        match &self.shown.guard {
            None | Some(Verdict::True) => Ok(()),
            Some(verdict @ (Verdict::False | Verdict::Unknown(_))) => Err(Refusal::Guard {
                step: self.step.title.clone(),
                condition: self.step.guard.clone().unwrap_or_default(),
                verdict: verdict.clone(),
            }),
        }
    }

    /// Who else may answer and has not.
    fn others<'a>(&self, run: &Run, said: impl Iterator<Item = &'a PersonId>) -> Vec<PersonId> {
        let said: Vec<&PersonId> = said.collect();
        let roles = self.step.gate.roles(self.step.owner);
        let people = run.environment.people.iter();
        people
            .filter(|person| run.speaks_for(person, &roles, &self.step.gate))
            .filter(|person| !said.contains(&&person.id))
            .map(|person| person.id.clone())
            .collect()
    }

    /// Enough have agreed: what people do themselves is done; anything else is ordered.
    fn complete(&self, run: &Run) -> Result<Event, Refusal> {
        let step = self.step.id.clone();
        if self.step.action.is_human() {
            let facts = run.frozen(self.at);
            return Ok(Event::StepDone { step, how: Proof::People, facts });
        }
        if self.at.attempts >= limits::ATTEMPTS {
            let most = limits::ATTEMPTS;
            return Err(Refusal::TooOften { step: self.step.title.clone(), most });
        }
        let digest = self.shown.digest.clone();
        Ok(Event::StepApproved { step, attempt: self.at.attempts + 1, digest })
    }
}

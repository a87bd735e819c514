//! The people: they act on what they saw last, which may be old; click twice; repeat what was not acknowledged.

use std::sync::Arc;

use dr_buddy::domain::actor::{Actor, Right, roles_for};
use dr_buddy::domain::ids::{Digest, StepId};
use dr_buddy::domain::run::decide::decide;
use dr_buddy::domain::run::state::{Choice, Happened, Status};
use dr_buddy::domain::run::{Request, Run, Start, StepRun, StepState};
use dr_buddy::domain::runbook::Step;
use dr_buddy::domain::time::Timestamp;

use crate::fate::Fate;
use crate::scene::{PEOPLE, person};

/// What is in an envelope.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Start(Box<Start>),
    Ask(Request),
}

/// A request on its way: under the same key until it is acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) key: String,
    pub(crate) by: Actor,
    pub(crate) what: What,
    pub(crate) due: u64,
}

/// What somebody at a screen knows.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// The run as each of them saw it last.
    views: [Option<Arc<Run>>; 3],
    /// Buttons that were shown once.
    old: Vec<(StepId, Digest)>,
    asked: u64,
}

impl People {
    /// A name no other request has.
    pub(crate) fn key(&mut self) -> String {
        self.asked += 1;
        format!("p{}", self.asked)
    }

    /// One of them looks at the screen, or does not, and asks for something.
    pub(crate) fn act(&mut self, fate: &Fate, run: &Arc<Run>) -> Option<(Actor, Request)> {
        let who = fate.index(PEOPLE.len());
        if fate.below(3) > 0 || self.views[who].is_none() {
            self.views[who] = Some(Arc::clone(run));
        }
        let view = self.views[who].clone()?;
        let request = self.wish(fate, &view)?;
        Some((person(PEOPLE[who]), request))
    }

    fn wish(&mut self, fate: &Fate, run: &Run) -> Option<Request> {
        let words = || "because".to_owned();
        match fate.below(100) {
            0 => return Some(Request::Hold { reason: words() }),
            1..=3 => return Some(Request::Note { text: format!("note {}", self.asked + 1) }),
            4 if fate.below(4) == 0 => return Some(Request::Close { reason: words() }),
            5..=8 if !self.old.is_empty() => {
                let (step, digest) = self.old[fate.index(self.old.len())].clone();
                return Some(Request::Approve { step, digest });
            }
            9..=40 if matches!(run.status, Status::Held { .. }) => return Some(Request::Resume),
            _ => {}
        }
        let open: Vec<_> =
            run.each_step().filter(|(_, at)| at.state != StepState::Waiting).collect();
        if open.is_empty() {
            return None;
        }
        let (step, at) = open[fate.index(open.len())];
        self.of_step(fate, step, at)
    }

    fn of_step(&mut self, fate: &Fate, found: &Step, at: &StepRun) -> Option<Request> {
        let (step, reason) = (found.id.clone(), "because".to_owned());
        let n = fate.below(100);
        Some(match (&at.state, &at.shown) {
            (StepState::Ready, Some(shown)) => {
                let digest = shown.digest.clone();
                self.old.push((step.clone(), digest.clone()));
                match n {
                    0..=3 => Request::Reject { step, digest, reason },
                    4..=6 if found.action.is_decision() => {
                        let words = format!("vote {}", self.asked + 1);
                        Request::Vote { step, digest, choice: Choice::NoGo, words }
                    }
                    7..=8 => Request::BreakGlass { step, digest, reason },
                    9..=12 => Request::LookAgain { step },
                    13 => Request::Skip { step, reason },
                    _ => Request::Approve { step, digest },
                }
            }
            (StepState::InDoubt { .. }, _) => match n {
                0..=9 => Request::LookAgain { step },
                10..=19 => Request::MarkDone { step, reason },
                _ => Request::StartAgain { step, reason },
            },
            (StepState::Blind { .. } | StepState::Previewing, _) if n < 30 => {
                Request::LookAgain { step }
            }
            (
                StepState::Failed { .. }
                | StepState::Declined { .. }
                | StepState::Undone
                | StepState::Blind { .. }
                | StepState::Skipped { .. },
                _,
            ) if n < 70 => Request::Retry { step },
            (StepState::Done { .. }, _) if n < 20 => Request::Undo { step, reason },
            _ => return None,
        })
    }
}

/// What the team does once nothing goes wrong any more: whatever brings the run to its end, in the right way.
pub(crate) fn next_answer(run: &Run, now: Timestamp) -> Option<(Actor, Request)> {
    let reason = || "to the end".to_owned();
    if run.is_closed() {
        return None;
    }
    if matches!(run.status, Status::Held { .. }) {
        return Some((person(PEOPLE[0]), Request::Resume));
    }
    let mut wishes = Vec::new();
    for (step, at) in run.each_step().filter(|(step, _)| !run.is_settled(&step.id)) {
        let id = || step.id.clone();
        match (&at.state, &at.shown) {
            (StepState::Ready, Some(shown)) => {
                wishes.push(Request::Approve { step: id(), digest: shown.digest.clone() });
                wishes.push(Request::Skip { step: id(), reason: reason() });
            }
            (StepState::InDoubt { seen: Some(seen), .. }, _) => match seen.happened {
                Happened::Done => wishes.push(Request::MarkDone { step: id(), reason: reason() }),
                Happened::Never | Happened::Unknown => {
                    wishes.push(Request::StartAgain { step: id(), reason: reason() });
                    wishes.push(Request::MarkDone { step: id(), reason: reason() });
                }
                Happened::Running => {}
            },
            (StepState::Failed { .. } | StepState::Declined { .. } | StepState::Undone, _) => {
                wishes.push(Request::Retry { step: id() });
                wishes.push(Request::Skip { step: id(), reason: reason() });
            }
            _ => {}
        }
    }
    if run.runbook.steps.iter().all(|step| run.is_settled(&step.id)) {
        wishes.push(Request::Close { reason: reason() });
    }
    let people = PEOPLE.map(person);
    let asks = |wish: Request| {
        let mut may = people.iter().filter(|by| decide(run, &wish, by, now).is_ok());
        may.next().cloned().map(|by| (by, wish.clone()))
    };
    // Pressing again what one has agreed to is refused, so each wish is for one who may.
    wishes.into_iter().find_map(asks)
}

/// Whether this person holds one of the roles a step asks.
pub(crate) fn may_answer(run: &Run, step: &Step, who: &dr_buddy::domain::ids::PersonId) -> bool {
    let roles = roles_for(Right::Answer, &step.gate.roles(step.owner), step.owner);
    let person = run.environment.person(who);
    person.is_some_and(|person| person.holds_one_of(&roles.unwrap_or_default()))
}

//! The invariants of [`run`](crate::domain::run), under random requests of people and reports of the engine: stale,
//! wrong, repeated, out of turn, and with a clock that also goes back.
//!
//! [`Model`] keeps its own books from the events alone, so that a fault in the state does not hide itself.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::chat::random_chat;
use super::sample::{EXPIRES, World, after, id, preview, variant, who};
use crate::domain::actor::{Actor, Role};
use crate::domain::ids::{Digest, PersonId, StepId};
use crate::domain::run::apply::replay;
use crate::domain::run::limits;
use crate::domain::run::log::verify;
use crate::domain::run::preview::Preview;
use crate::domain::run::protocol::{Effect, Event, Report, Request, Returned};
use crate::domain::run::state::{Choice, Happened, Seen, Status, StepState};
use crate::domain::runbook::Gate;
use crate::domain::time::Timestamp;

const STEPS: [&str; 10] =
    ["look", "fence", "tell", "decide", "promote", "secret", "by-hand", "cache", "pin", "live"];
const PEOPLE: [&str; 6] = ["antoine", "mia", "leo", "clara", "zoe", "U0"];

/// One random move, in small numbers that [`request`] reads against the present state.
#[derive(Debug, Clone)]
struct Move {
    step: usize,
    what: u8,
    asker: usize,
    /// Mostly fitting; else stale, wrong or another step's.
    fit: u8,
    choice: u8,
    /// Seconds the clock moves before.
    seconds: i64,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let seconds = prop_oneof![12 => 0..40_i64, 2 => -900..0_i64, 2 => 40..900_i64];
    let step = 0..STEPS.len();
    let asker = prop_oneof![2 => 0..2_usize, 1 => 0..PEOPLE.len()];
    let one = (step, 0..40_u8, asker, 0..8_u8, any::<u8>(), seconds);
    let one = one.prop_map(|(step, what, asker, fit, choice, seconds)| Move {
        step,
        what,
        asker,
        fit,
        choice,
        seconds,
    });
    prop::collection::vec(one, 1..160)
}

fn request(world: &World, old: &[Digest], a_move: &Move) -> (Actor, Request) {
    let step = step_of(world, a_move);
    let name = step.as_str().to_owned();
    let name = name.as_str();
    let wrong = a_move.fit == 0;
    let digest = match a_move.fit {
        0 => Digest::of(&[a_move.choice]),
        1 => old
            .get(usize::from(a_move.choice) % old.len().max(1))
            .cloned()
            .unwrap_or(world.digest(name)),
        _ => world.digest(name),
    };
    let text = match a_move.choice % 9 {
        0 => String::new(),
        1 => "x".repeat(limits::TEXT + 1),
        _ => "because".to_owned(),
    };
    let reason = text.clone();
    let choice = if a_move.choice.is_multiple_of(3) { Choice::NoGo } else { Choice::Go };
    let asked = match a_move.what {
        0..=6 => Request::Approve { step, digest },
        7 => Request::Reject { step, digest, reason },
        8 if a_move.choice % 16 == 5 => Request::Disagree { step, digest, words: text },
        8 => Request::Vote { step, digest, choice, words: text },
        9 => Request::BreakGlass { step, digest, reason },
        10 => Request::Skip { step, reason },
        11 => Request::Retry { step },
        12 => Request::LookAgain { step },
        13 => Request::MarkDone { step, reason },
        14 => Request::StartAgain { step, reason },
        15 => Request::Undo { step, reason },
        16 if a_move.choice < 40 => Request::Hold { reason },
        16 | 17 => Request::Resume,
        18 if a_move.choice % 16 == 2 => Request::Close { reason },
        19 if wrong || a_move.fit == 1 => {
            let person = Some(PersonId::parse(PEOPLE[usize::from(a_move.choice) % 4]).unwrap());
            let role = Role::ALL[usize::from(a_move.choice) % Role::ALL.len()];
            Request::TakeRole { role, person: person.filter(|_| a_move.fit == 1) }
        }
        18 | 19 if a_move.fit > 4 => random_chat(a_move.step, None),
        18 | 19 => Request::Note { text },
        22 if a_move.fit < 3 => return (who("engine"), random_chat(a_move.step, Some(text))),
        20 => Request::Tick,
        _ => {
            let report = report(world, step, a_move);
            let by = if wrong && a_move.what == 21 { PEOPLE[a_move.asker] } else { "engine" };
            return (who(by), Request::Report(report));
        }
    };
    let by = if asked == Request::Tick { "engine" } else { PEOPLE[a_move.asker] };
    (who(by), asked)
}

/// Mostly a step of which this can be asked, else any.
fn step_of(world: &World, a_move: &Move) -> StepId {
    let asks = |state: &StepState| match a_move.what {
        0..=9 => *state == StepState::Ready,
        11 => matches!(state, StepState::Failed { .. } | StepState::Declined { .. }),
        12..=14 => matches!(state, StepState::InDoubt { .. }),
        15 => matches!(state, StepState::Done { .. }),
        21.. => {
            is_out(state)
                || matches!(variant(state).as_str(), "Previewing" | "Approved" | "InDoubt")
        }
        _ => true,
    };
    let fitting = world.run.each_step().filter(|(_, at)| asks(&at.state) && a_move.fit > 0);
    let fitting: Vec<_> = fitting.map(|(step, _)| step.id.clone()).collect();
    fitting
        .get(a_move.step % fitting.len().max(1))
        .cloned()
        .unwrap_or_else(|| id(STEPS[a_move.step]))
}

/// What the engine would say of this state, or anything at all.
fn report(world: &World, step: StepId, a_move: &Move) -> Report {
    let at = &world.run.steps[&step];
    let off = u32::from(a_move.fit == 0);
    let number = at.previews + off;
    let happened = [Happened::Never, Happened::Running, Happened::Done, Happened::Unknown];
    let happened = happened[usize::from(a_move.choice / 7) % 4];
    let region = if a_move.choice.is_multiple_of(11) { "us-east-1" } else { "eu-west-1" };
    let preview = preview(step.as_str(), region);
    let unreachable = a_move.choice.is_multiple_of(2);
    let error = "why".to_owned();
    let facts: Map<String, Value> = if a_move.fit == 1 { Map::new() } else { after() };
    let returned = match a_move.choice % 4 {
        0 | 1 => Returned::Accepted { evidence: Value::from("proof") },
        2 => Returned::Failed { error: error.clone(), unreachable },
        _ if unreachable => Returned::Unknown { error: error.clone(), evidence: Value::Null },
        _ => Returned::Interrupted,
    };
    let fitting = match &at.state {
        StepState::Previewing => 0,
        StepState::Approved { .. } => 2,
        StepState::Calling { .. } => 4,
        StepState::InDoubt { .. } => 5,
        StepState::Proving { .. } => 6,
        StepState::Waiting
        | StepState::Blind { .. }
        | StepState::Ready
        | StepState::Declined { .. }
        | StepState::Done { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Undone => a_move.choice % 8,
    };
    let kind = match a_move.fit {
        0 => a_move.choice % 8,
        1 => fitting + 1,
        _ => fitting,
    };
    let attempt = at.attempts + off + u32::from(matches!(at.state, StepState::Approved { .. }));
    match kind {
        0 => Report::Previewed { step, number, preview },
        1 => Report::NotPreviewed { step, number, error, unreachable },
        2 => Report::Begin { step, attempt, preview },
        3 => Report::CannotBegin { step, attempt, error, unreachable },
        4 => Report::Returned { step, attempt, returned },
        5 => {
            let seen = Seen { happened, saw: error, at: world.now };
            Report::Probed { step, attempt, seen, facts }
        }
        6 => Report::Proved { step, attempt, facts },
        _ => Report::NotProved { step, attempt, facts, saw: error },
    }
}

/// Who agreed to what, by the events alone.
#[derive(Default)]
struct Model {
    shown: BTreeMap<StepId, Shown>,
    attempts: BTreeSet<(StepId, u32)>,
}

#[derive(Default)]
struct Shown {
    digest: Option<Digest>,
    agreed: BTreeSet<PersonId>,
    /// When each agreed, and the latest time anything was recorded since: if the clock goes back, each approval has
    /// seen its own.
    given: Vec<(Timestamp, Timestamp)>,
    has_glass: bool,
}

impl Model {
    fn note(&mut self, world: &World, by: &Actor, event: &Event) {
        let given = self.shown.values_mut().flat_map(|shown| &mut shown.given);
        given.for_each(|(_, latest)| *latest = world.now.max(*latest));
        let Some(step) = event.step() else { return };
        let shown = self.shown.entry(step.clone()).or_default();
        match event {
            Event::PreviewShown { shown: new, .. } => {
                *shown = Shown { digest: Some(new.digest.clone()), ..Shown::default() };
            }
            Event::ApprovalGiven { digest, .. } | Event::GlassBroken { digest, .. } => {
                assert_eq!(Some(digest), shown.digest.as_ref(), "agreed to what is not shown");
                let person = by.person().unwrap().clone();
                let found = world.run.runbook.step(step).unwrap();
                let roles = found.gate.roles(found.owner);
                // Where several must agree, only the environment file makes somebody one of them.
                let took = !matches!(found.gate, Gate::People { .. })
                    && roles.iter().any(|role| world.run.duty.get(role) == Some(&person));
                let file = world.run.environment.person(&person).unwrap().holds_one_of(&roles);
                assert!(file || took);
                assert!(shown.agreed.insert(person) || matches!(event, Event::GlassBroken { .. }));
                shown.given.push((world.now, world.now));
                shown.has_glass |= matches!(event, Event::GlassBroken { .. });
            }
            Event::StepOpened { .. }
            | Event::StepReopened { .. }
            | Event::UndoAsked { .. }
            | Event::PreviewAsked { .. }
            | Event::ApprovalsVoided { .. } => *shown = Shown::default(),
            Event::RunStarted(_)
            | Event::PreviewFailed { .. }
            | Event::StepApproved { .. }
            | Event::VoteCast { .. }
            | Event::DissentVoiced { .. }
            | Event::CodeConfirmed { .. }
            | Event::CodesLocked { .. }
            | Event::StepDeclined { .. }
            | Event::AttemptStarted { .. }
            | Event::CallAccepted { .. }
            | Event::OutcomeUnknown { .. }
            | Event::OutcomeProbed { .. }
            | Event::ProbeAsked { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. }
            | Event::StepSkipped { .. }
            | Event::StepUndone { .. }
            | Event::PeopleCalled { .. }
            | Event::StepLate { .. }
            | Event::RoleTaken { .. }
            | Event::RunbookAttached { .. }
            | Event::RunHeld { .. }
            | Event::RunResumed {}
            | Event::NoteAdded { .. }
            | Event::Chat { .. }
            | Event::Alerted { .. }
            | Event::GroupSeen { .. }
            | Event::GroupUnread { .. }
            | Event::Update { .. }
            | Event::RunClosed { .. } => {}
        }
    }

    /// Nothing begins but what enough different people agreed to, exactly that, in time, once.
    fn may_begin(&mut self, world: &World, step: &StepId, attempt: u32, with: &Preview) {
        let found = world.run.runbook.step(step).unwrap();
        let shown = &self.shown[step];
        assert_eq!(shown.digest.as_ref(), Some(&world.digest_of(step.as_str(), with)), "{step}");
        let enough = match &found.gate {
            Gate::None => true,
            Gate::Confirm => !shown.agreed.is_empty(),
            Gate::People { people, .. } => {
                shown.has_glass || shown.agreed.len() >= usize::try_from(*people).unwrap()
            }
        };
        assert!(enough, "{step} began with {:?}", shown.agreed);
        for (at, latest) in &shown.given {
            assert!(world.now.max(*latest) < at.plus(EXPIRES), "{step} began too late");
            assert!(*at <= world.now.plus(EXPIRES), "{step} began by a clock far behind");
        }
        assert_eq!(world.run.status, Status::Open, "{step} began in a run that is not open");
        assert!(self.attempts.insert((step.clone(), attempt)), "{step} {attempt} began twice");
        assert_eq!(attempt, world.run.steps[step].attempts + 1, "{step}");
        assert!(!found.action.is_human(), "{step} is not called");
    }
}

fn is_out(state: &StepState) -> bool {
    matches!(state, StepState::Calling { .. } | StepState::Proving { .. })
}

fn look_at(before: &World, world: &World, by: &Actor, request: &Request, events: &[Event]) {
    for (step, was) in &before.run.steps {
        let is = &world.run.steps[step];
        assert!(is.attempts <= limits::ATTEMPTS && is.begun <= is.attempts, "{step}");
        assert!(is.approvals.len() <= world.run.environment.people.len() + 1);
        assert!(is.votes.len() <= world.run.environment.people.len());
        let ended = matches!(
            is.state,
            StepState::Done { .. }
                | StepState::Failed { .. }
                | StepState::InDoubt { .. }
                | StepState::Undone
        );
        if is_out(&was.state) {
            assert!(is_out(&is.state) || ended, "{step}: {:?} → {:?}", was.state, is.state);
        }
        if matches!(was.state, StepState::InDoubt { .. }) && !ended && !is_out(&is.state) {
            assert!(by.person().is_some(), "{step} left its doubt without a person");
        }
    }
    let orders = |event: &Event| matches!(event, Event::StepApproved { .. } | Event::RunResumed {});
    let acts = world.effects.iter().filter(|effect| matches!(effect, Effect::Act { .. }));
    for act in acts {
        assert!(events.iter().any(orders), "{act:?} without an approval");
        let Effect::Act { step, attempt } = act else { continue };
        assert_eq!(world.run.steps[step].state, StepState::Approved { attempt: *attempt });
    }
    if before.run.is_closed() {
        let adds = matches!(request, Request::Note { .. } | Request::Chat { .. });
        assert!(adds || events.is_empty());
        assert_eq!(before.run.steps, world.run.steps);
    }
}

fn play(moves: &[Move]) {
    let (mut world, mut model, mut old) = (World::new(), Model::default(), Vec::new());
    for a_move in moves {
        world.now = Timestamp(world.now.0 + a_move.seconds * 1000);
        let (by, request) = request(&world, &old, a_move);
        let before = world.clone();
        let Ok(events) = world.ask_as(&by, &request) else { continue };
        for event in &events {
            if let Event::AttemptStarted { step, attempt, .. } = event {
                let Request::Report(Report::Begin { preview, .. }) = &request else {
                    panic!("{request:?} began {step}")
                };
                assert_eq!(by, Actor::Engine);
                model.may_begin(&before, step, *attempt, preview);
            }
            if let Event::PreviewShown { shown, .. } = event {
                old.push(shown.digest.clone());
            }
            model.note(&world, &by, event);
        }
        look_at(&before, &world, &by, &request, &events);
    }
    assert_eq!(verify(&world.run.id, &world.record), Ok(()));
    assert_eq!(replay(world.record.iter().map(|one| &one.entry)).as_ref(), Some(&world.run));
    let text = serde_json::to_string(&world.run.steps).unwrap();
    assert_eq!(serde_json::from_str::<BTreeMap<_, _>>(&text).unwrap(), world.run.steps);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_happens_but_what_was_approved_exactly_that_and_once(moves in moves()) {
        play(&moves);
    }
}

#[test]
fn the_random_moves_get_far_enough_to_mean_something() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let (mut runner, mut seen) = (TestRunner::deterministic(), BTreeSet::new());
    for _ in 0..150 {
        let moves = moves().new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for a_move in &moves {
            world.now = Timestamp(world.now.0 + a_move.seconds * 1000);
            let (by, request) = request(&world, &[], a_move);
            if let Ok(events) = world.ask_as(&by, &request) {
                seen.extend(events.iter().map(variant));
            }
        }
    }
    let wanted = [
        "AttemptStarted",
        "CallAccepted",
        "OutcomeUnknown",
        "OutcomeProbed",
        "StepDone",
        "StepFailed",
        "ApprovalsVoided",
        "GlassBroken",
        "UndoAsked",
        "RunHeld",
        "RunResumed",
        "StepReopened",
        "StepUndone",
        "RunClosed",
        "Chat",
    ];
    for wanted in wanted {
        assert!(seen.contains(wanted), "no {wanted} in {seen:?}");
    }
}

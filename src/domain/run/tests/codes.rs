//! Where a code is asked for besides the press: of whom, on which way of saying yes, and that nothing goes around it.

use super::sample::{World, environment, id, runbook, who};
use crate::domain::actor::Actor;
use crate::domain::code::Confirmation;
use crate::domain::comms::{self, Ask, Press, form};
use crate::domain::ids::PersonId;
use crate::domain::run::Refusal;
use crate::domain::run::decide::{decide, may_enrol};
use crate::domain::run::effects::tells_the_room;
use crate::domain::run::protocol::{Effect, Event, MessageKey, Request, Voided};
use crate::domain::run::state::{Choice, StepState};
use crate::domain::runbook::document::Code;
use crate::domain::time::Span;

impl World {
    /// What follows from a request, with what the engine looks up when a code is asked for: nobody has any.
    pub(super) fn decided(&self, by: &Actor, request: &Request) -> Result<Vec<Event>, Refusal> {
        match decide(&self.run, request, by, self.now) {
            Err(Refusal::CodeMissing { .. }) => {
                let confirmation = Confirmation::not_enrolled(by.person().unwrap());
                let answer = Box::new(request.clone());
                let request = Request::SteppedUp { answer, confirmation };
                decide(&self.run, &request, by, self.now)
            }
            decided => decided,
        }
    }
}

fn person(name: &str) -> PersonId {
    PersonId::parse(name).unwrap()
}

/// The runbook in which everybody is asked for a code at this step.
fn strict(step: &str) -> World {
    let mut runbook = runbook();
    runbook.steps.iter_mut().find(|one| one.id == id(step)).unwrap().code = Code::Required;
    World::of(runbook, environment(Some(true)))
}

/// Every way of saying yes.
fn yes(world: &World, step: &str) -> [Request; 3] {
    let (step, digest) = (id(step), world.digest(step));
    [
        Request::Approve { step: step.clone(), digest: digest.clone() },
        Request::Vote {
            step: step.clone(),
            digest: digest.clone(),
            choice: Choice::Go,
            words: String::new(),
        },
        Request::BreakGlass { step, digest, reason: "alone".into() },
    ]
}

fn with(answer: &Request, confirmation: Confirmation) -> Request {
    Request::SteppedUp { answer: Box::new(answer.clone()), confirmation }
}

fn says(world: &World, name: &str, request: &Request) -> Result<Vec<Event>, Refusal> {
    decide(&world.run, request, &who(name), world.now)
}

fn is_missing(said: &Result<Vec<Event>, Refusal>) -> bool {
    matches!(said, Err(Refusal::CodeMissing { .. }))
}

#[test]
fn at_a_point_of_no_return_a_press_alone_is_no_approval() {
    let mut world = World::ready("pin");
    let [approve, _, glass] = yes(&world, "pin");
    for request in [&approve, &glass] {
        assert!(is_missing(&says(&world, "leo", request)), "{request:?}");
        // What is known of somebody else says nothing, and one within another is nobody's.
        for of_another in [Confirmation::by_code, Confirmation::not_enrolled] {
            let request = with(request, of_another(&person("antoine")));
            assert!(is_missing(&says(&world, "leo", &request)), "{request:?}");
        }
        let nested = with(&with(request, Confirmation::by_code(&person("leo"))), {
            Confirmation::by_code(&person("leo"))
        });
        assert_eq!(says(&world, "leo", &nested), Err(Refusal::EngineOnly));
        let coded = says(&world, "leo", &with(request, Confirmation::by_code(&person("leo"))));
        assert_eq!(coded.unwrap()[0], Event::CodeConfirmed { step: id("pin") });
        let not = Confirmation::not_enrolled(&person("leo"));
        let events = says(&world, "leo", &with(request, not)).unwrap();
        assert!(!events.contains(&Event::CodeConfirmed { step: id("pin") }));
    }
    let coded = with(&approve, Confirmation::by_code(&person("leo")));
    world.ask("leo", &coded).unwrap();
    assert_eq!(world.at("pin").coded, [person("leo")]);
    let card = comms::step_card(&world.run, &id("pin"), world.now).unwrap();
    assert!(format!("{card:?}").contains("step.agreed_code"));
}

#[test]
fn whoever_is_refused_for_another_reason_is_asked_for_no_code() {
    let mut world = World::ready("pin");
    let [approve, _, _] = yes(&world, "pin");
    assert!(matches!(says(&world, "clara", &approve), Err(Refusal::NotAllowed { .. })));
    world.approve("leo", "pin").unwrap();
    assert!(matches!(says(&world, "leo", &approve), Err(Refusal::AlreadyApproved { .. })));
    world.wait(Span::minutes(11));
    assert!(matches!(says(&world, "antoine", &approve), Err(Refusal::Expired { .. })));
}

#[test]
fn elsewhere_nobody_is_asked() {
    let world = World::ready("promote");
    let [approve, _, glass] = yes(&world, "promote");
    for request in [approve, glass] {
        assert!(says(&world, "mia", &request).is_ok());
        // A code that counted all the same is not on the record: nobody asked for it.
        let coded = says(&world, "mia", &with(&request, Confirmation::by_code(&person("mia"))));
        assert!(!coded.unwrap().contains(&Event::CodeConfirmed { step: id("promote") }));
    }
}

#[test]
fn where_the_runbook_requires_a_code_nobody_agrees_without() {
    let mut world = strict("decide");
    world.do_step("look");
    world.previewed("decide");
    for request in yes(&world, "decide") {
        assert!(is_missing(&says(&world, "mia", &request)), "{request:?}");
        let not = with(&request, Confirmation::not_enrolled(&person("mia")));
        assert!(matches!(says(&world, "mia", &not), Err(Refusal::NotEnrolled { .. })));
        let coded = with(&request, Confirmation::by_code(&person("mia")));
        assert!(says(&world, "mia", &coded).is_ok(), "{request:?}");
    }
    // A no is a no.
    assert!(world.vote("mia", "decide", Choice::NoGo).is_ok());
    let card = comms::step_card(&world.run, &id("decide"), world.now).unwrap();
    assert!(format!("{card:?}").contains("step.code_required"));
}

#[test]
fn right_before_the_call_only_approvals_with_a_code_count_where_it_is_required() {
    let mut world = strict("fence");
    world.previewed("fence");
    let [approve, _, _] = yes(&world, "fence");
    world.ask("leo", &with(&approve, Confirmation::by_code(&person("leo")))).unwrap();
    assert!(matches!(world.state("fence"), StepState::Approved { .. }));
    let mut without = world.clone();
    without.run.steps.get_mut(&id("fence")).unwrap().coded.clear();
    let voided = Event::ApprovalsVoided { step: id("fence"), why: Voided::Expired };
    assert_eq!(without.begin("fence").unwrap()[0], voided);
    assert!(matches!(world.begin("fence").unwrap()[0], Event::AttemptStarted { .. }));
}

#[test]
fn a_code_counts_for_one_preview_only() {
    let mut world = World::ready("pin");
    let [approve, _, _] = yes(&world, "pin");
    world.ask("leo", &with(&approve, Confirmation::by_code(&person("leo")))).unwrap();
    world.ask("antoine", &Request::LookAgain { step: id("pin") }).unwrap();
    assert!(world.at("pin").coded.is_empty());
}

#[test]
fn cards_keep_their_buttons_and_the_form_repeats_what_is_agreed_to() {
    let world = World::ready("pin");
    let card = comms::step_card(&world.run, &id("pin"), world.now).unwrap();
    let shown = format!("{card:?}");
    assert!(shown.contains("ask: Approve") && shown.contains("ask: BreakGlass"), "{shown}");
    let digest = world.digest("pin");
    for ask in Ask::ALL {
        let press = Press::of_step(ask, &world.run.id, &id("pin"), Some(&digest));
        let agrees = matches!(ask, Ask::Run | Ask::Approve | Ask::Done | Ask::Go | Ask::BreakGlass);
        assert_eq!(form::agrees(&press), agrees, "{ask:?}");
        let Some(form) = form::form(&world.run, &press, agrees, world.now) else {
            assert!(!agrees && !ask.wants_words());
            continue;
        };
        assert_eq!((form.code.is_some(), form.words.is_some()), (agrees, ask.wants_words()));
        let intro = format!("{:?}", form.intro);
        assert_eq!(
            intro.contains(digest.short()) && intro.contains("step.change.plain"),
            agrees,
            "{intro}"
        );
    }
}

#[test]
fn too_many_wrong_codes_are_told_to_the_room_by_the_engine_alone() {
    let mut world = World::ready("pin");
    let until = world.now.plus(Span::minutes(5));
    let locked = Request::CodesLocked { step: id("pin"), person: person("leo"), until };
    assert_eq!(world.ask("leo", &locked), Err(Refusal::EngineOnly));
    let before = world.run.clone();
    let events = world.ask("engine", &locked).unwrap();
    assert!(tells_the_room(&events[0]));
    assert!(world.effects.contains(&Effect::Show(MessageKey::Notice(world.run.seq))));
    assert_eq!(world.run.steps, before.steps, "nothing else follows from it");
}

#[test]
fn codes_are_given_and_taken_by_oneself_or_the_commander_and_nobody_else() {
    let environment = environment(None);
    let may = |by: &str, whom: &str| may_enrol(&environment, &who(by), &whose(whom));
    for known in ["antoine", "mia", "leo", "clara"] {
        assert_eq!(may(known, known), Ok(()));
        assert_eq!(may("antoine", known), Ok(()));
        assert_eq!(may("mia", known).is_ok(), known == "mia", "{known}");
    }
    assert!(matches!(may("nobody", "nobody"), Err(Refusal::Stranger { .. })));
    assert!(may_enrol(&environment, &Actor::Engine, &whose("mia")).is_err());
}

fn whose(name: &str) -> PersonId {
    PersonId::parse(name).unwrap()
}

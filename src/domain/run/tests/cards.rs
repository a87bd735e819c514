//! What people see of a run: cards without dead buttons, a line for every event, measures that add up.

use std::collections::BTreeSet;

use super::decisions::disagree;
use super::sample::{START, World, id, variant, who};
use crate::domain::code::Confirmation;
use crate::domain::comms::{Ask, Block, Message, Press, notice, run_card, step_card, urgency};
use crate::domain::ids::PersonId;
use crate::domain::report::measures::measure;
use crate::domain::report::timeline::line;
use crate::domain::run::effects::{effects, tells_the_room};
use crate::domain::run::protocol::{Effect, Event, MessageKey, Report, Request, Returned, Start};
use crate::domain::run::state::{Choice, Happened, Kind, StepRun, StepState};
use crate::domain::text::Text;
use crate::domain::time::Span;

fn asks(message: &Message) -> Vec<Press> {
    let buttons = message.blocks.iter().filter_map(|block| match block {
        Block::Buttons(buttons) => Some(buttons),
        Block::Banner(_)
        | Block::Heading(_)
        | Block::Lines(_)
        | Block::Small(_)
        | Block::Rule
        | Block::Views(_)
        | Block::Offer(_) => None,
    });
    buttons.flatten().map(|button| button.press.clone()).collect()
}

#[test]
fn what_was_put_back_or_refused_or_cannot_be_seen_waits_for_people_before_what_runs() {
    let world = World::ready("promote");
    let step = world.run.runbook.step(&id("promote")).unwrap();
    let urgency =
        |state| urgency(&world.run, step, &StepRun { state, ..world.at("promote").clone() });
    let declined = StepState::Declined { by: vec![], reason: String::new() };
    let blind = StepState::Blind { error: String::new(), unreachable: true };
    let (asked, runs) = (urgency(StepState::Ready), urgency(StepState::Calling { attempt: 1 }));
    assert!(asked < runs);
    for state in [StepState::Undone, declined, blind] {
        assert!(urgency(state.clone()) < asked, "{state:?}");
    }
}

fn names(world: &World, step: &str) -> Vec<&'static str> {
    let card = step_card(&world.run, &id(step), world.now);
    card.iter().flat_map(asks).map(|press| press.ask.name()).collect()
}

/// Every card of the run as it is now: no empty row, no button twice, none that is dead.
fn all_buttons_work(world: &World) {
    let steps = world.run.runbook.steps.iter();
    let cards = steps.filter_map(|step| step_card(&world.run, &step.id, world.now));
    for card in cards.chain([run_card(&world.run, world.now)]) {
        let presses = asks(&card);
        let ids: BTreeSet<_> = presses.iter().map(Press::action_id).collect();
        assert_eq!(ids.len(), presses.len(), "{presses:?}");
        assert!(
            !card.blocks.iter().any(|block| matches!(block, Block::Buttons(row) if row.is_empty()))
        );
        for press in presses {
            let back = Press::parse(&press.action_id(), &press.value()).unwrap();
            assert_eq!(back, press);
            let request = back.request(if press.ask.wants_words() { "because" } else { "" });
            let request = request.unwrap();
            let somebody = world
                .run
                .environment
                .people
                .iter()
                .any(|person| world.decided(&who(person.id.as_str()), &request).is_ok());
            assert!(somebody, "{:?} of {:?} is dead", press.ask, press.step);
        }
    }
}

/// A run that goes through everything a run can go through, looked at after every request.
struct Tour {
    world: World,
    states: BTreeSet<String>,
    asked: BTreeSet<&'static str>,
}

impl Tour {
    fn see(&mut self) {
        all_buttons_work(&self.world);
        for (step, at) in self.world.run.each_step() {
            self.states.insert(variant(&at.state));
            let card = step_card(&self.world.run, &step.id, self.world.now);
            assert_eq!(card.is_none(), at.state == StepState::Waiting, "{}", step.id);
            self.asked.extend(names(&self.world, step.id.as_str()));
        }
        let card = run_card(&self.world.run, self.world.now);
        self.asked.extend(asks(&card).iter().map(|press| press.ask.name()));
    }

    fn go(&mut self, request: impl FnOnce(&mut World)) {
        self.world.wait(Span::seconds(7));
        request(&mut self.world);
        self.see();
    }

    fn agreed_and_called(&mut self, step: &str) {
        self.go(|world| drop(world.previewed(step)));
        self.go(|world| world.agreed(step));
        self.go(|world| drop(world.begin(step).unwrap()));
    }
}

fn dark(world: &mut World, step: &str) {
    let (number, error) = (world.at(step).previews, "dark".to_owned());
    let report = Report::NotPreviewed { step: id(step), number, error, unreachable: true };
    world.report(report).unwrap();
}

fn hold_and_resume(tour: &mut Tour) {
    tour.go(|world| drop(world.ask("mia", &Request::Hold { reason: "wait".into() }).unwrap()));
    tour.go(|world| drop(world.ask("antoine", &Request::Resume).unwrap()));
}

fn tour() -> Tour {
    let world = World::new();
    let mut tour = Tour { world, states: BTreeSet::new(), asked: BTreeSet::new() };
    tour.see();
    tour.go(|world| drop(world.previewed("look")));
    tour.go(|world| drop(world.begin("look").unwrap()));
    tour.go(|world| drop(world.accepted("look")));
    tour.go(|world| drop(world.proved("look")));
    tour.go(|world| dark(world, "fence"));
    tour.go(|world| drop(world.retry("leo", "fence").unwrap()));
    tour.agreed_and_called("fence");
    tour.go(|world| drop(world.accepted("fence")));
    tour.go(|world| drop(world.proved("fence")));
    tour.go(|world| drop(world.previewed("tell")));
    tour.go(|world| drop(world.approve("clara", "tell").unwrap()));
    tour.go(|world| drop(world.previewed("decide")));
    tour.go(|world| drop(disagree(world, "clara", "decide").unwrap()));
    tour.go(|world| drop(world.vote("mia", "decide", Choice::NoGo).unwrap()));
    tour.go(|world| drop(world.vote("antoine", "decide", Choice::NoGo).unwrap()));
    tour.go(|world| drop(world.retry("antoine", "decide").unwrap()));
    tour.go(|world| drop(world.previewed("decide")));
    tour.go(|world| world.agreed("decide"));
    promoted_with_trouble(&mut tour);
    put_back_and_settled_by_word(&mut tour);
    tour.go(|world| drop(world.previewed("cache")));
    tour.go(|world| drop(world.skip("leo", "cache").unwrap()));
    tour.go(|world| drop(world.previewed("pin")));
    tour.go(wrong_codes_and_a_right_one);
    tour.go(|world| drop(world.approve("antoine", "pin").unwrap()));
    tour.go(|world| drop(world.begin("pin").unwrap()));
    assert_eq!(names(&tour.world, "promote"), [""; 0], "past the point of no return");
    tour.go(|world| drop(world.accepted("pin")));
    tour.go(|world| drop(world.proved("pin")));
    tour.go(|world| drop(world.previewed("live")));
    tour.go(|world| drop(world.begin("live").unwrap()));
    tour.go(|world| drop(world.accepted("live")));
    tour.go(|world| drop(world.proved("live")));
    tour.go(|world| drop(world.ask("clara", &Request::Note { text: "phew".into() }).unwrap()));
    tour
}

fn wrong_codes_and_a_right_one(world: &mut World) {
    let leo = PersonId::parse("leo").unwrap();
    let until = world.now.plus(Span::minutes(5));
    let locked = Request::CodesLocked { step: id("pin"), person: leo.clone(), until };
    world.ask("engine", &locked).unwrap();
    let answer = Box::new(Request::Approve { step: id("pin"), digest: world.digest("pin") });
    let confirmation = Confirmation::by_code(&leo);
    world.ask("leo", &Request::SteppedUp { answer, confirmation }).unwrap();
}

fn promoted_with_trouble(tour: &mut Tour) {
    tour.go(|world| dark(world, "promote"));
    tour.go(|world| world.wait(Span::seconds(40)));
    tour.go(|world| drop(world.tick()));
    // The guard is false: nobody can press Run.
    tour.go(|world| drop(world.previewed_as("promote", "us-east-1")));
    assert_eq!(names(&tour.world, "promote"), ["reject", "look-again", "skip"]);
    let look = Request::LookAgain { step: id("promote") };
    tour.go(|world| drop(world.ask("mia", &look).unwrap()));
    tour.go(|world| drop(world.previewed("promote")));
    hold_and_resume(tour);
    tour.go(|world| drop(world.approve("mia", "promote").unwrap()));
    tour.go(|world| world.wait(Span::minutes(10)));
    tour.go(|world| drop(world.tick()));
    tour.agreed_and_called("promote");
    tour.go(|world| drop(world.unknown("promote")));
    for happened in [Happened::Running, Happened::Never, Happened::Unknown] {
        tour.go(|world| drop(world.probed("promote", happened)));
    }
    tour.go(|world| drop(world.ask("mia", &look).unwrap()));
    let again = Request::StartAgain { step: id("promote"), reason: "sure".into() };
    tour.go(|world| drop(world.ask("mia", &again).unwrap()));
    tour.go(|world| drop(world.previewed("promote")));
    tour.go(|world| drop(world.break_glass("mia", "promote").unwrap()));
    tour.go(|world| drop(world.begin("promote").unwrap()));
    tour.go(|world| drop(world.returned("promote", Returned::Interrupted)));
    tour.go(|world| drop(world.probed("promote", Happened::Done)));
    tour.go(|world| drop(world.proved("promote")));
}

fn put_back_and_settled_by_word(tour: &mut Tour) {
    tour.agreed_and_called("secret");
    tour.go(|world| drop(world.fails("secret")));
    tour.go(|world| drop(world.skip("mia", "by-hand").unwrap()));
    tour.go(|world| drop(world.retry("mia", "secret").unwrap()));
    tour.agreed_and_called("secret");
    tour.go(|world| drop(world.accepted("secret")));
    tour.go(|world| drop(world.proved("secret")));
    tour.go(|world| drop(world.undo("mia", "secret").unwrap()));
    tour.agreed_and_called("secret");
    tour.go(|world| drop(world.accepted("secret")));
    tour.go(|world| drop(world.proved("secret")));
    tour.go(|world| drop(world.retry("mia", "secret").unwrap()));
    tour.agreed_and_called("secret");
    tour.go(|world| drop(world.unknown("secret")));
    let mark = Request::MarkDone { step: id("secret"), reason: "I saw it".into() };
    tour.go(|world| drop(world.ask("mia", &mark).unwrap()));
}

#[test]
fn every_button_on_every_card_is_accepted_of_somebody() {
    let mut tour = tour();
    let states = [
        "Waiting",
        "Previewing",
        "Blind",
        "Ready",
        "Declined",
        "Approved",
        "Calling",
        "Proving",
        "InDoubt",
        "Done",
        "Failed",
        "Skipped",
        "Undone",
    ];
    assert_eq!(tour.states, states.map(str::to_owned).into());
    // Two stand on the drafts of updates.
    let of_updates = [Ask::Say, Ask::PutOff];
    let of_steps = Ask::ALL.into_iter().filter(|ask| !of_updates.contains(ask));
    let asked: BTreeSet<_> = of_steps.map(Ask::name).collect();
    assert_eq!(tour.asked, asked, "every button has been seen somewhere");
    tour.go(|world| drop(world.ask("antoine", &Request::Close { reason: String::new() }).unwrap()));
    let steps = tour.world.run.runbook.steps.iter();
    let left: Vec<_> = steps.flat_map(|step| names(&tour.world, step.id.as_str())).collect();
    assert_eq!(left, [""; 0], "nothing is asked of a closed run");
}

#[test]
fn every_event_has_a_line_and_what_the_room_must_notice_a_message() {
    let mut world = tour().world;
    world.ask("antoine", &Request::Close { reason: String::new() }).unwrap();
    let mut seen = BTreeSet::new();
    for event in &world.record {
        seen.insert(variant(&event.entry.event));
        let Text::Key(key, args) = line(&world.run, event) else { panic!("{event:?}") };
        assert!(key.starts_with("timeline."), "{key}");
        assert!(args.iter().any(|(name, _)| *name == "by"));
        let about = event.entry.event.step().is_some();
        assert_eq!(about, args.iter().any(|(name, _)| *name == "step"), "{key}");
        let told = tells_the_room(&event.entry.event);
        assert_eq!(notice(&world.run, event).is_some(), told, "{key}");
    }
    assert_eq!(seen.len(), 29, "the tour leaves out an event: {seen:?}");
}

#[test]
fn the_timeline_begins_with_what_the_run_is_for() {
    let world = World::new();
    for (kind, said) in [
        (Kind::Incident, "kind.incident"),
        (Kind::Exercise, "kind.exercise"),
        (Kind::Tabletop, "kind.tabletop"),
    ] {
        let mut first = world.record[0].clone();
        let Event::RunStarted(start) = &mut first.entry.event else { panic!("{first:?}") };
        start.kind = kind;
        let Text::Key(_, args) = line(&world.run, &first) else { panic!("{first:?}") };
        assert!(args.contains(&("kind", Text::Named(said.to_owned(), vec![]))), "{args:?}");
    }
}

#[test]
fn the_time_to_recover_is_the_sum_of_its_parts() {
    let mut world = tour().world;
    let restored = world.run.restored_at.unwrap();
    // What comes after the service is back does not count.
    world.wait(Span::minutes(9));
    world.ask("clara", &Request::Note { text: "still here".into() }).unwrap();
    let measures = measure(&world.record, world.now).unwrap();
    let shares: u64 = measures.phases.iter().map(|phase| phase.share.ms()).sum();
    assert_eq!(measures.rto, Some(restored.since(world.run.impact_at)));
    assert_eq!(measures.rto.unwrap().ms(), measures.detect.ms() + shares);
    assert_eq!(measures.detect, Span::minutes(5));
    let sum = |of: fn(&crate::domain::report::measures::PhaseMeasure) -> Span| -> u64 {
        measures.phases.iter().map(|phase| of(phase).ms()).sum()
    };
    assert_eq!(sum(|phase| phase.waited), measures.waited.ms());
    assert_eq!(sum(|phase| phase.worked), measures.worked.ms());
    assert!(measures.waited >= Span::minutes(10), "the approval that ran out");
    assert_eq!(measure(&[], world.now), None);
}

#[test]
fn a_step_settled_again_counts_to_its_last_end() {
    let mut world = World::opened("live");
    world.previewed("live");
    world.begin("live").unwrap();
    world.fails("live");
    world.skip("leo", "live").unwrap();
    assert_eq!(measure(&world.record, world.now).unwrap().rto, None);
    world.wait(Span::minutes(3));
    world.retry("leo", "live").unwrap();
    world.do_step("live");
    let measures = measure(&world.record, world.now).unwrap();
    let shares: u64 = measures.phases.iter().map(|phase| phase.share.ms()).sum();
    assert_eq!(measures.rto, Some(Span::minutes(8)));
    assert_eq!(measures.detect.ms() + shares, Span::minutes(8).ms());
}

#[test]
fn the_work_that_follows_from_events_is_ordered_once() {
    let mut world = World::ready("promote");
    world.wait(Span::seconds(1));
    let (step, card) = (id("promote"), Effect::Show(MessageKey::Step(id("promote"))));
    let work = |world: &World| -> Vec<Effect> {
        let shown = |effect: &&Effect| !matches!(effect, Effect::Show(_) | Effect::WakeAt(_));
        world.effects.iter().filter(shown).cloned().collect()
    };
    assert!(
        world.effects.contains(&card) && world.effects.contains(&Effect::Show(MessageKey::Run))
    );
    world.approve("mia", "promote").unwrap();
    assert_eq!(work(&world), []);
    assert!(world.effects.contains(&Effect::WakeAt(START.plus(Span::minutes(2)))), "the nag time");
    world.approve("antoine", "promote").unwrap();
    assert_eq!(work(&world), [Effect::Act { step: step.clone(), attempt: 1 }]);
    world.begin("promote").unwrap();
    assert_eq!(work(&world), [], "the call belongs to who began it");
    world.accepted("promote");
    assert_eq!(work(&world), [Effect::Prove { step: step.clone(), attempt: 1 }]);
    let events = world.proved("promote");
    let opened = events.iter().filter(|event| matches!(event, Event::StepOpened { .. }));
    assert_eq!(work(&world).len(), opened.count(), "a preview for each step that opened");
    world.ask("clara", &Request::Note { text: "hm".into() }).unwrap();
    assert_eq!(work(&world), []);
    let shown = world.effects.iter().filter(|effect| matches!(effect, Effect::Show(_)));
    assert_eq!(shown.collect::<Vec<_>>(), [&Effect::Show(MessageKey::Run)]);
}

#[test]
fn the_room_is_warned_of_silence_while_something_hangs_on_the_run() {
    let of = |kind: Kind, event: &Event| {
        let mut run = World::new().run;
        run.kind = kind;
        effects(&run, &[(9, event)]).contains(&Effect::Watch)
    };
    let start = World::new().run;
    let close = Event::RunClosed { reason: "over".into() };
    let note = Event::NoteAdded { text: "hm".into() };
    let begin = Event::RunStarted(Box::new(Start {
        id: start.id,
        kind: Kind::Incident,
        runbook: start.runbook.as_ref().clone(),
        environment: start.environment.as_ref().clone(),
        impact_at: START,
        declared: start.declared,
    }));
    for kind in [Kind::Incident, Kind::Exercise] {
        assert!(of(kind, &begin) && of(kind, &close), "begun, and looked at once more at the end");
        assert!(!of(kind, &note), "it moves on by itself");
    }
    assert!(!of(Kind::Tabletop, &begin) && !of(Kind::Tabletop, &close));
}

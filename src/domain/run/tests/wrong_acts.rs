//! What keeps tired people from a wrong act: a question before what cannot be taken back, the word for a rehearsal on all
//! that is sent, a label that says what the press does, and no tick before a no.

use super::sample::{START, World, facts, id};
use crate::domain::comms::form::form;
use crate::domain::comms::{
    Ask, Block, Button, Message, Press, back, details, ending, notice, run_card, silence, step_card,
};
use crate::domain::report::timeline::line;
use crate::domain::run::Refusal;
use crate::domain::run::preview::Change;
use crate::domain::run::protocol::{Report, Request};
use crate::domain::run::state::{Choice, Happened, Kind};
use crate::domain::text::Text;
use crate::domain::time::Span;
use serde_json::json;

fn row(block: &Block) -> Option<&[Button]> {
    match block {
        Block::Buttons(buttons) => Some(buttons),
        Block::Banner(_)
        | Block::Heading(_)
        | Block::Lines(_)
        | Block::Small(_)
        | Block::Rule
        | Block::Views(_)
        | Block::Offer(_) => None,
    }
}

/// The buttons of a card, row by row.
fn rows(message: &Message) -> Vec<&[Button]> {
    message.blocks.iter().filter_map(row).collect()
}

fn asks(row: &[Button]) -> Vec<Ask> {
    row.iter().map(|button| button.press.ask).collect()
}

/// What a press on this button of the card must be confirmed with, if anything.
fn confirm(message: &Message, ask: Ask) -> Option<Text> {
    let mut all = rows(message).into_iter().flatten();
    all.find(|button| button.press.ask == ask).expect("it is offered").confirm.clone()
}

fn card(world: &World, step: &str) -> Message {
    step_card(&world.run, &id(step), world.now).expect("it has opened")
}

#[test]
fn to_resume_is_confirmed_and_never_sits_where_hold_was() {
    let mut world = World::ready("promote");
    let open = run_card(&world.run, world.now);
    assert_eq!(asks(rows(&open)[0]), [Ask::Note, Ask::Hold, Ask::Close]);
    world.ask("mia", &Request::Hold { reason: "wait".into() }).unwrap();
    let held = run_card(&world.run, world.now);
    assert_eq!(asks(rows(&held)[0]), [Ask::Note, Ask::Close]);
    assert_eq!(asks(rows(&held)[1]), [Ask::Resume]);
    assert_eq!(confirm(&held, Ask::Resume), Some(Text::key("confirm.resume")));
}

#[test]
fn what_is_said_to_be_done_is_confirmed_for_no_button_takes_it_back() {
    let mut world = World::ready("tell");
    let Some(Text::Key("confirm.done", _)) = confirm(&card(&world, "tell"), Ask::Done) else {
        panic!("{:?}", card(&world, "tell"))
    };
    world.approve("clara", "tell").unwrap();
    assert_eq!(rows(&card(&world, "tell")), [&[] as &[Button]; 0], "nothing is offered any more");
}

#[test]
fn run_is_written_only_where_one_press_runs_it() {
    let mut world = World::ready("promote");
    assert_eq!(asks(rows(&card(&world, "promote"))[0]), [Ask::Approve, Ask::Reject]);
    world.approve("mia", "promote").unwrap();
    assert_eq!(asks(rows(&card(&world, "promote"))[0]), [Ask::Approve, Ask::Reject]);
    assert_eq!(asks(rows(&card(&World::ready("fence"), "fence"))[0]), [Ask::Run, Ask::Reject]);
}

#[test]
fn a_go_repeats_the_question_and_what_follows() {
    let world = World::ready("decide");
    let Some(Text::Key("confirm.go", args)) = confirm(&card(&world, "decide"), Ask::Go) else {
        panic!("{:?}", card(&world, "decide"))
    };
    let names: Vec<_> = args.iter().map(|(name, _)| *name).collect();
    assert_eq!(names[..2], ["question", "go"]);
}

#[test]
fn what_is_agreed_to_says_how_many_changes_it_does_not_show() {
    let mut world = World::opened("fence");
    let (number, mut preview) = (world.at("fence").previews, super::sample::preview("fence", "x"));
    let change = |name: &str| Change { what: name.into(), now: "3".into(), after: "0".into() };
    preview.changes = vec![change("a"), change("b"), change("c")];
    world.report(Report::Previewed { step: id("fence"), number, preview }).unwrap();
    let digest = world.digest("fence");
    let press = Press::of_step(Ask::Run, &world.run.id, &id("fence"), Some(&digest));
    let asked = form(&world.run, &press, true, world.now).expect("a code is asked");
    let exactly = asked.intro.iter().find(|line| matches!(line, Text::Key("form.exactly", _)));
    for shown in [exactly.cloned(), confirm(&card(&world, "fence"), Ask::Run)] {
        let Some(Text::Key(key, args)) = shown else { panic!("{shown:?}") };
        assert!(args.contains(&("more", Text::raw(2))), "{key}: {args:?}");
        let change = [("what", "a"), ("now", "3"), ("after", "0")];
        let change = change.map(|(name, text)| (name, Text::raw(text))).to_vec();
        let change = ("change", Text::Key("step.change.plain", change));
        assert!(args.contains(&change), "{key}: {args:?}");
    }
}

/// Every message and form of this run as it stands, and every notice of its record.
fn everything(world: &World) -> Vec<Message> {
    let (run, now) = (&world.run, world.now);
    let steps = run.runbook.steps.iter();
    let mut all = vec![run_card(run, now), silence(run, START), back(run, START, now)];
    all.extend(steps.clone().filter_map(|step| step_card(run, &step.id, now)));
    all.extend(steps.filter_map(|step| details(run, &step.id)));
    all.extend(world.record.iter().filter_map(|event| notice(run, event)));
    all.extend(ending(run, now));
    all
}

#[test]
fn a_rehearsal_says_so_in_every_message_and_in_its_one_line() {
    let mut world = World::ready("pin");
    world.ask("mia", &Request::Hold { reason: "wait".into() }).unwrap();
    let kinds = [
        (Kind::Exercise, "summary.exercise", "run.title.exercise"),
        (Kind::Tabletop, "summary.tabletop", "run.title.tabletop"),
    ];
    for (kind, mark, title) in kinds {
        world.run.kind = kind;
        let all = everything(&world);
        assert!(all.len() > 15, "{}", all.len());
        for message in all {
            let Text::Key(key, args) = &message.summary else { panic!("{message:?}") };
            let of_run = |(name, text): &(&str, Text)| {
                *name == "title" && matches!(text, Text::Key(key, _) if *key == title)
            };
            assert!(*key == mark || args.iter().any(of_run), "not marked: {message:?}");
            assert!(message.blocks.iter().any(|block| matches!(block, Block::Banner(_))));
            let plain = message.clone().unmarked();
            assert_eq!(&plain.summary, message.line());
            assert!(!plain.blocks.iter().any(|block| matches!(block, Block::Banner(_))));
        }
        let confirmed = confirm(&run_card(&world.run, world.now), Ask::Resume);
        assert!(matches!(confirmed, Some(Text::Key(key, _)) if key == mark));
    }
    let press = Press::of_run(Ask::Hold, &world.run.id);
    let hold = form(&world.run, &press, false, world.now).expect("it wants words");
    assert!(matches!(hold.intro[0], Text::Key("banner.tabletop", _)), "{hold:?}");
}

#[test]
fn what_asks_in_an_incident_says_in_its_first_line_where() {
    let world = World::ready("pin");
    let Block::Banner(Text::Key("banner.incident", args)) = &card(&world, "pin").blocks[0] else {
        panic!("{:?}", card(&world, "pin"))
    };
    assert!(args.contains(&("environment", Text::raw("prod"))), "{args:?}");
    assert!(args.contains(&("kind", Text::key("environment.production"))), "{args:?}");
    let settled = card(&world, "fence");
    assert!(!settled.blocks.iter().any(|block| matches!(block, Block::Banner(_))));
}

#[test]
fn a_question_that_was_answered_shows_the_answer() {
    let mut world = World::opened("live");
    world.previewed("live");
    world.begin("live").unwrap();
    world.accepted("live");
    let facts = facts(&json!({"reachable": false}));
    world.report(Report::Proved { step: id("live"), attempt: 1, facts }).unwrap();
    let Text::Key("step.done.read", args) = &card(&world, "live").summary else {
        panic!("{:?}", world.state("live"))
    };
    let saw = args.iter().find(|(name, _)| *name == "saw").map(|(_, saw)| saw.clone());
    assert_eq!(saw, Some(Text::List(vec![Text::key("fact.reachable.false")])));
}

#[test]
fn a_doubt_says_when_the_call_began_and_until_when_its_effect_may_show() {
    let until = |world: &World| {
        let all = card(world, "fence").blocks.into_iter().filter_map(|block| match block {
            Block::Lines(lines) => Some(lines),
            Block::Banner(_)
            | Block::Heading(_)
            | Block::Small(_)
            | Block::Rule
            | Block::Views(_)
            | Block::Offer(_)
            | Block::Buttons(_) => None,
        });
        let lines: Vec<Text> = all.flatten().collect();
        let asked = lines.iter().find_map(|line| {
            let Text::Key("step.doubt.no_answer", args) = line else { return None };
            Some(args[0].clone())
        });
        assert_eq!(asked, Some(("asked", Text::raw("14:18:20 UTC (15:18 Paris)"))));
        lines.into_iter().find(|line| matches!(line, Text::Key("step.doubt.until", _)))
    };
    let mut world = World::ready("fence");
    world.approve("leo", "fence").unwrap();
    world.begin("fence").unwrap();
    world.wait(Span::seconds(60));
    world.unknown("fence");
    let at = ("until", Text::raw("14:19:50 UTC (15:19 Paris)"));
    assert_eq!(until(&world), Some(Text::Key("step.doubt.until", vec![at])));
    world.wait(Span::seconds(31));
    world.probed("fence", Happened::Never);
    assert_eq!(until(&world), None, "somebody has looked since");
}

#[test]
fn decisions_and_what_people_do_are_told_in_their_own_words() {
    let mut world = World::ready("decide");
    world.previewed("tell");
    world.approve("clara", "tell").unwrap();
    world.vote("antoine", "decide", Choice::Go).unwrap();
    world.vote("mia", "decide", Choice::Go).unwrap();
    let told = |step: &str| -> Vec<&'static str> {
        let of = world.record.iter().filter(|one| one.entry.event.step() == Some(&id(step)));
        let key = |line| if let Text::Key(key, _) = line { key } else { "" };
        of.map(|one| key(line(&world.run, one))).collect()
    };
    let said =
        ["timeline.step_opened", "timeline.asked", "timeline.done_said", "timeline.done_people"];
    assert_eq!(told("tell"), said);
    assert_eq!(told("decide").last(), Some(&"timeline.done_decided"));
    let late = world.retry("antoine", "decide").unwrap_err();
    assert!(matches!(late, Refusal::NotNow { state: "decided", .. }), "{late:?}");
}

#[test]
fn who_starts_a_step_again_is_told_what_a_second_call_comes_to() {
    let world = World::ready("promote");
    let told = |step: &str| {
        let press = Press::of_step(Ask::StartAgain, &world.run.id, &id(step), None);
        let form = form(&world.run, &press, false, world.now).unwrap();
        let keys = form.intro.iter().filter_map(|text| match text {
            Text::Key(key, _) => key.strip_prefix("form.second_call."),
            Text::Named(..)
            | Text::Said(_)
            | Text::Raw(_)
            | Text::Person(_)
            | Text::Channel(_)
            | Text::Lines(_)
            | Text::In(..)
            | Text::List(_) => None,
        });
        keys.collect::<Vec<_>>()
    };
    assert_eq!(told("promote"), ["names_state"]);
    assert_eq!(told("secret"), ["token"]);
    assert!(told("look").is_empty(), "what only reads does no harm");
}

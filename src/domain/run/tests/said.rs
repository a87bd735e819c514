//! What the cards say, line by line: who is asked, what is proven, what comes first, how much time is left.

use super::decisions;
use super::sample::{START, World, environment, id, runbook};
use crate::domain::actor::Role;
use crate::domain::comms::form::form;
use crate::domain::comms::{
    Ask, Block, Button, Message, Press, Style, clock, ending, run_card, step_card,
};
use crate::domain::report::timeline::line;
use crate::domain::run::Refusal;
use crate::domain::run::protocol::{Report, Request, Returned};
use crate::domain::run::state::{Choice, Happened, Kind};
use crate::domain::text::Text;
use crate::domain::time::Span;
use crate::domain::value::Language;

/// `key(name=text)`, names in the order of the sentence.
fn plain(text: &Text) -> String {
    let args = |args: Vec<String>| args.join(" ");
    match text {
        Text::Key(key, named) => {
            let named = named.iter().map(|(name, text)| format!("{name}={}", plain(text)));
            format!("{key}({})", args(named.collect()))
        }
        Text::Named(key, named) => {
            let named = named.iter().map(|(name, text)| format!("{name}={}", plain(text)));
            format!("{key}({})", args(named.collect()))
        }
        Text::Said(said) => said.get(Language::En).to_owned(),
        // Between a number and its unit stands a no-break space.
        Text::Raw(raw) => raw.replace('\u{a0}', " "),
        Text::Person(person) => format!("@{person}"),
        Text::Channel(channel) => format!("#{channel}"),
        Text::Lines(all) => all.iter().map(plain).collect::<Vec<_>>().join("\n"),
        Text::In(_, text) => plain(text),
        Text::List(all) => format!("[{}]", all.iter().map(plain).collect::<Vec<_>>().join(", ")),
    }
}

/// The lines of a message, without its buttons.
pub(super) fn lines(message: &Message) -> Vec<String> {
    let lines = message.blocks.iter().flat_map(|block| match block {
        Block::Banner(line) | Block::Heading(line) => vec![plain(line)],
        Block::Lines(lines) | Block::Small(lines) => lines.iter().map(plain).collect(),
        Block::Rule | Block::Buttons(_) | Block::Views(_) | Block::Offer(_) => vec![],
    });
    lines.collect()
}

pub(super) fn of_step(world: &World, step: &str) -> Vec<String> {
    lines(&step_card(&world.run, &id(step), world.now).unwrap())
}

pub(super) fn of_run(world: &World) -> Vec<String> {
    lines(&run_card(&world.run, world.now))
}

/// The one line of this key.
#[track_caller]
pub(super) fn one<'a>(lines: &'a [String], key: &str) -> &'a str {
    let begins = format!("{key}(");
    let found: Vec<_> = lines.iter().filter(|line| line.starts_with(&begins)).collect();
    assert_eq!(found.len(), 1, "{key} in {lines:#?}");
    found[0]
}

pub(super) fn has(lines: &[String], key: &str) -> bool {
    let begins = format!("{key}(");
    lines.iter().any(|line| line.starts_with(&begins))
}

/// The lines of what is open, from the most urgent on: key and step.
fn open_lines(world: &World) -> Vec<String> {
    let lines = of_run(world).into_iter().filter_map(|line| {
        let (key, rest) = line.strip_prefix("run.line.")?.split_once("(step=")?;
        Some(format!("{key} {}", rest.split(" since=").next()?))
    });
    lines.collect()
}

#[test]
fn a_time_is_said_in_utc_and_where_the_team_is() {
    let mut run = World::new().run;
    assert_eq!(plain(&clock(&run, START)), "14:18:20 UTC (15:18 Paris)");
    let mut elsewhere = environment(None);
    for (zone, said) in [
        ("UTC", "14:18:20 UTC"),
        ("America/New_York", "14:18:20 UTC (09:18 New York)"),
        ("Nowhere/Land", "14:18:20 UTC"),
    ] {
        zone.clone_into(&mut elsewhere.chat.time_zone);
        run.environment = elsewhere.clone().into();
        assert_eq!(plain(&clock(&run, START)), said);
    }
}

#[test]
fn a_question_says_what_changes_who_is_asked_and_until_when() {
    let mut world = World::ready("promote");
    let digest = world.digest("promote").short().to_owned();
    let lines = of_step(&world, "promote");
    assert_eq!(
        one(&lines, "step.change"),
        "step.change(what=writer now=eu-west-1 after=us-east-1)"
    );
    assert!(one(&lines, "step.needs_people").contains("people=2 expires=10 min"));
    assert!(one(&lines, "step.needs_people").contains("who=[@antoine, @mia]"), "{lines:#?}");
    assert!(one(&lines, "step.digest").contains(&format!("digest={digest} ")));
    assert_eq!(one(&lines, "step.runs"), "step.runs(call=a call for promote)");
    assert!(has(&lines, "step.guard.true") && has(&lines, "step.guard.text"));
    let apart = ["step.no_undo", "step.no_return", "step.no_return_because", "step.undo_of"];
    assert!(apart.iter().all(|key| !has(&lines, key)), "it can be put back: {lines:#?}");
    world.wait(Span::seconds(20));
    world.approve("mia", "promote").unwrap();
    assert!(one(&of_run(&world), "run.line.ready").contains("who=[@antoine] given=1 of=2"));
    let lines = of_step(&world, "promote");
    let expected = "step.agreed_so_far(agreed=[step.agreed(by=@mia at=14:18:40)])";
    assert_eq!(one(&lines, "step.agreed_so_far"), expected);
    let more = one(&lines, "step.needs_more");
    assert!(more.contains("left=1 at=14:28:40 UTC") && more.contains("who=[@antoine]"), "{more}");
}

#[test]
fn the_expected_button_stands_out_and_the_dangerous_one_is_confirmed() {
    let buttons = |step: &str| -> Vec<(&str, Style, Option<String>)> {
        let world = World::ready(step);
        let card = step_card(&world.run, &id(step), world.now).unwrap();
        let rows = card.blocks.into_iter();
        let rows =
            rows.filter_map(|one| if let Block::Buttons(row) = one { Some(row) } else { None });
        let of = |text: Text| plain(&text).split('(').next().unwrap().to_owned();
        rows.flatten().map(|one| (one.press.ask.name(), one.style, one.confirm.map(of))).collect()
    };
    let plain = |ask| (ask, Style::Plain, None);
    let rest = ["reject", "look-again", "skip", "break-glass"].map(plain);
    let with =
        |style, key: &str| [vec![("approve", style, Some(key.to_owned()))], rest.to_vec()].concat();
    assert_eq!(buttons("promote"), with(Style::Primary, "confirm.run"));
    assert_eq!(buttons("pin"), with(Style::Danger, "confirm.no_return"));
    assert_eq!(
        buttons("tell"),
        [("done", Style::Primary, Some("confirm.done".to_owned())), plain("skip")]
    );
}

#[test]
fn what_there_is_no_way_back_from_says_so() {
    let lines = of_step(&World::ready("pin"), "pin");
    assert!(has(&lines, "step.no_return") && !has(&lines, "step.no_undo"), "{lines:#?}");
    // No undo, and yet no point of no return.
    let lines = of_step(&World::ready("cache"), "cache");
    assert!(has(&lines, "step.no_undo") && !has(&lines, "step.no_return"), "{lines:#?}");
    let mut world = World::opened("secret");
    world.do_step("secret");
    world.undo("mia", "secret").unwrap();
    world.previewed("secret");
    let lines = of_step(&world, "secret");
    assert!(has(&lines, "step.undo_of") && !has(&lines, "step.no_undo"), "{lines:#?}");
}

#[test]
fn a_decision_shows_its_question_what_was_seen_and_what_was_said() {
    let mut world = decisions::asked();
    world.wait(Span::seconds(5));
    let lines = of_step(&world, "decide");
    assert_eq!(one(&lines, "step.ahead").split_once(" forecast").unwrap().0, "step.ahead(step=Pin");
    assert_eq!(one(&lines, "step.question"), "step.question(question=Go?)");
    let seen = one(&lines, "step.seen");
    assert!(
        seen.contains("step=Look facts=[") && seen.contains("fact.status(value=200)"),
        "{seen}"
    );
    assert!(seen.ends_with("age=step.age(age=1 min 5 s))"), "{seen}");
    world.vote("mia", "decide", Choice::Go).unwrap();
    world.vote("antoine", "decide", Choice::Go).unwrap();
    world.wait(Span::minutes(9));
    let lines = of_step(&world, "decide");
    assert!(one(&lines, "step.done.decided").contains("by=[@mia, @antoine] took=1"));
    assert!(one(&lines, "step.seen").ends_with("age=step.age_then(age=1 min 5 s))"), "frozen");
    assert!(!has(&lines, "step.ahead"));
    assert_eq!(lines.iter().filter(|line| line.starts_with("step.voted.go(by=@")).count(), 2);
}

#[test]
fn what_is_done_is_shown_by_the_facts_that_prove_it_and_no_others() {
    let mut world = World::opened("promote");
    assert!(one(&of_step(&world, "fence"), "step.done.seen").contains("saw=[at_target = true]"));
    assert!(
        one(&of_step(&world, "look"), "step.done.seen").contains("saw=[fact.status(value=200)]")
    );
    world.do_step("promote");
    let done = of_step(&world, "promote");
    assert!(one(&done, "step.done.seen").contains("saw=[writer_region = us-east-1]"), "{done:?}");
}

#[test]
fn who_can_get_a_step_out_of_trouble_is_named() {
    let mut world = World::ready("pin");
    world.do_until_called("pin");
    world.fails("pin");
    let lines = of_step(&world, "pin");
    assert_eq!(one(&lines, "step.failed.next"), "step.failed.next(who=[@antoine, @leo])");
    let card = step_card(&world.run, &id("pin"), world.now).unwrap();
    let is_skip = |button: &Button| button.press.ask == Ask::Skip;
    let skips = |block: &Block| matches!(block, Block::Buttons(row) if row.iter().any(is_skip));
    assert!(card.blocks.iter().any(skips), "one way out is to leave it out");
    let mut world = World::ready("promote");
    world.do_until_called("promote");
    world.unknown("promote");
    assert!(has(&of_step(&world, "promote"), "step.doubt.looking"));
    world.probed("promote", Happened::Never);
    let lines = of_step(&world, "promote");
    assert_eq!(one(&lines, "step.doubt.choose"), "step.doubt.choose(who=[@antoine, @mia])");
    assert!(one(&lines, "step.doubt.seen").starts_with("step.doubt.seen(saw=something at=14:18"));
}

#[test]
fn what_is_most_urgent_comes_first_and_what_is_settled_last() {
    let mut world = World::new();
    assert_eq!(open_lines(&world), ["preparing Look", "preparing Fence", "preparing Tell"]);
    assert!(has(&of_run(&world), "run.next"));
    world.previewed("tell");
    world.do_until_called("fence");
    assert_eq!(open_lines(&world), ["ready Tell", "running Fence", "preparing Look"]);
    world.returned("fence", Returned::Failed { error: "dark".into(), unreachable: true });
    let settled = ["ready Tell", "preparing Look", "unreachable Fence"];
    assert_eq!(open_lines(&world), settled, "it was best effort");
    world.do_step("look");
    let (number, error) = (world.at("decide").previews, "dark".to_owned());
    let blind = Report::NotPreviewed { step: id("decide"), number, error, unreachable: true };
    world.report(blind).unwrap();
    assert_eq!(open_lines(&world), ["blind Decide", "ready Tell", "unreachable Fence"]);
    let mut world = World::ready("pin");
    world.do_until_called("pin");
    world.previewed("tell");
    world.fails("pin");
    assert_eq!(open_lines(&world), ["failed Pin", "ready Tell"], "what needs people is first");
    world.retry("leo", "pin").unwrap();
    world.do_until_called("pin");
    world.unknown("pin");
    assert_eq!(open_lines(&world), ["in_doubt Pin", "ready Tell"]);
    assert!(one(&of_run(&world), "run.line.in_doubt").contains("looks=happened.looking()"));
}

#[test]
fn what_comes_next_is_said_until_nothing_does() {
    let mut world = World::new();
    assert_eq!(one(&of_run(&world), "run.next"), "run.next(steps=[Decide])");
    world.do_step("look");
    assert_eq!(one(&of_run(&world), "run.next"), "run.next(steps=[Promote])");
    for step in ["fence", "tell", "decide", "promote", "secret", "cache", "pin", "live"] {
        assert!(!has(&of_run(&world), "run.nothing_open"), "before {step}");
        assert_eq!(ending(&world.run, world.now), None, "before {step}");
        world.do_step(step);
    }
    assert!(ending(&world.run, world.now).unwrap().asks(), "the end is offered");
    let lines = of_run(&world);
    assert!(has(&lines, "run.nothing_open") && !has(&lines, "run.next"), "{lines:#?}");
}

#[test]
fn the_time_that_is_left_counts_down_to_the_promise_and_then_up() {
    let mut world = World::new();
    let rto = |world: &World| -> String {
        let lines = of_run(world);
        let line = lines.iter().find(|line| line.starts_with("run.rto")).unwrap().clone();
        line.split(" forecast").next().unwrap().to_owned()
    };
    let full = "▓".repeat(15);
    let bar = format!("▓{}", "░".repeat(14));
    let expected = format!("run.rto.running(target=1 h bar={bar} elapsed=5:00 left=55:00");
    assert_eq!(rto(&world), expected);
    world.wait(Span::minutes(55));
    let expected = format!("run.rto.running(target=1 h bar={full} elapsed=1:00:00 left=0:00");
    assert_eq!(rto(&world), expected);
    world.wait(Span::minutes(10));
    let expected = format!("run.rto.late(target=1 h bar={full} elapsed=1:10:00 left=10:00");
    assert_eq!(rto(&world), expected);
    let mut world = World::opened("live");
    world.do_step("live");
    world.wait(Span::minutes(90));
    assert!(rto(&world).starts_with("run.rto.restored(") && rto(&world).ends_with("left=55:00"));
}

#[test]
fn roles_that_open_steps_wait_for_are_offered_first() {
    let offered = |world: &World| -> Vec<String> {
        let card = run_card(&world.run, world.now);
        let rows = card.blocks.iter();
        let rows =
            rows.filter_map(|one| if let Block::Buttons(row) = one { Some(row) } else { None });
        let roles = rows.flatten().filter_map(|button| button.press.role);
        roles.map(|role| role.name().to_owned()).collect()
    };
    let mut world = World::new();
    let first = offered(&world);
    assert!(first.contains(&"comms".to_owned()), "{first:?}");
    assert_eq!(first[0], "platform", "look and fence are open: {first:?}");
    world.ask("leo", &Request::TakeRole { role: Role::Platform, person: None }).unwrap();
    assert!(!offered(&world).contains(&"platform".to_owned()));
    assert!(of_run(&world).iter().any(|line| line.contains("who=@leo")));
}

#[test]
fn what_is_no_incident_is_marked_as_such_on_every_card() {
    let mut world = World::ready("promote");
    assert!(!of_run(&world).concat().contains("banner."));
    for (kind, word) in [(Kind::Exercise, "exercise("), (Kind::Tabletop, "tabletop(")] {
        world.run.kind = kind;
        for lines in [of_run(&world), of_step(&world, "promote"), of_step(&world, "fence")] {
            let banners: Vec<_> =
                lines.iter().filter_map(|line| line.strip_prefix("banner.")).collect();
            assert_eq!(banners.len(), 1, "{lines:#?}");
            assert!(banners[0].trim_start_matches("word.").starts_with(word), "{banners:?}");
        }
    }
}

#[test]
fn only_what_was_best_effort_is_settled_by_a_region_that_is_dark() {
    let dark = || Returned::Failed { error: "dark".into(), unreachable: true };
    let mut world = World::ready("fence");
    world.do_until_called("fence");
    world.returned("fence", dark());
    assert!(world.run.is_settled(&id("fence")));
    let mut world = World::ready("pin");
    world.do_until_called("pin");
    world.returned("pin", dark());
    assert!(!world.run.is_settled(&id("pin")));
    assert!(has(&of_step(&world, "pin"), "step.unreachable"));
}

#[test]
fn what_only_reads_is_said_to_be_read_once_it_is_done_and_not_before() {
    let mut world = World::opened("live");
    world.do_step("live");
    let of_live = world.record.iter().filter(|one| one.entry.event.step() == Some(&id("live")));
    let said: Vec<_> = of_live.map(|one| plain(&line(&world.run, one))).collect();
    let keys: Vec<_> = said.iter().filter_map(|line| line.split('(').next()).collect();
    let asked = ["step_opened", "preview_shown", "step_approved"];
    let called = ["attempt_started", "call_accepted", "done_read"];
    let expected = asked.iter().chain(&called).map(|key| format!("timeline.{key}"));
    assert_eq!(keys, expected.collect::<Vec<_>>());
    assert!(has(&of_step(&world, "live"), "step.done.read"));
}

#[test]
fn nothing_is_typed_where_neither_words_nor_a_code_are_asked() {
    let world = World::ready("promote");
    let press =
        |ask| Press::of_step(ask, &world.run.id, &id("promote"), Some(&world.digest("promote")));
    let asked = |ask, code| form(&world.run, &press(ask), code, world.now).is_some();
    assert!(!asked(Ask::Run, false) && asked(Ask::Run, true) && asked(Ask::Reject, false));
}

#[test]
fn words_may_be_left_out_where_they_add_nothing() {
    let empty = Ask::ALL.iter().filter(|ask| ask.words_may_be_empty());
    assert_eq!(empty.map(|ask| ask.name()).collect::<Vec<_>>(), ["no-go", "close"]);
}

#[test]
fn a_refusal_leaves_the_cards_as_they_were() {
    let mut world = World::of(runbook(), environment(Some(true)));
    world.previewed("fence");
    let before = of_step(&world, "fence");
    assert!(matches!(world.approve("clara", "fence"), Err(Refusal::NotAllowed { .. })));
    assert_eq!(of_step(&world, "fence"), before);
}

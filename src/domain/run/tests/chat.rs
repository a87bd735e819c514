//! Messages of the chat on the timeline: marked once, read once, followed, and nothing is ever taken away.

use super::sample::{World, who};
use crate::domain::actor::Actor;
use crate::domain::report::timeline::line;
use crate::domain::run::chat::{Chat, ChatAsk, News, Source, Words};
use crate::domain::run::limits;
use crate::domain::run::protocol::{Effect, Event, Request};
use crate::domain::run::refusal::Refusal;
use crate::domain::text::Text;

fn source(n: usize) -> Source {
    Source::parse("C1", &format!("1795184300.{n:06}")).unwrap()
}

fn words(text: &str) -> Words {
    Words { author: who("leo"), text: text.to_owned(), link: None }
}

fn ask(n: usize, ask: ChatAsk) -> Request {
    Request::Chat { source: source(n), ask }
}

fn chat(events: &[Event]) -> Vec<Chat> {
    let one = |event: &Event| {
        let Event::Chat { what, .. } = event else { panic!("{event:?}") };
        what.clone()
    };
    events.iter().map(one).collect()
}

/// A random request about one of a few messages: of a person, or with a text what the chat says.
pub(super) fn random_chat(number: usize, text: Option<String>) -> Request {
    let words = |text: &str| Words { author: who("U0"), text: text.to_owned(), link: None };
    let asked = match (text, number % 5) {
        (None, 0 | 1) => ChatAsk::Unmark,
        (None, 2) => ChatAsk::Mark(Some(words("told"))),
        (None, _) => ChatAsk::Mark(None),
        (Some(text), 0) => ChatAsk::Follow(News::Edited(text)),
        (Some(text), 1) => ChatAsk::Follow(News::Deleted(Some(text))),
        (Some(_), 2) => ChatAsk::Follow(News::Unread(None)),
        (Some(text), _) => ChatAsk::Follow(News::Read(words(&text))),
    };
    ask(number % 3, asked)
}

impl World {
    fn mark(&mut self, by: &str) -> Result<Vec<Chat>, Refusal> {
        self.ask(by, &ask(0, ChatAsk::Mark(None))).map(|events| chat(&events))
    }

    fn unmark(&mut self, by: &str) -> Vec<Chat> {
        chat(&self.ask(by, &ask(0, ChatAsk::Unmark)).unwrap())
    }

    fn news(&mut self, news: News) -> Result<Vec<Chat>, Refusal> {
        let asked = ask(0, ChatAsk::Follow(news));
        self.ask_as(&Actor::Engine, &asked).map(|events| chat(&events))
    }
}

#[test]
fn a_message_marked_by_two_is_one_entry_and_is_read_once() {
    let mut world = World::new();
    assert_eq!(world.mark("mia"), Ok(vec![Chat::Marked(None)]));
    assert!(world.effects.contains(&Effect::Read(source(0))));
    assert_eq!(world.mark("clara"), Ok(vec![]));
    let read = News::Read(words("the disk is full"));
    assert_eq!(world.news(read.clone()), Ok(vec![Chat::Followed(read.clone())]));
    assert_eq!(world.news(read), Err(Refusal::OutOfDate));
    assert_eq!(world.mark("clara"), Ok(vec![]));
    // Who reads it in a shortcut's payload spares the reading.
    let told = ask(1, ChatAsk::Mark(Some(words("and the log"))));
    world.ask("mia", &told).unwrap();
    assert!(!world.effects.contains(&Effect::Read(source(1))));
    assert_eq!(world.run.chat_note(&source(1)).unwrap().excerpt, "and the log");
}

#[test]
fn only_known_people_mark_and_only_who_marked_takes_back() {
    let mut world = World::new();
    assert_eq!(world.mark("U0"), Err(Refusal::Stranger { name: "U0".into() }));
    assert!(world.run.chat.is_empty());
    world.mark("mia").unwrap();
    world.news(News::Read(words("one"))).unwrap();
    assert_eq!(world.unmark("clara"), []);
    assert_eq!(world.unmark("mia"), [Chat::Unmarked]);
    assert_eq!(world.unmark("mia"), []);
    assert_eq!(world.news(News::Edited("two".into())), Ok(vec![]));
    // Marked again, it is read again.
    assert_eq!(world.mark("clara"), Ok(vec![Chat::Marked(None)]));
    assert!(world.effects.contains(&Effect::Read(source(0))));
    let read = News::Read(words("two"));
    assert_eq!(world.news(read.clone()), Ok(vec![Chat::Followed(read)]));
}

#[test]
fn edits_and_deletions_are_followed_and_what_changes_no_word_is_none() {
    let mut world = World::new();
    assert_eq!(world.news(News::Edited("nobody marked it".into())), Ok(vec![]));
    world.mark("mia").unwrap();
    // The edit overtakes the reading of what it said before.
    let edited = News::Edited("two".into());
    assert_eq!(world.news(edited.clone()), Ok(vec![Chat::Followed(edited.clone())]));
    world.news(News::Read(words("one"))).unwrap();
    assert_eq!(world.news(edited), Ok(vec![]));
    let deleted = |last: Option<&str>| News::Deleted(last.map(str::to_owned));
    assert_eq!(world.news(deleted(Some("two"))), Ok(vec![Chat::Followed(deleted(None))]));
    assert_eq!(world.news(deleted(None)), Ok(vec![]));
    assert_eq!(world.news(News::Edited("three".into())), Ok(vec![]));
    let note = world.run.chat_note(&source(0)).unwrap();
    assert_eq!((note.excerpt.as_str(), &note.author), ("two", &Some(who("leo"))));
}

#[test]
fn a_message_is_followed_through_so_many_edits_and_no_more() {
    let mut world = World::new();
    world.mark("mia").unwrap();
    for n in 0..limits::EDITS {
        let edited = News::Edited(format!("version {n}"));
        assert_eq!(world.news(edited.clone()), Ok(vec![Chat::Followed(edited)]));
    }
    assert_eq!(world.news(News::Edited("one too many".into())), Ok(vec![]));
}

#[test]
fn a_message_deleted_before_it_was_read_leaves_its_last_words() {
    let mut world = World::new();
    world.mark("mia").unwrap();
    let deleted = News::Deleted(Some("last words".into()));
    assert_eq!(world.news(deleted.clone()), Ok(vec![Chat::Followed(deleted)]));
    let unread = News::Unread(None);
    assert_eq!(world.news(unread.clone()), Ok(vec![Chat::Followed(unread)]));
}

#[test]
fn whatever_becomes_of_a_message_has_a_line_of_its_own() {
    let mut world = World::new();
    world.mark("mia").unwrap();
    for news in [
        News::Unread(None),
        News::Read(words("one")),
        News::Edited("two".into()),
        News::Deleted(None),
    ] {
        world.news(news).unwrap();
    }
    world.unmark("mia");
    world.ask("mia", &ask(1, ChatAsk::Mark(Some(words("and the log"))))).unwrap();
    let chat = world.record.iter().filter(|one| matches!(one.entry.event, Event::Chat { .. }));
    let keys = chat.map(|one| {
        let Text::Key(key, _) = line(&world.run, one) else { panic!("{one:?}") };
        key.strip_prefix("timeline.chat_").unwrap()
    });
    let expected = ["marked", "unread", "read", "edited", "deleted", "unmarked", "marked_read"];
    assert_eq!(keys.collect::<Vec<_>>(), expected);
}

#[test]
fn people_do_not_speak_for_the_chat_and_marks_have_a_bound() {
    let mut world = World::new();
    let read = ask(0, ChatAsk::Follow(News::Read(words("forged"))));
    world.mark("mia").unwrap();
    assert_eq!(world.ask("mia", &read), Err(Refusal::EngineOnly));
    for n in 1..limits::MARKS {
        world.ask("mia", &ask(n, ChatAsk::Mark(None))).unwrap();
    }
    let one_more = world.ask("mia", &ask(limits::MARKS, ChatAsk::Mark(None)));
    assert_eq!(one_more, Err(Refusal::TooManyMarks { most: limits::MARKS }));
    let long = News::Read(words(&"é".repeat(limits::TEXT + 1)));
    let events = world.news(long).unwrap();
    let [Chat::Followed(News::Read(kept))] = events.as_slice() else {
        panic!("it is cut, not refused")
    };
    assert_eq!(kept.text.chars().count(), limits::TEXT);
    assert!(kept.text.ends_with('…'));
}

#[test]
fn only_what_the_chat_calls_a_message_is_one() {
    let source = Source::parse("C012", "1795184300.123456").unwrap();
    assert_eq!((source.channel(), source.ts()), ("C012", "1795184300.123456"));
    assert_eq!(source.at().0, 1_795_184_300_123);
    for (channel, ts) in [("", "1.000000"), ("C 1", "1.000000"), ("C1", "1"), ("C1", "x.000000")] {
        assert_eq!(Source::parse(channel, ts), None, "{channel} {ts}");
    }
}

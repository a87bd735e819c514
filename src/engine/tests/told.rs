//! Messages: posted once, edited from then on, looked for when nobody knows, and marked when they may stand twice.

use std::time::Duration;

use async_trait::async_trait;

use super::hands::{Done, place};
use super::{Rig, the_step, who};
use crate::domain::comms::{self, Block, Message};
use crate::domain::run::chat::{Chat, ChatAsk, News, Source, Words};
use crate::domain::run::{Effect, Event, MessageKey, Request, Run};
use crate::domain::text::Text;
use crate::domain::time::Span;
use crate::engine::channel::{Channel, ChannelError, Urgency};
use crate::engine::clock::Clock;
use crate::store::{Fate, Posted};

fn card() -> MessageKey {
    MessageKey::Step(the_step())
}

fn details() -> MessageKey {
    MessageKey::Details(the_step())
}

/// Keys of small print that a message ends with.
fn marks(message: &Message) -> Vec<&str> {
    let small = message.blocks.iter().flat_map(|block| match block {
        Block::Small(lines) => lines.as_slice(),
        Block::Banner(_)
        | Block::Heading(_)
        | Block::Lines(_)
        | Block::Rule
        | Block::Buttons(_)
        | Block::Views(_)
        | Block::Offer(_) => &[],
    });
    let keys =
        small.filter_map(|line| if let Text::Key(key, _) = line { Some(*key) } else { None });
    keys.filter(|key| key.starts_with("message.")).collect()
}

impl Rig {
    async fn show(&self, key: &MessageKey) {
        let effect = Effect::Show(key.clone());
        self.store.want(&self.run, &effect, self.clock.now()).await.unwrap();
        let claimed = self.take_one(|owed| *owed == effect).await;
        self.perform(claimed).await;
    }

    async fn posted(&self, key: &MessageKey) -> Option<Posted> {
        self.store.posted(&self.run, key).await.unwrap()
    }

    /// The next message meets with this.
    fn trouble(&self, trouble: ChannelError) {
        self.wall.troubles.lock().unwrap().push_back(Some(trouble));
    }

    fn find(&self, found: &[&str]) {
        *self.wall.found.lock().unwrap() = found.iter().map(|ts| Posted::at("C1", *ts)).collect();
    }

    /// When the message is due next, from now.
    async fn due_in(&self, key: &MessageKey) -> Option<Span> {
        for seconds in 0..=300 {
            let owed = self.take().await;
            let found = owed.iter().any(|claimed| claimed.effect == Effect::Show(key.clone()));
            for claimed in owed {
                crate::engine::effect::hand_back(&self.engine, &claimed).await.unwrap();
            }
            if found {
                return Some(Span::seconds(seconds));
            }
            self.clock.pass(Span::seconds(1));
        }
        None
    }
}

fn unknown() -> ChannelError {
    ChannelError::Unknown { detail: "cut".into() }
}

#[tokio::test]
async fn a_message_is_posted_once_and_edited_from_then_on() {
    let rig = Rig::new().await;
    rig.settle().await;
    let done = rig.wall.done();
    let posts = |key: &MessageKey| {
        done.iter().filter(|done| matches!(done, Done::Posted(posted, _) if posted == key)).count()
    };
    assert_eq!((posts(&MessageKey::Run), posts(&card())), (1, 1));
    let run = place(&MessageKey::Run).ts;
    assert_eq!(done.iter().filter(|done| **done == Done::Pinned(run.clone())).count(), 1);
    assert_eq!(rig.posted(&card()).await, Some(place(&card())));
    rig.show(&card()).await;
    let done = rig.wall.done();
    assert!(matches!(&done[..], [Done::Edited(_, _, ts)] if *ts == place(&card()).ts), "{done:?}");
}

#[tokio::test]
async fn details_go_under_the_card_once_there_is_one_and_something_to_tell() {
    let rig = Rig::new().await;
    rig.show(&details()).await;
    rig.settle().await;
    assert!(!rig.wall.done().iter().any(|done| matches!(done, Done::Replied(..))), "nothing yet");
    rig.agree().await;
    rig.settle().await;
    rig.show(&details()).await;
    let done = rig.wall.done();
    let under = Done::Replied(details(), place(&card()).ts);
    assert_eq!(done.iter().filter(|done| **done == under).count(), 1, "{done:?}");
    // A card that is posted anew brings its details along.
    rig.trouble(ChannelError::Gone);
    rig.show(&card()).await;
    assert!(matches!(&rig.wall.done()[..], [Done::Posted(key, _)] if *key == card()));
    assert_eq!(rig.due_in(&details()).await, Some(Span(0)));
}

#[tokio::test]
async fn a_message_that_somebody_deleted_is_posted_anew() {
    let rig = Rig::new().await;
    rig.settle().await;
    rig.wall.done();
    rig.trouble(ChannelError::Gone);
    rig.show(&card()).await;
    let done = rig.wall.done();
    assert!(matches!(&done[..], [Done::Posted(key, _)] if *key == card()), "{done:?}");
}

#[tokio::test]
async fn a_message_the_channel_does_not_take_is_tried_again_ever_later() {
    let rig = Rig::new().await;
    rig.settle().await;
    let failed = || ChannelError::Failed { detail: "no".into() };
    for seconds in [1, 2, 4, 8] {
        rig.trouble(failed());
        rig.show(&card()).await;
        assert_eq!(rig.due_in(&card()).await, Some(Span::seconds(seconds)));
    }
    // Being asked to wait is no failure.
    for _ in 0..2 {
        rig.trouble(ChannelError::Wait { wait: Span::seconds(7) });
        rig.show(&card()).await;
        assert_eq!(rig.due_in(&card()).await, Some(Span::seconds(7)));
    }
    rig.trouble(failed());
    rig.show(&card()).await;
    assert_eq!(rig.due_in(&card()).await, Some(Span::seconds(16)));
    rig.trouble(unknown());
    let notice = MessageKey::Back(rig.clock.now());
    rig.show(&notice).await;
    assert_eq!(rig.due_in(&notice).await, Some(Span::seconds(3)), "it may still arrive");
}

#[tokio::test]
async fn a_post_that_certainly_failed_is_simply_posted() {
    let rig = Rig::new().await;
    rig.trouble(ChannelError::Failed { detail: "no".into() });
    rig.show(&MessageKey::Run).await;
    assert_eq!(rig.posted(&MessageKey::Run).await.unwrap().fate, Fate::Unposted);
    rig.find(&["somebody else's"]);
    rig.clock.pass(Span::seconds(2));
    rig.show(&MessageKey::Run).await;
    let done = rig.wall.done();
    let Done::Posted(MessageKey::Run, message) = &done[0] else { panic!("{done:?}") };
    assert!(marks(message).is_empty());
    assert_eq!(rig.posted(&MessageKey::Run).await.unwrap().fate, Fate::Posted);
}

#[tokio::test]
async fn a_post_that_may_be_lost_is_looked_for_and_found_or_posted_with_a_word_about_it() {
    let rig = Rig::new().await;
    rig.trouble(unknown());
    rig.show(&MessageKey::Run).await;
    assert_eq!(rig.posted(&MessageKey::Run).await.unwrap().fate, Fate::Posting);
    rig.find(&["ts found"]);
    rig.clock.pass(Span::seconds(3));
    rig.show(&MessageKey::Run).await;
    let done = rig.wall.done();
    assert!(
        matches!(&done[..], [Done::Edited(_, message, ts)] if ts == "ts found" && marks(message).is_empty())
    );

    let rig = Rig::new().await;
    rig.trouble(unknown());
    rig.show(&MessageKey::Run).await;
    rig.clock.pass(Span::seconds(3));
    // Not taken even now: what is not known stays so.
    rig.trouble(ChannelError::Failed { detail: "no".into() });
    rig.show(&MessageKey::Run).await;
    assert_eq!(rig.posted(&MessageKey::Run).await.unwrap().fate, Fate::Posting);
    rig.clock.pass(Span::seconds(9));
    rig.show(&MessageKey::Run).await;
    let done = rig.wall.done();
    let Done::Posted(_, message) = &done[0] else { panic!("{done:?}") };
    assert_eq!(marks(message), ["message.again"]);
    assert_eq!(rig.posted(&MessageKey::Run).await.unwrap().fate, Fate::Again);
    rig.show(&MessageKey::Run).await;
    let done = rig.wall.done();
    let Done::Edited(_, message, _) = &done[0] else { panic!("{done:?}") };
    assert_eq!(marks(message), ["message.again"], "for as long as it stands");
}

#[tokio::test]
async fn of_a_message_that_stands_twice_one_has_no_buttons_and_says_where_to_look() {
    let rig = Rig::new().await;
    rig.trouble(unknown());
    rig.show(&MessageKey::Run).await;
    rig.find(&["ts new", "ts old"]);
    rig.clock.pass(Span::seconds(3));
    rig.show(&MessageKey::Run).await;
    let done = rig.wall.done();
    let [Done::Edited(_, old, at_old), Done::Edited(_, new, at_new)] = &done[..] else {
        panic!("{done:?}")
    };
    assert_eq!((at_old.as_str(), at_new.as_str()), ("ts old", "ts new"));
    assert_eq!((marks(old), old.asks()), (vec!["message.elsewhere"], false));
    assert_eq!((marks(new), new.asks()), (vec!["message.again"], true));
}

#[tokio::test]
async fn a_message_without_a_turn_is_not_shown() {
    let rig = Rig::new().await;
    *rig.wall.is_busy.lock().unwrap() = true;
    rig.show(&MessageKey::Run).await;
    assert_eq!((rig.wall.done(), rig.posted(&MessageKey::Run).await), (vec![], None));
}

#[tokio::test]
async fn what_asks_goes_before_what_tells_and_that_before_upkeep() {
    let rig = Rig::new().await;
    rig.settle().await;
    rig.show(&MessageKey::Run).await;
    rig.show(&card()).await;
    rig.agree().await;
    rig.settle().await;
    rig.show(&details()).await;
    let turns = std::mem::take(&mut *rig.wall.turns.lock().unwrap());
    let of = |key: &str, stands: bool| -> Vec<Urgency> {
        let mut of: Vec<_> =
            turns.iter().filter(|(whose, _, was)| whose == key && *was == stands).collect();
        of.sort_by_key(|(_, urgency, _)| *urgency);
        of.dedup();
        of.into_iter().map(|(_, urgency, _)| *urgency).collect()
    };
    assert_eq!(of("run.summary", false), [Urgency::Asks], "a new one");
    assert_eq!(of("run.summary", true), [Urgency::Upkeep]);
    assert_eq!(of("step.summary", true), [Urgency::Asks], "its buttons");
    assert_eq!(of("step.proving", true), [Urgency::Tells]);
    assert_eq!(of("details.title", false), [Urgency::Upkeep]);
}

#[tokio::test]
async fn whoever_shows_too_late_looks_and_wants_it_shown_again() {
    let rig = Rig::new().await;
    rig.settle().await;
    rig.wall.done();
    let effect = Effect::Show(MessageKey::Run);
    rig.store.want(&rig.run, &effect, rig.clock.now()).await.unwrap();
    let old = rig.take_one(|owed| *owed == effect).await;
    rig.clock.pass(Span::minutes(5));
    let new = rig.take_one(|owed| *owed == effect).await;
    rig.perform(new).await;
    assert_eq!(rig.wall.done().len(), 1);
    rig.perform(old).await;
    assert_eq!(rig.due_in(&MessageKey::Run).await, Some(Span(0)), "somebody shows what is now");
    assert!(rig.ask("mia", &Request::Note { text: "hm".into() }).await.is_ok());
}

#[tokio::test]
async fn a_marked_message_is_read_or_it_is_said_that_it_cannot_be() {
    let source = Source::parse("C1", "1795184300.000100").unwrap();
    let read = async |troubles: Vec<ChannelError>, words: Option<Words>| {
        let rig = Rig::new().await;
        rig.settle().await;
        let mark = Request::Chat { source: source.clone(), ask: ChatAsk::Mark(None) };
        rig.ask("mia", &mark).await.unwrap();
        rig.wall.troubles.lock().unwrap().extend(troubles.into_iter().map(Some));
        *rig.wall.words.lock().unwrap() = words;
        for _ in 0..8 {
            let effect = Effect::Read(source.clone());
            for owed in rig.take().await.into_iter().filter(|owed| owed.effect == effect) {
                rig.perform(owed).await;
            }
            rig.clock.pass(Span::minutes(5));
        }
        let news = rig.events().await.into_iter().filter_map(|event| {
            let Event::Chat { what: Chat::Followed(news), .. } = event else { return None };
            Some(news)
        });
        news.collect::<Vec<_>>()
    };
    let failed = || ChannelError::Failed { detail: "not in the channel".into() };
    let words = Words { author: who("ana"), text: "the disk is full".into(), link: None };
    let said = Some(words.clone());
    assert_eq!(read(vec![], said.clone()).await, [News::Read(words.clone())]);
    assert_eq!(read(vec![failed(), failed()], said.clone()).await, [News::Read(words)]);
    assert_eq!(read(vec![], None).await, [News::Unread(None)]);
    assert_eq!(read(vec![ChannelError::Gone], said.clone()).await, [News::Unread(None)]);
    let unread = News::Unread(Some("not in the channel".into()));
    assert_eq!(read((0..6).map(|_| failed()).collect(), said).await, [unread]);
}

#[tokio::test]
async fn a_channel_that_has_no_such_thing_says_so() {
    let (rig, none) = (Rig::new().await, Plain);
    let run = rig.state().await;
    let message = comms::run_card(&run, rig.clock.now());
    assert_eq!(none.leave(&run, &message, rig.clock.now()).await.unwrap(), None);
    assert_eq!(none.left(&run).await.unwrap(), []);
    assert!(matches!(none.take_back(&run, "w1").await, Err(ChannelError::Gone)));
    assert_eq!(none.find(&run, &card(), None).await.unwrap(), []);
    let source = Source::parse("C1", "1795184300.000100").unwrap();
    assert_eq!(none.said(&run, &source).await.unwrap(), None);
    let soon = Duration::from_secs(1);
    assert!(none.turn(&run, &card(), Urgency::Asks, &message, None, soon).await.unwrap());
    let reply = none.reply(&run, &card(), &message, &Posted::at("C1", "1")).await.unwrap();
    assert_eq!(reply, Some(place(&card())), "as a message of its own");
}

/// A channel that shows messages and nothing else.
#[derive(Debug)]
struct Plain;

#[async_trait]
impl Channel for Plain {
    async fn show(
        &self,
        _run: &Run,
        key: &MessageKey,
        _message: &Message,
        _posted: Option<&Posted>,
    ) -> Result<Option<Posted>, ChannelError> {
        Ok(Some(place(key)))
    }
}

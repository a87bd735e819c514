//! The warning that the channel posts by itself: always one ahead, none after the end, and a word when it was posted.

use std::sync::atomic::Ordering::SeqCst;

use super::hands::Done;
use super::{Rig, START};
use crate::domain::run::{Effect, MessageKey, Request};
use crate::domain::time::Span;
use crate::engine::channel::Pending;
use crate::engine::clock::Clock;

/// A channel that can warn, with the first warning left.
async fn watched() -> Rig {
    let rig = Rig::new().await;
    *rig.wall.waiting.lock().unwrap() = Some(vec![]);
    rig.settle().await;
    rig
}

impl Rig {
    /// The warnings that wait: when each is due, in seconds from the start.
    fn waiting(&self) -> Vec<u64> {
        let waiting = self.wall.waiting.lock().unwrap();
        let due = |pending: &Pending| pending.due_at.since(START).ms() / 1000;
        waiting.iter().flatten().map(due).collect()
    }

    fn taken_back(&self) -> Vec<String> {
        let done = self.wall.done().into_iter();
        done.filter_map(|done| if let Done::TakenBack(id) = done { Some(id) } else { None })
            .collect()
    }

    async fn later(&self, seconds: u64) -> Vec<u64> {
        self.clock.pass(Span::seconds(seconds));
        self.settle().await;
        self.waiting()
    }
}

#[tokio::test]
async fn a_warning_is_moved_on_every_two_minutes() {
    let rig = watched().await;
    assert_eq!(rig.waiting(), [300]);
    assert_eq!(rig.later(119).await, [300], "more than three minutes are left");
    assert_eq!(rig.later(1).await, [420]);
    assert_eq!(rig.taken_back(), ["w300"]);
    assert_eq!(rig.later(120).await, [540]);
    assert_eq!(rig.taken_back(), ["w420"]);
}

#[tokio::test]
async fn a_channel_that_cannot_warn_is_asked_once() {
    let rig = Rig::new().await;
    rig.settle().await;
    rig.clock.pass(Span::minutes(10));
    assert!(rig.take().await.iter().all(|owed| owed.effect != Effect::Watch));
}

#[tokio::test]
async fn nothing_warns_after_the_end() {
    let rig = watched().await;
    let close = Request::Close { reason: "over".into() };
    rig.ask("ana", &close).await.unwrap();
    rig.settle().await;
    assert_eq!((rig.waiting(), rig.taken_back()), (vec![], vec!["w300".to_owned()]));
    rig.clock.pass(Span::minutes(10));
    assert!(rig.take().await.iter().all(|owed| owed.effect != Effect::Watch));
}

#[tokio::test]
async fn the_room_is_told_once_that_the_bot_is_back() {
    let rig = watched().await;
    // Silent for six minutes: the channel has posted it.
    rig.wall.waiting.lock().unwrap().as_mut().unwrap().clear();
    assert_eq!(rig.later(360).await, [660]);
    let key = MessageKey::Back(START.plus(Span::minutes(5)));
    assert!(rig.store.posted(&rig.run, &key).await.unwrap().is_some(), "and the room was told");
    let back = |done: &Done| matches!(done, Done::Posted(MessageKey::Back(_), _));
    assert_eq!(rig.wall.done().iter().filter(|done| back(done)).count(), 1);
    rig.later(120).await;
    rig.later(120).await;
    assert_eq!(rig.wall.done().iter().filter(|done| back(done)).count(), 0);
}

#[tokio::test]
async fn a_warning_taken_back_before_its_time_was_never_posted() {
    let rig = watched().await;
    // Somebody deleted it by hand; two minutes are left of it.
    rig.wall.waiting.lock().unwrap().as_mut().unwrap().clear();
    assert_eq!(rig.later(180).await, [480]);
    let key = MessageKey::Back(START.plus(Span::minutes(5)));
    assert_eq!(rig.store.posted(&rig.run, &key).await.unwrap(), None);
}

#[tokio::test]
async fn a_warning_of_a_process_that_died_is_found_and_taken_back() {
    let rig = watched().await;
    let due_at = START.plus(Span::seconds(310));
    let forgotten = Pending { id: "forgotten".to_owned(), due_at };
    rig.wall.waiting.lock().unwrap().as_mut().unwrap().push(forgotten);
    assert_eq!(rig.later(130).await, [430]);
    assert_eq!(rig.taken_back(), ["w300", "forgotten"]);
    assert!(rig.clock.now() < due_at);
}

#[tokio::test]
async fn the_channel_is_asked_what_waits_before_a_new_one_is_left_and_not_in_between() {
    let rig = watched().await;
    let asked = || rig.wall.asked_what_waits.load(SeqCst);
    assert_eq!(asked(), 1);
    rig.clock.pass(Span::seconds(120));
    let watch = rig.take_one(|effect| *effect == Effect::Watch).await;
    rig.perform(watch).await;
    assert_eq!((asked(), rig.waiting()), (2, vec![300, 420]), "asked, then left");
    rig.settle().await;
    assert_eq!((asked(), rig.waiting()), (2, vec![420]));
}

#[tokio::test]
async fn what_waits_is_remembered_where_the_channel_does_not_say() {
    let rig = watched().await;
    *rig.wall.cannot_list.lock().unwrap() = true;
    assert_eq!(rig.later(120).await, [420]);
    assert_eq!(rig.taken_back(), ["w300"], "nothing stays behind to be posted");
    // What is due is taken for posted.
    rig.wall.waiting.lock().unwrap().as_mut().unwrap().clear();
    assert_eq!(rig.later(300).await, [720]);
    let key = MessageKey::Back(START.plus(Span::seconds(420)));
    assert!(rig.store.posted(&rig.run, &key).await.unwrap().is_some(), "the room was told");
}

#[tokio::test]
async fn a_warning_that_can_no_longer_be_taken_back_is_watched_until_it_is_posted() {
    let rig = watched().await;
    *rig.wall.is_too_late.lock().unwrap() = true;
    assert_eq!(rig.later(250).await, [300, 550]);
    let posted = |pending: &Pending| pending.due_at == START.plus(Span::seconds(300));
    rig.wall.waiting.lock().unwrap().as_mut().unwrap().retain(|pending| !posted(pending));
    assert_eq!(rig.later(50).await, [550]);
    let key = MessageKey::Back(START.plus(Span::seconds(300)));
    assert!(rig.store.posted(&rig.run, &key).await.unwrap().is_some(), "the room was told");
}

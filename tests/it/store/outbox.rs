//! What is owed to the outside: who may perform it, when, and how often.

use std::collections::HashSet;

use dr_buddy::domain::ids::StepId;
use dr_buddy::domain::run::{Effect, MessageKey};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::store::{Committed, Room, Store};

use super::draft::{Draft, NOW, begun, show};
use super::{Bed, on_both};

const LEASE: Span = Span::seconds(120);

on_both![
    work_comes_before_questions_and_questions_before_upkeep,
    work_and_talk_do_not_wait_for_each_other,
    what_is_not_due_is_not_claimed,
    a_lease_ends_and_then_the_effect_is_anybodys,
    a_commit_settles_the_effect_that_caused_it,
    a_commit_of_a_lost_lease_changes_nothing,
    an_effect_wanted_again_meanwhile_is_due_again,
    two_workers_never_hold_the_same_effect,
    a_postponed_effect_keeps_its_note_and_counts_its_tries,
    work_wanted_again_meanwhile_is_not_put_off,
    leases_of_a_process_that_is_gone_end_as_the_database_can_know,
    one_effect_can_be_taken_before_it_is_due_unless_somebody_has_it,
];

fn step(name: &str) -> StepId {
    StepId::parse(name).unwrap()
}

/// Claims everything there is and settles it.
async fn clear(store: &dyn Store) {
    for claimed in store.claim("clear", NOW, LEASE, Room::each(99)).await.unwrap() {
        store.settle(&claimed).await.unwrap();
    }
    assert_eq!(store.next_due().await.unwrap(), None);
}

async fn work_comes_before_questions_and_questions_before_upkeep(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    clear(&*store).await;
    let in_order = [
        Effect::Act { step: step("a"), attempt: 1 },
        Effect::Preview { step: step("b"), number: 1 },
        Effect::Show(MessageKey::Notice(2)),
        Effect::Show(MessageKey::Step(step("a"))),
        show(),
    ];
    let mut effects = in_order.to_vec();
    effects.reverse();
    // Twice the same effect in one commit is one effect.
    effects.push(show());
    let draft = Draft::note(&stored, "x").with(&effects);
    assert_eq!(draft.commit(&*store, "x").await, Committed::Done);
    let mut claimed = Vec::new();
    for (holder, room) in [("a", 1), ("b", 99)] {
        let some = store.claim(holder, NOW, LEASE, Room::each(room)).await.unwrap();
        assert!(some.iter().all(|one| one.lease == holder), "{some:?}");
        claimed.push(some.into_iter().map(|one| one.effect).collect::<Vec<_>>());
    }
    let [act, preview, notice, card, run] = in_order;
    assert_eq!(claimed, [vec![act, notice], vec![preview, card, run]]);
}

async fn work_and_talk_do_not_wait_for_each_other(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    clear(&*store).await;
    let look = |name| Effect::Preview { step: step(name), number: 1 };
    let card = |name| Effect::Show(MessageKey::Step(step(name)));
    let effects = [look("a"), look("b"), look("c"), card("a"), card("b"), card("c")];
    let draft = Draft::note(&stored, "x").with(&effects);
    assert_eq!(draft.commit(&*store, "x").await, Committed::Done);
    for (work, talk) in [(0, 2), (1, 0), (9, 0), (0, 9), (9, 9)] {
        let all = store.claim("a", NOW, LEASE, Room { work, talk }).await.unwrap();
        let (talks, works): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.effect.is_talk());
        let expected = match (work, talk) {
            (0, 2) => (0, 2),
            (1, 0) => (1, 0),
            (9, 0) => (2, 0),
            (0, 9) => (0, 1),
            _ => (0, 0),
        };
        assert_eq!((works.len(), talks.len()), expected, "room for {work} and {talk}");
    }
}

async fn what_is_not_due_is_not_claimed(bed: Bed) {
    let store = bed.open().await;
    let run = begun(&*store).await.run.id;
    clear(&*store).await;
    let later = NOW.plus(Span::minutes(10));
    store.want(&run, &Effect::WakeAt(later), NOW).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(later));
    assert_eq!(store.claim("a", Timestamp(later.0 - 1), LEASE, Room::each(9)).await.unwrap(), []);
    // Wanted again, for another time: one effect, at the time wanted last.
    let sooner = NOW.plus(Span::minutes(5));
    store.want(&run, &Effect::WakeAt(sooner), NOW).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(sooner));
    let claimed = store.claim("a", sooner, LEASE, Room::each(9)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].effect, Effect::WakeAt(sooner));
}

async fn a_lease_ends_and_then_the_effect_is_anybodys(bed: Bed) {
    let store = bed.open().await;
    begun(&*store).await;
    let first = store.claim("first", NOW, LEASE, Room::each(9)).await.unwrap();
    let end = NOW.plus(LEASE);
    assert_eq!(store.claim("early", Timestamp(end.0 - 1), LEASE, Room::each(9)).await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), Some(end));
    let second = store.claim("second", end, LEASE, Room::each(9)).await.unwrap();
    assert_eq!(second[0].lease, "second");
    // The first wakes up: what it does to the effect now, does nothing.
    store.settle(&first[0]).await.unwrap();
    store.postpone(&first[0], NOW, Some("mine"), true).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(end.plus(LEASE)));
    store.settle(&second[0]).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

async fn a_commit_settles_the_effect_that_caused_it(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let claimed = store.claim("a", NOW, LEASE, Room::each(9)).await.unwrap();
    let draft = Draft::note(&stored, "done");
    let done = draft.try_commit(&*store, "done", Some(&claimed[0])).await.unwrap();
    assert_eq!(done, Committed::Done);
    assert_eq!(store.next_due().await.unwrap(), None);

    // The effect that is settled may be wanted by the same commit: then it is due again.
    let stored = store.run(&stored.run.id).await.unwrap().unwrap();
    store.want(&stored.run.id, &Effect::WakeAt(NOW), NOW).await.unwrap();
    let claimed = store.claim("b", NOW, LEASE, Room::each(9)).await.unwrap();
    let next = Effect::WakeAt(NOW.plus(Span::minutes(1)));
    let draft = Draft::note(&stored, "tick").with(std::slice::from_ref(&next));
    draft.try_commit(&*store, "tick", Some(&claimed[0])).await.unwrap();
    let claimed = store.claim("c", NOW.plus(Span::minutes(1)), LEASE, Room::each(9)).await.unwrap();
    assert_eq!(claimed.iter().map(|claimed| &claimed.effect).collect::<Vec<_>>(), [&next]);
}

async fn a_commit_of_a_lost_lease_changes_nothing(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let first = store.claim("first", NOW, LEASE, Room::each(9)).await.unwrap();
    let second = store.claim("second", NOW.plus(LEASE), LEASE, Room::each(9)).await.unwrap();
    for (seen, text) in [(&stored, "late"), (&stored, "later")] {
        let late = Draft::note(seen, text).with(&[Effect::WakeAt(NOW)]);
        let outcome = late.try_commit(&*store, "late", Some(&first[0])).await.unwrap();
        assert_eq!(outcome, Committed::LeaseLost);
        assert!(!store.is_known("late").await.unwrap());
        assert_eq!(store.run(&stored.run.id).await.unwrap().as_ref(), Some(&stored));
    }
    store.settle(&second[0]).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
    // Settled, and so nobody's: no less lost. Even for one who also lost the race.
    assert_eq!(Draft::note(&stored, "other").commit(&*store, "other").await, Committed::Done);
    let late = Draft::note(&stored, "late").try_commit(&*store, "late", Some(&second[0])).await;
    assert_eq!(late.unwrap(), Committed::LeaseLost);
}

async fn an_effect_wanted_again_meanwhile_is_due_again(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let claimed = store.claim("a", NOW, LEASE, Room::each(9)).await.unwrap();
    store.want(&stored.run.id, &show(), NOW).await.unwrap();
    // Still in the first one's hands.
    assert_eq!(store.claim("b", NOW, LEASE, Room::each(9)).await.unwrap(), []);
    store.settle(&claimed[0]).await.unwrap();
    let again = store.claim("c", NOW, LEASE, Room::each(9)).await.unwrap();
    assert_eq!(again.len(), 1);
    assert!(again[0].version > claimed[0].version);
    // The same by way of a commit.
    store.want(&stored.run.id, &show(), NOW).await.unwrap();
    let draft = Draft::note(&stored, "x");
    let done = draft.try_commit(&*store, "x", Some(&again[0])).await.unwrap();
    assert_eq!(done, Committed::Done);
    assert_eq!(store.claim("d", NOW, LEASE, Room::each(9)).await.unwrap().len(), 1);
}

async fn two_workers_never_hold_the_same_effect(bed: Bed) {
    const EFFECTS: u64 = 200;
    let store = bed.open().await;
    let stored = begun(&*store).await;
    clear(&*store).await;
    let effects: Vec<_> = (1..=EFFECTS).map(|n| Effect::Show(MessageKey::Notice(n))).collect();
    Draft::note(&stored, "x").with(&effects).commit(&*store, "x").await;
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = store.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            // Locked rows are skipped, so one empty look does not mean that nothing is left.
            for look in 0..200 {
                let holder = format!("{worker}/{look}");
                mine.extend(store.claim(&holder, NOW, LEASE, Room::each(3)).await.unwrap());
                if store.next_due().await.unwrap() > Some(NOW) {
                    break;
                }
            }
            mine
        });
    }
    let all: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    let different: HashSet<_> = all.iter().map(|claimed| claimed.key.clone()).collect();
    assert_eq!((all.len(), different.len()), (200, 200));
}

async fn a_postponed_effect_keeps_its_note_and_counts_its_tries(bed: Bed) {
    let store = bed.open().await;
    begun(&*store).await;
    let mut now = NOW;
    let mut seen = Vec::new();
    for (note, failed) in [(Some("since 5"), true), (Some("è \u{1F525}"), false), (None, true)] {
        let claimed = store.claim("a", now, LEASE, Room::each(9)).await.unwrap().remove(0);
        seen.push((claimed.note.clone(), claimed.tries));
        now = now.plus(Span::seconds(2));
        store.postpone(&claimed, now, note, failed).await.unwrap();
        assert_eq!(store.next_due().await.unwrap(), Some(now));
        assert_eq!(store.claim("b", Timestamp(now.0 - 1), LEASE, Room::each(9)).await.unwrap(), []);
    }
    let claimed = store.claim("a", now, LEASE, Room::each(9)).await.unwrap().remove(0);
    seen.push((claimed.note, claimed.tries));
    let note = |text: &str| Some(text.to_owned());
    assert_eq!(seen, [(None, 0), (note("since 5"), 1), (note("è \u{1F525}"), 1), (None, 2)]);
}

async fn work_wanted_again_meanwhile_is_not_put_off(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    clear(&*store).await;
    let later = NOW.plus(Span::minutes(1));
    let look = Effect::Preview { step: step("a"), number: 1 };
    for (effect, due) in [(look, NOW), (show(), later)] {
        store.want(&stored.run.id, &effect, NOW).await.unwrap();
        let claimed = store.claim("a", NOW, LEASE, Room::each(9)).await.unwrap().remove(0);
        store.want(&stored.run.id, &effect, NOW).await.unwrap();
        store.postpone(&claimed, later, None, true).await.unwrap();
        assert_eq!(store.next_due().await.unwrap(), Some(due), "{effect:?}");
        let claimed = store.claim("b", later, LEASE, Room::each(9)).await.unwrap().remove(0);
        store.postpone(&claimed, later, None, true).await.unwrap();
        assert_eq!(store.next_due().await.unwrap(), Some(later), "{effect:?}");
        let claimed = store.claim("c", later, LEASE, Room::each(9)).await.unwrap().remove(0);
        store.settle(&claimed).await.unwrap();
    }
}

async fn leases_of_a_process_that_is_gone_end_as_the_database_can_know(bed: Bed) {
    let store = bed.open().await;
    begun(&*store).await;
    assert_eq!(store.claim("gone", NOW, LEASE, Room::each(9)).await.unwrap().len(), 1);
    store.release_leases().await.unwrap();
    let claimed = store.claim("next", NOW, LEASE, Room::each(9)).await.unwrap().len();
    match bed {
        Bed::Sqlite(_) => assert_eq!(claimed, 1, "this process is the only one"),
        Bed::Postgres(_) => assert_eq!(claimed, 0, "the other one may be alive"),
    }
}

async fn one_effect_can_be_taken_before_it_is_due_unless_somebody_has_it(bed: Bed) {
    let store = bed.open().await;
    let run = begun(&*store).await.run.id;
    let probe = |attempt| Effect::Probe { step: step("a"), attempt };
    store.want(&run, &probe(1), NOW).await.unwrap();
    let claimed = store.claim("first", NOW, LEASE, Room::each(1)).await.unwrap().remove(0);
    assert_eq!(claimed.effect, probe(1));
    let take = |holder: &'static str, effect: Effect, at: Timestamp| {
        let (store, run) = (store.clone(), run.clone());
        async move { store.claim_one(&run, &effect, holder, at, LEASE).await.unwrap() }
    };
    assert_eq!(take("second", probe(1), NOW).await, None, "the first has it");
    assert_eq!(take("second", probe(2), NOW).await, None, "nobody wants that");
    let later = NOW.plus(Span::minutes(60));
    store.postpone(&claimed, later, Some("note"), true).await.unwrap();
    let taken = take("second", probe(1), NOW).await.expect("it is nobody's, and owed");
    assert_eq!(
        (taken.lease.as_str(), taken.tries, taken.note.as_deref()),
        ("second", 1, Some("note"))
    );
    assert_eq!(take("third", probe(1), NOW).await, None);
    store.settle(&taken).await.unwrap();
    assert_eq!(take("third", probe(1), later).await, None, "it is settled");
}

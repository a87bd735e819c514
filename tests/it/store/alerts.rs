//! Alerts: of many that come at once each is on the record once, and an offer's message is one process's at a time.

use dr_buddy::domain::actor::Actor;
use dr_buddy::domain::alert::{Alert, Vendor};
use dr_buddy::domain::ids::EnvironmentId;
use dr_buddy::domain::offer::{Board, Entry, Event, Goes, apply};
use dr_buddy::domain::time::Span;
use dr_buddy::store::alerts::{BoardCommit, Shown, Turn};
use dr_buddy::store::{Fate, Posted, Store};

use super::draft::NOW;
use super::{Bed, on_both};

on_both!(
    of_two_that_decide_on_the_same_board_one_is_recorded,
    an_offers_message_is_one_process_at_a_time_and_none_is_forgotten,
);

fn environment(name: &str) -> EnvironmentId {
    EnvironmentId::parse(name).unwrap()
}

fn entry(subject: &str) -> Entry {
    let alert =
        Alert::new(Vendor::Grafana, subject, NOW, false).titled("a zero \0, a “quote” and 'one'");
    Entry { at: NOW, by: Actor::Engine, event: Event::Heard { alert, goes: Goes::NewOffer } }
}

async fn add(store: &dyn Store, of: &EnvironmentId, board: &Board, entry: &Entry) -> bool {
    let mut after = board.clone();
    apply(&mut after, entry);
    let entries = std::slice::from_ref(entry);
    let commit = BoardCommit { environment: of, after: board.seq, board: &after, entries };
    store.commit_board(&commit).await.unwrap()
}

async fn of_two_that_decide_on_the_same_board_one_is_recorded(bed: Bed) {
    let store = bed.open().await;
    let (prod, staging) = (environment("prod"), environment("staging"));
    assert_eq!(store.board(&prod).await.unwrap(), Board::default());
    for round in 0..3 {
        let board = store.board(&prod).await.unwrap();
        let entries: Vec<Entry> = (0..10).map(|n| entry(&format!("{round}/{n}"))).collect();
        let all = entries.iter().map(|entry| add(&*store, &prod, &board, entry));
        let won = futures_util::future::join_all(all).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "round {round}");
    }
    assert!(add(&*store, &staging, &Board::default(), &entry("0/0")).await);
    drop(store);
    let store = bed.open().await;
    let board = store.board(&prod).await.unwrap();
    assert_eq!((board.seq, board.alerts.len(), board.offers.len()), (3, 3, 3));
    let names: Vec<String> = board.alerts.values().map(|known| known.alert.name()).collect();
    let mut asked = names.clone();
    asked.push("never".to_owned());
    assert_eq!(store.known_news(&prod, &asked).await.unwrap(), names);
    let events = bed.texts("select environment || ' ' || seq from board_events order by 1").await;
    assert_eq!(events, ["prod 1", "prod 2", "prod 3", "staging 1"]);
}

async fn an_offers_message_is_one_process_at_a_time_and_none_is_forgotten(bed: Bed) {
    let store = bed.open().await;
    let (store, prod) = (&store, &environment("prod"));
    let turn = |holder: &'static str| Turn { environment: prod, offer: 7, holder };
    let until = NOW.plus(Span::seconds(90));
    let taken = ["a", "b", "c"].map(|holder| store.take_offer(turn(holder), NOW, until));
    let taken = futures_util::future::join_all(taken).await;
    let taken: Vec<Option<Shown>> = taken.into_iter().map(Result::unwrap).collect();
    let nobodys = Shown { seq: 0, at: Posted::not_yet("", Fate::Unposted) };
    assert_eq!(taken.iter().flatten().collect::<Vec<_>>(), [&nobodys]);
    let holder = ["a", "b", "c"][taken.iter().position(Option::is_some).unwrap()];
    let posted = Shown { seq: 9, at: Posted::at("C1", "1.000100") };
    assert!(!store.keep_offer(turn("d"), &posted, until).await.unwrap(), "it is not theirs");
    let posting = Shown { seq: 0, at: Posted::not_yet("C1", Fate::Posting) };
    assert!(store.keep_offer(turn(holder), &posting, until).await.unwrap());
    assert_eq!(store.take_offer(turn("d"), NOW, until).await.unwrap(), None);
    // The lease of a process that is gone ends, and what it was at is known.
    let late = until.plus(Span(1));
    let found = store.take_offer(turn("d"), late, late.plus(Span::seconds(90))).await.unwrap();
    assert_eq!(found, Some(posting));
    assert!(!store.keep_offer(turn(holder), &posted, until).await.unwrap(), "not any more");
    assert!(store.keep_offer(turn("d"), &posted, NOW).await.unwrap());
    assert_eq!(store.offers_shown(prod).await.unwrap(), [(7, 9)]);
    assert_eq!(store.offers_shown(&environment("staging")).await.unwrap(), []);
}

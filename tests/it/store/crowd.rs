//! Many at once, and some who go away.

use std::sync::Arc;

use dr_buddy::actions::{ActionSettings, Actions};
use dr_buddy::domain::run::log::verify;
use dr_buddy::domain::run::state::Status;
use dr_buddy::domain::run::{Event, Kind, Request};
use dr_buddy::engine::channel::Silent;
use dr_buddy::engine::clock::SystemClock;
use dr_buddy::engine::{Asked, Engine, Submitted};
use dr_buddy::store::{Committed, Store};
use tokio::task::JoinSet;

use super::draft::{Draft, NOW, antoine, begun};
use super::{Bed, on_both};

on_both![
    of_thirty_two_submitters_at_once_none_is_lost,
    of_many_who_open_a_run_at_once_one_does,
    a_key_handed_in_many_times_at_once_counts_once,
    requests_that_wait_at_the_same_moment_share_transactions,
    a_caller_that_goes_away_leaves_the_whole_commit_or_nothing,
];

pub(super) fn engine(store: Arc<dyn Store>) -> Arc<Engine> {
    let actions = Arc::new(Actions::new(ActionSettings::default()));
    Arc::new(Engine::new(store, actions, Arc::new(Silent), Arc::new(SystemClock::default())))
}

async fn of_thirty_two_submitters_at_once_none_is_lost(bed: Bed) {
    let store = bed.open().await;
    let run = begun(&*store).await.run.id;
    let engine = engine(store.clone());
    let mut crowd = JoinSet::new();
    for n in 0..32 {
        let (engine, run) = (engine.clone(), run.clone());
        crowd.spawn(async move {
            let key = format!("note/{n}");
            let request = Request::Note { text: key.clone() };
            let by = antoine();
            let asked = Asked { key: &key, request: &request, by: &by, settles: None };
            engine.submit(&run, asked).await.expect("it is recorded")
        });
    }
    let submitted = crowd.join_all().await;
    assert!(submitted.iter().all(|done| matches!(done, Submitted::Recorded { .. })));
    let record = store.record(&run, 0, 999).await.unwrap();
    verify(&run, &record).unwrap();
    let mut notes: Vec<_> = record
        .iter()
        .filter_map(|recorded| {
            let Event::NoteAdded { text } = &recorded.entry.event else { return None };
            text.strip_prefix("note/")?.parse::<u32>().ok()
        })
        .collect();
    notes.sort_unstable();
    assert_eq!(notes, (0..32).collect::<Vec<_>>());
}

async fn of_many_who_open_a_run_at_once_one_does(bed: Bed) {
    let store = bed.open().await;
    let mut crowd = JoinSet::new();
    for n in 0..8 {
        let store = store.clone();
        crowd.spawn(async move {
            let key = format!("open/{n}");
            Draft::new(&key, Kind::Incident).commit(&*store, &key).await
        });
    }
    let outcomes = crowd.join_all().await;
    let open = store.runs(9).await.unwrap().remove(0).id;
    let done = outcomes.iter().filter(|outcome| **outcome == Committed::Done).count();
    let taken = Committed::SlotTaken(open);
    let refused = outcomes.iter().filter(|outcome| **outcome == taken).count();
    assert_eq!((done, refused), (1, 7), "{outcomes:?}");
}

async fn a_key_handed_in_many_times_at_once_counts_once(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let mut crowd = JoinSet::new();
    for _ in 0..8 {
        let (store, stored) = (store.clone(), stored.clone());
        crowd.spawn(async move { Draft::note(&stored, "x").commit(&*store, "x").await });
    }
    let outcomes = crowd.join_all().await;
    let done = outcomes.iter().filter(|outcome| **outcome == Committed::Done).count();
    let duplicate = Committed::Duplicate(stored.run.id.clone());
    let refused = outcomes.iter().filter(|outcome| **outcome == duplicate).count();
    assert_eq!((done, refused), (1, 7), "{outcomes:?}");
}

async fn requests_that_wait_at_the_same_moment_share_transactions(bed: Bed) {
    const CROWD: usize = 60;
    let store = bed.open().await;
    let mut drafts = vec![];
    for n in 0..CROWD {
        // A closed run holds nobody's place; each has a run of its own, so that nobody loses a race.
        let mut draft = Draft::new(&format!("run/{n}"), Kind::Tabletop);
        draft.run.status = Status::Closed { by: draft.run.started_by.clone(), at: NOW };
        drafts.push(draft);
    }
    // The statement is known to the server, and the connection open.
    assert_eq!(drafts[0].commit(&*store, "run/0").await, Committed::Done);
    let before = bed.transactions().await;
    let handed_in = drafts.iter().enumerate().skip(1).map(|(n, draft)| {
        let store = &store;
        async move { draft.commit(&**store, &format!("run/{n}")).await }
    });
    // Whatever the first to come may write, it does not get to before all have been handed in.
    let held = bed.hold_up().await;
    let mut outcomes = Box::pin(futures_util::future::join_all(handed_in));
    assert!(futures_util::poll!(&mut outcomes).is_pending());
    drop(held);
    let outcomes = outcomes.await;
    assert!(outcomes.iter().all(|outcome| *outcome == Committed::Done));
    let shared = bed.transactions().await - before;
    println!("{CROWD} requests at the same moment: {shared} transactions");
    assert!((1..=2).contains(&shared), "{CROWD} requests took {shared} transactions");
}

async fn a_caller_that_goes_away_leaves_the_whole_commit_or_nothing(bed: Bed) {
    let store = bed.open().await;
    let mut stored = begun(&*store).await;
    let mut kept = 0;
    for looks in 0..60 {
        let draft = Draft::note(&stored, "x").with(&[super::draft::show()]);
        let key = format!("gone/{looks}");
        {
            let mut asked = Box::pin(draft.commit(&*store, &key));
            for _ in 0..looks {
                if futures_util::poll!(&mut asked).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // Behind whatever the store is still at.
        let behind = Draft { events: vec![], effects: vec![], ..draft.clone() };
        assert_eq!(behind.commit(&*store, &format!("behind/{looks}")).await, Committed::Done);
        let is_known = store.is_known(&key).await.unwrap();
        let now = store.run(&stored.run.id).await.unwrap().unwrap();
        let events = store.record(&stored.run.id, stored.run.seq, 9).await.unwrap().len();
        assert_eq!((now.run.seq > stored.run.seq, events > 0), (is_known, is_known));
        kept += u32::from(is_known);
        stored = now;
    }
    let record = store.record(&stored.run.id, 0, 999).await.unwrap();
    verify(&stored.run.id, &record).unwrap();
    assert_eq!(record.len(), usize::try_from(kept).unwrap() + 1);
}

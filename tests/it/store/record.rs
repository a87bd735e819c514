//! What is committed: all or nothing, once, in order, and as it was.

use std::sync::Arc;

use dr_buddy::domain::ids::{PersonId, StepId};
use dr_buddy::domain::run::log::{VERSION, verify};
use dr_buddy::domain::run::{Effect, Event, Kind, MessageKey};
use dr_buddy::domain::time::{Span, Timestamp};
use dr_buddy::domain::value::Language;
use dr_buddy::store::{Committed, Fate, Posted, Room, Store, StoreError};
use serde_json::json;

use super::draft::{Draft, NOW, begun, show};
use super::{Bed, on_both};

on_both![
    a_commit_is_all_or_nothing,
    the_same_key_is_committed_once,
    who_decided_on_an_older_state_loses_the_race,
    who_decided_on_a_state_that_never_was_loses_the_race,
    what_was_decided_on_what_is_on_its_way_follows_it,
    one_run_of_a_kind_is_open_in_an_environment,
    events_are_neither_changed_nor_removed,
    a_state_of_another_version_follows_from_the_record,
    asking_whether_it_can_write_grows_nothing,
    what_is_frozen_is_written_once_and_not_with_every_event,
    a_runbook_attached_later_is_there_after_opening_again,
    an_event_of_a_newer_version_is_refused_by_name,
    numbers_are_kept_to_the_last_digit,
    texts_are_kept_to_the_last_byte_or_refused,
    what_was_committed_is_there_after_opening_again,
    messages_are_found_where_they_were_put_last,
    each_person_has_the_language_they_chose_last,
];

async fn a_commit_is_all_or_nothing(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let mut draft = Draft::note(&stored, "first").with(&[Effect::WakeAt(NOW)]);
    // The second event takes the place of the first, which no database lets happen.
    draft.events.push(draft.events[0].clone());
    let before = bed.texts("select key from outbox union select key from inbox order by 1").await;
    draft.try_commit(&*store, "broken", None).await.unwrap_err();
    assert_eq!(store.run(&stored.run.id).await.unwrap().as_ref(), Some(&stored));
    assert_eq!(store.record(&stored.run.id, 0, 9).await.unwrap().len(), 1);
    assert!(!store.is_known("broken").await.unwrap());
    let after = bed.texts("select key from outbox union select key from inbox order by 1").await;
    assert_eq!(before, after);
    // And the store works on.
    assert_eq!(Draft::note(&stored, "next").commit(&*store, "next").await, Committed::Done);
}

async fn the_same_key_is_committed_once(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let draft = Draft::note(&stored, "once");
    assert_eq!(draft.commit(&*store, "key").await, Committed::Done);
    let again = Committed::Duplicate(stored.run.id.clone());
    assert_eq!(draft.commit(&*store, "key").await, again);
    // Whatever else it would have been refused for.
    let stored = store.run(&stored.run.id).await.unwrap().unwrap();
    assert_eq!(Draft::note(&stored, "other").commit(&*store, "key").await, again);
    assert_eq!(store.run(&stored.run.id).await.unwrap(), Some(stored));
}

async fn who_decided_on_an_older_state_loses_the_race(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    assert_eq!(Draft::note(&stored, "fast").commit(&*store, "fast").await, Committed::Done);
    assert_eq!(Draft::note(&stored, "slow").commit(&*store, "slow").await, Committed::LostRace);
    assert!(!store.is_known("slow").await.unwrap());
    let again = Draft::new("begin", Kind::Tabletop);
    assert_eq!(again.commit(&*store, "another key").await, Committed::LostRace);
}

async fn who_decided_on_a_state_that_never_was_loses_the_race(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let on_it = Draft::note(&Draft::note(&stored, "never recorded").stored(), "on it");
    let faster = Draft::note(&stored, "of another process");
    assert_eq!(faster.commit(&*store, "faster").await, Committed::Done);
    // As many events, another last one.
    assert_eq!(on_it.commit(&*store, "on it").await, Committed::LostRace);
    assert_eq!(store.run(&stored.run.id).await.unwrap(), Some(faster.stored()));
}

async fn what_was_decided_on_what_is_on_its_way_follows_it(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let drafts = (0..20).fold(Vec::<Draft>::new(), |mut drafts, n| {
        let last = drafts.last().map_or_else(|| stored.clone(), Draft::stored);
        drafts.push(Draft::note(&last, &format!("note {n}")));
        drafts
    });
    let keys: Vec<String> = (0..20).map(|n| format!("key {n}")).collect();
    let all = drafts.iter().zip(&keys).map(|(draft, key)| draft.commit(&*store, key));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|one| *one == Committed::Done), "{all:?}");
    let last = drafts.last().map(Draft::stored);
    assert_eq!(store.run(&stored.run.id).await.unwrap(), last);
}

async fn one_run_of_a_kind_is_open_in_an_environment(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let taken = Committed::SlotTaken(stored.run.id.clone());
    let second = Draft::new("second", Kind::Tabletop);
    assert_eq!(second.commit(&*store, "second").await, taken);
    let other = Draft::new("other", Kind::Incident);
    assert_eq!(other.commit(&*store, "other").await, Committed::Done);
    let closed = Draft::next(&stored, Event::RunClosed { reason: "over".to_owned() });
    assert_eq!(closed.commit(&*store, "close").await, Committed::Done);
    assert_eq!(second.commit(&*store, "second").await, Committed::Done);
    let ids: Vec<_> = store.runs(9).await.unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(store.runs(1).await.unwrap().len(), 1);
    let open: Vec<_> = store.open_runs().await.unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(open.len(), 2);
    assert!(open.contains(&other.run.id) && open.contains(&second.run.id), "{open:?}");
}

async fn events_are_neither_changed_nor_removed(bed: Bed) {
    let store = bed.open().await;
    begun(&*store).await;
    for sql in ["update events set body = '{}'", "delete from events"] {
        let refused = bed.raw(sql).await.unwrap_err().to_string();
        assert!(refused.contains("events are never"), "{refused}");
    }
    if matches!(bed, Bed::Postgres(_)) {
        let refused = bed.raw("truncate events").await.unwrap_err().to_string();
        assert!(refused.contains("events are never"), "{refused}");
    }
    assert_eq!(bed.texts("select run_id from events").await.len(), 1);
}

async fn a_state_of_another_version_follows_from_the_record(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    Draft::note(&stored, "more").commit(&*store, "more").await;
    let stored = store.run(&stored.run.id).await.unwrap();
    bed.raw("update runs set version = 0, state = 'of old'").await.unwrap();
    assert_eq!(store.run(&stored.as_ref().unwrap().run.id).await.unwrap(), stored);
    assert_eq!(store.runs(9).await.unwrap(), [stored.clone().unwrap().run]);
    // The next commit writes it anew.
    let next = Draft::note(&stored.unwrap(), "next");
    assert_eq!(next.commit(&*store, "next").await, Committed::Done);
    assert_eq!(bed.texts("select state from runs where version = 0").await.len(), 0);
}

async fn asking_whether_it_can_write_grows_nothing(bed: Bed) {
    const ROWS: &str = "select 'inbox ' || count(*) from inbox union all \
         select 'outbox ' || count(*) from outbox union all \
         select 'events ' || count(*) from events union all \
         select 'runs ' || count(*) from runs";
    let store = bed.open().await;
    begun(&*store).await;
    store.check().await.unwrap();
    let rows = bed.texts(ROWS).await;
    for _ in 0..20 {
        store.check().await.unwrap();
    }
    assert_eq!(bed.texts(ROWS).await, rows);
}

async fn what_is_frozen_is_written_once_and_not_with_every_event(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let other = Draft::new("other", Kind::Incident);
    assert_eq!(other.commit(&*store, "other").await, Committed::Done);
    // The two have the same runbook and the same environment.
    let frozen = bed.texts("select body from frozen order by length(body)").await;
    assert_eq!(frozen.len(), 2);
    let state = bed.texts("select state from runs").await.remove(0);
    assert!(state.len() < frozen[1].len() / 2, "{} bytes: {state}", state.len());
    let id = &stored.run.id;
    let (one, two) = (store.run(id).await.unwrap(), store.run(&other.run.id).await.unwrap());
    let (one, two) = (one.unwrap().run, two.unwrap().run);
    assert!(Arc::ptr_eq(&one.runbook, &two.runbook), "shared in memory, too");
    // Who has not seen them reads them, and writes them no second time.
    let elsewhere = reopened(store, &bed).await;
    let stored = elsewhere.run(id).await.unwrap().unwrap();
    assert_eq!(stored.run, one);
    let note = Draft::note(&stored, "x");
    assert_eq!(note.commit(&*elsewhere, "x").await, Committed::Done);
    assert_eq!(bed.texts("select hash from frozen").await.len(), 2);
    // Lost, as by a standby that was behind: the record has them still.
    bed.raw("delete from frozen").await.unwrap();
    let elsewhere = reopened(elsewhere, &bed).await;
    let stored = elsewhere.run(id).await.unwrap().unwrap();
    assert_eq!(stored.run, note.run);
    assert_eq!(Draft::note(&stored, "y").commit(&*elsewhere, "y").await, Committed::Done);
    assert_eq!(bed.texts("select hash from frozen").await.len(), 2);
}

async fn reopened(store: Arc<dyn Store>, bed: &Bed) -> Arc<dyn Store> {
    drop(store);
    bed.open().await
}

async fn a_runbook_attached_later_is_there_after_opening_again(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let mut runbook = Box::new((*stored.run.runbook).clone());
    runbook.steps.truncate(1);
    runbook.steps[0].id = StepId::parse("again").unwrap();
    let draft = Draft::next(&stored, Event::RunbookAttached { runbook });
    assert_eq!(draft.commit(&*store, "attach").await, Committed::Done);
    drop(store);
    let read = bed.open().await.run(&stored.run.id).await.unwrap().expect("it was committed");
    assert_eq!(read.run, draft.run);
    let steps = |run: &dr_buddy::domain::run::Run| (run.runbook.steps.len(), run.steps.len());
    assert_eq!(steps(&read.run), (steps(&stored.run).0 + 1, steps(&stored.run).1 + 1));
}

async fn an_event_of_a_newer_version_is_refused_by_name(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let id = &stored.run.id;
    let hash = "0".repeat(64);
    bed.raw(&format!(
        "insert into events (run_id, seq, version, body, previous, hash) \
         values ('{id}', 2, 9, '{{\"moods\": 3}}', '{hash}', '{hash}')"
    ))
    .await
    .unwrap();
    assert_eq!(store.record(id, 0, 1).await.unwrap()[0].version, VERSION);
    let refused = anyhow::Error::from(store.record(id, 0, 9).await.unwrap_err());
    let refused = format!("{refused:#}");
    assert!(refused.contains("event 2") && refused.contains("newer dr-buddy"), "{refused}");
}

async fn numbers_are_kept_to_the_last_digit(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    let evidence = json!({
        "beyond a double": 9_007_199_254_740_993_u64, "most": u64::MAX, "least": i64::MIN, "part": 0.1,
    });
    let step = StepId::parse("fence-primary").unwrap();
    let event = Event::CallAccepted { step, attempt: 1, evidence: evidence.clone() };
    let late = Timestamp(9_007_199_254_740_993);
    let draft = Draft::next(&stored, event).with(&[Effect::WakeAt(late)]);
    assert_eq!(draft.commit(&*store, "big").await, Committed::Done);
    let record = store.record(&stored.run.id, 0, 9).await.unwrap();
    assert_eq!(record[1], draft.events[0]);
    verify(&stored.run.id, &record).unwrap();
    assert_eq!(store.record(&stored.run.id, u64::MAX, 9).await.unwrap(), []);

    let card = store.claim("card", NOW, Span::seconds(1), Room::each(9)).await.unwrap();
    store.settle(&card[0]).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(late));
    assert_eq!(store.claim("a", Timestamp(late.0 - 1), Span(1), Room::each(9)).await.unwrap(), []);
    assert_eq!(store.claim("b", late, Span(u64::MAX), Room::each(9)).await.unwrap().len(), 1);
    assert_eq!(store.next_due().await.unwrap(), Some(Timestamp(i64::MAX)));
}

async fn texts_are_kept_to_the_last_byte_or_refused(bed: Bed) {
    let store = bed.open().await;
    let mut stored = begun(&*store).await;
    // Twice what anybody can hand in: no request has more than 1 MiB.
    let long = "é\u{1F525}\"\\'".repeat(233_017);
    let texts = [
        "",
        "日本語 \u{202E}\u{0301} \u{FEFF}",
        "a\0b\u{1}\u{7f}",
        "'; drop table runs; --",
        &long,
    ];
    for text in texts {
        let draft = Draft::note(&stored, text);
        let key = format!("key/{}/日本\u{1F525}", draft.run.seq);
        assert_eq!(draft.commit(&*store, &key).await, Committed::Done);
        assert!(store.is_known(&key).await.unwrap());
        stored = store.run(&stored.run.id).await.unwrap().unwrap();
        assert_eq!(stored.run, draft.run);
    }
    let record = store.record(&stored.run.id, 0, 99).await.unwrap();
    verify(&stored.run.id, &record).unwrap();
    assert!(matches!(&record[5].entry.event, Event::NoteAdded { text } if *text == long));

    for key in ["with\0nul", &"k".repeat(1025)] {
        let refused = Draft::note(&stored, "x").try_commit(&*store, key, None).await;
        assert!(matches!(refused, Err(StoreError::Unfit { .. })), "{refused:?}");
    }
    let place = Posted::at("C\0", "1");
    let refused = store.remember(&stored.run.id, &MessageKey::Run, &place).await;
    assert!(matches!(refused, Err(StoreError::Unfit { .. })), "{refused:?}");
    assert_eq!(store.run(&stored.run.id).await.unwrap(), Some(stored));
}

async fn what_was_committed_is_there_after_opening_again(bed: Bed) {
    let store = bed.open().await;
    let stored = begun(&*store).await;
    store.check().await.unwrap();
    drop(store);
    let store = bed.open().await;
    assert_eq!(store.run(&stored.run.id).await.unwrap(), Some(stored));
    assert_eq!(
        store.claim("a", NOW, Span::seconds(1), Room::each(9)).await.unwrap()[0].effect,
        show()
    );
}

async fn messages_are_found_where_they_were_put_last(bed: Bed) {
    let store = bed.open().await;
    let run = begun(&*store).await.run.id;
    let key = MessageKey::Step(StepId::parse("fence-primary").unwrap());
    assert_eq!(store.posted(&run, &key).await.unwrap(), None);
    let places = [
        Posted::not_yet("C1", Fate::Posting),
        Posted::not_yet("C1", Fate::Unposted),
        Posted::at("C1", "1795184300.000100"),
        Posted { fate: Fate::Again, ..Posted::at("C1", "1795184300.000200") },
    ];
    for place in places {
        store.remember(&run, &key, &place).await.unwrap();
        assert_eq!(store.posted(&run, &key).await.unwrap(), Some(place));
    }
    assert_eq!(store.posted(&run, &MessageKey::Run).await.unwrap(), None);
}

async fn each_person_has_the_language_they_chose_last(bed: Bed) {
    let store = bed.open().await;
    let [mia, leo] = ["mia", "leo"].map(|id| PersonId::parse(id).unwrap());
    assert_eq!(store.language(&mia).await.unwrap(), None);
    for language in [Language::Fr, Language::En] {
        store.choose_language(&mia, language).await.unwrap();
        assert_eq!(store.language(&mia).await.unwrap(), Some(language));
    }
    store.choose_language(&leo, Language::Fr).await.unwrap();
    drop(store);
    let store = bed.open().await;
    assert_eq!(store.language(&mia).await.unwrap(), Some(Language::En));
    assert_eq!(store.language(&leo).await.unwrap(), Some(Language::Fr));
}

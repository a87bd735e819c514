//! What only a server can do: be shared, restart, be killed, fall silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dr_buddy::domain::ids::RunId;
use dr_buddy::domain::run::Request;
use dr_buddy::domain::run::log::verify;
use dr_buddy::domain::time::Span;
use dr_buddy::engine::{Asked, Engine, SubmitError, Submitted};
use dr_buddy::store::postgres::PostgresStore;
use dr_buddy::store::{Committed, Room, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::crowd::engine;
use super::draft::{Draft, NOW, antoine, begun, show};
use crate::harness::{Postgres, eventually, postgres};

async fn open(url: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(&url.to_owned().into()).await.expect("it opens"))
}

async fn woken(store: &PostgresStore) {
    timeout(Duration::from_secs(10), store.woken()).await.expect("it was told");
}

#[tokio::test]
async fn what_one_replica_leaves_wakes_the_other() {
    let url = postgres().await.database().await;
    let (one, other) = (open(&url).await, open(&url).await);
    // The line is up, and whatever came before is looked at.
    woken(&other).await;
    let stored = begun(&*one).await;
    woken(&other).await;
    one.want(&stored.run.id, &show(), NOW).await.unwrap();
    woken(&other).await;
    Draft::note(&stored, "x").with(&[show()]).commit(&*one, "x").await;
    woken(&other).await;
    // Nothing to do, nobody woken; and nobody wakes himself.
    woken(&one).await;
    let stored = one.run(&stored.run.id).await.unwrap().unwrap();
    Draft::note(&stored, "y").commit(&*one, "y").await;
    for store in [&one, &other] {
        assert!(timeout(Duration::from_millis(300), store.woken()).await.is_err());
    }
}

#[tokio::test]
async fn nothing_shows_the_password() {
    let url = postgres().await.database().await;
    assert!(url.contains("not-a-secret"));
    let store = open(&url).await;
    assert!(!format!("{store:?}").contains("not-a-secret"));
    for wrong in [url.replace("/test_", "/nobody_"), url.replace("127.0.0.1:", "127.0.0.1:1")] {
        let error = PostgresStore::open(&wrong.into()).await.unwrap_err();
        let error = anyhow::Error::from(error);
        assert!(!format!("{error:#} {error:?}").contains("not-a-secret"));
    }
}

/// How requests ended, by their keys.
#[derive(Debug, Default)]
struct Heard {
    recorded: Vec<String>,
    failed: Vec<String>,
    in_doubt: usize,
}

/// Writes notes until it is over.
async fn write_notes(
    worker: u32,
    engine: Arc<Engine>,
    run: RunId,
    is_over: Arc<AtomicBool>,
) -> Heard {
    let mut heard = Heard::default();
    let mut n = 0;
    while !is_over.load(Ordering::SeqCst) {
        n += 1;
        let key = format!("{worker}/{n}");
        let request = Request::Note { text: key.clone() };
        let by = antoine();
        let asked = Asked { key: &key, request: &request, by: &by, settles: None };
        let answer = timeout(Duration::from_secs(30), engine.submit(&run, asked)).await;
        match answer.expect("nothing hangs") {
            Ok(Submitted::Recorded { .. }) => heard.recorded.push(key),
            Err(SubmitError::Store(StoreError::InDoubt { .. })) => heard.in_doubt += 1,
            Err(SubmitError::Store(StoreError::Unavailable { .. }) | SubmitError::Busy) => {
                heard.failed.push(key);
                sleep(Duration::from_millis(20)).await;
            }
            other => panic!("{other:?}"),
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_and_restarted_in_the_middle_loses_nothing_and_repeats_nothing() {
    let server = Postgres::own("killed").await;
    let url = server.database().await;
    let store = open(&url).await;
    let run = begun(&*store).await.run.id;
    let engine = engine(store.clone());
    let is_over = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for worker in 0..8 {
        crowd.spawn(write_notes(worker, engine.clone(), run.clone(), is_over.clone()));
    }
    for _ in 0..3 {
        sleep(Duration::from_millis(400)).await;
        server.kill().await;
        sleep(Duration::from_millis(100)).await;
        server.begin().await;
        sleep(Duration::from_millis(400)).await;
        server.restart().await;
    }
    eventually("it takes writes again", 20, || async { store.check().await.ok() }).await;
    sleep(Duration::from_millis(400)).await;
    is_over.store(true, Ordering::SeqCst);

    let heard = crowd.join_all().await;
    let record = store.record(&run, 0, u32::MAX).await.unwrap();
    verify(&run, &record).unwrap();
    let text = serde_json::to_string(&record).unwrap();
    let (mut recorded, mut failed, mut in_doubt) = (0, 0, 0);
    for worker in &heard {
        for key in &worker.recorded {
            assert_eq!(text.matches(&format!("\"text\":\"{key}\"")).count(), 1, "{key}");
        }
        for key in &worker.failed {
            assert!(
                !text.contains(&format!("\"text\":\"{key}\"")),
                "{key} was said to have failed"
            );
        }
        recorded += worker.recorded.len();
        failed += worker.failed.len();
        in_doubt += worker.in_doubt;
    }
    println!(
        "kills and restarts: 6; recorded {recorded}, failed cleanly {failed}, in doubt {in_doubt}"
    );
    assert!(recorded > 0);
    let notes = text.matches("\"note_added\"").count();
    assert!((recorded..=recorded + in_doubt).contains(&notes), "{notes} notes");

    // The line to the other replicas is up again, too.
    woken(&store).await;
    let other = open(&url).await;
    other.want(&run, &show(), NOW).await.unwrap();
    woken(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_takes_no_writes_is_an_error_until_it_is_promoted() {
    let url = postgres().await.database().await;
    let (server, database) = url.rsplit_once('/').unwrap();
    let store = open(&url).await;
    let stored = begun(&*store).await;
    let claimed = store.claim("a", NOW, Span::seconds(60), Room::each(9)).await.unwrap().remove(0);
    // As after a fail-over to the wrong side: sessions end, and new ones may only read.
    let mut admin = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let turn = async |admin: &mut PgConnection, read_only: &str| {
        let sql = format!(
            "alter database {database} set default_transaction_read_only = {read_only}; \
             select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(admin).await.unwrap();
    };
    turn(&mut admin, "on").await;
    eventually("it is seen to take no writes", 10, || async {
        store.check().await.err().filter(says_read_only).map(drop)
    })
    .await;
    let draft = Draft::note(&stored, "x").with(&[show()]);
    for error in [
        draft.try_commit(&*store, "x", None).await.unwrap_err(),
        store.want(&stored.run.id, &show(), NOW).await.unwrap_err(),
        store.settle(&claimed).await.unwrap_err(),
        store.claim("b", NOW, Span::seconds(60), Room::each(9)).await.unwrap_err(),
    ] {
        assert!(says_read_only(&error), "{error:?}");
    }
    // It can be read meanwhile, and nothing has changed.
    assert_eq!(store.run(&stored.run.id).await.unwrap().as_ref(), Some(&stored));
    assert!(!store.is_known("x").await.unwrap());

    turn(&mut admin, "off").await;
    eventually("it takes writes again", 10, || async { store.check().await.ok() }).await;
    assert_eq!(draft.commit(&*store, "x").await, Committed::Done);
    store.settle(&claimed).await.unwrap();
    // The line to the other replicas is up again.
    let other = open(&url).await;
    eventually("one hears the other", 10, || async {
        other.want(&stored.run.id, &show(), NOW).await.unwrap();
        timeout(Duration::from_millis(200), store.woken()).await.ok()
    })
    .await;
}

/// Nothing was done, for that reason and no other.
fn says_read_only(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { source, .. } if source.to_string().contains("read-only"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_costs_an_error_not_a_hang() {
    let server = Postgres::own("silent").await;
    let store = open(&server.database().await).await;
    let stored = begun(&*store).await;
    server.freeze().await;
    let limit = Duration::from_secs(25);
    let draft = Draft::note(&stored, "x");
    let (checked, read, committed) = tokio::join!(
        timeout(limit, store.check()),
        timeout(limit, store.run(&stored.run.id)),
        timeout(limit, draft.try_commit(&*store, "x", None)),
    );
    checked.expect("it does not hang").unwrap_err();
    read.expect("it does not hang").unwrap_err();
    committed.expect("it does not hang").unwrap_err();
    server.thaw().await;
    eventually("it works again", 20, || async { store.check().await.ok() }).await;
    let is_known = store.is_known("x").await.unwrap();
    assert!(!is_known);
    assert_eq!(store.run(&stored.run.id).await.unwrap(), Some(stored));
}

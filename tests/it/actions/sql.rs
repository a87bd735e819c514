//! `sql.check` and `sql.canary`, judged by PostgreSQL and MariaDB servers of Debian's.

use std::collections::BTreeMap;

use dr_buddy::actions::{ActionSettings, Actions, Connections, Happened, Kept, LookError};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{Step, is_accepted, is_failed, is_unknown};
use crate::harness::{MariaDb, Postgres, eventually, mariadb, postgres};

fn step(action: &str, url: &str, mut with: Value) -> Step {
    let named = BTreeMap::from([("orders".to_owned(), Kept::Text(url.to_owned().into()))]);
    let connections = Connections { named, extra_ca: None };
    let actions = Actions::new(ActionSettings { connections, ..ActionSettings::default() });
    with["connection"] = "orders".into();
    Step::new(&actions, action, with)
}

fn probe(url: &str, probe: &str) -> Step {
    step("sql.check", url, json!({"probe": probe, "timeout": "2s"}))
}

fn query(url: &str, query: &str) -> Step {
    step("sql.check", url, json!({"query": query, "timeout": "1s"}))
}

async fn run(url: &str, statements: &str) {
    let mut db = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut db).await.unwrap();
}

async fn number(url: &str, query: &str) -> i64 {
    let mut db = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut db).await.unwrap()
}

async fn refused(step: &Step) -> String {
    match step.action.preview(&step.call()).await {
        Err(LookError::Refused { detail, .. }) => detail,
        other => panic!("this should have been refused: {other:?}"),
    }
}

#[tokio::test]
async fn one_row_becomes_facts_and_nothing_is_written() {
    let url = postgres().await.database().await;
    run(&url, "create table orders (id int, at timestamptz); insert into orders values (7, now())")
        .await;
    let mut one =
        query(&url, "select count(*) as value, max(id) as newest, null as none from orders;");
    let preview = one.preview().await;
    let facts = &preview.facts;
    assert_eq!((&facts["reachable"], &facts["value"]), (&json!(true), &json!(1)), "{facts:?}");
    assert_eq!(facts["row"], json!({"value": 1, "newest": 7, "none": null}));
    assert!(facts["at"].as_str().unwrap().starts_with("20") && facts["source"].is_string());
    assert!(is_accepted(&one.run(&preview).await));
    assert_eq!(query(&url, "select max(id) from orders").preview().await.facts["value"], 7);
    let none = query(&url, "select id from orders where id = 8").preview().await.facts;
    assert!(!none.contains_key("value") && !none.contains_key("row"), "{none:?}");

    for (text, why) in [
        ("with new as (insert into orders values (8) returning id) select id from new", "WITH"),
        ("select nextval('s')", "nextval"),
        ("select 1) q; drop table orders; select * from (select 1", "multiple commands"),
        ("select generate_series(1, 2) as value", "trouble.many_rows"),
        ("select pg_sleep(3)::text", "timeout"),
        ("select repeat('x', 70000) as value", "trouble.long_row"),
        ("select * from missing", "missing"),
    ] {
        run(&url, "create sequence if not exists s").await;
        let said = refused(&query(&url, text)).await;
        assert!(said.contains(why) || said.contains("read-only"), "{text}: {said}");
    }
    assert_eq!(number(&url, "select count(*) from orders").await, 1);
    assert_eq!(number(&url, "select last_value + is_called::int from s").await, 1);
    let not_asked = query(&url, "drop table orders").refusal().await;
    assert!(not_asked.starts_with("trouble.no_select"), "{not_asked}");
}

#[tokio::test]
async fn a_primary_and_its_standby_say_which_they_are_and_how_far_behind() {
    let primary = Postgres::own("primary").await;
    let standby = primary.standby("standby").await;
    let (first, second) = (primary.url("postgres"), standby.url("postgres"));
    let of = async |url: &str, name: &str| probe(url, name).preview().await.facts;
    assert_eq!(of(&first, "writable").await["writable"], true);
    let facts = of(&second, "writable").await;
    assert_eq!(
        (&facts["writable"], &facts["role"]),
        (&json!(false), &json!("replica")),
        "{facts:?}"
    );

    run(&first, "create table dr_buddy_heartbeat (ts timestamptz); insert into dr_buddy_heartbeat values (now() - interval '90 s')").await;
    for url in [&first, &second] {
        eventually("no lag", 20, || async {
            let facts = of(url, "replication").await;
            (facts.get("lag_s") == Some(&json!(0))).then_some(())
        })
        .await;
        let facts = of(url, "heartbeat").await;
        let age = facts["lag_s"].as_f64().unwrap();
        assert!((90.0..150.0).contains(&age), "{facts:?}");
        assert_eq!((&facts["unit"], &facts["value"]), (&json!("s"), &facts["lag_s"]));
        let facts = of(url, "wal_lsn").await;
        assert!(facts["value"].as_u64().unwrap() > 1_000_000, "{facts:?}");
        assert!(!facts.contains_key("lag_s"));
    }
    assert_eq!(of(&first, "replication").await["role"], "primary");

    // Nothing replays while it is told not to, and what comes meanwhile is a lag.
    run(&second, "select pg_wal_replay_pause()").await;
    run(&first, "create table more as select generate_series(1, 1000) as n").await;
    for url in [&first, &second] {
        eventually("it lags", 20, || async {
            let facts = of(url, "replication").await;
            let lag = facts.get("lag_s").and_then(Value::as_f64);
            lag.is_some_and(|lag| lag > 0.0).then_some(())
        })
        .await;
    }
    // Without its primary a standby has applied all it got, and that is no lag of zero.
    run(&second, "select pg_wal_replay_resume()").await;
    primary.kill().await;
    let facts = eventually("it is alone", 20, || async {
        let facts = of(&second, "replication").await;
        (facts["row"]["streams"] == 0).then_some(facts)
    })
    .await;
    assert!(!facts.contains_key("lag_s") && !facts.contains_key("value"), "{facts:?}");

    let dead = probe(&first, "writable");
    let preview = dead.preview().await;
    assert_eq!(preview.facts.len(), 1, "{:?}", preview.facts);
    assert_eq!(preview.facts["reachable"], false);
    assert_eq!(dead.probe(&preview).await.happened, Happened::Done, "a dead region is an answer");
}

/// What Amazon's documentation says of the function and its columns.
#[tokio::test]
async fn the_lag_of_an_aurora_global_database_is_that_of_the_other_regions() {
    let url = postgres().await.database().await;
    let missing = refused(&probe(&url, "aurora_lag")).await;
    assert!(missing.contains("aurora_global_db_status"), "{missing}");
    run(
        &url,
        "create function aurora_global_db_status() returns table (aws_region text, highest_lsn_written bigint, \
         durability_lag_in_msec int, rpo_lag_in_msec int, last_lag_calculation_time timestamptz, \
         feedback_epoch bigint, feedback_xmin bigint) language sql as $$ values \
         ('eu-west-1', 131031557::bigint, -1, -1, timestamptz '1970-01-01', 0::bigint, 0::bigint), \
         ('us-east-1', 131031554, 410, 1250, now(), 0, 12640) $$",
    )
    .await;
    let facts = probe(&url, "aurora_lag").preview().await.facts;
    assert_eq!((&facts["lag_s"], &facts["unit"]), (&json!(1.25), &json!("s")), "{facts:?}");
    assert_eq!(facts["row"]["durability_lag_s"], 0.41);
}

/// Whichever server: looking writes nothing, an approval runs once, the way back removes what was written.
async fn one_row_is_written_once_and_taken_back(url: &str, rows: impl AsyncFn() -> Option<i64>) {
    let mut step = step("sql.canary", url, json!({"timeout": "5s"}));
    let preview = step.preview().await;
    assert_eq!(
        (&preview.facts["row_present"], &preview.facts["writable"]),
        (&json!(false), &json!(true))
    );
    assert!(!preview.changes.is_empty() && preview.remarks.len() == 1);
    assert!(preview.calls[0].starts_with("insert into dr_buddy_canary at orders ("));
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    assert_eq!(rows().await, None, "looking makes no table");

    for _ in 0..2 {
        let outcome = step.run(&preview).await;
        assert!(is_accepted(&outcome), "{outcome:?}");
        assert_eq!(rows().await, Some(1));
    }
    let done = step.probe(&preview).await;
    assert_eq!((done.happened, &done.facts["row_present"]), (Happened::Done, &json!(true)));

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert!(preview.calls[0].starts_with("delete from"), "{:?}", preview.calls);
    assert_eq!(back.probe(&preview).await.happened, Happened::Never);
    for _ in 0..2 {
        assert!(is_accepted(&back.run(&preview).await));
        assert_eq!(rows().await, Some(0));
    }
    assert_eq!(back.probe(&preview).await.happened, Happened::Done);
}

#[tokio::test]
async fn a_canary_is_one_row_in_postgresql() {
    let url = postgres().await.database().await;
    one_row_is_written_once_and_taken_back(&url, async || {
        let there = "select count(*) from pg_tables where tablename = 'dr_buddy_canary'";
        match number(&url, there).await {
            0 => None,
            _ => Some(number(&url, "select count(*) from dr_buddy_canary").await),
        }
    })
    .await;
}

#[tokio::test]
async fn a_canary_is_one_row_in_mariadb() {
    let server = mariadb().await;
    let database = server.database().await;
    one_row_is_written_once_and_taken_back(&server.url("root", &database), async || {
        let there = "select count(*) from information_schema.tables where table_schema = database() \
                     and table_name = 'dr_buddy_canary'";
        match server.number(&database, there).await {
            0 => None,
            _ => Some(server.number(&database, "select count(*) from dr_buddy_canary").await),
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_killed_in_the_middle_leaves_it_open_and_the_probe_finds_out() {
    let server = Postgres::own("canary").await;
    let url = server.url("postgres");
    let mut first = step("sql.canary", &url, json!({}));
    let preview = first.preview().await;
    assert!(is_accepted(&first.run(&preview).await));

    // Somebody holds the table; the server dies while the row waits for it.
    let mut second = step("sql.canary", &url, json!({}));
    second.token = uuid::Uuid::from_u128(9);
    let preview = second.preview().await;
    let mut holder = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("begin; lock table dr_buddy_canary in access exclusive mode")
        .execute(&mut holder)
        .await
        .unwrap();
    let kill = async {
        eventually("the row waits", 10, || async {
            let waiting = "select count(*) from pg_locks where not granted";
            (number(&url, waiting).await > 0).then_some(())
        })
        .await;
        server.kill().await;
    };
    let (outcome, ()) = tokio::join!(second.run(&preview), kill);
    assert!(is_unknown(&outcome), "{outcome:?}");
    assert_eq!(second.probe(&preview).await.happened, Happened::Unknown, "nobody can look");
    drop(holder);
    server.begin().await;
    assert_eq!(second.probe(&preview).await.happened, Happened::Never);
    assert!(is_accepted(&second.run(&preview).await));
    assert_eq!(second.probe(&preview).await.happened, Happened::Done);
    assert_eq!(number(&url, "select count(*) from dr_buddy_canary").await, 2);
}

#[tokio::test]
async fn a_standby_refuses_a_canary_and_another_place_is_not_written_to() {
    let primary = Postgres::own("refuses").await;
    let standby = primary.standby("refusing").await;
    let mut step = step("sql.canary", &standby.url("postgres"), json!({}));
    let mut preview = step.preview().await;
    assert_eq!(preview.facts["writable"], false);
    let outcome = step.run(&preview).await;
    assert!(is_failed(&outcome), "{outcome:?}");
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    // Approved for one place, and the connection leads to another one by now.
    preview.request["target"]["host"] = "db.example.com".into();
    let outcome = step.run(&preview).await;
    assert!(is_failed(&outcome) && format!("{outcome:?}").contains("trouble.moved"), "{outcome:?}");
}

async fn mariadb_says(server: &MariaDb, name: &str) -> serde_json::Map<String, Value> {
    probe(&server.url("root", "mysql"), name).preview().await.facts
}

#[tokio::test]
async fn mariadb_answers_the_same_questions() {
    let server = mariadb().await;
    let database = server.database().await;
    let url = server.url("root", &database);
    server
        .run(
            &database,
            "create table t (id int, at datetime(6)); insert into t values (7, utc_timestamp(6))",
        )
        .await;
    let facts =
        query(&url, "select count(*) as value, max(id) as newest from t;").preview().await.facts;
    assert_eq!(facts["row"], json!({"value": 1, "newest": 7}), "{facts:?}");
    let writes = "create function f() returns int deterministic \
                  begin insert into t values (8, null); return 8; end";
    server.run(&database, writes).await;
    for (text, why) in [
        ("select f() as a", "READ ONLY"),
        ("select count(*) from t", "trouble.unnamed_column"),
        ("select 1 as a union all select 2", "trouble.many_rows"),
        ("select 1) q; drop table t; select * from (select 1", "syntax"),
        ("select 1 as a into outfile '/tmp/x'", "syntax"),
        ("select sleep(3) as a from t", "max_statement_time"),
        ("with a as (select 1 as b) delete from t", "syntax"),
    ] {
        let said = refused(&query(&url, text)).await;
        assert!(said.contains(why), "{text}: {said}");
    }
    assert_eq!(server.number(&database, "select count(*) from t").await, 1);
    let none = probe(&url, "wal_lsn").refusal().await;
    assert!(none.starts_with("trouble.no_probe"), "{none}");
    assert_eq!(mariadb_says(server, "writable").await["writable"], true);
    server
        .run(&database, "create table dr_buddy_heartbeat (ts timestamp(6)); insert into dr_buddy_heartbeat values (now(6) - interval 90 second)")
        .await;
    let facts = probe(&url, "heartbeat").preview().await.facts;
    assert!((90.0..150.0).contains(&facts["lag_s"].as_f64().unwrap()), "{facts:?}");
}

#[tokio::test]
async fn a_mariadb_replica_knows_its_lag_only_while_it_runs() {
    let (source, replica) = (MariaDb::own().await, MariaDb::own().await);
    replica.follow(&source).await;
    replica.run("mysql", "set global read_only = 1").await;
    assert_eq!(mariadb_says(&replica, "writable").await["writable"], false);
    let facts = eventually("it follows", 20, || async {
        let facts = mariadb_says(&replica, "replication").await;
        (facts.get("lag_s") == Some(&json!(0))).then_some(facts)
    })
    .await;
    assert_eq!(facts["role"], "replica");
    replica.run("mysql", "stop replica").await;
    let facts = mariadb_says(&replica, "replication").await;
    assert!(!facts.contains_key("lag_s") && !facts.contains_key("value"), "{facts:?}");
    assert_eq!(facts["row"]["receives"], "No");
    let facts = mariadb_says(&source, "replication").await;
    assert!(!facts.contains_key("lag_s"), "it replicates from nobody: {facts:?}");
}

#[tokio::test]
async fn a_password_is_never_repeated() {
    let server = mariadb().await;
    server.run("mysql", "create user bot identified by 'right-hunter2'").await;
    let url = server.url("bot:wrong-hunter2", "mysql");
    let step = probe(&url, "writable");
    let said = refused(&step).await;
    assert!(said.contains("denied") && !said.contains("hunter2"), "{said}");
    let url = server.url("bot:right-hunter2", "");
    let step = probe(&url, "writable");
    let preview = step.preview().await;
    let seen = step.probe(&preview).await;
    assert_eq!(seen.facts["writable"], true);
    assert!(!format!("{preview:?}{seen:?}{:?}", step.action).contains("hunter2"));
    for bad in ["postgres://bot:hunter2@127.0.0.1:1/db?sslmode=hunter2", "oracle://bot:hunter2@x/y"]
    {
        let step = probe(bad, "writable");
        let said = format!("{:?}", step.action.preview(&step.call()).await);
        assert!(!said.contains("bot:hunter2"), "{said}");
    }
}

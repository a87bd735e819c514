//! `redis.check` and `bullmq.drained`, judged by Redis servers, and by BullMQ itself.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use dr_buddy::actions::{ActionSettings, Actions, Connections, Happened, Kept, LookError};
use serde_json::{Value, json};

use super::{Step, is_accepted};
use crate::harness::{PASSWORD, Redis, eventually, npm, redis};

fn step(action: &str, url: &str, with: Value) -> Step {
    let named = BTreeMap::from([("cache".to_owned(), Kept::Text(url.to_owned().into()))]);
    let connections = Connections { named, extra_ca: None };
    let actions = Actions::new(ActionSettings { connections, ..ActionSettings::default() });
    Step::new(&actions, action, with)
}

fn check(server: &Redis) -> Step {
    step("redis.check", &server.url(), json!({"connection": "cache", "timeout": "2s"}))
}

#[tokio::test]
async fn each_side_of_a_replication_says_what_it_is_and_how_far_behind() {
    let master = redis().await;
    let replica = master.replica().await;
    let (of_master, of_replica) = (check(&master), check(&replica));
    let facts = eventually("the replica is in step", 10, || async {
        let facts = of_master.preview().await.facts;
        (facts.get("lag_bytes") == Some(&json!(0))).then_some(facts)
    })
    .await;
    assert_eq!((&facts["role"], &facts["writable"]), (&json!("master"), &json!(true)));
    assert_eq!(facts["replicas"], 1);
    assert!(facts["lag_s"].as_u64().unwrap() < 5);
    assert_eq!(facts["maxmemory_policy"], "noeviction");

    let mut step = of_replica;
    let preview = step.preview().await;
    let facts = &preview.facts;
    assert_eq!((&facts["role"], &facts["writable"]), (&json!("replica"), &json!(false)));
    assert_eq!(facts["link_up"], true);
    assert!(facts["lag_s"].as_u64().unwrap() < 5);
    assert!(is_accepted(&step.run(&preview).await));
    assert!(!format!("{preview:?}{:?}", step.past).contains(PASSWORD));

    // Without its master a replica does not know how far behind it is.
    drop(master);
    let facts = eventually("the link is down", 10, || async {
        let facts = step.probe(&preview).await.facts;
        (facts.get("link_up") == Some(&json!(false))).then_some(facts)
    })
    .await;
    assert!(!facts.contains_key("lag_s"), "{facts:?}");
}

#[tokio::test]
async fn who_does_not_answer_is_not_reached_and_who_refuses_is_to_be_mended() {
    let server = redis().await;
    let step = check(&server);
    let preview = step.preview().await;
    server.freeze();
    let seen = step.probe(&preview).await;
    server.thaw();
    assert_eq!((seen.happened, &seen.facts["reachable"]), (Happened::Done, &json!(false)));
    assert_eq!(seen.facts.len(), 1);

    let wrong = format!("redis://:not-{PASSWORD}@127.0.0.1:{}", server.port());
    let step = super::redis::step("redis.check", &wrong, json!({"connection": "cache"}));
    let refused = step.action.preview(&step.call()).await.unwrap_err();
    assert!(matches!(&refused, LookError::Refused { .. }), "{refused:?}");
    assert!(!format!("{refused:?}").contains(PASSWORD), "{refused:?}");
    let seen = step.probe(&preview).await;
    assert_eq!(seen.happened, Happened::Unknown, "{}", seen.saw);
}

/// Lets BullMQ itself put jobs there: `waiting`, `failed`, `delayed`, `prioritized`, an `active` one.
fn bullmq(server: &Redis, script: &str) {
    let folder = npm();
    let file = folder.join(format!("dr-buddy-{}.mjs", server.port()));
    let head = "import { Queue, Worker } from 'bullmq';\nconst connection = {host: '127.0.0.1', port: PORT, password: 'WORD'};\n";
    let head = head.replace("PORT", &server.port().to_string()).replace("WORD", PASSWORD);
    fs::write(&file, format!("{head}{script}\nprocess.exit(0);\n")).unwrap();
    let done = Command::new("node").arg(&file).current_dir(&folder).output().unwrap();
    fs::remove_file(&file).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn drained(server: &Redis, more: Value) -> Step {
    let mut with = json!({"connection": "cache", "queues": ["mail", "pdf"]});
    with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step("bullmq.drained", &server.url(), with)
}

#[tokio::test]
async fn what_bullmq_has_put_there_is_counted_and_a_queue_nobody_knows_is_not_drained() {
    let server = redis().await;
    bullmq(
        &server,
        "const mail = new Queue('mail', {connection});
         await mail.add('old', {}, {timestamp: Date.now() - 600_000});
         await mail.add('new', {});
         await mail.add('later', {}, {delay: 3_600_000});
         await mail.add('soon', {}, {priority: 3});",
    );
    let step = drained(&server, json!({}));
    let preview = step.preview().await;
    let facts = &preview.facts;
    assert_eq!(facts["queues"]["pdf"], Value::Null, "{facts:?}");
    assert_eq!(facts["queues"]["mail"]["waiting"], 2);
    let left = |name: &str| facts[name].as_u64().unwrap();
    assert_eq!(
        (left("waiting"), left("delayed"), left("prioritized"), left("failed")),
        (2, 1, 1, 0)
    );
    assert!((590..700).contains(&left("oldest_waiting_s")), "{facts:?}");
    assert_eq!(
        (left("seen"), &facts["drained"], &facts["role"]),
        (1, &json!(false), &json!("master"))
    );
    assert_eq!(facts["paused"], false);

    // All gone in one queue, and the other one never seen: nobody knows.
    bullmq(&server, "await new Queue('mail', {connection}).drain(true);");
    let facts = step.probe(&preview).await.facts;
    assert_eq!((&facts["waiting"], &facts["delayed"]), (&json!(0), &json!(0)), "{facts:?}");
    assert!(!facts.contains_key("drained"), "{facts:?}");

    // A worker that fails one job and holds another one.
    bullmq(
        &server,
        "const pdf = new Queue('pdf', {connection});
         await pdf.add('bad', {}); await pdf.add('long', {});
         let held; const holds = new Promise((done) => { held = done; });
         new Worker('pdf', async (job) => {
           if (job.name === 'bad') throw new Error('bad');
           held(); await new Promise(() => {});
         }, {connection});
         await holds;
         await pdf.pause();",
    );
    let seen = step.probe(&preview).await;
    let facts = seen.facts;
    assert_eq!(
        (&facts["active"], &facts["failed"], &facts["seen"]),
        (&json!(1), &json!(1), &json!(2)),
        "{facts:?}"
    );
    assert_eq!(
        (&facts["queues"]["pdf"]["paused"], &facts["paused"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(facts["drained"], false, "{}", seen.saw);
}

#[tokio::test]
async fn failed_jobs_may_remain_where_the_step_says_so() {
    let server = redis().await;
    bullmq(
        &server,
        "for (const name of ['mail', 'pdf']) {
           const queue = new Queue(name, {connection});
           await queue.add('bad', {});
           await new Promise((done) => {
             new Worker(name, async () => { throw new Error('bad'); }, {connection}).on('failed', done);
           });
         }",
    );
    let strict = drained(&server, json!({})).preview().await.facts;
    assert_eq!((&strict["failed"], &strict["drained"]), (&json!(2), &json!(false)), "{strict:?}");
    let lenient = drained(&server, json!({"may_remain": ["failed"]})).preview().await.facts;
    assert_eq!(lenient["drained"], true, "{lenient:?}");
    let refused = drained(&server, json!({"may_remain": ["active"]})).refusal().await;
    assert!(refused.starts_with("trouble.queues"), "{refused}");
}

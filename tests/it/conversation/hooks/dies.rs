//! The process dies between the record and the room: the offer is there; once, if it died before the post.

use serde_json::Value;

use super::super::stage::Stage;
use super::{ago, grafana, script};
use crate::harness::{eventually, postgres};

/// Dies at the place, starts again; the message of the one offer.
async fn dies(at: &str, more: Vec<(&'static str, String)>) -> (Stage, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut script = script();
    script.more.extend(more);
    script.more.extend([
        ("DR_BUDDY_FAULTS_ONCE_IN", folder.path().display().to_string()),
        ("DR_BUDDY_FAULTS_STOP_AT", at.to_owned()),
    ]);
    let stage = Stage::open(script).await;
    let body = grafana("firing", "f1", ago(0));
    // It may stop before it answers.
    let answer = tokio::time::timeout(std::time::Duration::from_secs(3), stage.grafana(&body));
    drop(answer.await);
    eventually("it stops there", 60, || async { folder.path().join(at).exists().then_some(()) })
        .await;
    stage.kill();
    stage.start().await;
    // Whoever was not answered sends it again.
    assert_eq!(stage.grafana(&body).await.0, 200);
    let offer = stage.offer_reads("1 alert, first").await;
    // Nothing more comes: the next alert is on the same message.
    assert_eq!(stage.grafana(&grafana("firing", "f2", ago(0))).await.0, 200);
    stage.offer_reads("2 alerts, first").await;
    (stage, offer)
}

#[tokio::test]
async fn killed_before_the_post_the_offer_is_there_once() {
    let (stage, offer) = dies("before post of an offer", vec![]).await;
    assert_eq!(stage.offers().await.len(), 1);
    assert!(offer["blocks"].to_string().contains("offer-declare"), "{offer:#}");
}

#[tokio::test]
async fn killed_after_the_post_on_postgresql_the_offer_is_there() {
    let url = postgres().await.database().await;
    let (stage, offer) = dies("after post of an offer", vec![("DATABASE_URL", url)]).await;
    // It should be one: what was posted is looked for, and not found.
    assert!(stage.slack.called("chat.postMessage").await <= 2, "{offer:#}");
}

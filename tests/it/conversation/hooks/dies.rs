//! The process dies between the record and the room: the offer is there, once. A Slack that tells what messages are known
//! by, as Slack does; local-slack does not.

use serde_json::Value;

use super::super::people::{ANTOINE, MIA};
use super::super::stage::{Script, Stage};
use super::{ago, grafana, is_offer, script};
use crate::harness::{FakeSlack, eventually, fake_slack, postgres};

fn offers(slack: &FakeSlack) -> Vec<Value> {
    slack.messages().into_values().filter(is_offer).collect()
}

async fn reads(stage: &Stage, slack: &FakeSlack, words: &str) -> Vec<Value> {
    // A message that somebody was at is nobody else's for a minute and a half.
    eventually(&format!("an offer reads `{words}`"), 200, || async {
        stage.must_live();
        let offers = offers(slack);
        offers.iter().any(|offer| offer.to_string().contains(words)).then_some(offers)
    })
    .await
}

/// Dies at the place, starts again; the messages of offers then.
async fn dies(at: &str, more: Vec<(&'static str, String)>) -> Vec<Value> {
    let slack = fake_slack("xoxb-test-token", &[(ANTOINE, "antoine"), (MIA, "mia")]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut script = Script { api_url: Some(slack.api_url.clone()), ..script() };
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
    reads(&stage, &slack, "1 alert, first").await;
    // Nothing more comes: the next alert is on the same message.
    assert_eq!(stage.grafana(&grafana("firing", "f2", ago(0))).await.0, 200);
    reads(&stage, &slack, "2 alerts, first").await
}

fn assert_one(offers: &[Value]) {
    assert_eq!(offers.len(), 1, "{offers:#?}");
    assert!(offers[0].to_string().contains("offer-declare"), "{offers:#?}");
}

#[tokio::test]
async fn killed_before_the_post_the_offer_is_there_once() {
    assert_one(&dies("before post of an offer", vec![]).await);
}

#[tokio::test]
async fn killed_after_the_post_the_offer_is_found_and_edited() {
    let url = postgres().await.database().await;
    assert_one(&dies("after post of an offer", vec![("DATABASE_URL", url)]).await);
    assert_one(&dies("after post of an offer", vec![]).await);
}

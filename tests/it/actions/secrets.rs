//! `secretsmanager.replace_host`, judged by ministack.

use dr_buddy::actions::{Actions, Happened};
use serde_json::{Value, json};

use super::{Step, aws, is_accepted, is_failed, is_unknown};
use crate::harness::{AwsWorld, Tampering, ministack};

const NEW: &str = "shop-us.cluster-1.us-east-1.rds.amazonaws.com";

fn replace(actions: &Actions, world: &AwsWorld) -> Step {
    let with = json!({
        "region": "us-east-1", "secret": world.secret, "host": NEW, "key": "DATABASE_URL",
    });
    Step::new(actions, "secretsmanager.replace_host", with)
}

async fn raw(world: &AwsWorld) -> String {
    let client = aws_sdk_secretsmanager::Client::new(&world.dr);
    let got = client.get_secret_value().secret_id(&world.secret).send().await.unwrap();
    got.secret_string().unwrap().to_owned()
}

#[tokio::test]
async fn only_the_host_changes_and_the_way_back_restores_the_version() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let before = raw(&world).await;
    let mut step = replace(&aws(&server), &world);
    let preview = step.preview().await;
    assert_eq!(preview.changes[0].now, world.primary_host);
    assert_eq!(preview.changes[0].after, NEW);
    assert_eq!(preview.facts["token_present"], false);
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);

    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
    assert_eq!(raw(&world).await, before.replace(&world.primary_host, NEW));
    let probe = step.probe(&preview).await;
    assert_eq!(probe.happened, Happened::Done);
    assert_eq!(probe.facts["host"], NEW);
    assert_eq!(probe.facts["token_present"], true);
    assert_eq!(server.tap.count("PutSecretValue"), 1);
    assert_eq!(world.secret_value(&world.primary).await["note"], "keep me");

    // Nothing that leaves the action holds the password.
    let shown = format!("{preview:?} {outcome:?} {probe:?} {:?}", step.action);
    assert!(!shown.contains("s3cr3t"), "{shown}");

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert_eq!(preview.changes[0].after, world.primary_host);
    assert_eq!(back.probe(&preview).await.happened, Happened::Never);
    assert!(is_accepted(&back.run(&preview).await));
    assert_eq!(raw(&world).await, before);
    assert_eq!(back.probe(&preview).await.happened, Happened::Done);
    assert_eq!(server.tap.count("PutSecretValue"), 1, "going back writes no value");
    assert_eq!(server.tap.count("UpdateSecretVersionStage"), 1);
}

#[tokio::test]
async fn a_cut_connection_leaves_it_open_and_the_token_tells() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    for (how, found) in
        [(Tampering::CutBefore, Happened::Never), (Tampering::CutAfter, Happened::Done)]
    {
        let mut step = replace(&aws(&server), &world);
        let preview = step.preview().await;
        server.tap.spoil_next("PutSecretValue", how);
        let outcome = step.run(&preview).await;
        assert!(is_unknown(&outcome), "{how:?}: {outcome:?}");
        assert_eq!(step.probe(&preview).await.happened, found, "{how:?}");
    }
    assert_eq!(server.tap.count("PutSecretValue"), 2, "once each");
    assert_eq!(world.secret_versions(&world.dr).await.len(), 2);
}

#[tokio::test]
async fn a_value_that_changed_after_the_preview_is_not_overwritten() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = replace(&aws(&server), &world);
    let preview = step.preview().await;
    let put = |value: &str| {
        let client = aws_sdk_secretsmanager::Client::new(&world.dr);
        client.put_secret_value().secret_id(&world.secret).secret_string(value).send()
    };
    let newer = r#"{"DATABASE_URL":"postgres://a:b@elsewhere/db"}"#;
    put(newer).await.unwrap();
    assert!(is_failed(&step.run(&preview).await));
    assert_eq!(server.tap.count("PutSecretValue"), 0);
    assert_eq!(raw(&world).await, newer);

    // Nor is something that was written after us taken back.
    let preview = step.preview().await;
    assert!(is_accepted(&step.run(&preview).await));
    put(r#"{"DATABASE_URL":"postgres://a:b@third/db"}"#).await.unwrap();
    assert_eq!(step.probe(&preview).await.happened, Happened::Unknown);
    let back = step.back(preview);
    assert!(back.refusal().await.contains("would lose it"));
}

#[tokio::test]
async fn a_replica_is_refused_and_the_way_out_is_named() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    // The emulator does not mark replicas: a stand-in answers as AWS does.
    let replica = crate::actions::secrets::stand_in(json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:shop-abcdef",
        "Name": "shop", "PrimaryRegion": "eu-west-1", "VersionIdsToStages": {"v1": ["AWSCURRENT"]},
    }))
    .await;
    let step = replace(&super::aws_at(&replica), &world);
    let refusal = step.refusal().await;
    assert!(refusal.contains("replica of eu-west-1"), "{refusal}");
    assert!(refusal.contains("StopReplicationToReplica"), "{refusal}");
}

/// Answers every call with this JSON.
#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
async fn stand_in(answer: Value) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(move || {
        let answer = answer.clone();
        async move { axum::Json(answer) }
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    endpoint
}

//! `aurora.*`, judged by ministack.

use std::time::Duration;

use dr_buddy::actions::{Actions, Happened, LookError, Outcome};
use serde_json::json;

use super::{Step, aws, aws_at, environment, is_accepted, is_failed, is_unknown};
use crate::harness::{AwsWorld, Tampering, ministack};

fn failover(actions: &Actions, world: &AwsWorld) -> Step {
    let with = json!({
        "global_cluster": world.global_cluster, "target": world.dr_arn, "allow_data_loss": true,
    });
    Step::new(actions, "aurora.failover", with)
}

#[tokio::test]
async fn a_failover_flips_the_writer_with_one_call() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = failover(&aws(&server), &world);
    let preview = step.preview().await;
    assert_eq!(preview.changes[0].now, "shop-eu (eu-west-1)");
    assert_eq!(preview.changes[0].after, "shop-us (us-east-1)");
    assert!(preview.calls[0].starts_with("rds:FailoverGlobalCluster in us-east-1, account 0000"));
    assert_eq!(preview.facts["writer_region"], "eu-west-1");
    assert_eq!(preview.facts["target_instances"], 1);
    assert!(!preview.facts.contains_key("operation"));
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    assert_eq!(world.writer_arn().await, world.primary_arn, "looking changes nothing");

    assert!(is_accepted(&step.run(&preview).await));
    let done = crate::harness::eventually("the failover is over", 10, || async {
        let probe = step.probe(&preview).await;
        (probe.happened == Happened::Done).then_some(probe)
    })
    .await;
    assert_eq!(done.facts["writer_region"], "us-east-1");
    assert_eq!(done.facts["target_is_writer"], true);
    assert_eq!(world.writer_arn().await, world.dr_arn);
    assert_eq!(server.tap.count("FailoverGlobalCluster"), 1);
    assert_eq!(server.tap.count("SwitchoverGlobalCluster"), 0);

    // The same approval again, as a paused replica would: the writer is there, nothing is sent.
    let again = step.preview().await;
    assert!(again.remarks.iter().any(|remark| remark.key == "remark.aurora.already_writer"));
    assert!(is_failed(&step.run(&again).await));
    assert_eq!(server.tap.count("FailoverGlobalCluster"), 1);
}

#[tokio::test]
async fn a_switchover_is_called_in_the_writers_region_and_has_a_way_back() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let actions = aws(&server);
    let with = json!({"global_cluster": world.global_cluster, "target": world.dr_arn});
    let mut step = Step::new(&actions, "aurora.switchover", with);
    let preview = step.preview().await;
    assert_eq!(preview.request["region"], "eu-west-1");
    assert!(is_accepted(&step.run(&preview).await));
    let over = |arn: String| {
        let world = &world;
        async move { (world.writer_arn().await == arn).then_some(()) }
    };
    crate::harness::eventually("over", 10, || over(world.dr_arn.clone())).await;
    crate::harness::eventually("settled", 10, || async {
        (step.probe(&preview).await.happened == Happened::Done).then_some(())
    })
    .await;

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert_eq!(preview.request["region"], "us-east-1");
    assert!(is_accepted(&back.run(&preview).await));
    crate::harness::eventually("back", 10, || over(world.primary_arn.clone())).await;
    assert_eq!(server.tap.count("SwitchoverGlobalCluster"), 2);
}

#[tokio::test]
async fn a_call_whose_outcome_is_not_known_reaches_the_server_once() {
    for how in [
        Tampering::Unavailable,
        Tampering::CutBefore,
        Tampering::CutAfter,
        Tampering::Delay(Duration::from_secs(4)),
    ] {
        let server = ministack().await;
        let world = AwsWorld::seed(&server).await;
        let mut step = failover(&aws(&server), &world);
        let preview = step.preview().await;
        server.tap.spoil_next("FailoverGlobalCluster", how);
        let outcome = step.run(&preview).await;
        assert!(is_unknown(&outcome), "{how:?}: {outcome:?}");
        assert_eq!(server.tap.count("FailoverGlobalCluster"), 1, "{how:?}");
        if how == Tampering::CutAfter {
            crate::harness::eventually("the probe finds out", 10, || async {
                (step.probe(&preview).await.happened == Happened::Done).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_throttled_call_certainly_did_nothing_and_is_not_sent_again() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = failover(&aws(&server), &world);
    let preview = step.preview().await;
    server.tap.spoil_next("FailoverGlobalCluster", Tampering::Throttle);
    let outcome = step.run(&preview).await;
    assert!(
        matches!(&outcome, Outcome::Failed { error: LookError::Refused { detail, .. } } if detail.contains("Throttling")),
        "{outcome:?}"
    );
    assert_eq!(server.tap.count("FailoverGlobalCluster"), 1);
    assert_eq!(world.writer_arn().await, world.primary_arn);
}

#[tokio::test]
async fn reading_is_repeated_when_it_fails_once() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let step = failover(&aws(&server), &world);
    server.tap.spoil_next("DescribeGlobalClusters", Tampering::Unavailable);
    step.preview().await;
    assert_eq!(server.tap.count("DescribeGlobalClusters"), 2);
}

#[tokio::test]
async fn another_account_is_refused_and_nothing_is_sent() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = failover(&aws(&server), &world);
    let mut preview = step.preview().await;

    // The credentials are of another account than the environment (and its ARNs).
    let other = "222222222222";
    step.environment = environment(other);
    let arn = world.dr_arn.replace("000000000000", other);
    preview.request["account"] = other.into();
    preview.request["parameters"]["TargetDbClusterIdentifier"] = arn.into();
    let outcome = step.run(&preview).await;
    assert!(
        matches!(&outcome, Outcome::Failed { error: LookError::Unsafe { detail } } if detail.contains(other)),
        "{outcome:?}"
    );
    // An ARN of another account, and one of a region that is not ours.
    assert!(step.refusal().await.contains("trouble.other_account"));
    step.environment = environment(super::ACCOUNT);
    let elsewhere = world.dr_arn.replace("us-east-1", "ap-south-1");
    step.with.insert("target".into(), elsewhere.into());
    assert!(step.refusal().await.contains("ap-south-1"));
    assert_eq!(server.tap.count("FailoverGlobalCluster"), 0);
}

#[tokio::test]
async fn a_headless_or_foreign_target_is_refused() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let rds = aws_sdk_rds::Client::new(&world.dr);
    rds.delete_db_instance().db_instance_identifier("shop-us-1").send().await.unwrap();
    let mut step = failover(&aws(&server), &world);
    crate::harness::eventually("the instance is gone", 10, || async {
        let found =
            rds.describe_db_clusters().db_cluster_identifier("shop-us").send().await.unwrap();
        found.db_clusters()[0].db_cluster_members().is_empty().then_some(())
    })
    .await;
    assert!(step.refusal().await.contains("headless"));
    let foreign = world.dr_arn.replace("shop-us", "else");
    step.with.insert("target".into(), foreign.into());
    assert!(step.refusal().await.contains("not a member"));
}

#[tokio::test]
async fn a_region_that_cannot_be_reached_is_unknown_to_a_probe_and_unsent_to_a_run() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let preview = failover(&aws(&server), &world).preview().await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut step = failover(&aws_at(&format!("http://{dead}")), &world);
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, probe.facts.len()), (Happened::Unknown, 0));
    let outcome = step.run(&preview).await;
    assert!(
        matches!(&outcome, Outcome::Failed { error: LookError::Unreachable { .. } }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_connection_that_was_never_made_certainly_did_nothing() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let preview = failover(&aws(&server), &world).preview().await;
    // Says who we are, and is gone before the call that matters.
    let endpoint = answers_once(format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{0}:role/x</Arn>\
         <UserId>x</UserId><Account>{0}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        super::ACCOUNT
    ));
    let outcome = failover(&aws_at(&endpoint), &world).run(&preview).await;
    assert!(
        matches!(&outcome, Outcome::Failed { error: LookError::Unreachable { system, .. } } if system == "rds in us-east-1"),
        "{outcome:?}"
    );
}

fn answers_once(body: String) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        drop(listener);
        let mut request = [0; 8192];
        let read = socket.read(&mut request).unwrap();
        assert!(read > 0);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(format!("{head}{body}").as_bytes()).unwrap();
    });
    endpoint
}

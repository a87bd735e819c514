//! `route53.pin`, judged by ministack.

use aws_sdk_route53::types::ResourceRecordSetFailover as Role;
use dr_buddy::actions::{Actions, Happened, LookError, Outcome};
use serde_json::json;

use super::{Step, aws, is_accepted, is_unknown};
use crate::harness::{ALIAS_ZONE, AwsWorld, Tampering, alias, ministack};

const DR: &str = "dualstack.us-lb.us-east-1.elb.amazonaws.com";

fn pin(actions: &Actions, world: &AwsWorld) -> Step {
    let with = json!({
        "zone": world.zone, "name": "API.shop.test", "set_identifier": "eu",
        "target": DR, "target_zone": ALIAS_ZONE,
    });
    Step::new(actions, "route53.pin", with)
}

/// How many batches arrived.
fn batches(server: &crate::harness::Ministack) -> usize {
    server
        .tap
        .calls()
        .iter()
        .filter(|call| call.starts_with("POST /2013-04-01/hostedzone/"))
        .count()
}

#[tokio::test]
async fn one_upsert_pins_the_primary_and_its_undo_restores_it_exactly() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let before = world.record_set().await;
    let mut step = pin(&aws(&server), &world);
    let preview = step.preview().await;
    assert_eq!(preview.changes[0].now, "eu-lb.eu-west-1.elb.amazonaws.com.");
    assert_eq!(preview.changes[0].after, DR);
    assert!(preview.remarks.iter().any(|remark| remark.key == "remark.route53.latched"));
    assert_eq!(step.probe(&preview).await.happened, Happened::Never);
    assert_eq!(world.record_set().await, before);

    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(batches(&server), 1);
    let after = world.record_set().await;
    let primary = after.iter().find(|record| record.failover == Some(Role::Primary)).unwrap();
    assert_eq!(primary.set_identifier(), Some("eu"));
    assert!(primary.alias_target().unwrap().dns_name().contains("us-lb.us-east-1"));
    assert!(primary.alias_target().unwrap().evaluate_target_health());
    assert_eq!(after.len(), 2);
    let probe = crate::harness::eventually("it is in sync", 10, || async {
        let probe = step.probe(&preview).await;
        (probe.happened == Happened::Done).then_some(probe)
    })
    .await;
    assert_eq!(probe.facts["change_status"], "INSYNC");
    assert_eq!(probe.facts["primary_records"], 1);

    let mut back = step.back(preview);
    let preview = back.preview().await;
    assert!(is_accepted(&back.run(&preview).await));
    assert_eq!(world.record_set().await, before);
    assert_eq!(batches(&server), 2);
}

#[tokio::test]
async fn what_somebody_changed_since_is_not_undone_with_the_step() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = pin(&aws(&server), &world);
    let preview = step.preview().await;
    assert!(preview.calls[0].contains("(1 UPSERT) of zone"), "{}", preview.calls[0]);
    assert!(is_accepted(&step.run(&preview).await));
    world.upsert([alias("eu", Role::Primary, "by-hand.us-east-1.elb.amazonaws.com.")]).await;
    let back = step.back(preview);
    assert!(back.refusal().await.contains("not as this step left it"));
    assert_eq!(batches(&server), 1);
}

#[tokio::test]
async fn a_cut_connection_is_unknown_and_the_record_tells() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = pin(&aws(&server), &world);
    let preview = step.preview().await;
    server.tap.spoil_next("POST /2013-04-01/hostedzone/", Tampering::CutAfter);
    assert!(is_unknown(&step.run(&preview).await));
    assert_eq!(batches(&server), 1);
    let probe = step.probe(&preview).await;
    assert_eq!(probe.happened, Happened::Done);
    assert!(!probe.facts.contains_key("change_status"), "no change id is known");
}

#[tokio::test]
async fn throttling_is_a_failure_that_did_nothing() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = pin(&aws(&server), &world);
    let preview = step.preview().await;
    server.tap.spoil_next("POST /2013-04-01/hostedzone/", Tampering::Throttle);
    let outcome = step.run(&preview).await;
    let refused =
        |outcome: &Outcome| matches!(outcome, Outcome::Failed { error: LookError::Refused { .. } });
    assert!(refused(&outcome), "{outcome:?}");
    assert_eq!(batches(&server), 1);
}

#[tokio::test]
async fn two_primary_records_or_none_or_the_wrong_one_are_refused() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let mut step = pin(&aws(&server), &world);
    step.with.insert("set_identifier".into(), "us".into());
    assert!(step.refusal().await.contains("the PRIMARY record is `eu`"));
    step.with.insert("set_identifier".into(), "eu".into());

    // The emulator takes what AWS refuses; the product must not build on it.
    world.upsert([alias("third", Role::Primary, "x.elb.amazonaws.com.")]).await;
    assert!(step.refusal().await.contains("2 PRIMARY"));
    let demoted = ["third", "eu"].map(|id| alias(id, Role::Secondary, "x.elb.amazonaws.com."));
    world.upsert(demoted).await;
    assert!(step.refusal().await.contains("0 PRIMARY"));
    assert_eq!(batches(&server), 0);
}

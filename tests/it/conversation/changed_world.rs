//! The world moves between the first approval and the second: nothing is sent, and people are asked again.

use aws_sdk_route53::types::ResourceRecordSetFailover;
use dr_buddy::domain::run::{Event, protocol::Voided};

use super::people::{ANTOINE, Button, MIA};
use super::shop::{DR_LB, PRIMARY_LB, excerpt, primary_target};
use super::stage::{Script, Stage};
use crate::harness::alias;

const STEPS: [&str; 3] = ["promote-database", "replace-database-url", "pin-dns"];

async fn change_the_secret(stage: &Stage) {
    let mut value = stage.world.secret_value(&stage.world.dr).await;
    value["DATABASE_URL"] = "postgres://shop:other@elsewhere.shop.test:5432/shop".into();
    aws_sdk_secretsmanager::Client::new(&stage.world.dr)
        .put_secret_value()
        .secret_id(&stage.world.secret)
        .secret_string(value.to_string())
        .send()
        .await
        .expect("it is changed");
}

#[tokio::test]
async fn a_world_that_moved_voids_the_approvals_and_asks_again() {
    let runbooks = vec![("changes.yaml", excerpt("changes", &STEPS))];
    let stage = Stage::open(Script { runbooks, ..Script::default() }).await;
    stage.type_dr(ANTOINE, "start changes").await;
    let mut first: Vec<Button> = Vec::new();
    for step in STEPS {
        stage.press(ANTOINE, &stage.button("approve", step).await).await;
    }
    for step in STEPS {
        first.push(stage.button("approve", step).await);
    }

    stage.world.fail_over().await;
    change_the_secret(&stage).await;
    // Another balancer, whose name the guard takes for the right one: only the comparison with what was shown is left.
    let moved = format!("{PRIMARY_LB}3");
    stage.world.upsert([alias("eu", ResourceRecordSetFailover::Primary, &moved)]).await;

    for button in &first {
        stage.press(MIA, button).await;
    }
    for (step, old) in STEPS.into_iter().zip(&first) {
        stage
            .recorded(&format!("the approvals of `{step}` are void"), |event| {
                matches!(event, Event::ApprovalsVoided { step: of, why: Voided::Changed { .. } }
                    if of.as_str() == step)
            })
            .await;
        // The writer is in the DR region by now: the guard forbids the step, and the card offers another look.
        let asked = if step == "promote-database" { "look-again" } else { "approve" };
        let new = stage.newer(old, asked, step).await;
        assert_ne!(new.digest(), old.digest());
    }
    stage.in_the_room("approvals cancelled, the state has changed").await;
    for call in ["FailoverGlobalCluster", "PutSecretValue"] {
        assert_eq!(stage.aws.tap.count(call), 0, "{:?}", stage.aws.tap.calls());
    }
    let changes = format!("POST /2013-04-01/hostedzone/{}/rrset", stage.world.zone);
    assert_eq!(stage.aws.tap.count(&changes), 0);
    assert!(primary_target(&stage.world).await.starts_with(&moved));
    let record = stage.record().await.expect("there is one");
    for step in STEPS {
        assert_eq!(record.attempts(step), 0, "`{step}`");
    }

    // A button of the older preview counts for nothing, and the new one does.
    let events = stage.events().await;
    stage.press(MIA, &first[2]).await;
    stage.whispered(MIA, "has changed since this button was shown").await;
    assert_eq!(stage.events().await, events);
    stage.agree("pin-dns").await;
    stage
        .recorded(
            "the record is pinned",
            |event| matches!(event, Event::StepDone { step, .. } if step.as_str() == "pin-dns"),
        )
        .await;
    assert_eq!(stage.aws.tap.count(&changes), 1);
    assert!(primary_target(&stage.world).await.starts_with(DR_LB));
    stage.judged("approvals that were voided").await;
}

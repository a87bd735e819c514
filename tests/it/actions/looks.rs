//! `cloudwatch.check` and `elbv2.check_targets`, judged by moto; and what a failover's preview says of the loss, judged by
//! ministack. Every metric was put there by the test.

use dr_buddy::actions::{Actions, Happened, LookError};
use dr_buddy::domain::run::preview::Preview;
use dr_buddy::domain::time::{Span, Timestamp};
use serde_json::{Map, Value, json};

use super::seeds::{form, load_balancer};
use super::{MOTO_ACCOUNT, Step, aws, aws_at, environment, is_accepted};
use crate::harness::{AwsWorld, Moto, ministack, moto, now_s};

fn now() -> Timestamp {
    Timestamp(i64::try_from(now_s()).expect("it fits") * 1000)
}

/// Publishes one point of the lag of a cluster's copy, so old.
async fn put(endpoint: &str, region: &str, cluster: &str, ms: u32, age: Span) {
    let at = now().minus(age).rfc3339();
    let one = "MetricData.member.1";
    let body = format!(
        "Action=PutMetricData&Version=2010-08-01&Namespace=AWS/RDS&{one}.MetricName=AuroraGlobalDBRPOLag\
         &{one}.Value={ms}&{one}.Timestamp={at}&{one}.Dimensions.member.1.Name=DBClusterIdentifier\
         &{one}.Dimensions.member.1.Value={cluster}"
    );
    form(endpoint, "monitoring", region, body).await;
}

/// A look for the lag of the clusters whose name begins so, after an impact so long ago.
fn lag(actions: &Actions, of: &str, impact: Span) -> Step {
    let with = json!({
        "namespace": "AWS/RDS", "metric": "AuroraGlobalDBRPOLag", "unit": "ms",
        "dimensions": {"DBClusterIdentifier": of},
    });
    let mut step = Step::new(actions, "cloudwatch.check", with);
    step.environment = environment(MOTO_ACCOUNT);
    step.impact_at = now().minus(impact);
    step
}

fn actions_of(moto: &Moto) -> Actions {
    aws_at(&moto.tap.endpoint)
}

fn age(facts: &Map<String, Value>) -> u64 {
    facts["age_s"].as_u64().expect("a whole number")
}

#[tokio::test]
async fn the_last_point_is_read_with_its_age_where_it_is_published_and_so_is_the_one_before_the_impact()
 {
    let moto = moto().await;
    for (cluster, ms, age) in
        [("shop-us", 900, 30), ("shop-us", 1500, 300), ("shop-us", 2000, 400), ("other", 9999, 10)]
    {
        put(&moto.direct, "us-east-1", cluster, ms, Span::seconds(age)).await;
    }
    let actions = actions_of(&moto);
    let mut step = lag(&actions, "shop-us", Span::seconds(200));
    let preview = step.preview().await;
    let facts = &preview.facts;
    assert_eq!((&facts["value"], &facts["unit"]), (&json!(900.0), &json!("ms")));
    assert_eq!(facts["source"], "AWS/RDS AuroraGlobalDBRPOLag in us-east-1");
    assert!((25..125).contains(&age(facts)), "{facts:?}");
    assert_eq!(facts["is_stale"], false);
    assert_eq!(facts["before_impact"]["value"], 1500.0);
    assert_eq!(facts["before_impact"]["impact_at"], step.impact_at.rfc3339());
    assert!(preview.calls[0].contains("Maximum, in us-east-1, eu-west-1"), "{:?}", preview.calls);
    assert!(is_accepted(&step.run(&preview).await));
    let probe = step.probe(&preview).await;
    assert_eq!((probe.happened, &probe.facts["value"]), (Happened::Done, &json!(900.0)));
    // The other region has nothing of it, and need not be there.
    assert_eq!(moto.tap.count("ListMetrics"), moto.tap.count("GetMetricData"));
}

#[tokio::test]
async fn what_is_old_is_said_to_be_stale_and_what_nobody_published_has_no_value() {
    let moto = moto().await;
    // Published in the second region that is asked.
    put(&moto.direct, "eu-west-1", "shop-us", 700, Span::seconds(260)).await;
    let actions = actions_of(&moto);
    let facts = lag(&actions, "shop-*", Span::seconds(400)).preview().await.facts;
    assert_eq!((&facts["value"], &facts["is_stale"]), (&json!(700.0), &json!(true)));
    assert_eq!(facts["source"], "AWS/RDS AuroraGlobalDBRPOLag in eu-west-1");
    assert!(!facts.contains_key("before_impact"), "{facts:?}");
    let facts = lag(&actions, "orders-us", Span::seconds(0)).preview().await.facts;
    assert!(!facts.contains_key("value") && facts["reachable"] == true, "{facts:?}");
}

#[tokio::test]
async fn of_several_series_the_worst_counts_and_too_many_are_refused() {
    let moto = moto().await;
    for n in 0..21 {
        let (cluster, ms) = (format!("node-{n:02}"), 100 + n);
        put(&moto.direct, "us-east-1", &cluster, ms, Span::seconds(20 + 2 * u64::from(n))).await;
    }
    let actions = actions_of(&moto);
    let facts = lag(&actions, "node-0*", Span::seconds(0)).preview().await.facts;
    assert_eq!(facts["value"], 109.0);
    assert!((38..150).contains(&age(&facts)), "{facts:?}");
    let detail = lag(&actions, "node-*", Span::seconds(0)).refusal().await;
    assert!(detail.starts_with("trouble.many_series"), "{detail}");
}

#[tokio::test]
async fn metrics_of_another_account_or_of_nobody_are_not_shown() {
    let moto = moto().await;
    let mut other = lag(&actions_of(&moto), "shop-us", Span::seconds(0));
    other.environment = environment("111111111111");
    assert!(other.refusal().await.contains("account"));
    let dead = aws_at("http://127.0.0.1:9");
    let step = lag(&dead, "shop-us", Span::seconds(0));
    let blind = step.action.preview(&step.call()).await;
    assert!(matches!(blind, Err(LookError::Unreachable { .. })), "{blind:?}");
}

#[tokio::test]
async fn targets_are_counted_over_all_groups_of_the_load_balancer() {
    let moto = moto().await;
    let arn = load_balancer(&moto.direct, &[("api", 2), ("front", 1)]).await;
    let actions = actions_of(&moto);
    let mut step = Step::new(&actions, "elbv2.check_targets", json!({"load_balancer": arn}));
    step.environment = environment(MOTO_ACCOUNT);
    let preview = step.preview().await;
    let facts = json!({
        "reachable": true, "target_groups": 2, "targets": 3, "healthy": 3, "unhealthy": 0,
    });
    assert_eq!(Value::Object(preview.facts.clone()), facts);
    assert!(is_accepted(&step.run(&preview).await));
    assert_eq!(Value::Object(step.probe(&preview).await.facts), facts);
    let nothing = arn.replace("/shop/", "/other/");
    let mut other = Step::new(&actions, "elbv2.check_targets", json!({"load_balancer": nothing}));
    other.environment = environment(MOTO_ACCOUNT);
    let missing = other.action.preview(&other.call()).await;
    assert!(matches!(missing, Err(LookError::Refused { .. })), "{missing:?}");
}

fn loss(preview: &Preview) -> Vec<(String, String)> {
    let remarks = preview.remarks.iter().filter(|one| one.key.starts_with("remark.aurora.loss"));
    remarks
        .map(|one| (one.key.clone(), one.args.get("most").cloned().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn the_preview_of_a_failover_shows_the_loss_where_there_is_a_figure_and_binds_nobody_to_it() {
    let server = ministack().await;
    let world = AwsWorld::seed(&server).await;
    let actions = aws(&server);
    let with = json!({
        "global_cluster": world.global_cluster, "target": world.dr_arn, "allow_data_loss": true,
    });
    let mut step = Step::new(&actions, "aurora.failover", with);
    // A whole minute, to which the emulator puts its points.
    let minute = now().0 / 60_000 * 60_000;
    step.impact_at = Timestamp(minute).minus(Span::minutes(2));
    let unknown = step.preview().await;
    assert_eq!(loss(&unknown), [("remark.aurora.loss_unknown".to_owned(), String::new())]);
    let age = now().since(step.impact_at.minus(Span::minutes(1)));
    put(&server.direct, "us-east-1", "shop-us", 2500, age).await;
    put(&server.direct, "us-east-1", "shop-us", 90_000, Span::seconds(5)).await;
    let known = step.preview().await;
    let at_most = Span(62_500).spoken();
    assert_eq!(loss(&known), [("remark.aurora.loss".to_owned(), at_most)]);
    // What was agreed to before the figure moved still counts.
    assert_eq!((&unknown.request, &unknown.binding), (&known.request, &known.binding));
}

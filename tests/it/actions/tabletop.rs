//! What a tabletop pretends of the actions on clusters and of programs: the facts of their rows, and that a call shows
//! after a while.

use dr_buddy::actions::{ActionSettings, Actions, Happened};
use dr_buddy::domain::action::{self, Danger};
use dr_buddy::domain::run::Kind;
use dr_buddy::domain::runbook::ActionCall;
use serde_json::{Value, json};

use super::{Step, is_accepted};

/// What every call of these tests takes for now.
const NOW: i64 = 1_795_184_360_000;

fn steps() -> [(&'static str, Value); 11] {
    let manifest =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "overrides"}});
    [
        ("k8s.scale", json!({"workloads": ["api"], "replicas": 0})),
        ("k8s.restart", json!({"workloads": ["api"]})),
        ("k8s.apply", json!({"manifest": manifest})),
        ("k8s.patch", json!({"kind": "ConfigMap", "name": "overrides", "patch": {"data": {}}})),
        ("k8s.suspend_cronjobs", json!({})),
        ("k8s.wait_ready", json!({"workloads": ["api"]})),
        ("cloudwatch.check", json!({"namespace": "AWS/RDS", "metric": "Lag", "unit": "ms"})),
        ("elbv2.check_targets", json!({"load_balancer": "arn:of:us-east-1"})),
        ("external_secrets.sync", json!({"names": ["db", "redis"]})),
        ("exec.check", json!({"program": "terraform", "args": ["plan"]})),
        ("exec", json!({"program": "e2e"})),
    ]
}

#[tokio::test]
async fn what_is_pretended_is_told_as_the_real_thing_is() {
    let actions = Actions::new(ActionSettings::default());
    for (name, mut with) in steps() {
        let row = action::find(name).unwrap();
        if row.parameters.iter().any(|field| field.name == "context") {
            with["context"] = "eu".into();
            with["namespace"] = "shop".into();
        }
        let mut step = Step::new(&actions, name, with);
        let call = ActionCall { name: name.to_owned(), with: step.with.clone(), operation: None };
        step.action = actions.find(Kind::Tabletop, &call).unwrap();
        let preview = step.preview().await;
        assert!(!preview.calls.is_empty(), "{name}");
        let before = step.probe(&preview).await;
        let reads = row.danger == Danger::Reads && !name.starts_with("exec");
        let wanted = if reads { Happened::Done } else { Happened::Never };
        assert_eq!(before.happened, wanted, "{name}");
        assert!(is_accepted(&step.run(&preview).await), "{name}");
        // It takes the time that the step usually takes; a look that is waited for is not answered before.
        for (passed, happened) in
            [(0, Happened::Running), (59, Happened::Running), (60, Happened::Done)]
        {
            step.past[0]["at"] = json!(NOW - passed * 1000);
            let seen = step.probe(&preview).await;
            assert_eq!(seen.happened, happened, "{name} after {passed} s");
            assert!(!reads || seen.facts.is_empty() == (happened == Happened::Running), "{name}");
        }
        let after = step.probe(&preview).await;
        assert_eq!(after.happened, Happened::Done, "{name}");
        assert_eq!(reads, after.facts == before.facts, "{name}: {:?}", after.facts);
        for fact in preview.facts.keys().chain(after.facts.keys()) {
            assert!(row.facts.contains(fact), "{name}: {fact} is not in its row");
        }
    }
}

/// The parts of the demo's environment that the world is made of, with one region dark for half an hour.
fn shop(dark: &str) -> Value {
    json!({
        "aurora": {"global": "shop", "primary": {"arn": "arn:aws:rds:eu-west-1:0:cluster:eu"}},
        "redis": {"global": "cache", "primary_rg": "cache-eu"},
        "tabletop": {"dark": [dark], "back_after": "30m"},
    })
}

fn pretended(actions: &Actions, name: &str, with: Value) -> Step {
    let mut step = Step::new(actions, name, with);
    let call = ActionCall { name: name.to_owned(), with: step.with.clone(), operation: None };
    step.action = actions.find(Kind::Tabletop, &call).unwrap();
    step.environment.document = shop("ap-south-1");
    step
}

/// Does it, and lets its time pass.
async fn done(step: &mut Step) -> Vec<Value> {
    let preview = step.preview().await;
    assert!(is_accepted(&step.run(&preview).await));
    let mut past = std::mem::take(&mut step.past);
    for evidence in &mut past {
        evidence["at"] = json!(NOW - 3_600_000);
        evidence["step"] = "another".into();
    }
    past
}

#[tokio::test]
async fn a_canary_is_found_where_writes_are_taken_and_nowhere_else() {
    let actions = Actions::new(ActionSettings::default());
    let at = |region: &str| format!("shop.{region}.elb.example");
    let with = |region| json!({"url": "https://api.example/canary", "resolve_to": at(region)});
    for (region, dark, is_written) in [
        ("eu-west-1", "ap-south-1", true),
        ("us-east-1", "ap-south-1", false),
        ("eu-west-1", "eu-west-1", false),
    ] {
        for (name, with) in [
            ("http.canary", with(region)),
            ("sql.canary", json!({"connection": format!("shop-{region}")})),
        ] {
            let mut step = pretended(&actions, name, with);
            let preview = step.preview().await;
            step.environment.document = shop(dark);
            let outcome = step.run(&preview).await;
            assert_eq!(is_accepted(&outcome), is_written, "{name} {region} {dark}: {outcome:?}");
            for evidence in &mut step.past {
                evidence["at"] = json!(NOW - 3_600_000);
            }
            let seen = step.probe(&preview).await;
            let found =
                seen.facts.get("row_present").or(seen.facts.get("body").map(|body| &body["found"]));
            assert_eq!(found == Some(&json!(true)), is_written, "{name} {region} {dark}: {seen:?}");
            assert_eq!(seen.happened == Happened::Done, is_written, "{name} {region} {dark}");
        }
    }
}

#[tokio::test]
async fn what_left_its_source_takes_writes_and_a_region_comes_back() {
    let actions = Actions::new(ActionSettings::default());
    let database =
        || pretended(&actions, "sql.check", json!({"connection": "shop-dr", "probe": "writable"}));
    let cache = || pretended(&actions, "redis.check", json!({"connection": "cache-dr"}));
    let target = "arn:aws:rds:us-east-1:0:cluster:us";
    let detach = json!({"global_cluster": "shop", "target": target});
    let promote = json!({"region": "us-east-1", "cluster": "us"});
    let leave = json!({"global": "cache", "region": "us-east-1", "target": "cache-us"});
    let secret = json!({"region": "us-east-1", "secret": "shop/url"});
    for (name, with, look, writable) in [
        ("aurora.detach", detach, database(), true),
        ("rds.promote_read_replica", promote, database(), true),
        ("secretsmanager.promote_replica", secret, database(), false),
        ("elasticache.detach", leave, cache(), true),
    ] {
        let mut look: Step = look;
        assert_eq!(look.preview().await.facts["writable"], false, "before {name}");
        look.past = done(&mut pretended(&actions, name, with)).await;
        assert_eq!(look.preview().await.facts["writable"], writable, "after {name}");
    }
    let mut look =
        pretended(&actions, "sql.check", json!({"connection": "shop", "probe": "writable"}));
    look.environment.document = shop("eu-west-1");
    assert_eq!(look.preview().await.facts["reachable"], false);
    look.environment.document["tabletop"]["back_after"] = "5m".into();
    assert_eq!(look.preview().await.facts["writable"], true, "the run is six minutes old");
}

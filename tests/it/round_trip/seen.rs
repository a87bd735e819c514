//! What every server says when it is asked directly, and what it should say.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::cloud::datastore_primary;
use super::cluster::COPIES;
use super::shop::{CACHES, CONTEXTS, LOAD_BALANCERS, REGIONS, aws_latch};
use super::world::{CRON_JOBS, DEPLOYMENTS, World};
use crate::actions::seeds::{ask, between};
use crate::harness::{CONTROLS, LOAD_BALANCER, http};

/// Everything, by what was asked.
pub(super) type Seen = BTreeMap<&'static str, Value>;

/// Asks every server.
pub(super) async fn look(world: &World) -> Seen {
    let (ministack, aws) = (&world.ministack.direct, &world.aws);
    let get = |service: &'static str, region: &'static str, path: String| async move {
        ask(ministack, service, region, Method::GET, &path, String::new()).await
    };
    let mut seen = Seen::new();
    let writer = usize::from(aws.writer_arn().await != aws.primary_arn);
    seen.insert("writer", json!(REGIONS[writer]));
    seen.insert("datastore", json!(REGIONS[datastore_primary(&world.api).await]));
    let records = format!("/2013-04-01/hostedzone/{}/rrset", aws.zone);
    seen.insert("records", json!(get("route53", "us-east-1", records).await));
    seen.insert("latch", json!(aws_latch(aws).await));
    let rule = get("s3", "eu-west-1", "/shop-images?replication".to_owned()).await;
    seen.insert("replication", json!(rule));
    seen.insert("secrets", secrets(world).await);
    seen.insert("deployments", deployments(world).await);
    seen.insert("cron jobs", cron_jobs(world).await);
    let mut flags = Map::new();
    for (region, context) in CONTEXTS.into_iter().enumerate() {
        let path = format!("/api/v1/namespaces/{}/configmaps/shop-flags", world.namespace);
        let found = world.kube.object_in(context, &path).await.expect("it is there");
        flags.insert(REGIONS[region].to_owned(), found["data"].clone());
    }
    seen.insert("flags", Value::Object(flags));
    seen.insert("sync windows", json!(world.clusters.each_ref().map(|one| one.sync_windows())));
    let workflows = world.github.workflows.lock().expect("nobody panics while holding it").clone();
    seen.insert("workflows", json!(workflows));
    let group = "/clusters/shop-us/node-groups/general".to_owned();
    let nodes = ask(&world.moto.0.direct, "eks", "us-east-1", Method::GET, &group, String::new());
    let nodes: Value = serde_json::from_str(&nodes.await).expect("JSON");
    seen.insert("nodes", nodes["nodegroup"]["scalingConfig"].clone());
    seen.insert("database access", json!(access(world).await));
    seen.insert("capacity", json!(capacity(world).await));
    seen.insert("controls", controls(world).await);
    let public = http().get(format!("http://localhost:{}/health", world.shop.port)).send().await;
    let public = public.expect("it answers");
    let region = public.headers().get("x-region").and_then(|value| value.to_str().ok());
    seen.insert("public", json!(region));
    seen
}

/// What databases and caches say of themselves, `[eu-west-1, us-east-1]`; only of those that live.
pub(super) async fn roles(world: &World, regions: &[usize]) -> Value {
    let mut all = Map::new();
    for region in regions {
        all.insert(REGIONS[*region].to_owned(), json!(world.cloud.roles(*region).await));
    }
    Value::Object(all)
}

async fn secrets(world: &World) -> Value {
    let mut all = Map::new();
    for (region, config) in [&world.aws.primary, &world.aws.dr].into_iter().enumerate() {
        for (_, name) in COPIES {
            let client = aws_sdk_secretsmanager::Client::new(config);
            let read = client.get_secret_value().secret_id(name).send().await.expect("a secret");
            let key = format!("{} {name}", REGIONS[region]);
            all.insert(key, json!(read.secret_string().expect("it is text")));
        }
    }
    Value::Object(all)
}

async fn deployments(world: &World) -> Value {
    let path = format!("/apis/apps/v1/namespaces/{}/deployments", world.namespace);
    of_each(world, &path, "/spec/replicas").await
}

async fn cron_jobs(world: &World) -> Value {
    let path = format!("/apis/batch/v1beta1/namespaces/{}/cronjobs", world.namespace);
    of_each(world, &path, "/spec/suspend").await
}

/// One field of each object, by name: `[eu-west-1, us-east-1]`.
async fn of_each(world: &World, path: &str, field: &str) -> Value {
    let mut all = Map::new();
    for context in CONTEXTS {
        let list = world.kube.object_in(context, path).await.expect("a list");
        for item in list["items"].as_array().expect("items") {
            let name = item["metadata"]["name"].as_str().expect("a name").to_owned();
            let both = all.entry(name).or_insert_with(|| json!([]));
            let value = item.pointer(field).cloned().unwrap_or_default();
            both.as_array_mut().expect("it is one").push(value);
        }
    }
    Value::Object(all)
}

/// The rules of the database's security group, without their ids, which change.
async fn access(world: &World) -> Vec<String> {
    let group = &world.moto.1.group;
    let form = format!(
        "Action=DescribeSecurityGroupRules&Version=2016-11-15&Filter.1.Name=group-id&Filter.1.Value.1={group}"
    );
    let moto = &world.moto.0.direct;
    let all = ask(moto, "ec2", "eu-west-1", Method::POST, "/", form).await;
    let document = roxmltree::Document::parse(&all).expect("XML");
    let of = |node: roxmltree::Node<'_, '_>, name: &str| {
        let found = node.children().find(|one| one.tag_name().name() == name);
        found.and_then(|one| one.text()).unwrap_or_default().to_owned()
    };
    let rules = document.descendants().filter(|node| !of(*node, "securityGroupRuleId").is_empty());
    let parts =
        ["isEgress", "ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "description"];
    let mut rules: Vec<String> =
        rules.map(|node| parts.map(|part| of(node, part)).join(" ")).collect();
    rules.sort();
    rules
}

async fn capacity(world: &World) -> Option<String> {
    let form = format!(
        "Action=DescribeCapacityReservation&Version=2015-12-01&LoadBalancerArn={LOAD_BALANCER}"
    );
    let stand_in = world.api.endpoint_url().expect("it is a stand-in");
    let xml = ask(stand_in, "elasticloadbalancing", "us-east-1", Method::POST, "/", form).await;
    xml.contains("<CapacityUnits>").then(|| between(&xml, "<CapacityUnits>", "</CapacityUnits>"))
}

async fn controls(world: &World) -> Value {
    let mut all = Vec::new();
    for control in CONTROLS {
        let stand_in = world.api.endpoint_url().expect("it is a stand-in");
        let asked = http().post(stand_in).header("x-amz-target", "X.GetRoutingControlState");
        let body = json!({"RoutingControlArn": control}).to_string();
        let answer = asked.body(body).send().await.expect("it answers");
        let answer: Value = answer.json().await.expect("JSON");
        all.push(answer["RoutingControlState"].clone());
    }
    Value::Array(all)
}

/// A value of `before` with one part of it replaced.
fn with(
    before: &Seen,
    key: &'static str,
    change: impl FnOnce(&mut Value),
) -> (&'static str, Value) {
    let mut value = before[key].clone();
    change(&mut value);
    (key, value)
}

fn replaced(text: &Value, was: &str, is: &str) -> Value {
    let text = text.as_str().expect("it is text");
    assert!(text.contains(was), "{was} is not in {text}");
    json!(text.replace(was, is))
}

/// How it must be between the two, by domain.md B-order: the DR region serves and writes, nothing goes back by itself. What
/// could be reached of the primary region is fenced, what could not is as it was.
pub(super) fn between_the_two(before: &Seen, world: &World, reached: bool) -> Seen {
    let aws = &world.aws;
    let mut expected = before.clone();
    let hosts = [(&*aws.primary_host, &*aws.dr_host), (CACHES[0], CACHES[1])];
    expected.extend([
        ("writer", json!("us-east-1")),
        ("datastore", json!("us-east-1")),
        // Both records lead to the DR region; every other byte is as it was.
        with(before, "records", |records| {
            *records = replaced(records, LOAD_BALANCERS[0], LOAD_BALANCERS[1]);
        }),
        ("latch", json!(true)),
        with(before, "secrets", |secrets| {
            for ((_, name), (was, is)) in COPIES.into_iter().zip(hosts) {
                let url = &mut secrets[&format!("us-east-1 {name}")];
                *url = replaced(url, was, is);
            }
        }),
        with(before, "deployments", |all| {
            for (name, replicas) in DEPLOYMENTS {
                let fenced = reached && name != "shop-front" && name != "load-balancer-controller";
                all[name] = json!([if fenced { 0 } else { replicas[0] }, replicas[0]]);
            }
        }),
        with(before, "flags", |flags| flags["us-east-1"]["dr_mode"] = json!("true")),
        (
            "workflows",
            json!({"deploy.yml": "disabled_manually", "terraform.yml": "disabled_manually"}),
        ),
        with(before, "nodes", |nodes| {
            *nodes = json!({"minSize": 6, "desiredSize": 9, "maxSize": 20});
        }),
        ("capacity", json!("100")),
        ("controls", json!(["Off", "On"])),
        ("public", json!("us-east-1")),
    ]);
    let closed = json!([{
        "kind": "deny", "schedule": "* * * * *", "duration": "24h", "applications": ["*"], "manualSync": true,
    }]);
    expected.insert(
        "sync windows",
        json!([if reached { closed.clone() } else { Value::Null }, closed]),
    );
    if reached {
        expected.extend([
            with(before, "cron jobs", |all| {
                for (name, _) in CRON_JOBS {
                    all[name][0] = json!(true);
                }
            }),
            with(before, "database access", |rules| {
                rules
                    .as_array_mut()
                    .expect("a list")
                    .retain(|rule| !rule.as_str().expect("text").contains(" 5432 "));
            }),
        ]);
    }
    expected
}

/// How it must be after both: as before. But the secrets of the DR region name its own stores from now on: they must not
/// lead to the other region when it fails next.
pub(super) fn after_both(before: &Seen, between: &Seen) -> Seen {
    let mut expected = before.clone();
    expected.insert("secrets", between["secrets"].clone());
    expected
}

/// What differs, by what was asked.
pub(super) fn differences(expected: &Seen, found: &Seen) -> Vec<String> {
    let keys = expected.keys().filter(|key| expected[*key] != found[*key]);
    keys.map(|key| format!("{key}: expected {} found {}", expected[key], found[key])).collect()
}

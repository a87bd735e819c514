//! Every check sees the one fault it is for, says what to do about it, and only ever reads.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};
use dr_buddy::catalog::{Catalog, CatalogSources};
use dr_buddy::domain::readiness::{self, Finding, Light, Seen};
use dr_buddy::domain::value::Language;
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::faults::WORDS;
use super::world::{
    DELETE_TOPIC, US_LB, WORKLOADS, World, alarm, beats, external_secret, image, now, primary,
    refreshed, secondary, subscribe,
};
use crate::actions::seeds::BUCKET;
use crate::harness::{AwsWorld, RECORD, judge_aws};

/// Makes something wrong, or right again.
type Turn = for<'a> fn(&'a World, bool) -> BoxFuture<'a, ()>;
/// What is wrong, how, and what turns to what.
type Fault = (&'static str, Turn, &'static [(&'static str, Light)]);

use Light::{Amber, Red, Unknown};

/// What is wrong in real servers.
const FAULTS: [Fault; 28] = [
    ("two databases write", |w, on| two_write(w, on).boxed(), &[("database_dr", Red)]),
    (
        "headless secondary",
        |w, on| headless(w, on).boxed(),
        &[("aurora_dr", Red), ("aurora_size", Amber)],
    ),
    ("small secondary", |w, on| class(w, on).boxed(), &[("aurora_size", Amber)]),
    ("versions differ", |w, on| version(w, on).boxed(), &[("aurora_versions", Red)]),
    ("backups of one day", |w, on| retention(w, on).boxed(), &[("aurora_backups", Red)]),
    ("the writer has moved", |w, on| writer(w, on).boxed(), &[("aurora_members", Red)]),
    ("secret out of sync", |w, on| secret(w, on).boxed(), &[("secrets_in_sync", Red)]),
    ("two PRIMARY records", |w, on| two_primaries(w, on).boxed(), &[("dns_records", Red)]),
    ("the SECONDARY leads elsewhere", |w, on| elsewhere(w, on).boxed(), &[("dns_records", Red)]),
    ("TTL too long", |w, on| ttl(w, on).boxed(), &[("dns_ttl", Amber)]),
    (
        "a health check the wrong way round",
        |w, on| upright(w, on).boxed(),
        &[("dns_health_check", Red)],
    ),
    ("the latch is down", |w, on| latch(w, on).boxed(), &[("latch", Red)]),
    ("nobody may read the latch", |w, on| blocked(w, on).boxed(), &[("latch_readable", Red)]),
    ("replication is off", |w, on| replication(w, on).boxed(), &[("s3_replication", Red)]),
    ("an alarm without data", |w, on| no_data(w, on).boxed(), &[("alarms", Red)]),
    ("nobody hears the alarm", |w, on| nobody_hears(w, on).boxed(), &[("alarm_listeners", Red)]),
    ("Redis forgets jobs", |w, on| evicts(w, on).boxed(), &[("redis_policy", Amber)]),
    ("the heart stands still", |w, on| heart(w, on).boxed(), &[("heartbeat", Red)]),
    ("another image", |w, on| other_image(w, on).boxed(), &[("images", Red)]),
    ("a missing CRD", |w, on| no_kind(w, on).boxed(), &[("kube_kinds", Red)]),
    ("a secret that is not ready", |w, on| not_ready(w, on).boxed(), &[("external_secrets", Red)]),
    ("a secret not read for hours", |w, on| stale(w, on).boxed(), &[("external_secrets", Red)]),
    ("the DR side writes", |w, on| writes(w, on).boxed(), &[("deep_health", Red)]),
    ("a certificate ends soon", |w, on| ends(w, on).boxed(), &[("tls", Red)]),
    ("a token that is refused", |w, on| desk(w, on, 401).boxed(), &[("connectors", Amber)]),
    ("a ticket system that is ill", |w, on| desk(w, on, 503).boxed(), &[("connectors", Unknown)]),
    ("a token that is not there", |w, on| no_token(w, on).boxed(), &[("connectors", Amber)]),
    (
        "the DR API server is silent",
        |w, on| silent(w, on).boxed(),
        &[
            ("argocd", Unknown),
            ("external_secrets", Unknown),
            ("images", Unknown),
            ("images_stored", Unknown),
            ("kube_dr", Unknown),
            ("kube_kinds", Unknown),
            ("workloads", Unknown),
        ],
    ),
];

async fn rds(world: &World) -> aws_sdk_rds::Client {
    aws_sdk_rds::Client::new(&world.shop.dr)
}

async fn headless(world: &World, on: bool) {
    let client = rds(world).await;
    if on {
        let gone = client.delete_db_instance().db_instance_identifier("shop-us-1");
        gone.skip_final_snapshot(true).send().await.unwrap();
    } else {
        let made = client.create_db_instance().db_instance_identifier("shop-us-1");
        let made = made.db_cluster_identifier("shop-us").engine("aurora-postgresql");
        made.db_instance_class("db.r6g.large").send().await.unwrap();
    }
}

async fn class(world: &World, on: bool) {
    let class = if on { "db.t4g.medium" } else { "db.r6g.large" };
    let client = rds(world).await;
    let changed = client.modify_db_instance().db_instance_identifier("shop-us-1");
    changed.db_instance_class(class).apply_immediately(true).send().await.unwrap();
}

async fn version(world: &World, on: bool) {
    let to = if on { "16.9" } else { "16.8" };
    let client = rds(world).await;
    let changed = client.modify_db_cluster().db_cluster_identifier("shop-us");
    changed.engine_version(to).apply_immediately(true).send().await.unwrap();
}

async fn retention(world: &World, on: bool) {
    let client = aws_sdk_rds::Client::new(&world.shop.primary);
    let changed = client.modify_db_cluster().db_cluster_identifier("shop-eu");
    changed.backup_retention_period(if on { 1 } else { 7 }).send().await.unwrap();
}

async fn writer(world: &World, on: bool) {
    let shop: &AwsWorld = &world.shop;
    let (client, target) = if on {
        (aws_sdk_rds::Client::new(&shop.primary), &shop.dr_arn)
    } else {
        (aws_sdk_rds::Client::new(&shop.dr), &shop.primary_arn)
    };
    let moved = client.switchover_global_cluster().global_cluster_identifier(&shop.global_cluster);
    moved.target_db_cluster_identifier(target).send().await.unwrap();
    crate::harness::eventually("the writer has moved", 10, || async {
        (shop.writer_arn().await == *target).then_some(())
    })
    .await;
}

async fn secret(world: &World, on: bool) {
    let mut value = world.shop.secret_value(&world.shop.primary).await;
    if on {
        value["POOL"] = 5.into();
    }
    let client = aws_sdk_secretsmanager::Client::new(&world.shop.dr);
    let put = client.put_secret_value().secret_id(&world.shop.secret);
    put.secret_string(value.to_string()).send().await.unwrap();
}

/// Deletes a record that a fault made.
async fn unmake(world: &World, record: ResourceRecordSet) {
    use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch};
    let change = Change::builder().action(ChangeAction::Delete).resource_record_set(record);
    let batch = ChangeBatch::builder().changes(change.build().unwrap()).build().unwrap();
    let client = aws_sdk_route53::Client::new(&world.shop.primary);
    let changed = client.change_resource_record_sets().hosted_zone_id(&world.shop.zone);
    changed.change_batch(batch).send().await.unwrap();
}

async fn extra(world: &World, on: bool, record: ResourceRecordSet) {
    if on {
        world.shop.upsert([record]).await;
    } else {
        unmake(world, record).await;
    }
}

async fn two_primaries(world: &World, on: bool) {
    extra(world, on, primary("old", &world.health_check)).await;
}

async fn ttl(world: &World, on: bool) {
    let address = ResourceRecord::builder().value("2001:db8::1").build().unwrap();
    let record = ResourceRecordSet::builder().name(RECORD).r#type(RrType::Aaaa).ttl(3600);
    extra(world, on, record.resource_records(address).build().unwrap()).await;
}

async fn elsewhere(world: &World, on: bool) {
    world.shop.upsert([secondary(if on { "old-lb.example" } else { US_LB })]).await;
}

async fn upright(world: &World, on: bool) {
    let path = format!("/2013-04-01/healthcheck/{}", world.health_check);
    let body = format!(
        "<UpdateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <Inverted>{}</Inverted></UpdateHealthCheckRequest>",
        !on
    );
    world.ask("route53", Method::POST, &path, &body).await;
}

async fn latch(world: &World, on: bool) {
    let method = if on { Method::PUT } else { Method::DELETE };
    world.ask("s3", method, "/shop-latch/failover-active", "").await;
}

async fn blocked(world: &World, on: bool) {
    let block = format!(
        "<PublicAccessBlockConfiguration><RestrictPublicBuckets>{on}</RestrictPublicBuckets>\
         </PublicAccessBlockConfiguration>"
    );
    world.ask("s3", Method::PUT, "/shop-latch?publicAccessBlock", &block).await;
}

async fn replication(world: &World, on: bool) {
    let status = if on { "Disabled" } else { "Enabled" };
    let rules = format!(
        "<ReplicationConfiguration><Role>arn:aws:iam::000000000000:role/replication</Role><Rule><ID>to-us</ID>\
         <Priority>1</Priority><Status>{status}</Status><Filter><Prefix>images/</Prefix></Filter>\
         <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><Destination>\
         <Bucket>arn:aws:s3:::shop-images-us</Bucket></Destination></Rule></ReplicationConfiguration>"
    );
    world.ask("s3", Method::PUT, &format!("/{BUCKET}?replication"), &rules).await;
}

async fn no_data(world: &World, on: bool) {
    let state = if on { "INSUFFICIENT_DATA" } else { "OK" };
    world.ask("monitoring", Method::POST, "/", &alarm(state)).await;
}

async fn nobody_hears(world: &World, on: bool) {
    if on {
        world.ask("sns", Method::POST, "/", DELETE_TOPIC).await;
    }
    let create = "Action=CreateTopic&Version=2010-03-31&Name=drill";
    world.ask("sns", Method::POST, "/", create).await;
    if !on {
        world.ask("sns", Method::POST, "/", &subscribe()).await;
    }
}

async fn evicts(world: &World, on: bool) {
    let policy = if on { "allkeys-lru" } else { "noeviction" };
    let mut server = world.redis.direct().await;
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory-policy").arg(policy);
    set.query_async::<()>(&mut server).await.unwrap();
}

async fn heart(world: &World, on: bool) {
    world.sql(&beats(if on { "1 hour" } else { "1 s" })).await;
}

async fn two_write(world: &World, on: bool) {
    let (is, name) = (if on { "off" } else { "on" }, world.database.rsplit('/').next().unwrap());
    world.sql(&format!("alter database {name} set default_transaction_read_only = {is}")).await;
}

async fn other_image(world: &World, on: bool) {
    let template = image(WORKLOADS[0], "eu-west-1", if on { "2" } else { "1" });
    world.kube.patch("eu", &world.namespace, WORKLOADS[0], template).await;
}

/// Custom resources of us-east-1.
fn set(world: &World, path: &str, to: Option<Value>) {
    let mut objects = world.front.objects.lock().unwrap();
    match to {
        Some(to) => drop(objects.insert(path.to_owned(), to)),
        None => drop(objects.remove(path)),
    }
}

async fn no_kind(world: &World, on: bool) {
    let kind = json!({"name": "externalsecrets", "kind": "ExternalSecret", "namespaced": true});
    let list = json!({"kind": "APIResourceList", "resources": [kind]});
    set(world, "/apis/external-secrets.io/v1beta1", (!on).then_some(list));
}

async fn not_ready(world: &World, on: bool) {
    let to = refreshed(if on { "False" } else { "True" }, 20);
    set(world, &external_secret(&world.namespace), Some(to));
}

async fn stale(world: &World, on: bool) {
    let to = refreshed("True", if on { 150 } else { 20 });
    set(world, &external_secret(&world.namespace), Some(to));
}

async fn writes(world: &World, on: bool) {
    world.site.says.lock().unwrap()["db"]["writable"] = on.into();
}

async fn ends(world: &World, on: bool) {
    *world.site.ends_soon.lock().unwrap() = on;
}

async fn desk(world: &World, on: bool, status: u16) {
    let status = if on { status } else { 200 };
    *world.desk.status.lock().unwrap() = StatusCode::from_u16(status).unwrap();
}

async fn no_token(world: &World, on: bool) {
    world.desk.keep(!on);
}

async fn silent(world: &World, on: bool) {
    *world.front.is_dead.lock().unwrap() = on;
}

/// What is not green, by its check: the worst of it.
fn dark(findings: &[Finding]) -> BTreeMap<&str, Light> {
    let mut dark = BTreeMap::new();
    for one in findings.iter().filter(|one| one.light() != Light::Green) {
        let light = dark.entry(one.check.as_str()).or_insert(one.light());
        *light = (*light).max(one.light());
    }
    dark
}

/// What is said of it in both languages, whole.
fn must_have_a_remedy(catalog: &Catalog, finding: &Finding) {
    for language in Language::ALL {
        // Where all is well, nobody is told what to do.
        let remedy = (finding.light() != Light::Green).then_some(&finding.remedy);
        for remark in [Some(&finding.saw), remedy].into_iter().flatten() {
            let wanted = catalog.texts.placeholders(language, &remark.key);
            let missing: Vec<_> =
                wanted.into_iter().filter(|name| !remark.args.contains_key(name)).collect();
            assert!(missing.is_empty(), "{}: {missing:?} in {:?}", remark.key, remark.args);
            let args = remark.args.iter().map(|(name, value)| (name.clone(), value.clone()));
            let said = catalog.texts.render(language, &remark.key, args.collect());
            assert_ne!(said, remark.key, "{}: it cannot be said", language.code());
            assert!(said.chars().count() > 3 || remark.key.starts_with("doctor.saw."), "{said}");
        }
    }
}

#[tokio::test]
async fn each_of_the_seeded_faults_is_found_and_its_remedy_named() {
    let world = World::seed().await;
    let catalog = Catalog::load(&CatalogSources::default()).unwrap();
    let good = world.environment(|_| {});
    let before = world.examine(&good, now()).await;
    // Nothing is green because nobody looked.
    let absent: Vec<_> = before.iter().filter(|one| one.seen == Seen::Absent).collect();
    assert!(absent.is_empty(), "{absent:#?}");
    let checks: BTreeSet<_> = before.iter().map(|one| one.check.as_str()).collect();
    // What steps may do is asked of the steps of runbooks, of which there are none here.
    let of_steps = ["permissions", "cluster_permissions"];
    let rows = readiness::ALL.iter().map(|spec| spec.name);
    assert_eq!(checks, rows.filter(|name| !of_steps.contains(name)).collect());

    let mut wrong = vec![];
    let mut judge = |what: &str, findings: &[Finding], expected: &[(&str, Light)]| {
        let expected: BTreeMap<_, _> = expected.iter().copied().collect();
        findings.iter().for_each(|one| must_have_a_remedy(&catalog, one));
        if dark(findings) != expected {
            let told: Vec<_> = findings.iter().filter(|one| one.light() != Light::Green).collect();
            wrong.push(format!("{what}: expected {expected:?}, found {told:#?}"));
        }
    };
    judge("all is well", &before, &[]);
    for (what, turn, expected) in FAULTS {
        turn(&world, true).await;
        judge(what, &world.examine(&good, now()).await, expected);
        turn(&world, false).await;
    }
    let copy = world.canned.copy();
    for (what, at, from, to, check, light) in WORDS {
        world.canned.edit(at, from, to);
        judge(what, &world.examine(&good, now()).await, &[(check, light)]);
        world.canned.restore(&copy);
    }
    let (at, model) = (["sts", "us-east-1", "GetCallerIdentity", ""], ("sts", "GetCallerIdentity"));
    world.canned.lay(
        at,
        model,
        "<Account>999999999999</Account><Arn>arn:aws:iam::999999999999:user/x</Arn>",
    );
    let both = [("identity", Red), ("excess_permissions", Red)];
    judge("another account", &world.examine(&good, now()).await, &both);
    world.canned.restore(&copy);
    for (what, change, expected) in FILES {
        let environment = world.environment(change);
        judge(what, &world.examine(&environment, now()).await, expected);
    }
    let early = now().minus(dr_buddy::domain::time::Span::seconds(60));
    judge("the clock is slow", &world.examine(&good, early).await, &[("clock", Amber)]);
    judge("in the end", &world.examine(&good, now()).await, &[]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    judge_aws(&world.stand_in.replies());
    let reads = |call: &String| {
        ["Describe", "List", "Get", "GET ", "Simulate"].iter().any(|verb| call.starts_with(verb))
    };
    let calls = world.calls();
    let writes: Vec<_> = calls.iter().filter(|call| !reads(call)).collect();
    assert!(calls.len() > 1000 && writes.is_empty(), "{} calls: {writes:?}", calls.len());
}

/// The file says something else: what, how, and what turns to what.
type InFile = (&'static str, fn(&mut Value), &'static [(&'static str, Light)]);

const FILES: [InFile; 8] = [
    (
        "a group that is no member",
        |file| file["redis"]["dr_rg"] = "shop-redis-old".into(),
        &[("redis_lag", Red), ("redis_members", Red)],
    ),
    (
        "one person for everything",
        |file| file["people"][1]["roles"] = json!(["ic", "platform"]),
        &[("people", Red)],
    ),
    (
        "nobody tried the phones for long",
        |file| file["readiness"]["vouched"]["on_call_phones"] = "2026-01-01".into(),
        &[("vouched", Amber)],
    ),
    (
        "an alarm that is not there",
        |file| file["watch"]["alarms"] = json!(["shop-drill", "shop-lag"]),
        &[("alarms", Red)],
    ),
    (
        "a workload that is not there",
        |file| file["k8s"]["writers"] = json!(["deployment/shop-api", "deployment/shop-mail"]),
        &[("workloads", Red)],
    ),
    (
        "a project that is not there",
        |file| file["argocd"]["project"] = "other".into(),
        &[("argocd", Red)],
    ),
    (
        "a context that is not there",
        |file| file["eks"]["primary"]["ctx"] = "gone".into(),
        &[("images", Unknown), ("kube_primary", Unknown)],
    ),
    (
        "no latch bucket",
        |file| file["dns"]["latch"]["bucket"] = "shop-other-latch".into(),
        &[("dns_health_check", Red), ("latch", Red), ("latch_readable", Red)],
    ),
];

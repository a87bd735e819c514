//! What is wrong in real servers, and in the environment file.

use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};
use dr_buddy::domain::readiness::Light;
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::faults::{QUOTA, Words};
use super::world::{
    DELETE_TOPIC, US_LB, WORKLOADS, World, alarm, beats, external_secret, image, opened, primary,
    refreshed, secondary, subscribe,
};
use crate::actions::seeds::BUCKET;
use crate::harness::{AwsWorld, RECORD};

use Light::{Amber, Red, Unknown};

/// Makes something wrong, or right again.
pub(super) type Turn = for<'a> fn(&'a World, bool) -> BoxFuture<'a, ()>;
/// What is wrong, how, what turns to what, and of the first a word of what was seen and one of what to do.
pub(super) type Fault = (&'static str, Turn, &'static [(&'static str, Light)], Words);

/// What is wrong in real servers.
pub(super) const FAULTS: [Fault; 29] = [
    (
        "a token that is refused",
        |w, on| desk(w, on, 401).boxed(),
        &[("connectors", Amber)],
        ["401", "new token"],
    ),
    (
        "a ticket system that is ill",
        |w, on| desk(w, on, 503).boxed(),
        &[("connectors", Unknown)],
        ["503", "system is up"],
    ),
    (
        "a token that is not there",
        |w, on| no_token(w, on).boxed(),
        &[("connectors", Amber)],
        ["jira", "DR_BUDDY_HTTP_SECRETS"],
    ),
    (
        "two databases write",
        |w, on| two_write(w, on).boxed(),
        &[("database_dr", Red)],
        ["writable: true", "two writers"],
    ),
    (
        "headless secondary",
        |w, on| headless(w, on).boxed(),
        &[("aurora_dr", Red), ("aurora_size", Amber)],
        ["instances: 0", "CreateDBInstance"],
    ),
    (
        "small secondary",
        |w, on| class(w, on).boxed(),
        &[("aurora_size", Amber)],
        ["db.t4g.medium", "of the same class"],
    ),
    (
        "versions differ",
        |w, on| version(w, on).boxed(),
        &[("aurora_versions", Red)],
        ["16.9", "same version"],
    ),
    (
        "backups of one day",
        |w, on| retention(w, on).boxed(),
        &[("aurora_backups", Red)],
        ["BackupRetentionPeriod: 1", "7 days"],
    ),
    (
        "the writer has moved",
        |w, on| writer(w, on).boxed(),
        &[("aurora_members", Red)],
        ["writer: arn:aws:rds:us-east-1", "writer in the primary region"],
    ),
    (
        "secret out of sync",
        |w, on| secret(w, on).boxed(),
        &[("secrets_in_sync", Red)],
        ["POOL", "secret of the DR region"],
    ),
    (
        "two PRIMARY records",
        |w, on| two_primaries(w, on).boxed(),
        &[("dns_records", Red)],
        ["PRIMARY: 2", "one PRIMARY"],
    ),
    (
        "the SECONDARY leads elsewhere",
        |w, on| elsewhere(w, on).boxed(),
        &[("dns_records", Red)],
        ["old-lb.example", "load balancer"],
    ),
    ("TTL too long", |w, on| ttl(w, on).boxed(), &[("dns_ttl", Amber)], ["3600", "60 s"]),
    (
        "a health check the wrong way round",
        |w, on| upright(w, on).boxed(),
        &[("dns_health_check", Red)],
        ["Inverted: false", "inverted"],
    ),
    (
        "the latch is down",
        |w, on| latch(w, on).boxed(),
        &[("latch", Red)],
        ["failover-active", "route53.latch"],
    ),
    (
        "nobody may read the latch",
        |w, on| blocked(w, on).boxed(),
        &[("latch_readable", Red)],
        ["RestrictPublicBuckets: true", "Block Public Access"],
    ),
    (
        "the latch's bucket opens something else",
        |w, on| other_object(w, on).boxed(),
        &[("latch_readable", Red)],
        ["s3:GetObject", "this one object"],
    ),
    (
        "replication is off",
        |w, on| replication(w, on).boxed(),
        &[("s3_replication", Red)],
        ["to-us: Disabled", "s3.backfill"],
    ),
    (
        "an alarm without data",
        |w, on| no_data(w, on).boxed(),
        &[("alarms", Red)],
        ["INSUFFICIENT_DATA", "metric arrives"],
    ),
    (
        "nobody hears the alarm",
        |w, on| nobody_hears(w, on).boxed(),
        &[("alarm_listeners", Red)],
        ["Subscriptions: 0", "confirm the subscription"],
    ),
    (
        "Redis forgets jobs",
        |w, on| evicts(w, on).boxed(),
        &[("redis_policy", Amber)],
        ["allkeys-lru", "noeviction"],
    ),
    (
        "the heart stands still",
        |w, on| heart(w, on).boxed(),
        &[("heartbeat", Red)],
        ["3600 s", "heartbeat"],
    ),
    (
        "another image",
        |w, on| other_image(w, on).boxed(),
        &[("images", Red)],
        ["shop-api:2", "same version"],
    ),
    (
        "a missing CRD",
        |w, on| no_kind(w, on).boxed(),
        &[("kube_kinds", Red)],
        ["ExternalSecret", "custom resource definitions"],
    ),
    (
        "a secret that is not ready",
        |w, on| not_ready(w, on).boxed(),
        &[("external_secrets", Red)],
        ["Ready: False", "force-sync"],
    ),
    (
        "a secret not read for hours",
        |w, on| stale(w, on).boxed(),
        &[("external_secrets", Red)],
        ["refreshTime", "refresh"],
    ),
    (
        "the DR side writes",
        |w, on| writes(w, on).boxed(),
        &[("deep_health", Red)],
        ["db.writable: true", "only read"],
    ),
    (
        "a certificate ends soon",
        |w, on| ends(w, on).boxed(),
        &[("tls", Red)],
        ["21 d", "three weeks"],
    ),
    (
        "nobody says how much there may be",
        |w, on| throttled(w, on).boxed(),
        &[("quotas", Unknown)],
        ["TooManyRequests", "Service Quotas"],
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

async fn other_object(world: &World, on: bool) {
    let key = if on { "site/*" } else { "failover-active" };
    world.ask("s3", Method::PUT, "/shop-latch?policy", &opened(key)).await;
}

async fn throttled(world: &World, on: bool) {
    if on {
        let said = json!({"__type": "TooManyRequestsException", "message": "Rate exceeded"});
        world.canned.say(QUOTA, said);
    }
}

/// The file says something else: what, how, and what turns to what.
pub(super) type InFile = (&'static str, fn(&mut Value), &'static [(&'static str, Light)], Words);

pub(super) const FILES: [InFile; 8] = [
    (
        "a group that is no member",
        |file| file["redis"]["dr_rg"] = "shop-redis-old".into(),
        &[("redis_members", Red), ("redis_lag", Red)],
        ["shop-redis-old", "Global Datastore"],
    ),
    (
        "one person for everything",
        |file| file["people"][1]["roles"] = json!(["ic", "platform"]),
        &[("people", Red)],
        ["db: ada", "second person"],
    ),
    (
        "nobody tried the phones for long",
        |file| file["readiness"]["vouched"]["on_call_phones"] = "2026-01-01".into(),
        &[("vouched", Amber)],
        ["on_call_phones", "vouched"],
    ),
    (
        "an alarm that is not there",
        |file| file["watch"]["alarms"] = json!(["shop-drill", "shop-lag"]),
        &[("alarms", Red)],
        ["shop-lag", "Create the alarm"],
    ),
    (
        "a workload that is not there",
        |file| file["k8s"]["writers"] = json!(["deployment/shop-api", "deployment/shop-mail"]),
        &[("workloads", Red)],
        ["shop-mail", "missing workload"],
    ),
    (
        "a project that is not there",
        |file| file["argocd"]["project"] = "other".into(),
        &[("argocd", Red)],
        ["other", "Argo CD"],
    ),
    (
        "a context that is not there",
        |file| file["eks"]["primary"]["ctx"] = "gone".into(),
        &[("kube_primary", Unknown), ("images", Unknown)],
        ["no such context", "kubeconfig"],
    ),
    (
        "no latch bucket",
        |file| file["dns"]["latch"]["bucket"] = "shop-other-latch".into(),
        &[("dns_health_check", Red), ("latch", Red), ("latch_readable", Red)],
        ["shop-other-latch", "latch object"],
    ),
];

async fn desk(world: &World, on: bool, status: u16) {
    let status = if on { status } else { 200 };
    *world.desk.status.lock().unwrap() = StatusCode::from_u16(status).unwrap();
}

async fn no_token(world: &World, on: bool) {
    world.desk.keep(!on);
}

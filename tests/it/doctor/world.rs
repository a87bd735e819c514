//! A shop in two regions in which everything is as it must be.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_route53::types::{ResourceRecordSet, ResourceRecordSetFailover};
use dr_buddy::actions::{
    ActionSettings, AwsCredentials, AwsLimits, AwsSettings, Connections, Doctor, HttpSettings,
    Kept, KubeSettings,
};
use dr_buddy::catalog::documents;
use dr_buddy::domain::connector::Connector;
use dr_buddy::domain::environment::{Environment, check};
use dr_buddy::domain::readiness::Finding;
use dr_buddy::domain::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::sites::{Desk, Front, Site};
use crate::actions::seeds::{self, BUCKET};
use crate::harness::{
    ALIAS_ZONE, AwsWorld, Canned, DATASTORE, GROUPS, Kube, LOAD_BALANCER, Ministack, Redis,
    StandIn, Tap, alias, kube, ministack, postgres, redis,
};

/// Where the aliases lead.
pub(super) const EU_LB: &str = "eu-lb.eu-west-1.elb.amazonaws.com.";
/// This machine: the load balancer of us-east-1.
pub(super) const US_LB: &str = "localhost";
pub(super) const WORKLOADS: [&str; 2] = ["shop-api", "shop-worker"];
const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:drill";

pub(super) struct World {
    pub(super) server: Ministack,
    pub(super) shop: AwsWorld,
    pub(super) canned: Canned,
    pub(super) stand_in: StandIn,
    pub(super) tap: Tap,
    pub(super) kube: &'static Kube,
    pub(super) kube_taps: [Tap; 2],
    pub(super) namespace: String,
    pub(super) front: Front,
    pub(super) site: Site,
    pub(super) desk: Desk,
    pub(super) redis: Redis,
    pub(super) database: String,
    pub(super) health_check: String,
    doctor: Doctor,
    /// One that does not wait long for clusters.
    hasty: Doctor,
    document: Value,
    _folder: tempfile::TempDir,
}

#[expect(clippy::disallowed_methods, reason = "the emulators live now")]
pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// So many minutes ago.
pub(super) fn ago(minutes: i64) -> String {
    Timestamp(now().0 - minutes * 60_000).rfc3339()
}

async fn workloads(kube: &Kube, namespace: &str) {
    for (context, region) in [("eu", "eu-west-1"), ("us", "us-east-1")] {
        for name in WORKLOADS {
            kube.deployment(context, namespace, name, 1).await;
            kube.patch(context, namespace, name, image(name, region, "1")).await;
        }
    }
}

fn credentials() -> AwsCredentials {
    AwsCredentials::Static {
        access_key_id: "ANOTREAL".into(),
        secret_access_key: "notrealrnrELgWzOk3IfjzDKtFBhDby".to_owned().into(),
    }
}

/// One that is asked whether it knows us, and one that is only found.
fn connectors() -> Vec<Connector> {
    let all = documents::connectors(None).unwrap().into_values();
    all.filter(|one| ["jira", "pagerduty_events"].contains(&one.id.as_str())).collect()
}

impl World {
    pub(super) async fn seed() -> Self {
        let (server, kube) = tokio::join!(ministack(), kube());
        let shop = AwsWorld::seed(&server).await;
        let health_check = aws(&server, &shop).await;
        let canned = Canned::default();
        super::faults::lay_out(&canned);
        let stand_in = StandIn::with(&server.direct, canned.clone()).await;
        let tap = Tap::before(&stand_in.endpoint).await;
        let namespace = kube.namespace("doctor").await;
        workloads(kube, &namespace).await;
        let folder = tempfile::tempdir().unwrap();
        let (kube_taps, kubeconfig) = kube.tapped(folder.path()).await;
        let front = Front::before(&kube_taps[1].endpoint, custom(&namespace)).await;
        let text = std::fs::read_to_string(&kubeconfig).unwrap();
        std::fs::write(&kubeconfig, text.replace(&kube_taps[1].endpoint, &front.endpoint)).unwrap();
        let health = json!({"db": {"writable": false}, "redis": {"role": "slave"}});
        let site = Site::start(health).await;
        let desk = Desk::start().await;
        let (redis, database) = (redis().await, database().await);
        let named = BTreeMap::from([
            ("database".to_owned(), Kept::Text(database.clone().into())),
            ("cache".to_owned(), Kept::Text(redis.url().into())),
        ]);
        let settings = ActionSettings {
            aws: AwsSettings {
                endpoint_url: Some(tap.endpoint.clone()),
                credentials: credentials(),
                limits: AwsLimits { look: Duration::from_secs(30), ..AwsLimits::default() },
            },
            kube: KubeSettings {
                kubeconfig: Some(kubeconfig),
                whole: Duration::from_secs(30),
                ..KubeSettings::default()
            },
            http: HttpSettings {
                extra_ca: Some(site.ca.path().to_owned()),
                secrets: desk.secrets(),
                ..HttpSettings::default()
            },
            connectors: connectors(),
            connections: Connections { named, extra_ca: None },
            ..ActionSettings::default()
        };
        let document = document(&shop, &namespace, site.port, &desk.base);
        let doctor = Doctor::new(&settings);
        let kube_settings = KubeSettings { whole: Duration::from_secs(4), ..settings.kube.clone() };
        let hasty = Doctor::new(&ActionSettings { kube: kube_settings, ..settings });
        Self {
            server,
            shop,
            canned,
            stand_in,
            tap,
            kube,
            kube_taps,
            namespace,
            front,
            site,
            desk,
            redis,
            database,
            health_check,
            doctor,
            hasty,
            document,
            _folder: folder,
        }
    }

    /// The environment file, with some of it otherwise.
    pub(super) fn environment(&self, change: impl Fn(&mut Value)) -> Environment {
        let mut document = self.document.clone();
        change(&mut document);
        check("shop.yaml", &document.to_string()).expect("it is a good one")
    }

    pub(super) async fn examine(&self, environment: &Environment, now: Timestamp) -> Vec<Finding> {
        self.doctor.examine(environment, &[], now).await
    }

    /// The same, waiting seconds for clusters where the other waits half a minute.
    pub(super) async fn glance(&self, environment: &Environment, now: Timestamp) -> Vec<Finding> {
        self.hasty.examine(environment, &[], now).await
    }

    /// A call to the emulator that goes round the product.
    pub(super) async fn ask(&self, service: &str, method: Method, path: &str, body: &str) {
        let region = if path.contains(BUCKET) { "eu-west-1" } else { "us-east-1" };
        seeds::ask(&self.server.direct, service, region, method, path, body.to_owned()).await;
    }

    /// Everything the product asked of AWS and of both clusters.
    pub(super) fn calls(&self) -> Vec<String> {
        let [eu, us] = &self.kube_taps;
        [self.tap.calls(), eu.calls(), us.calls()].concat()
    }

    /// Runs statements in the DR database, which takes writes only from us.
    pub(super) async fn sql(&self, statements: &str) {
        sql(&self.database, statements).await;
    }
}

async fn sql(url: &str, statements: &str) {
    let mut db = PgConnection::connect(url).await.unwrap();
    for text in ["set default_transaction_read_only = off", statements] {
        sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut db).await.unwrap();
    }
}

/// A database that takes no writes, with a heartbeat a second old.
async fn database() -> String {
    let url = postgres().await.database().await;
    let name = url.rsplit('/').next().unwrap();
    sql(
        &url,
        &format!("{}; alter database {name} set default_transaction_read_only = on", beats("1 s")),
    )
    .await;
    url
}

/// A heartbeat that is always this old.
pub(super) fn beats(age: &str) -> String {
    format!(
        "create or replace view dr_buddy_heartbeat as select clock_timestamp() - interval '{age}' as ts"
    )
}

/// A template with an image of a region's own registry.
pub(super) fn image(name: &str, region: &str, tag: &str) -> Value {
    let image = format!("000000000000.dkr.ecr.{region}.amazonaws.com/{name}:{tag}");
    json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}})
}

/// The PRIMARY record, which the health check withdraws.
pub(super) fn primary(id: &str, health_check: &str) -> ResourceRecordSet {
    let mut record = alias(id, ResourceRecordSetFailover::Primary, EU_LB);
    record.health_check_id = Some(health_check.to_owned());
    record
}

/// The SECONDARY record.
pub(super) fn secondary(to: &str) -> ResourceRecordSet {
    alias("us", ResourceRecordSetFailover::Secondary, &format!("{to}."))
}

/// What the emulator holds beside the shop. Gives the id of the health check.
async fn aws(server: &Ministack, shop: &AwsWorld) -> String {
    seeds::of_ministack(&server.direct).await;
    aws_sdk_rds::Client::new(&shop.primary)
        .modify_db_cluster()
        .db_cluster_identifier("shop-eu")
        .backup_retention_period(7)
        .send()
        .await
        .expect("it keeps backups");
    // Not with the SDK: it cannot read the emulator's `True`.
    let path = "/2013-04-01/healthcheck";
    let config = "<CreateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
        <CallerReference>seed</CallerReference><HealthCheckConfig><Type>HTTPS</Type>\
        <FullyQualifiedDomainName>shop-latch.s3.us-east-1.amazonaws.com</FullyQualifiedDomainName>\
        <ResourcePath>/failover-active</ResourcePath><RequestInterval>10</RequestInterval>\
        <FailureThreshold>2</FailureThreshold><Inverted>true</Inverted></HealthCheckConfig></CreateHealthCheckRequest>";
    let (direct, us) = (&server.direct, "us-east-1");
    let made = seeds::ask(direct, "route53", us, Method::POST, path, config.into()).await;
    let id = made.split_once("<Id>").unwrap().1.split_once("</Id>").unwrap().0.to_owned();
    shop.upsert([primary("eu", &id), secondary(US_LB)]).await;
    let policy = opened("failover-active");
    seeds::ask(direct, "s3", us, Method::PUT, "/shop-latch?policy", policy).await;
    for (service, body) in [
        ("sns", "Action=CreateTopic&Version=2010-03-31&Name=drill".to_owned()),
        ("sns", subscribe()),
        ("monitoring", alarm("OK")),
    ] {
        seeds::ask(&server.direct, service, "us-east-1", Method::POST, "/", body).await;
    }
    id
}

/// Everybody may read this of the latch's bucket.
pub(super) fn opened(key: &str) -> String {
    let resource = format!("arn:aws:s3:::shop-latch/{key}");
    let statement = json!({
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource,
    });
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// Somebody hears the alarms.
pub(super) fn subscribe() -> String {
    format!(
        "Action=Subscribe&Version=2010-03-31&TopicArn={TOPIC}&Protocol=email&Endpoint=oncall@shop.test"
    )
}

/// Nobody does.
pub(super) const DELETE_TOPIC: &str =
    "Action=DeleteTopic&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:000000000000:drill";

/// The alarm is in this state.
pub(super) fn alarm(state: &str) -> String {
    format!(
        "Action=SetAlarmState&Version=2010-08-01&AlarmName=shop-drill&StateValue={state}&StateReason=seed"
    )
}

/// The custom resources of us-east-1.
fn custom(namespace: &str) -> BTreeMap<String, Value> {
    let kinds = |kinds: &[(&str, &str)]| {
        let kind = |(plural, kind): &(&str, &str)| json!({"name": plural, "kind": kind, "namespaced": true, "verbs": ["get"]});
        json!({"kind": "APIResourceList", "resources": kinds.iter().map(kind).collect::<Vec<_>>()})
    };
    BTreeMap::from([
        (
            "/apis/argoproj.io/v1alpha1".to_owned(),
            kinds(&[("rollouts", "Rollout"), ("appprojects", "AppProject")]),
        ),
        (
            "/apis/external-secrets.io/v1beta1".to_owned(),
            kinds(&[("externalsecrets", "ExternalSecret")]),
        ),
        (
            "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/shop".to_owned(),
            json!({"metadata": {"name": "shop"}}),
        ),
        (external_secret(namespace), refreshed("True", 20)),
    ])
}

/// The path of the `ExternalSecret`.
pub(super) fn external_secret(namespace: &str) -> String {
    format!("/apis/external-secrets.io/v1beta1/namespaces/{namespace}/externalsecrets/shop-env")
}

/// As the operator leaves it.
pub(super) fn refreshed(ready: &str, minutes: i64) -> Value {
    json!({
        "metadata": {"name": "shop-env"}, "spec": {"refreshInterval": "1h0m0s"},
        "status": {"refreshTime": ago(minutes), "conditions": [{"type": "Ready", "status": ready}]},
    })
}

fn document(shop: &AwsWorld, namespace: &str, port: u16, desk: &str) -> Value {
    let today = now().date();
    json!({
        "id": "staging", "kind": "staging", "account": shop.account,
        "regions": {"primary": "eu-west-1", "dr": "us-east-1"},
        "objectives": {"rto": "1h", "rpo": "5m"},
        "chat": {"war_room": "C0ROOM"},
        "people": [
            {"id": "ada", "name": "Ada", "slack": "U0ADA", "roles": ["ic", "db", "platform"]},
            {"id": "bob", "name": "Bob", "slack": "U0BOB", "roles": ["ic", "db", "platform"]},
        ],
        "aurora": {
            "global": shop.global_cluster,
            "primary": {"arn": shop.primary_arn},
            "dr": {"arn": shop.dr_arn, "connection": "database", "heartbeat": true},
        },
        "redis": {
            "global": DATASTORE, "primary_rg": GROUPS[0].0, "dr_rg": GROUPS[1].0,
            "primary_connection": "cache", "dr_connection": "cache", "queues": ["mail"],
        },
        "secrets": {"mode": "region_local", "database_url": shop.secret},
        "eks": {
            "primary": {"name": "shop-eu", "ctx": "eu"},
            "dr": {
                "name": "shop-us", "ctx": "us", "nodegroup": "general",
                "nodes": {"min": 6, "desired": 9, "max": 20}, "standby": {"min": 2},
            },
        },
        "k8s": {
            "ns": namespace, "writers": WORKLOADS.map(|name| format!("deployment/{name}")),
            "external_secrets": ["shop-env"],
        },
        "alb": {
            "primary": {"dns": EU_LB, "zone": ALIAS_ZONE},
            "dr": {"dns": US_LB, "zone": ALIAS_ZONE, "arn": LOAD_BALANCER},
        },
        "dns": {
            "zone": shop.zone, "name": "api.shop.test", "primary_set": "eu", "dr_set": "us",
            "latch": {"bucket": "shop-latch", "key": "failover-active"},
        },
        "app": {
            "health_url": format!("https://api.shop.test:{port}/health"),
            "deep_health_url": format!("https://api.shop.test:{port}/health/deep"),
        },
        "s3": {"primary": BUCKET, "rule_out": "to-us"},
        "argocd": {"namespace": "argocd", "project": "shop"},
        "jira": {"api": desk, "user": "bot@shop.test"},
        "pagerduty": {"events": desk},
        "watch": {"alarms": ["shop-drill"]},
        "readiness": {
            "keys": ["arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"],
            "quotas": {"vcpus": {"service": "ec2", "code": "L-1216C47A", "need": 200}},
            "restored_in": "us-east-1",
            "vouched": {"on_call_phones": today, "dr_egress_ips": today, "printed_runbooks": today},
        },
    })
}

//! A two-region shop in an emulator, and readers that ask the emulator what became of it.
//!
//! `eu-west-1` serves, `us-east-1` waits: an Aurora global database with an instance in each, a secret with the
//! database's URL, and a failover pair of DNS records. The readers go round the tap and never use the product.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_rds::types::GlobalCluster;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, ResourceRecordSetFailover,
    RrType,
};

use super::aws::{Ministack, sdk_config};

/// The name of the record that is switched.
pub(crate) const RECORD: &str = "api.shop.test.";
/// The zone that AWS gives load balancers' aliases in.
pub(crate) const ALIAS_ZONE: &str = "Z32O12XQLNTSW2";

/// What was seeded, by the names AWS gave.
#[derive(Debug)]
pub(crate) struct AwsWorld {
    /// The account: `000000000000` in ministack.
    pub(crate) account: String,
    /// `shop`.
    pub(crate) global_cluster: String,
    /// The ARN of the cluster that writes at first.
    pub(crate) primary_arn: String,
    /// The ARN of the cluster that waits.
    pub(crate) dr_arn: String,
    /// Its host name in eu-west-1.
    pub(crate) primary_host: String,
    /// Its host name in us-east-1.
    pub(crate) dr_host: String,
    /// The secret's name, the same in both regions.
    pub(crate) secret: String,
    /// The zone's id, without `/hostedzone/`.
    pub(crate) zone: String,
    /// eu-west-1, past the tap.
    pub(crate) primary: SdkConfig,
    /// us-east-1, past the tap.
    pub(crate) dr: SdkConfig,
}

impl AwsWorld {
    /// Seeds the shop.
    pub(crate) async fn seed(server: &Ministack) -> Self {
        let primary = sdk_config(&server.direct, "eu-west-1").await;
        let dr = sdk_config(&server.direct, "us-east-1").await;
        let identity = aws_sdk_sts::Client::new(&primary).get_caller_identity().send().await;
        let account = identity.expect("the emulator knows us").account().expect("it says").into();
        aws_sdk_rds::Client::new(&primary)
            .create_global_cluster()
            .global_cluster_identifier("shop")
            .engine("aurora-postgresql")
            .engine_version("16.8")
            .send()
            .await
            .expect("a global cluster");
        let (primary_arn, primary_host) = cluster(&primary, "shop-eu", true).await;
        let (dr_arn, dr_host) = cluster(&dr, "shop-us", false).await;
        let secret = "shop/api/database".to_owned();
        let url = format!("postgres://shop:s3cr3t%2F@{primary_host}:5432/shop?sslmode=require");
        for region in [&primary, &dr] {
            let value = serde_json::json!({ "DATABASE_URL": url, "POOL": 20, "note": "keep me" });
            let created = aws_sdk_secretsmanager::Client::new(region)
                .create_secret()
                .name(&secret)
                .secret_string(value.to_string())
                .send();
            created.await.expect("a secret");
        }
        let zone = zone(&primary).await;
        let global_cluster = "shop".to_owned();
        Self {
            account,
            global_cluster,
            primary_arn,
            dr_arn,
            primary_host,
            dr_host,
            secret,
            zone,
            primary,
            dr,
        }
    }

    /// The global cluster as the emulator sees it.
    pub(crate) async fn global(&self) -> GlobalCluster {
        let described = aws_sdk_rds::Client::new(&self.primary)
            .describe_global_clusters()
            .global_cluster_identifier(&self.global_cluster)
            .send();
        let found = described.await.expect("the cluster is there");
        found.global_clusters()[0].clone()
    }

    /// The ARN of the one cluster that writes.
    pub(crate) async fn writer_arn(&self) -> String {
        let global = self.global().await;
        let writers: Vec<_> = global
            .global_cluster_members()
            .iter()
            .filter(|one| one.is_writer() == Some(true))
            .collect();
        assert_eq!(writers.len(), 1, "one writer: {global:?}");
        writers[0].db_cluster_arn().expect("it has one").to_owned()
    }

    /// The secret's current value in a region.
    pub(crate) async fn secret_value(&self, region: &SdkConfig) -> serde_json::Value {
        let got = aws_sdk_secretsmanager::Client::new(region)
            .get_secret_value()
            .secret_id(&self.secret)
            .send();
        let got = got.await.expect("the secret is there");
        serde_json::from_str(got.secret_string().expect("it is text")).expect("it is JSON")
    }

    /// The ids of all the secret's versions in a region, with their stages.
    pub(crate) async fn secret_versions(&self, region: &SdkConfig) -> Vec<(String, Vec<String>)> {
        let listed = aws_sdk_secretsmanager::Client::new(region)
            .list_secret_version_ids()
            .secret_id(&self.secret)
            .send();
        let listed = listed.await.expect("the secret is there");
        let version = |one: &aws_sdk_secretsmanager::types::SecretVersionsListEntry| {
            (one.version_id().unwrap_or_default().to_owned(), one.version_stages().to_vec())
        };
        listed.versions().iter().map(version).collect()
    }

    /// The records named [`RECORD`].
    pub(crate) async fn record_set(&self) -> Vec<ResourceRecordSet> {
        let all = self.all_records().await;
        all.into_iter().filter(|set| set.name() == RECORD).collect()
    }

    /// All records of the zone.
    pub(crate) async fn all_records(&self) -> Vec<ResourceRecordSet> {
        let listed = aws_sdk_route53::Client::new(&self.primary)
            .list_resource_record_sets()
            .hosted_zone_id(&self.zone)
            .send();
        let listed = listed.await.expect("the zone is there");
        listed.resource_record_sets().to_vec()
    }

    /// Applies a batch of records behind the product's back.
    pub(crate) async fn upsert(&self, records: impl IntoIterator<Item = ResourceRecordSet>) {
        apply(&self.primary, &self.zone, ChangeAction::Upsert, records).await;
    }

    /// Fails over behind the product's back.
    pub(crate) async fn fail_over(&self) {
        aws_sdk_rds::Client::new(&self.dr)
            .failover_global_cluster()
            .global_cluster_identifier(&self.global_cluster)
            .target_db_cluster_identifier(&self.dr_arn)
            .allow_data_loss(true)
            .send()
            .await
            .expect("it fails over");
        super::eventually("the writer is in us-east-1", 10, || async {
            (self.writer_arn().await == self.dr_arn).then_some(())
        })
        .await;
    }
}

/// A failover alias record.
pub(crate) fn alias(id: &str, failover: ResourceRecordSetFailover, to: &str) -> ResourceRecordSet {
    let target = AliasTarget::builder()
        .hosted_zone_id(ALIAS_ZONE)
        .dns_name(to)
        .evaluate_target_health(true)
        .build()
        .expect("it is complete");
    ResourceRecordSet::builder()
        .name(RECORD)
        .r#type(RrType::A)
        .set_identifier(id)
        .failover(failover)
        .alias_target(target)
        .build()
        .expect("it is complete")
}

async fn cluster(config: &SdkConfig, name: &str, first: bool) -> (String, String) {
    let client = aws_sdk_rds::Client::new(config);
    let mut create = client
        .create_db_cluster()
        .db_cluster_identifier(name)
        .engine("aurora-postgresql")
        .engine_version("16.8")
        .global_cluster_identifier("shop");
    if first {
        create = create.master_username("shop").master_user_password("s3cr3t-s3cr3t");
    }
    let created = create.send().await.expect("a cluster");
    client
        .create_db_instance()
        .db_instance_identifier(format!("{name}-1"))
        .db_cluster_identifier(name)
        .engine("aurora-postgresql")
        .db_instance_class("db.r6g.large")
        .send()
        .await
        .expect("an instance");
    let cluster = created.db_cluster().expect("it was created");
    let text = |part: Option<&str>| part.expect("it has one").to_owned();
    (text(cluster.db_cluster_arn()), text(cluster.endpoint()))
}

async fn zone(config: &SdkConfig) -> String {
    let created = aws_sdk_route53::Client::new(config)
        .create_hosted_zone()
        .name("shop.test.")
        .caller_reference("seed")
        .send();
    let created = created.await.expect("a zone");
    let id = created.hosted_zone().expect("it was created").id();
    let zone = id.trim_start_matches("/hostedzone/").to_owned();
    let records = [
        alias("eu", ResourceRecordSetFailover::Primary, "eu-lb.eu-west-1.elb.amazonaws.com."),
        alias("us", ResourceRecordSetFailover::Secondary, "us-lb.us-east-1.elb.amazonaws.com."),
    ];
    apply(config, &zone, ChangeAction::Create, records).await;
    zone
}

async fn apply(
    config: &SdkConfig,
    zone: &str,
    action: ChangeAction,
    records: impl IntoIterator<Item = ResourceRecordSet>,
) {
    let mut batch = ChangeBatch::builder();
    for record in records {
        let change = Change::builder().action(action.clone()).resource_record_set(record);
        batch = batch.changes(change.build().expect("it is complete"));
    }
    aws_sdk_route53::Client::new(config)
        .change_resource_record_sets()
        .hosted_zone_id(zone)
        .change_batch(batch.build().expect("it is complete"))
        .send()
        .await
        .expect("the batch is applied");
}

#[tokio::test]
async fn ministack_holds_a_shop_and_flips_its_writer() {
    let server = super::ministack().await;
    let world = AwsWorld::seed(&server).await;
    assert_eq!(world.writer_arn().await, world.primary_arn);
    world.fail_over().await;
    assert_eq!(world.writer_arn().await, world.dr_arn);

    let value = world.secret_value(&world.dr).await;
    assert!(value["DATABASE_URL"].as_str().unwrap().contains(&world.primary_host), "{value}");
    assert_eq!(world.secret_versions(&world.dr).await.len(), 1);

    let swapped = [
        alias("eu", ResourceRecordSetFailover::Secondary, "eu-lb.eu-west-1.elb.amazonaws.com."),
        alias("us", ResourceRecordSetFailover::Primary, "us-lb.us-east-1.elb.amazonaws.com."),
    ];
    world.upsert(swapped).await;
    let records = world.record_set().await;
    let primary: Vec<_> = records
        .iter()
        .filter(|one| one.failover() == Some(&ResourceRecordSetFailover::Primary))
        .filter_map(ResourceRecordSet::set_identifier)
        .collect();
    assert_eq!(primary, ["us"]);
    assert_eq!(
        (world.account.as_str(), world.dr_host.contains("us-east-1")),
        ("000000000000", true)
    );
    assert_eq!(server.tap.calls(), Vec::<String>::new(), "seeding and reading go round the tap");
}

#[tokio::test]
async fn the_tap_counts_and_spoils_calls_to_ministack() {
    use super::tap::Tampering;

    let server = super::ministack().await;
    let world = AwsWorld::seed(&server).await;
    let config = sdk_config(&server.endpoint, "us-east-1").await;
    let once = aws_config::retry::RetryConfig::disabled();
    let config = config.into_builder().retry_config(once).build();
    let rds = aws_sdk_rds::Client::new(&config);
    let fail_over = || {
        rds.failover_global_cluster()
            .global_cluster_identifier("shop")
            .target_db_cluster_identifier(&world.dr_arn)
            .allow_data_loss(true)
            .send()
    };
    server.tap.spoil_next("FailoverGlobalCluster", Tampering::Throttle);
    let refused = fail_over().await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().code(), Some("Throttling"));

    server.tap.spoil_next("FailoverGlobalCluster", Tampering::CutBefore);
    assert!(fail_over().await.is_err());
    assert_eq!(world.writer_arn().await, world.primary_arn);

    server.tap.spoil_next("FailoverGlobalCluster", Tampering::CutAfter);
    assert!(fail_over().await.is_err(), "nobody answered");
    assert_eq!(world.writer_arn().await, world.dr_arn, "and it happened all the same");
    assert_eq!(server.tap.count("FailoverGlobalCluster"), 3);

    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    server.tap.spoil_next("GetSecretValue", Tampering::Unavailable);
    assert!(secrets.get_secret_value().secret_id(&world.secret).send().await.is_err());
    server.tap.spoil_next("GetSecretValue", Tampering::Delay(Duration::from_millis(50)));
    assert!(secrets.get_secret_value().secret_id(&world.secret).send().await.is_ok());
    assert_eq!(server.tap.count("GetSecretValue"), 2);
}

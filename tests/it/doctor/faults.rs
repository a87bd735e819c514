//! What the stand-in answers, and what is wrong with it, one word at a time.

use dr_buddy::domain::readiness::Light;
use serde_json::{Value, json};

use super::world::{US_LB, WORKLOADS, ago, now};
use crate::harness::{At, Canned, LOAD_BALANCER};

const US: &str = "us-east-1";
const EU: &str = "eu-west-1";

const BALANCER: At = ["elasticloadbalancing", US, "DescribeLoadBalancers", ""];
const LISTENERS: At = ["elasticloadbalancing", US, "DescribeListeners", ""];
const GROUPS: At = ["elasticloadbalancing", US, "DescribeTargetGroups", ""];
const TARGETS: At = ["elasticloadbalancing", US, "DescribeTargetHealth", ""];
const CERTIFICATE: At = ["acm", US, "DescribeCertificate", ""];
const OTHER_CERTIFICATE: At = ["acm", US, "DescribeCertificate", "certificate/c2"];
const LISTED: At = ["elasticloadbalancing", US, "DescribeListenerCertificates", ""];
const BLOCK: At = ["s3", US, "GET /v20180820/configuration/publicAccessBlock", ""];
const KEY: At = ["kms", US, "DescribeKey", ""];
pub(super) const QUOTA: At = ["servicequotas", US, "GetServiceQuota", ""];
const RESTORES: At = ["backup", US, "GET /restore-jobs", ""];
const SNAPSHOTS: At = ["elasticache", EU, "DescribeSnapshots", ""];
const CLUSTER_EU: At = ["eks", EU, "GET /clusters/shop-eu", ""];
const CLUSTER_US: At = ["eks", US, "GET /clusters/shop-us", ""];
const NODES: At = ["eks", US, "GET /clusters/shop-us/node-groups/general", ""];
const IMAGE: At = ["ecr", US, "DescribeImages", WORKLOADS[0]];
const OTHER_IMAGE: At = ["ecr", US, "DescribeImages", WORKLOADS[1]];

/// A metric: where, its list, its points, the dimension that says whose it is, a good value.
struct Metric {
    region: &'static str,
    name: &'static str,
    stat: &'static str,
    dimension: (&'static str, &'static str),
    value: f64,
}

/// What is told apart by its name stands before what is told apart by its statistic alone.
const METRICS: [Metric; 4] = [
    Metric {
        region: US,
        name: "GlobalDatastoreReplicationLag",
        stat: "",
        dimension: ("CacheClusterId", "shop-redis-us-001"),
        value: 0.25,
    },
    Metric {
        region: EU,
        name: "ReplicationLatency",
        stat: "",
        dimension: ("SourceBucket", "shop-images"),
        value: 12.0,
    },
    Metric {
        region: US,
        name: "AuroraGlobalDBRPOLag",
        stat: "p99",
        dimension: ("DBClusterIdentifier", "shop-us"),
        value: 1500.0,
    },
    Metric {
        region: US,
        name: "AuroraGlobalDBRPOLag",
        stat: "Maximum",
        dimension: ("DBClusterIdentifier", "shop-us"),
        value: 900.0,
    },
];

impl Metric {
    const fn points(&self) -> At {
        let word = if self.stat.is_empty() { self.name } else { self.stat };
        ["monitoring", self.region, "GetMetricData", word]
    }

    const fn list(&self) -> At {
        ["monitoring", self.region, "ListMetrics", self.name]
    }
}

fn cluster(version: &str) -> Value {
    json!({"cluster": {"name": "shop", "status": "ACTIVE", "version": version, "health": {"issues": []}}})
}

/// Everything as it must be.
pub(super) fn lay_out(canned: &Canned) {
    let seconds = |minutes: i64| now().0 / 1000 - minutes * 60;
    for metric in &METRICS {
        let (name, value) = metric.dimension;
        let model = "cloudwatch";
        let list = format!(
            "<Metrics><member><MetricName>{}</MetricName><Dimensions><member><Name>{name}</Name>\
             <Value>{value}</Value></member></Dimensions></member></Metrics>",
            metric.name
        );
        let points = format!(
            "<MetricDataResults><member><Id>m1</Id><StatusCode>Complete</StatusCode><Timestamps>\
             <member>{}</member></Timestamps><Values><member>{:?}</member></Values></member>\
             </MetricDataResults>",
            ago(1),
            metric.value
        );
        canned.lay(metric.points(), (model, "GetMetricData"), points);
        canned.lay(metric.list(), (model, "ListMetrics"), list);
    }
    let snapshot = format!(
        "<Snapshots><Snapshot><SnapshotName>daily</SnapshotName><NodeSnapshots><NodeSnapshot>\
         <SnapshotCreateTime>{}</SnapshotCreateTime></NodeSnapshot></NodeSnapshots></Snapshot></Snapshots>",
        ago(300)
    );
    canned.lay(SNAPSHOTS, ("elasticache", "DescribeSnapshots"), snapshot);
    canned.lay(CLUSTER_EU, ("eks", "DescribeCluster"), cluster("1.33"));
    canned.lay(CLUSTER_US, ("eks", "DescribeCluster"), cluster("1.32"));
    let nodes = json!({"nodegroup": {
        "nodegroupName": "general", "status": "ACTIVE", "health": {"issues": []},
        "scalingConfig": {"minSize": 2, "desiredSize": 3, "maxSize": 20},
    }});
    canned.lay(NODES, ("eks", "DescribeNodegroup"), nodes);
    for at in [IMAGE, OTHER_IMAGE] {
        canned.lay(at, ("ecr", "DescribeImages"), r#"{"imageDetails": [{"imageTags": ["1"]}]}"#);
    }
    balancer(canned);
    let other = json!({"Certificate": {
        "Status": "ISSUED", "NotAfter": seconds(-60 * 24 * 60), "SubjectAlternativeNames": ["www.shop.example"],
    }});
    canned.lay(OTHER_CERTIFICATE, ("acm", "DescribeCertificate"), other);
    let block = "<?xml version=\"1.0\"?><PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
        <RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    canned.lay(BLOCK, ("s3control", "GetPublicAccessBlock"), block);
    let certificate = json!({"Certificate": {
        "Status": "ISSUED", "NotAfter": seconds(-60 * 24 * 60), "SubjectAlternativeNames": ["*.shop.test"],
    }});
    canned.lay(CERTIFICATE, ("acm", "DescribeCertificate"), certificate);
    let key = json!({"KeyMetadata": {"KeyId": "11111111", "KeyState": "Enabled"}});
    canned.lay(KEY, ("kms", "DescribeKey"), key);
    let quota = json!({"Quota": {"QuotaCode": "L-1216C47A", "Value": 480.0}});
    canned.lay(QUOTA, ("service-quotas", "GetServiceQuota"), quota);
    let restores = json!({"RestoreJobs": [{"RestoreJobId": "r1", "Status": "COMPLETED", "CompletionDate": seconds(2000)}]});
    canned.lay(RESTORES, ("backup", "ListRestoreJobs"), restores);
}

fn balancer(canned: &Canned) {
    let model = |operation| ("elbv2", operation);
    let balancer = format!(
        "<LoadBalancers><member><LoadBalancerArn>{LOAD_BALANCER}</LoadBalancerArn><DNSName>{US_LB}</DNSName>\
         <State><Code>active</Code></State></member></LoadBalancers>"
    );
    canned.lay(BALANCER, model("DescribeLoadBalancers"), balancer);
    let listeners = "<Listeners><member><Port>80</Port></member><member>\
        <ListenerArn>arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/shop-us/1/2</ListenerArn>\
        <Port>443</Port><Certificates><member>\
        <CertificateArn>arn:aws:acm:us-east-1:000000000000:certificate/c1</CertificateArn></member></Certificates>\
        </member></Listeners>";
    canned.lay(LISTENERS, model("DescribeListeners"), listeners);
    let listed = "<Certificates><member><CertificateArn>arn:aws:acm:us-east-1:000000000000:certificate/c1\
        </CertificateArn><IsDefault>true</IsDefault></member><member><CertificateArn>\
        arn:aws:acm:us-east-1:000000000000:certificate/c2</CertificateArn></member></Certificates>";
    canned.lay(LISTED, model("DescribeListenerCertificates"), listed);
    let groups = "<TargetGroups><member><TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/api/1\
        </TargetGroupArn><TargetGroupName>api</TargetGroupName></member></TargetGroups>";
    canned.lay(GROUPS, model("DescribeTargetGroups"), groups);
    let targets = "<TargetHealthDescriptions><member><Target><Id>10.0.0.1</Id></Target><TargetHealth>\
        <State>healthy</State></TargetHealth></member><member><Target><Id>10.0.0.2</Id></Target><TargetHealth>\
        <State>draining</State></TargetHealth></member></TargetHealthDescriptions>";
    canned.lay(TARGETS, model("DescribeTargetHealth"), targets);
}

/// A word of what was seen, and one of what to do.
pub(super) type Words = [&'static str; 2];

/// A word of an answer is another one: where, which, what instead; which check turns, and to what; what is said then.
pub(super) type Word =
    (&'static str, At, &'static str, &'static str, &'static [(&'static str, Light)], Words);

/// One for each thing that may be wrong there.
pub(super) const WORDS: [Word; 27] = {
    use Light::{Amber, Red, Unknown};
    let [redis, s3, week, aurora] = &METRICS;
    [
        (
            "five minutes are lost",
            aurora.points(),
            "900.0",
            "310000.0",
            &[("aurora_lag", Red)],
            ["310000", "replication"],
        ),
        (
            "some seconds are lost",
            aurora.points(),
            "900.0",
            "6000.0",
            &[("aurora_lag", Amber)],
            ["6000", "replication"],
        ),
        (
            "Redis tells no metrics",
            redis.list(),
            "shop-redis-us-001",
            "other-001",
            &[("redis_lag", Red)],
            ["no GlobalDatastoreReplicationLag", "link"],
        ),
        (
            "another group tells metrics",
            redis.list(),
            "shop-redis-us-001",
            "shop-redis-us-2-001",
            &[("redis_lag", Red)],
            ["no GlobalDatastoreReplicationLag", "link"],
        ),
        (
            "it was slow all week",
            week.points(),
            "1500.0",
            "45000.0",
            &[("aurora_lag_history", Amber)],
            ["45000", "lag rose"],
        ),
        (
            "Redis is behind",
            redis.points(),
            "0.25",
            "4.5",
            &[("redis_lag", Red)],
            ["4.5 s", "link"],
        ),
        (
            "S3 is behind",
            s3.points(),
            "12.0",
            "900.0",
            &[("s3_lag", Amber)],
            ["900 s", "replication metrics"],
        ),
        (
            "S3 tells no metrics",
            s3.list(),
            "shop-images",
            "others",
            &[("s3_lag", Amber)],
            ["no ReplicationLatency", "replication metrics"],
        ),
        (
            "no snapshot",
            SNAPSHOTS,
            "SnapshotCreateTime",
            "CacheNodeCreateTime",
            &[("redis_snapshots", Amber)],
            ["SnapshotCreateTime", "daily snapshots"],
        ),
        (
            "the cluster fails",
            CLUSTER_US,
            "ACTIVE",
            "FAILED",
            &[("eks_cluster", Red)],
            ["status: FAILED", "health"],
        ),
        (
            "the cluster is unwell",
            CLUSTER_US,
            "[]",
            "[{\"code\":\"Ec2SubnetNotFound\"}]",
            &[("eks_cluster", Red)],
            ["Ec2SubnetNotFound", "health"],
        ),
        (
            "versions apart",
            CLUSTER_US,
            "1.32",
            "1.30",
            &[("eks_versions", Amber)],
            ["1.30", "one minor version"],
        ),
        (
            "the nodes are unwell",
            NODES,
            "ACTIVE",
            "DEGRADED",
            &[("eks_nodes", Red)],
            ["DEGRADED", "node group"],
        ),
        (
            "too few nodes may come",
            NODES,
            "\"maxSize\":20",
            "\"maxSize\":4",
            &[("eks_nodes", Red)],
            ["maxSize: 4", "maximum"],
        ),
        (
            "an image that nobody pushed",
            IMAGE,
            "{\"imageTags\": [\"1\"]}",
            "",
            &[("images_stored", Red)],
            ["shop-api:1", "push the image"],
        ),
        (
            "another load balancer",
            BALANCER,
            US_LB,
            "old-lb.example",
            &[("alb", Red)],
            ["old-lb.example", "real name"],
        ),
        (
            "nothing listens for HTTPS",
            LISTENERS,
            "<Port>443</Port>",
            "<Port>8443</Port>",
            &[("alb", Red)],
            ["Listener 443", "HTTPS listener"],
        ),
        (
            "no target is well",
            TARGETS,
            "healthy",
            "unhealthy",
            &[("alb_targets", Red)],
            ["healthy: 0/2", "health check"],
        ),
        (
            "a certificate that has expired",
            CERTIFICATE,
            "ISSUED",
            "EXPIRED",
            &[("certificate", Red)],
            ["EXPIRED", "renew"],
        ),
        (
            "a second one that has expired",
            OTHER_CERTIFICATE,
            "ISSUED",
            "EXPIRED",
            &[("certificate", Red)],
            ["EXPIRED", "renew"],
        ),
        (
            "a certificate of another name",
            CERTIFICATE,
            "*.shop.test",
            "*.shop.example",
            &[("certificate", Red)],
            ["*.shop.example www.shop.example", "public name"],
        ),
        (
            "a key that will be deleted",
            KEY,
            "Enabled",
            "PendingDeletion",
            &[("keys", Red)],
            ["PendingDeletion", "cancel its deletion"],
        ),
        ("no room to grow", QUOTA, "480.0", "200.0", &[("quotas", Red)], ["200", "Service Quotas"]),
        (
            "restores fail",
            RESTORES,
            "CompletionDate",
            "CreationDate",
            &[("restore_tests", Amber)],
            ["CompletionDate", "restore testing plan"],
        ),
        (
            "a certificate that may end any day",
            CERTIFICATE,
            "NotAfter",
            "NotBefore",
            &[("certificate", Unknown)],
            ["NotAfter", "renew"],
        ),
        (
            "the load balancer is made anew",
            BALANCER,
            "active",
            "provisioning",
            &[("alb", Red)],
            ["provisioning", "load balancer"],
        ),
        (
            "the account lets nothing be public",
            BLOCK,
            "<RestrictPublicBuckets>false",
            "<RestrictPublicBuckets>true",
            &[("latch_readable", Red)],
            ["account RestrictPublicBuckets: true", "account"],
        ),
    ]
};

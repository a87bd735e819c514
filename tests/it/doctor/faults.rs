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
const KEY: At = ["kms", US, "DescribeKey", ""];
const QUOTA: At = ["servicequotas", US, "GetServiceQuota", ""];
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
        let (model, dimensions) = ("cloudwatch", json!([{"Name": name, "Value": value}]));
        let list = json!({"Metrics": [{"MetricName": metric.name, "Dimensions": dimensions}]});
        let points = json!({"MetricDataResults": [{
            "Id": "m0", "StatusCode": "Complete", "Timestamps": [seconds(1)], "Values": [metric.value],
        }]});
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
    let listeners = "<Listeners><member><Port>80</Port></member><member><Port>443</Port><Certificates><member>\
        <CertificateArn>arn:aws:acm:us-east-1:000000000000:certificate/c1</CertificateArn></member></Certificates>\
        </member></Listeners>";
    canned.lay(LISTENERS, model("DescribeListeners"), listeners);
    let groups = "<TargetGroups><member><TargetGroupArn>arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/api/1\
        </TargetGroupArn><TargetGroupName>api</TargetGroupName></member></TargetGroups>";
    canned.lay(GROUPS, model("DescribeTargetGroups"), groups);
    let targets = "<TargetHealthDescriptions><member><Target><Id>10.0.0.1</Id></Target><TargetHealth>\
        <State>healthy</State></TargetHealth></member><member><Target><Id>10.0.0.2</Id></Target><TargetHealth>\
        <State>draining</State></TargetHealth></member></TargetHealthDescriptions>";
    canned.lay(TARGETS, model("DescribeTargetHealth"), targets);
}

/// A word of an answer is another one: where, which, what instead; which check turns, and to what.
pub(super) type Word = (&'static str, At, &'static str, &'static str, &'static str, Light);

/// One for each thing that may be wrong there.
pub(super) const WORDS: [Word; 23] = {
    use Light::{Amber, Red};
    let [redis, s3, week, aurora] = &METRICS;
    [
        ("five minutes are lost", aurora.points(), "900.0", "310000.0", "aurora_lag", Red),
        (
            "Redis tells no metrics",
            redis.list(),
            "shop-redis-us-001",
            "other-001",
            "redis_lag",
            Red,
        ),
        ("it was slow all week", week.points(), "1500.0", "45000.0", "aurora_lag_history", Amber),
        ("Redis is behind", redis.points(), "0.25", "4.5", "redis_lag", Red),
        ("S3 is behind", s3.points(), "12.0", "900.0", "s3_lag", Amber),
        ("S3 tells no metrics", s3.list(), "shop-images", "others", "s3_lag", Amber),
        (
            "no snapshot",
            SNAPSHOTS,
            "SnapshotCreateTime",
            "CacheNodeCreateTime",
            "redis_snapshots",
            Amber,
        ),
        ("the cluster fails", CLUSTER_US, "ACTIVE", "FAILED", "eks_cluster", Red),
        (
            "the cluster is unwell",
            CLUSTER_US,
            "[]",
            "[{\"code\":\"Ec2SubnetNotFound\"}]",
            "eks_cluster",
            Red,
        ),
        ("versions apart", CLUSTER_US, "1.32", "1.30", "eks_versions", Amber),
        ("the nodes are unwell", NODES, "ACTIVE", "DEGRADED", "eks_nodes", Red),
        ("too few nodes may come", NODES, "\"maxSize\":20", "\"maxSize\":4", "eks_nodes", Red),
        (
            "an image that nobody pushed",
            IMAGE,
            "{\"imageTags\": [\"1\"]}",
            "",
            "images_stored",
            Red,
        ),
        ("another load balancer", BALANCER, US_LB, "old-lb.example", "alb", Red),
        (
            "nothing listens for HTTPS",
            LISTENERS,
            "<Port>443</Port>",
            "<Port>8443</Port>",
            "alb",
            Red,
        ),
        ("no target is well", TARGETS, "healthy", "unhealthy", "alb_targets", Red),
        ("a certificate that has expired", CERTIFICATE, "ISSUED", "EXPIRED", "certificate", Red),
        (
            "a certificate of another name",
            CERTIFICATE,
            "*.shop.test",
            "*.shop.example",
            "certificate",
            Red,
        ),
        ("a key that will be deleted", KEY, "Enabled", "PendingDeletion", "keys", Red),
        ("no room to grow", QUOTA, "480.0", "200.0", "quotas", Red),
        ("restores fail", RESTORES, "CompletionDate", "CreationDate", "restore_tests", Amber),
        (
            "a certificate that may end any day",
            CERTIFICATE,
            "NotAfter",
            "NotBefore",
            "certificate",
            Red,
        ),
        ("the load balancer is made anew", BALANCER, "active", "provisioning", "alb", Red),
    ]
};

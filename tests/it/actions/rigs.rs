//! A rig for every action on AWS: what it is asked for, which call writes, which one puts it back, who judges, and how that
//! server is asked itself.

use dr_buddy::domain::action::{self, ActionSpec, Undo};
use serde_json::{Value, json};

use super::bed::{Ask, Bed};
use super::seeds::{BUCKET, rules_of};
use crate::harness::{
    ALIAS_ZONE, AUTOMATION, CACHE, CONTROLS, DATASTORE, GROUPS, LOAD_BALANCER, REPLICA,
};

/// How the tap names a batch of records.
const BATCH: &str = "POST /2013-04-01/hostedzone/";
const GLOBAL_CLUSTERS: &str = "Action=DescribeGlobalClusters&Version=2014-10-31";
const ALARMS: &str = "Action=DescribeAlarms&Version=2010-08-01";

fn datastore() -> String {
    format!(
        "Action=DescribeGlobalReplicationGroups&Version=2015-02-02&ShowMemberInfo=true\
         &GlobalReplicationGroupId={DATASTORE}"
    )
}

fn records(bed: &Bed) -> Ask {
    let path = format!("/2013-04-01/hostedzone/{}/rrset", bed.shop().zone);
    Ask::get("route53", "us-east-1", &path)
}

/// An action and where it can be tried.
pub(super) struct Rig {
    pub(super) name: &'static str,
    /// The call that changes something, as the tap names it.
    pub(super) writes: &'static str,
    /// The call that puts it back, where that is another one.
    pub(super) undo: Option<&'static str>,
    /// Which server judges.
    pub(super) judge: Judge,
    pub(super) with: fn(&Bed) -> Value,
    /// What the server itself is asked of what the action works on.
    pub(super) raw: fn(&Bed) -> Vec<Ask>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    Ministack,
    Moto,
    StandIn,
}

pub(super) static RIGS: [Rig; 23] = [
    Rig {
        name: "aurora.failover",
        writes: "FailoverGlobalCluster",
        undo: None,
        judge: Judge::Ministack,
        with: |bed| json!({"global_cluster": "shop", "target": bed.shop().dr_arn, "allow_data_loss": true}),
        raw: |_| vec![Ask::form("rds", "eu-west-1", GLOBAL_CLUSTERS)],
    },
    Rig {
        name: "aurora.switchover",
        writes: "SwitchoverGlobalCluster",
        undo: None,
        judge: Judge::Ministack,
        with: |bed| json!({"global_cluster": "shop", "target": bed.shop().dr_arn}),
        raw: |_| vec![Ask::form("rds", "eu-west-1", GLOBAL_CLUSTERS)],
    },
    Rig {
        name: "aurora.detach",
        writes: "RemoveFromGlobalCluster",
        undo: None,
        judge: Judge::Ministack,
        with: |bed| json!({"global_cluster": "shop", "target": bed.shop().dr_arn}),
        raw: |_| vec![Ask::form("rds", "eu-west-1", GLOBAL_CLUSTERS)],
    },
    Rig {
        name: "rds.promote_read_replica",
        writes: "PromoteReadReplicaDBCluster",
        undo: None,
        judge: Judge::Moto,
        with: |_| json!({"region": "us-east-1", "cluster": "orders-us"}),
        raw: |_| {
            vec![Ask::form("rds", "us-east-1", "Action=DescribeDBClusters&Version=2014-10-31")]
        },
    },
    Rig {
        name: "elasticache.failover_global",
        writes: "FailoverGlobalReplicationGroup",
        undo: None,
        judge: Judge::StandIn,
        with: |_| {
            let (target, region) = GROUPS[1];
            json!({"global": DATASTORE, "region": region, "target": target})
        },
        raw: |_| vec![Ask::form("elasticache", "us-east-1", &datastore())],
    },
    Rig {
        name: "elasticache.detach",
        writes: "DisassociateGlobalReplicationGroup",
        undo: None,
        judge: Judge::StandIn,
        with: |_| json!({"global": DATASTORE, "region": GROUPS[1].1, "target": GROUPS[1].0}),
        raw: |_| vec![Ask::form("elasticache", "us-east-1", &datastore())],
    },
    Rig {
        name: "elasticache.promote",
        writes: "ModifyReplicationGroup",
        undo: None,
        judge: Judge::StandIn,
        with: |_| json!({"region": "us-east-1", "group": CACHE, "node": format!("{CACHE}-002")}),
        raw: |_| {
            let of = "Action=DescribeReplicationGroups&Version=2015-02-02&ReplicationGroupId=";
            vec![Ask::form("elasticache", "us-east-1", &format!("{of}{CACHE}"))]
        },
    },
    Rig {
        name: "secretsmanager.promote_replica",
        writes: "StopReplicationToReplica",
        undo: None,
        judge: Judge::StandIn,
        with: |_| json!({"region": "us-east-1", "secret": REPLICA}),
        raw: |_| vec![Ask::json("secretsmanager", "DescribeSecret", json!({"SecretId": REPLICA}))],
    },
    Rig {
        name: "arc.set_routing_control",
        writes: "UpdateRoutingControlStates",
        undo: None,
        judge: Judge::StandIn,
        with: |bed| {
            // The one that is asked first has no time, the next is not there.
            let Bed::StandIn(all) = bed else { panic!("only the stand-in has routing controls") };
            let (direct, tap) = (&all.1.endpoint, &bed.tap().endpoint);
            let endpoints = [
                "eu-west-1=http://127.0.0.1:9".into(),
                format!("us-east-1={tap}"),
                format!("dark={direct}"),
            ];
            json!({"endpoints": endpoints, "on": [CONTROLS[1]], "off": [CONTROLS[0]]})
        },
        raw: |_| {
            let state = |control| json!({"RoutingControlArn": control});
            CONTROLS
                .map(|one| {
                    Ask::json("route53-recovery-cluster", "GetRoutingControlState", state(one))
                })
                .into()
        },
    },
    Rig {
        name: "alb.reserve_capacity",
        writes: "ModifyCapacityReservation",
        undo: None,
        judge: Judge::StandIn,
        with: |_| json!({"load_balancer": LOAD_BALANCER, "units": 100}),
        raw: |_| {
            let of = "Action=DescribeCapacityReservation&Version=2015-12-01&LoadBalancerArn=";
            let of = format!("{of}{LOAD_BALANCER}");
            vec![Ask::form("elasticloadbalancing", "us-east-1", &of)]
        },
    },
    Rig {
        name: "ssm.start_automation",
        writes: "StartAutomationExecution",
        undo: Some("StopAutomationExecution"),
        judge: Judge::StandIn,
        with: |_| json!({"region": "us-east-1", "document": AUTOMATION, "parameters": ["Region=us-east-1"]}),
        raw: |_| vec![Ask::json("ssm", "DescribeAutomationExecutions", json!({}))],
    },
    Rig {
        name: "s3.backfill",
        writes: "POST /v20180820/jobs",
        undo: None,
        judge: Judge::StandIn,
        with: |_| {
            let role = "arn:aws:iam::000000000000:role/shop-batch";
            json!({"region": "eu-west-1", "bucket": BUCKET, "role": role})
        },
        raw: |_| vec![Ask::get("s3", "eu-west-1", "/v20180820/jobs")],
    },
    Rig {
        name: "route53.latch",
        writes: "PUT /shop-latch/",
        undo: Some("DELETE /shop-latch/"),
        judge: Judge::Ministack,
        with: |_| json!({"region": "us-east-1", "bucket": "shop-latch", "key": "failover-active"}),
        raw: |_| vec![Ask::get("s3", "us-east-1", "/shop-latch?list-type=2")],
    },
    Rig {
        name: "s3.set_replication",
        writes: "PUT /shop-images/",
        undo: None,
        judge: Judge::Ministack,
        with: |_| json!({"region": "eu-west-1", "bucket": BUCKET, "rule": "to-us", "enabled": false}),
        raw: |_| vec![Ask::get("s3", "eu-west-1", "/shop-images?replication")],
    },
    Rig {
        name: "s3.put_policy",
        writes: "PUT /shop-images/",
        undo: None,
        judge: Judge::Ministack,
        with: |_| {
            let statement = json!({
                "Sid": "drill", "Effect": "Deny", "Action": "s3:PutObject",
                "Principal": {"AWS": "arn:aws:iam::000000000000:role/shop-api"},
                "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
            });
            json!({"region": "eu-west-1", "bucket": BUCKET, "statement": statement.to_string()})
        },
        raw: |_| vec![Ask::get("s3", "eu-west-1", "/shop-images?policy")],
    },
    Rig {
        name: "cloudwatch.set_alarm",
        writes: "SetAlarmState",
        undo: None,
        judge: Judge::Ministack,
        with: |_| json!({"region": "us-east-1", "alarm": "shop-drill", "state": "ALARM"}),
        raw: |_| vec![Ask::form("monitoring", "us-east-1", ALARMS)],
    },
    Rig {
        name: "eks.scale_nodes",
        writes: "POST /clusters/",
        undo: None,
        judge: Judge::Moto,
        with: |_| {
            json!({"region": "us-east-1", "cluster": "shop-us", "nodegroup": "general",
                "min": 6, "desired": 9, "max": 20})
        },
        raw: |_| vec![Ask::get("eks", "us-east-1", "/clusters/shop-us/node-groups/general")],
    },
    Rig {
        name: "ec2.close_security_group",
        writes: "RevokeSecurityGroupIngress",
        undo: Some("AuthorizeSecurityGroupIngress"),
        judge: Judge::Moto,
        with: |bed| json!({"region": "eu-west-1", "group": bed.seeds().group, "port": 5432}),
        raw: |bed| vec![Ask::form("ec2", "eu-west-1", &rules_of(&bed.seeds().group))],
    },
    Rig {
        name: "fis.start_experiment",
        writes: "POST /experiments",
        undo: Some("DELETE /experiments/"),
        judge: Judge::Moto,
        with: |bed| json!({"region": "us-east-1", "template": bed.seeds().template}),
        raw: |_| vec![Ask::get("fis", "us-east-1", "/experiments")],
    },
    Rig {
        name: "secretsmanager.replace_host",
        writes: "PutSecretValue",
        undo: Some("UpdateSecretVersionStage"),
        judge: Judge::Ministack,
        with: |bed| {
            let shop = bed.shop();
            json!({"region": "us-east-1", "secret": shop.secret, "host": shop.dr_host, "key": "DATABASE_URL"})
        },
        raw: |bed| {
            vec![Ask::json(
                "secretsmanager",
                "GetSecretValue",
                json!({"SecretId": bed.shop().secret}),
            )]
        },
    },
    Rig {
        name: "route53.pin",
        writes: BATCH,
        undo: None,
        judge: Judge::Ministack,
        with: |bed| {
            json!({"zone": bed.shop().zone, "name": "api.shop.test", "set_identifier": "eu",
                "target": "us-lb.us-east-1.elb.amazonaws.com", "target_zone": ALIAS_ZONE})
        },
        raw: |bed| vec![records(bed)],
    },
    Rig {
        name: "route53.swap_roles",
        writes: BATCH,
        undo: None,
        judge: Judge::Ministack,
        with: |bed| json!({"zone": bed.shop().zone, "name": "api.shop.test", "primary_set": "us"}),
        raw: |bed| vec![records(bed)],
    },
    Rig {
        name: "route53.set_ttl",
        writes: BATCH,
        undo: None,
        judge: Judge::Ministack,
        with: |bed| json!({"zone": bed.shop().zone, "name": "www.shop.test", "seconds": 30}),
        raw: |bed| vec![records(bed)],
    },
];

impl Rig {
    /// Whether it runs on until it is stopped.
    pub(super) fn goes_on(&self) -> bool {
        ["ssm.start_automation", "fis.start_experiment"].contains(&self.name)
    }

    pub(super) fn has_way_back(&self) -> bool {
        matches!(self.spec().undo, Undo::Possible)
    }

    pub(super) fn spec(&self) -> &'static ActionSpec {
        action::find(self.name).expect("it has a row")
    }
}

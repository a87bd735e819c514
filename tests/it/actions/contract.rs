//! The contract of every action on AWS, written once: looking writes nothing, an approval runs once, a cut connection is
//! told from nothing by the probe, the way back restores exactly what was, and another account is refused. A new action
//! is a rig here: what to seed, and which call writes.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use aws_sdk_route53::types::ResourceRecordSet;
use dr_buddy::actions::{Actions, Happened, LookError};
use dr_buddy::domain::action::{self, Danger, Undo};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

use super::seeds::{self, BUCKET, Seeds};
use super::{Step, aws_at, environment, is_accepted, is_failed, is_unknown, permissions};
use crate::harness::{
    AUTOMATION, AwsWorld, CACHE, CONTROLS, DATASTORE, GROUPS, LOAD_BALANCER, Ministack, Moto,
    REPLICA, StandIn, Tampering, Tap, eventually, judge_aws, ministack, moto,
};

/// A server with what the action works on.
pub(super) enum Bed {
    Ministack(Box<(Ministack, AwsWorld)>),
    Moto(Box<(Moto, Seeds)>),
    /// What no emulator knows, in front of one.
    StandIn(Box<(Ministack, StandIn, Tap)>),
}

/// An action and where it can be tried.
pub(super) struct Rig {
    pub(super) name: &'static str,
    /// The call that changes something, as the tap names it.
    writes: &'static str,
    /// Which server judges.
    pub(super) judge: Judge,
    pub(super) with: fn(&Bed) -> Value,
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
        judge: Judge::Ministack,
        with: |bed| json!({"global_cluster": "shop", "target": bed.shop().dr_arn, "allow_data_loss": true}),
    },
    Rig {
        name: "aurora.switchover",
        writes: "SwitchoverGlobalCluster",
        judge: Judge::Ministack,
        with: |bed| json!({"global_cluster": "shop", "target": bed.shop().dr_arn}),
    },
    Rig {
        name: "aurora.detach",
        writes: "RemoveFromGlobalCluster",
        judge: Judge::Ministack,
        with: |bed| json!({"global_cluster": "shop", "target": bed.shop().dr_arn}),
    },
    Rig {
        name: "rds.promote_read_replica",
        writes: "PromoteReadReplicaDBCluster",
        judge: Judge::Moto,
        with: |_| json!({"region": "us-east-1", "cluster": "orders-us"}),
    },
    Rig {
        name: "elasticache.failover_global",
        writes: "FailoverGlobalReplicationGroup",
        judge: Judge::StandIn,
        with: |_| {
            let (target, region) = GROUPS[1];
            json!({"global": DATASTORE, "region": region, "target": target})
        },
    },
    Rig {
        name: "elasticache.detach",
        writes: "DisassociateGlobalReplicationGroup",
        judge: Judge::StandIn,
        with: |_| json!({"global": DATASTORE, "region": GROUPS[1].1, "target": GROUPS[1].0}),
    },
    Rig {
        name: "elasticache.promote",
        writes: "ModifyReplicationGroup",
        judge: Judge::StandIn,
        with: |_| json!({"region": "us-east-1", "group": CACHE, "node": format!("{CACHE}-002")}),
    },
    Rig {
        name: "secretsmanager.promote_replica",
        writes: "StopReplicationToReplica",
        judge: Judge::StandIn,
        with: |_| json!({"region": "us-east-1", "secret": REPLICA}),
    },
    Rig {
        name: "arc.set_routing_control",
        writes: "UpdateRoutingControlStates",
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
    },
    Rig {
        name: "alb.reserve_capacity",
        writes: "ModifyCapacityReservation",
        judge: Judge::StandIn,
        with: |_| json!({"load_balancer": LOAD_BALANCER, "units": 100}),
    },
    Rig {
        name: "ssm.start_automation",
        writes: "StartAutomationExecution",
        judge: Judge::StandIn,
        with: |_| json!({"region": "us-east-1", "document": AUTOMATION, "parameters": ["Region=us-east-1"]}),
    },
    Rig {
        name: "s3.backfill",
        writes: "POST /v20180820/jobs",
        judge: Judge::StandIn,
        with: |_| {
            let role = "arn:aws:iam::000000000000:role/shop-batch";
            json!({"region": "eu-west-1", "bucket": BUCKET, "role": role})
        },
    },
    Rig {
        name: "route53.latch",
        writes: "PUT /shop-latch/",
        judge: Judge::Ministack,
        with: |_| json!({"region": "us-east-1", "bucket": "shop-latch", "key": "failover-active"}),
    },
    Rig {
        name: "s3.set_replication",
        writes: "PUT /shop-images/",
        judge: Judge::Ministack,
        with: |_| json!({"region": "eu-west-1", "bucket": BUCKET, "rule": "to-us", "enabled": false}),
    },
    Rig {
        name: "s3.put_policy",
        writes: "PUT /shop-images/",
        judge: Judge::Ministack,
        with: |_| {
            let statement = json!({
                "Sid": "drill", "Effect": "Deny", "Action": "s3:PutObject",
                "Principal": {"AWS": "arn:aws:iam::000000000000:role/shop-api"},
                "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
            });
            json!({"region": "eu-west-1", "bucket": BUCKET, "statement": statement.to_string()})
        },
    },
    Rig {
        name: "cloudwatch.set_alarm",
        writes: "SetAlarmState",
        judge: Judge::Ministack,
        with: |_| json!({"region": "us-east-1", "alarm": "shop-drill", "state": "ALARM"}),
    },
    Rig {
        name: "eks.scale_nodes",
        writes: "POST /clusters/",
        judge: Judge::Moto,
        with: |_| {
            json!({"region": "us-east-1", "cluster": "shop-us", "nodegroup": "general",
                "min": 6, "desired": 9, "max": 20})
        },
    },
    Rig {
        name: "ec2.close_security_group",
        writes: "RevokeSecurityGroupIngress",
        judge: Judge::Moto,
        with: |bed| json!({"region": "eu-west-1", "group": bed.seeds().group, "port": 5432}),
    },
    Rig {
        name: "fis.start_experiment",
        writes: "POST /experiments",
        judge: Judge::Moto,
        with: |bed| json!({"region": "us-east-1", "template": bed.seeds().template}),
    },
    Rig {
        name: "secretsmanager.replace_host",
        writes: "PutSecretValue",
        judge: Judge::Ministack,
        with: |bed| {
            let shop = bed.shop();
            json!({"region": "us-east-1", "secret": shop.secret, "host": shop.dr_host, "key": "DATABASE_URL"})
        },
    },
    Rig {
        name: "route53.pin",
        writes: BATCH,
        judge: Judge::Ministack,
        with: |bed| {
            json!({"zone": bed.shop().zone, "name": "api.shop.test", "set_identifier": "eu",
                "target": "us-lb.us-east-1.elb.amazonaws.com", "target_zone": crate::harness::ALIAS_ZONE})
        },
    },
    Rig {
        name: "route53.swap_roles",
        writes: BATCH,
        judge: Judge::Ministack,
        with: |bed| json!({"zone": bed.shop().zone, "name": "api.shop.test", "primary_set": "us"}),
    },
    Rig {
        name: "route53.set_ttl",
        writes: BATCH,
        judge: Judge::Ministack,
        with: |bed| json!({"zone": bed.shop().zone, "name": "www.shop.test", "seconds": 30}),
    },
];

/// How the tap names a batch of records.
const BATCH: &str = "POST /2013-04-01/hostedzone/";

impl Bed {
    pub(super) async fn new(judge: Judge) -> Self {
        match judge {
            Judge::Ministack => Self::shop_in(ministack().await).await,
            Judge::Moto => {
                let server = moto().await;
                let seeds = seeds::of_moto(&server.direct).await;
                Self::Moto(Box::new((server, seeds)))
            }
            Judge::StandIn => {
                let server = ministack().await;
                seeds::of_ministack(&server.direct).await;
                let stand_in = StandIn::before(&server.direct).await;
                let tap = Tap::before(&stand_in.endpoint).await;
                Self::StandIn(Box::new((server, stand_in, tap)))
            }
        }
    }

    /// The shop in this server.
    pub(super) async fn shop_in(server: Ministack) -> Self {
        let world = AwsWorld::seed(&server).await;
        world.upsert([seeds::www()]).await;
        seeds::of_ministack(&server.direct).await;
        Self::Ministack(Box::new((server, world)))
    }

    pub(super) fn shop(&self) -> &AwsWorld {
        match self {
            Self::Ministack(both) => &both.1,
            Self::Moto(_) | Self::StandIn(_) => panic!("the shop is in ministack"),
        }
    }

    fn seeds(&self) -> &Seeds {
        match self {
            Self::Moto(both) => &both.1,
            Self::Ministack(_) | Self::StandIn(_) => panic!("these are in moto"),
        }
    }

    /// All records of the shop's zone, as the emulator tells them.
    async fn records(&self) -> Vec<ResourceRecordSet> {
        match self {
            Self::Ministack(both) => both.1.all_records().await,
            Self::Moto(_) | Self::StandIn(_) => vec![],
        }
    }

    pub(super) fn tap(&self) -> &Tap {
        match self {
            Self::Ministack(both) => &both.0.tap,
            Self::Moto(both) => &both.0.tap,
            Self::StandIn(all) => &all.2,
        }
    }

    fn account(&self) -> &'static str {
        match self {
            Self::Ministack(_) | Self::StandIn(_) => "000000000000",
            Self::Moto(_) => "123456789012",
        }
    }

    fn step(&self, rig: &Rig) -> Step {
        let actions: Actions = aws_at(&self.tap().endpoint);
        let mut step = Step::new(&actions, rig.name, (rig.with)(self));
        step.environment = environment(self.account());
        step
    }
}

pub(super) fn has_way_back(rig: &Rig) -> bool {
    matches!(action::find(rig.name).unwrap().undo, Undo::Possible)
}

/// Facts that say nothing of the state: an id, what became of a call, what is asked of the direction.
fn state(facts: &Map<String, Value>) -> Map<String, Value> {
    let passing = ["version", "token_present", "change_status", "target_is_writer"];
    let lasting = facts.iter().filter(|(name, _)| !passing.contains(&name.as_str()));
    lasting.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(super) async fn is_done(
    step: &Step,
    preview: &dr_buddy::domain::run::preview::Preview,
) -> Map<String, Value> {
    eventually("the probe says done", 10, || async {
        let probe = step.probe(preview).await;
        (probe.happened == Happened::Done).then_some(probe.facts)
    })
    .await
}

/// All of them, and then which failed, so that one run tells everything.
async fn for_every_rig(check: impl Fn(&'static Rig) -> Pin<Box<dyn Future<Output = ()>>>) {
    let mut failed = vec![];
    for rig in &RIGS {
        if AssertUnwindSafe(check(rig)).catch_unwind().await.is_err() {
            failed.push(rig.name);
        }
    }
    assert!(failed.is_empty(), "these failed, see above: {failed:?}");
}

#[test]
fn every_action_that_changes_aws_has_a_rig() {
    for spec in action::all().filter(|spec| spec.danger != Danger::Reads) {
        let others = ["k8s.", "external_secrets.", "http.", "sql.", "exec", "human."];
        let on_aws = !others.iter().any(|system| spec.name.starts_with(system));
        assert!(!on_aws || RIGS.iter().any(|rig| rig.name == spec.name), "{}", spec.name);
    }
}

#[tokio::test]
async fn looking_writes_nothing_and_one_approval_runs_once_and_has_its_way_back() {
    for_every_rig(|rig| Box::pin(there_and_back(rig))).await;
}

async fn there_and_back(rig: &'static Rig) {
    let bed = Bed::new(rig.judge).await;
    let mut step = bed.step(rig);
    let preview = step.preview().await;
    let before = step.probe(&preview).await;
    assert_eq!(before.happened, Happened::Never, "{}: {before:?}", rig.name);
    let looks = |call: &String| {
        ["Describe", "List", "Get", "GET "].iter().any(|verb| call.starts_with(verb))
    };
    let calls = bed.tap().calls();
    assert!(calls.iter().all(looks), "{}: looking writes nothing: {calls:?}", rig.name);
    let records = bed.records().await;
    assert!(!preview.changes.is_empty() && !preview.calls.is_empty(), "{}", rig.name);
    assert!(!before.saw.is_empty(), "{}", rig.name);
    for fact in preview.facts.keys().chain(before.facts.keys()) {
        let row = action::find(rig.name).unwrap();
        assert!(row.facts.contains(fact), "{}: fact {fact} is not in its row", rig.name);
    }

    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{}: {outcome:?}", rig.name);
    let evidence = step.past.last().unwrap();
    assert!(evidence["request_id"].is_string(), "{}: {evidence}", rig.name);
    assert!(evidence["caller"].as_str().unwrap().contains(bed.account()), "{}", rig.name);
    let after = if rig.goes_on() {
        let probe = step.probe(&preview).await;
        assert_eq!(probe.happened, Happened::Running, "{}: {probe:?}", rig.name);
        probe.facts
    } else {
        is_done(&step, &preview).await
    };
    assert_eq!(bed.tap().count(rig.writes), 1, "{}", rig.name);
    assert_ne!(state(&after), state(&before.facts), "{}: nothing changed", rig.name);

    if has_way_back(rig) {
        let mut back = step.back(preview);
        let preview = back.preview().await;
        assert!(is_accepted(&back.run(&preview).await), "{}", rig.name);
        let restored = is_done(&back, &preview).await;
        if !rig.goes_on() {
            assert_eq!(state(&restored), state(&before.facts), "{}", rig.name);
        }
        assert_eq!(bed.records().await, records, "{}: every value of every record", rig.name);
        assert_eq!(bed.tap().count(rig.writes), rig.writes_back(), "{}", rig.name);
    } else {
        let back = step.back(preview);
        assert!(!back.refusal().await.is_empty(), "{}", rig.name);
    }
    if rig.judge != Judge::Ministack {
        // These do not know IAM: every call has the name of a permission.
        permissions::all_named(rig.name, &bed.tap().calls());
    }
    if let Bed::StandIn(all) = &bed {
        judge_aws(&all.1.replies());
    }
}

impl Rig {
    /// How often its call has been made once it is undone.
    fn writes_back(&self) -> usize {
        // These go back by another call: a label that moves, an object that goes, rules that come again, a stop.
        let by_another = [
            "secretsmanager.replace_host",
            "route53.latch",
            "ec2.close_security_group",
            "ssm.start_automation",
            "fis.start_experiment",
        ];
        if by_another.contains(&self.name) { 1 } else { 2 }
    }

    /// Whether it runs on until it is stopped.
    fn goes_on(&self) -> bool {
        ["ssm.start_automation", "fis.start_experiment"].contains(&self.name)
    }
}

#[tokio::test]
async fn a_cut_connection_is_unknown_and_the_probe_finds_out() {
    for_every_rig(|rig| Box::pin(cut(rig))).await;
}

async fn cut(rig: &'static Rig) {
    let bed = Bed::new(rig.judge).await;
    let mut step = bed.step(rig);
    let preview = step.preview().await;
    bed.tap().spoil_next(rig.writes, Tampering::CutBefore);
    assert!(is_unknown(&step.run(&preview).await), "{}", rig.name);
    assert_eq!(bed.tap().count(rig.writes), 1, "{}: it is not sent again", rig.name);
    let probe = step.probe(&preview).await;
    assert_eq!(probe.happened, Happened::Never, "{}: {probe:?}", rig.name);

    bed.tap().spoil_next(rig.writes, Tampering::CutAfter);
    assert!(is_unknown(&step.run(&preview).await), "{}", rig.name);
    if rig.goes_on() {
        assert_eq!(step.probe(&preview).await.happened, Happened::Running, "{}", rig.name);
    } else {
        is_done(&step, &preview).await;
    }
    assert_eq!(bed.tap().count(rig.writes), 2, "{}", rig.name);
}

#[tokio::test]
async fn the_credentials_of_another_account_send_nothing() {
    for_every_rig(|rig| Box::pin(of_another_account(rig))).await;
}

async fn of_another_account(rig: &'static Rig) {
    let bed = Bed::new(rig.judge).await;
    let mut step = bed.step(rig);
    let mut preview = step.preview().await;
    // All agree on the account, but for STS.
    step.environment.account = "999999999999".into();
    preview.request["account"] = "999999999999".into();
    let outcome = step.run(&preview).await;
    assert!(is_failed(&outcome), "{}: {outcome:?}", rig.name);
    match step.action.preview(&step.call()).await {
        Err(LookError::Unsafe { .. }) => {}
        other => panic!("{}: {other:?}", rig.name),
    }
    assert_eq!(bed.tap().count(rig.writes), 0, "{}", rig.name);
}

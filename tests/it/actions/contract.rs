//! The contract of every action on AWS, written once: looking writes nothing, an approval runs once, a cut connection is
//! told from nothing by the probe, the way back restores exactly what was, and another account is refused. A new action
//! is a rig here: what to seed, and which call writes.

use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};
use dr_buddy::actions::{Actions, Happened, LookError};
use dr_buddy::domain::action::{self, Danger, Undo};
use serde_json::{Map, Value, json};

use super::{Step, aws_at, environment, is_accepted, is_failed, is_unknown};
use crate::harness::{
    AwsWorld, DATASTORE, GROUPS, Ministack, Moto, StandIn, Tampering, Tap, eventually, judge_aws,
    ministack, moto, sdk_config,
};

/// A server with what the action works on.
enum Bed {
    Ministack(Box<(Ministack, AwsWorld)>),
    Moto(Moto),
    /// What no emulator knows, in front of one.
    StandIn(Box<(Ministack, StandIn, Tap)>),
}

/// An action and where it can be tried.
struct Rig {
    name: &'static str,
    /// The call that changes something, as the tap names it.
    writes: &'static str,
    /// Which server judges.
    judge: Judge,
    with: fn(&Bed) -> Value,
}

#[derive(Clone, Copy)]
enum Judge {
    Ministack,
    Moto,
    StandIn,
}

const RIGS: [Rig; 9] = [
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
    async fn new(judge: Judge) -> Self {
        match judge {
            Judge::Ministack => {
                let server = ministack().await;
                let world = AwsWorld::seed(&server).await;
                world.upsert([www()]).await;
                Self::Ministack(Box::new((server, world)))
            }
            Judge::Moto => {
                let server = moto().await;
                replica(&server).await;
                Self::Moto(server)
            }
            Judge::StandIn => {
                let server = ministack().await;
                let stand_in = StandIn::before(&server.direct).await;
                let tap = Tap::before(&stand_in.endpoint).await;
                Self::StandIn(Box::new((server, stand_in, tap)))
            }
        }
    }

    fn shop(&self) -> &AwsWorld {
        match self {
            Self::Ministack(both) => &both.1,
            Self::Moto(_) | Self::StandIn(_) => panic!("the shop is in ministack"),
        }
    }

    /// All records of the shop's zone, as the emulator tells them.
    async fn records(&self) -> Vec<ResourceRecordSet> {
        match self {
            Self::Ministack(both) => both.1.all_records().await,
            Self::Moto(_) | Self::StandIn(_) => vec![],
        }
    }

    fn tap(&self) -> &Tap {
        match self {
            Self::Ministack(both) => &both.0.tap,
            Self::Moto(moto) => &moto.tap,
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

/// A record that is no alias, so that it has a TTL.
fn www() -> ResourceRecordSet {
    let address = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
    let record = ResourceRecordSet::builder().name("www.shop.test.").r#type(RrType::A).ttl(300);
    record.resource_records(address).build().unwrap()
}

/// A cluster in eu-west-1 and its replica in us-east-1.
async fn replica(server: &Moto) {
    for (region, name, source) in [
        ("eu-west-1", "orders-eu", None),
        ("us-east-1", "orders-us", Some("arn:aws:rds:eu-west-1:123456789012:cluster:orders-eu")),
    ] {
        let config = sdk_config(&server.direct, region).await;
        let create = aws_sdk_rds::Client::new(&config)
            .create_db_cluster()
            .db_cluster_identifier(name)
            .engine("aurora-postgresql")
            .master_username("shop")
            .master_user_password("s3cr3t-s3cr3t")
            .set_replication_source_identifier(source.map(ToOwned::to_owned));
        create.send().await.expect("a cluster");
    }
}

fn has_way_back(rig: &Rig) -> bool {
    matches!(action::find(rig.name).unwrap().undo, Undo::Possible)
}

/// Facts that say nothing of the state: an id, what became of a call, what is asked of the direction.
fn state(facts: &Map<String, Value>) -> Map<String, Value> {
    let passing = ["version", "token_present", "change_status", "target_is_writer"];
    let lasting = facts.iter().filter(|(name, _)| !passing.contains(&name.as_str()));
    lasting.map(|(name, value)| (name.clone(), value.clone())).collect()
}

async fn is_done(
    step: &Step,
    preview: &dr_buddy::domain::run::preview::Preview,
) -> Map<String, Value> {
    eventually("the probe says done", 10, || async {
        let probe = step.probe(preview).await;
        (probe.happened == Happened::Done).then_some(probe.facts)
    })
    .await
}

#[test]
fn every_action_that_changes_aws_has_a_rig() {
    for spec in action::all().filter(|spec| spec.danger != Danger::Reads) {
        let on_aws =
            !["k8s.", "http.", "sql.", "human."].iter().any(|system| spec.name.starts_with(system));
        assert!(!on_aws || RIGS.iter().any(|rig| rig.name == spec.name), "{}", spec.name);
    }
}

#[tokio::test]
async fn looking_writes_nothing_and_one_approval_runs_once_and_has_its_way_back() {
    for rig in &RIGS {
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
            assert!(
                row.facts.contains(&fact.as_str()),
                "{}: fact {fact} is not in its row",
                rig.name
            );
        }

        let outcome = step.run(&preview).await;
        assert!(is_accepted(&outcome), "{}: {outcome:?}", rig.name);
        let evidence = step.past.last().unwrap();
        assert!(evidence["request_id"].is_string(), "{}: {evidence}", rig.name);
        assert!(evidence["caller"].as_str().unwrap().contains(bed.account()), "{}", rig.name);
        let after = is_done(&step, &preview).await;
        assert_eq!(bed.tap().count(rig.writes), 1, "{}", rig.name);
        assert_ne!(state(&after), state(&before.facts), "{}: nothing changed", rig.name);

        if has_way_back(rig) {
            let mut back = step.back(preview);
            let preview = back.preview().await;
            assert!(is_accepted(&back.run(&preview).await), "{}", rig.name);
            let restored = is_done(&back, &preview).await;
            assert_eq!(state(&restored), state(&before.facts), "{}", rig.name);
            assert_eq!(bed.records().await, records, "{}: every value of every record", rig.name);
            assert_eq!(bed.tap().count(rig.writes), rig.writes_back(), "{}", rig.name);
        } else {
            let back = step.back(preview);
            assert!(!back.refusal().await.is_empty(), "{}", rig.name);
        }
        if let Bed::StandIn(all) = &bed {
            judge_aws(&all.1.replies());
        }
    }
}

impl Rig {
    /// How often its call has been made once it is undone.
    fn writes_back(&self) -> usize {
        // A secret goes back by moving a label, not by writing another value.
        if self.name == "secretsmanager.replace_host" { 1 } else { 2 }
    }
}

#[tokio::test]
async fn a_cut_connection_is_unknown_and_the_probe_finds_out() {
    for rig in &RIGS {
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
        is_done(&step, &preview).await;
        assert_eq!(bed.tap().count(rig.writes), 2, "{}", rig.name);
    }
}

#[tokio::test]
async fn the_credentials_of_another_account_send_nothing() {
    for rig in &RIGS {
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
}

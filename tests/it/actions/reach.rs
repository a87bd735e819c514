//! Which calls on which things the files in `deploy/aws` allow, and on which not: ministack evaluates them
//! (`SimulateCustomPolicy`), for what it and moto do not enforce as well as for what they do.
//!
//! What a call is made on stands here as the Service Authorization Reference has it, and is not taken from what the action
//! says it needs: a pattern there that does not fit the thing would be the same in the file.

use std::collections::BTreeSet;

use dr_buddy::actions::{ActionSettings, Actions, Permission};
use serde_json::Value;

use super::ACCOUNT;
use super::bed::Bed;
use super::permissions::iam;
use super::seeds::between;

/// Calls, what they are made on, and a neighbour of that on which they must not be allowed; none where a name says nothing
/// of whose it is. `{…}` is given to the step.
const ON: &[(&[&str], &str, &str)] = &[
    (
        &["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
        "arn:aws:ec2:eu-west-1:000000000000:security-group/{group}",
        "arn:aws:ec2:eu-west-1:000000000000:security-group/sg-other",
    ),
    (
        &["eks:UpdateNodegroupConfig"],
        "arn:aws:eks:us-east-1:000000000000:nodegroup/shop-us/general/7e1b3a2c-0a1b",
        "arn:aws:eks:us-east-1:000000000000:nodegroup/other-us/general/7e1b3a2c-0a1b",
    ),
    (
        &[
            "elasticache:DisassociateGlobalReplicationGroup",
            "elasticache:FailoverGlobalReplicationGroup",
        ],
        "arn:aws:elasticache::000000000000:globalreplicationgroup:ldgnf-shop",
        "arn:aws:elasticache::000000000000:globalreplicationgroup:ldgnf-other",
    ),
    (
        &[
            "elasticache:DisassociateGlobalReplicationGroup",
            "elasticache:FailoverGlobalReplicationGroup",
        ],
        "arn:aws:elasticache:us-east-1:000000000000:replicationgroup:shop-redis-us",
        "arn:aws:elasticache:us-east-1:000000000000:replicationgroup:other-redis-us",
    ),
    (
        &["elasticache:ModifyReplicationGroup"],
        "arn:aws:elasticache:us-east-1:000000000000:replicationgroup:shop-cache",
        "arn:aws:elasticache:us-east-1:000000000000:replicationgroup:other-cache",
    ),
    (
        &["elasticloadbalancing:ModifyCapacityReservation"],
        "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/shop-us/50dc6c49",
        "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/other-us/50dc6c49",
    ),
    (
        &["fis:GetExperimentTemplate", "fis:StartExperiment"],
        "arn:aws:fis:us-east-1:000000000000:experiment-template/{template}",
        "arn:aws:fis:us-east-1:000000000000:experiment-template/EXTother",
    ),
    (
        &["fis:GetExperiment", "fis:StartExperiment", "fis:StopExperiment", "fis:TagResource"],
        "arn:aws:fis:us-east-1:000000000000:experiment/EXPabc",
        "",
    ),
    (
        &["iam:SimulatePrincipalPolicy"],
        "arn:aws:iam::000000000000:role/dr-buddy",
        "arn:aws:iam::000000000000:role/other",
    ),
    (
        &["kms:Decrypt", "kms:GenerateDataKey"],
        "arn:aws:kms:us-east-1:000000000000:key/k1",
        "arn:aws:kms:us-east-1:000000000000:key/k2",
    ),
    (
        &[
            "rds:FailoverGlobalCluster",
            "rds:RemoveFromGlobalCluster",
            "rds:SwitchoverGlobalCluster",
        ],
        "arn:aws:rds::000000000000:global-cluster:shop",
        "arn:aws:rds::000000000000:global-cluster:other",
    ),
    (
        &[
            "rds:FailoverGlobalCluster",
            "rds:RemoveFromGlobalCluster",
            "rds:SwitchoverGlobalCluster",
        ],
        "arn:aws:rds:us-east-1:000000000000:cluster:shop-us",
        "arn:aws:rds:us-east-1:000000000000:cluster:other-us",
    ),
    (
        &["rds:PromoteReadReplicaDBCluster"],
        "arn:aws:rds:us-east-1:000000000000:cluster:orders-us",
        "arn:aws:rds:us-east-1:000000000000:cluster:other-us",
    ),
    (
        &[
            "route53-recovery-cluster:GetRoutingControlState",
            "route53-recovery-cluster:UpdateRoutingControlStates",
        ],
        "arn:aws:route53-recovery-control::000000000000:controlpanel/p1/routingcontrol/us",
        "arn:aws:route53-recovery-control::000000000000:controlpanel/p2/routingcontrol/us",
    ),
    (
        &["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
        "arn:aws:route53:::hostedzone/{zone}",
        "arn:aws:route53:::hostedzone/ZOTHER",
    ),
    (&["route53:GetChange"], "arn:aws:route53:::change/C2682N5HXP0BZ4", ""),
    (
        &[
            "s3:DeleteBucketPolicy",
            "s3:GetBucketPolicy",
            "s3:GetReplicationConfiguration",
            "s3:PutBucketPolicy",
            "s3:PutReplicationConfiguration",
        ],
        "arn:aws:s3:::shop-images",
        "arn:aws:s3:::other-images",
    ),
    (
        &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "arn:aws:s3:::shop-latch/failover-active",
        "arn:aws:s3:::shop-latch/other",
    ),
    (&["s3:ListBucket"], "arn:aws:s3:::shop-latch", "arn:aws:s3:::other"),
    (
        &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:StopReplicationToReplica",
            "secretsmanager:UpdateSecretVersionStage",
        ],
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:shop/api/database-a1b2c3",
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:other/database-a1b2c3",
    ),
    (
        &["cloudwatch:SetAlarmState"],
        "arn:aws:cloudwatch:us-east-1:000000000000:alarm:shop-drill",
        "arn:aws:cloudwatch:us-east-1:000000000000:alarm:other-drill",
    ),
    (
        &["ssm:StartAutomationExecution"],
        "arn:aws:ssm:us-east-1:000000000000:automation-definition/shop-promote:3",
        "arn:aws:ssm:us-east-1:000000000000:automation-definition/other-promote:3",
    ),
    (
        &["ssm:AddTagsToResource", "ssm:StopAutomationExecution"],
        "arn:aws:ssm:us-east-1:000000000000:automation-execution/4105a4fc-f944",
        "",
    ),
];

/// `iam:PassRole`, by what is handed which role.
const PASSED: [(&str, &str); 2] = [
    ("s3.backfill", "arn:aws:iam::000000000000:role/shop-batch"),
    ("s3.set_replication", "arn:aws:iam::000000000000:role/replication"),
];

/// What doctor itself asks.
const DOCTOR: &str = "iam:SimulatePrincipalPolicy";

/// What these files allow too much, or too little, of what a step (its action, and what that is given) does.
pub(super) async fn wrong(
    bed: &Bed,
    (action, asked): (&str, &Value),
    policy: &Value,
    needs: &BTreeSet<&'static str>,
) -> Vec<String> {
    let mut wrong = vec![];
    for name in needs.iter().copied().chain([DOCTOR]) {
        let pairs = pairs(action, name);
        if pairs.is_empty() && !is_on_anything(action, name) {
            wrong.push(format!("{action}: what is {name} called on?"));
        }
        let anything = pairs.is_empty().then(|| ("*".to_owned(), String::new()));
        for (on, other) in pairs.into_iter().chain(anything) {
            let (on, other) = (filled(&on, bed, asked), filled(&other, bed, asked));
            if !allows(bed, policy, name, &on).await {
                wrong.push(format!("{action}: {name} is not allowed on {on}"));
            }
            let elsewhere = on.replace(ACCOUNT, "111111111111");
            let others = [other, elsewhere];
            for other in others.iter().filter(|other| !other.is_empty() && **other != on) {
                if allows(bed, policy, name, other).await {
                    wrong.push(format!("{action}: {name} is allowed on {other}"));
                }
            }
        }
    }
    wrong
}

fn pairs(action: &str, name: &str) -> Vec<(String, String)> {
    if name == "iam:PassRole" {
        let (_, role) = PASSED.iter().find(|(by, _)| *by == action).expect("it hands one");
        return vec![((*role).to_owned(), format!("{role}-of-others"))];
    }
    let rows = ON.iter().filter(|(calls, _, _)| calls.contains(&name));
    rows.map(|(_, on, other)| ((*on).to_owned(), (*other).to_owned())).collect()
}

/// Whether the action says that this cannot be narrowed down.
fn is_on_anything(action: &str, name: &str) -> bool {
    let actions = Actions::new(ActionSettings::default());
    let needs = actions.real(action).expect("there is one").permissions();
    let is_it = |one: &&Permission| matches!(one, Permission::Aws(own, ["*"]) if *own == name);
    needs.look.iter().chain(needs.act).any(|one| is_it(&one))
}

fn filled(arn: &str, bed: &Bed, asked: &Value) -> String {
    let given = |name: &str| asked[name].as_str().unwrap_or("none");
    let arn = arn.replace("{group}", given("group")).replace("{template}", given("template"));
    arn.replace("{zone}", &bed.shop().zone)
}

async fn allows(bed: &Bed, policy: &Value, name: &str, on: &str) -> bool {
    let Bed::Ministack(both) = bed else { panic!("ministack evaluates policies") };
    let document = policy.to_string();
    let asked = [
        ("PolicyInputList.member.1", document.as_str()),
        ("ActionNames.member.1", name),
        ("ResourceArns.member.1", on),
    ];
    let said = iam(&both.0.direct, "SimulateCustomPolicy", &asked).await;
    between(&said, "<EvalDecision>", "</EvalDecision>") == "allowed"
}

//! Permissions at AWS: with the policies in `deploy/aws` and nothing else every action works, and without any one
//! permission doctor says so beforehand. ministack judges both, with `AUTH=true`: it enforces, and it evaluates
//! `SimulatePrincipalPolicy`. It cannot judge:
//! - what moto and the stand-ins play: moto takes the thing of every call but S3's for `*`, the stand-ins know no IAM. There
//!   each call must have the name of a permission ([`all_named`]), doctor's side is judged like every other, and the
//!   files are evaluated (`reach`);
//! - the conditions on records: neither Route 53's keys nor `ContextEntries` reach its evaluation (unit tests of
//!   `aws/simulate` hold what is asked);
//! - `kms:*` when a secret is read: its secrets ask no key. Doctor's side is judged;
//! - what the calls of [`TAKEN_FOR_ANYTHING`] are made on: it takes that for `*`. It evaluates the files on the right things.

use std::collections::BTreeSet;

use dr_buddy::actions::{Actions, Doctor, Happened, Permission, Purpose, aws_policy};
use dr_buddy::domain::action::{self, Known};
use dr_buddy::domain::environment::Environment;
use dr_buddy::domain::readiness::{Finding, Seen};
use dr_buddy::domain::runbook::{ActionCall, Runbook, check::check};
use dr_buddy::domain::time::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::bed::Bed;
use super::contract::is_done;
use super::reach;
use super::rigs::{Judge, RIGS, Rig};
use super::seeds::{ask, between};
use super::{ACCOUNT, Step, environment, is_accepted, is_failed, settings_at};
use crate::harness::{DATASTORE, LOAD_BALANCER, Ministack, guarded};

/// Calls whose thing ministack takes for `*`, which no policy of ours allows.
const TAKEN_FOR_ANYTHING: &[&str] = &[
    "iam:SimulatePrincipalPolicy",
    "rds:FailoverGlobalCluster",
    "rds:RemoveFromGlobalCluster",
    "rds:SwitchoverGlobalCluster",
    "route53:GetChange",
];

/// What an administrator puts in the place of the words in capitals.
const REPLACED: &[(&str, &str)] = &[
    ("ACCOUNT_ID", ACCOUNT),
    ("AUTOMATION_PREFIX", "shop"),
    ("LATCH_BUCKET", "shop-latch"),
    ("LATCH_KEY", "failover-active"),
    ("BUCKET_PREFIX", "shop"),
    ("CONTROL_PANEL_ID", "p1"),
    ("DRILL_ALARM_PREFIX", "shop"),
    ("DR_BUDDY_ROLE", "dr-buddy"),
    ("EKS_CLUSTER_PREFIX", "shop"),
    ("GLOBAL_CLUSTER_ID", "shop"),
    ("GLOBAL_DATASTORE_ID", DATASTORE),
    ("LOAD_BALANCER_PREFIX", "shop"),
    ("REPLICATION_GROUP_PREFIX", "shop"),
    ("S3_BATCH_ROLE", "shop-batch"),
    ("S3_REPLICATION_ROLE", "replication"),
    ("SECRETS_KEY_ID", "k1"),
    ("SECRET_PREFIX-*", "shop/*"),
];

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/k1";

/// The statements of the files that the administrator of a step attaches: of its action, and what that is given.
fn policy(name: &str, with: &Value, zone: &str) -> Value {
    let actions = Actions::new(dr_buddy::actions::ActionSettings::default());
    let own = actions.real(name).unwrap().permissions().act;
    let holds = |purpose: &Purpose| {
        !own.is_empty() && own.iter().all(|one| actions.permissions(*purpose).contains(one))
    };
    let more = [Purpose::LastResort, Purpose::Drill].into_iter().filter(holds);
    let statements: Vec<Value> = [Purpose::Look, Purpose::Act]
        .into_iter()
        .chain(more)
        .flat_map(|purpose| aws_policy(&actions, purpose)["Statement"].as_array().unwrap().clone())
        .collect();
    let mut text = Value::Array(statements).to_string();
    for (words, value) in REPLACED {
        text = text.replace(words, value);
    }
    let given = |name: &str| with[name].as_str().unwrap_or("none").to_owned();
    let cluster = if name == "rds.promote_read_replica" { "orders" } else { "shop" };
    let record = if name == "route53.set_ttl" { "www.shop.test" } else { "api.shop.test" };
    let text = text.replace("ZONE_ID", zone).replace("RECORD_NAME", record);
    let text = text.replace("CLUSTER_PREFIX", cluster);
    let text = text.replace("SECURITY_GROUP_ID", &given("group"));
    let text = text.replace("EXPERIMENT_TEMPLATE_ID", &given("template"));
    let statements: Value = serde_json::from_str(&text).unwrap();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Takes a permission out of every statement.
fn without(mut policy: Value, name: &str) -> Value {
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        statement["Action"].as_array_mut().unwrap().retain(|one| one != name);
    }
    statements.retain(|statement| !statement["Action"].as_array().unwrap().is_empty());
    policy
}

/// Allows these on anything.
fn with(mut policy: Value, names: &[&str]) -> Value {
    let statement = json!({"Effect": "Allow", "Action": names, "Resource": "*"});
    policy["Statement"].as_array_mut().unwrap().push(statement);
    policy
}

pub(super) async fn iam(endpoint: &str, action: &str, with: &[(&str, &str)]) -> String {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("Action", action).append_pair("Version", "2010-05-08").extend_pairs(with);
    ask(endpoint, "iam", "us-east-1", Method::POST, "/", body.finish()).await
}

/// Somebody who may do what the policy says, until it is given again.
pub(super) struct User {
    direct: String,
    endpoint: String,
    name: &'static str,
    pub(super) key: (String, String),
}

impl User {
    async fn new(bed: &Bed, name: &'static str) -> Self {
        let Bed::Ministack(both) = bed else { panic!("ministack knows users") };
        Self::at(&both.0, name).await
    }

    /// One who may do nothing yet.
    pub(super) async fn at(server: &Ministack, name: &'static str) -> Self {
        let (direct, endpoint) = (server.direct.clone(), server.endpoint.clone());
        iam(&direct, "CreateUser", &[("UserName", name)]).await;
        let key = iam(&direct, "CreateAccessKey", &[("UserName", name)]).await;
        let part = |tag: &str| between(&key, &format!("<{tag}>"), &format!("</{tag}>"));
        let key = (part("AccessKeyId"), part("SecretAccessKey"));
        Self { direct, endpoint, name, key }
    }

    async fn may(&self, policy: &Value) {
        let document = policy.to_string();
        let with = [("UserName", self.name), ("PolicyName", "p"), ("PolicyDocument", &document)];
        iam(&self.direct, "PutUserPolicy", &with).await;
    }

    fn settings(&self) -> dr_buddy::actions::ActionSettings {
        settings_at(&self.endpoint, (&self.key.0, &self.key.1))
    }

    async fn doctor(&self, environment: &Environment, runbook: &Runbook) -> Vec<Finding> {
        let doctor = Doctor::new(&self.settings());
        doctor.examine(environment, &[runbook], Timestamp(1_795_184_360_000)).await
    }
}

/// A runbook of one step.
pub(super) fn runbook(action: &str, with: &Value) -> Runbook {
    let text = "id: rig\ntitle: {en: Rig, fr: Banc}\nrestored_by: one\n\
         phases: [{id: all, title: {en: All, fr: Tout}}]\nsteps:\n  \
         - {id: one, title: {en: Step, fr: Pas}, phase: all, owner: platform, typical: 5s, worst: 30s, \
         action: {human.task: {}}}\n";
    let mut runbook = check("rig.yaml", text, &Known::default(), &[])
        .unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let with = with.as_object().unwrap().clone();
    runbook.steps[0].action = ActionCall { name: action.into(), with, operation: None };
    runbook
}

/// The permissions that a check says are not as they must be.
pub(super) fn named(findings: &[Finding], check: &str) -> BTreeSet<String> {
    let of = findings.iter().filter(|one| one.check == check && one.seen == Seen::Bad);
    of.map(|one| one.saw.args["permission"].clone()).collect()
}

fn seen(findings: &[Finding], check: &str) -> Vec<Seen> {
    findings.iter().filter(|one| one.check == check).map(|one| one.seen).collect()
}

fn names(needs: &[Permission]) -> impl Iterator<Item = &'static str> {
    needs.iter().map(|need| match need {
        Permission::Aws(name, _) => *name,
        Permission::Records(_) => "route53:ChangeResourceRecordSets",
        Permission::Kube(rule) => panic!("{rule} at AWS"),
    })
}

/// Every permission of the action.
fn needs(action: &str) -> BTreeSet<&'static str> {
    let actions = Actions::new(dr_buddy::actions::ActionSettings::default());
    let needs = actions.real(action).unwrap().permissions();
    names(needs.look).chain(names(needs.act)).collect()
}

/// What is only looked at in AWS.
fn only_looks() -> [(&'static str, Value); 2] {
    let dimensions = json!({"DBClusterIdentifier": "shop-us"});
    let metric = json!({"namespace": "AWS/RDS", "metric": "AuroraGlobalDBRPOLag", "unit": "ms", "dimensions": dimensions});
    [("cloudwatch.check", metric), ("elbv2.check_targets", json!({"load_balancer": LOAD_BALANCER}))]
}

#[test]
fn every_action_at_aws_is_tried_with_too_little() {
    let actions = Actions::new(dr_buddy::actions::ActionSettings::default());
    let looks = only_looks().map(|(name, _)| name);
    for spec in action::all() {
        let needs = actions.real(&spec.name).unwrap().permissions();
        let at_aws =
            needs.look.iter().chain(needs.act).any(|one| !matches!(one, Permission::Kube(_)));
        let name = spec.name.as_str();
        let is_tried = RIGS.iter().any(|rig| rig.name == name) || looks.contains(&name);
        assert_eq!(at_aws, is_tried, "{name}");
    }
}

/// One server for what asks only: everybody is a user of their own there.
#[tokio::test]
async fn doctor_names_beforehand_what_is_missing_and_what_is_too_much() {
    let bed = Bed::shop_in(guarded().await).await;
    Box::pin(without_any_one_permission_doctor_names_it(&bed)).await;
    who_may_not_ask_is_told_what_to_allow(&bed).await;
    what_must_never_be_allowed_is_named_where_it_is(&bed).await;
    let looks = ["SimulatePrincipalPolicy", "GetCallerIdentity", "DescribeSecret", "GET "];
    let calls = bed.tap().calls();
    assert!(
        calls.iter().all(|call| looks.iter().any(|look| call.starts_with(look))),
        "doctor only looks: {:?}",
        calls.iter().collect::<BTreeSet<_>>()
    );
}

async fn without_any_one_permission_doctor_names_it(bed: &Bed) {
    let secrets = aws_sdk_secretsmanager::Client::new(&bed.shop().dr);
    let update = secrets.update_secret().secret_id(&bed.shop().secret).kms_key_id(KEY);
    update.send().await.expect("it has a key of its own");
    let (stand_in, moto) = tokio::join!(Bed::new(Judge::StandIn), Bed::new(Judge::Moto));
    let user = User::new(bed, "doctor").await;
    let environment = environment(ACCOUNT);
    let step_of = |rig: &Rig| {
        let where_ = match rig.judge {
            Judge::Ministack => bed,
            Judge::Moto => &moto,
            Judge::StandIn => &stand_in,
        };
        (rig.name, (rig.with)(where_))
    };
    let mut wrong = vec![];
    for (action, asked) in RIGS.iter().map(step_of).chain(only_looks()) {
        let runbook = runbook(action, &asked);
        let bare = policy(action, &asked, &bed.shop().zone);
        wrong.extend(reach::wrong(bed, (action, &asked), &bare, &needs(action)).await);
        let whole = with(bare, &["iam:SimulatePrincipalPolicy"]);
        user.may(&whole).await;
        let findings = user.doctor(&environment, &runbook).await;
        if seen(&findings, "permissions") != [Seen::Good] {
            wrong.push(format!("{action} with all: {findings:#?}"));
            continue;
        }
        for name in needs(action) {
            user.may(&without(whole.clone(), name)).await;
            let findings = user.doctor(&environment, &runbook).await;
            if named(&findings, "permissions") != BTreeSet::from([name.to_owned()]) {
                wrong.push(format!("{action} without {name}: {findings:#?}"));
            }
            let step = "rig/one";
            let finding =
                findings.iter().find(|one| one.check == "permissions" && one.seen == Seen::Bad);
            if finding.is_some_and(|one| one.saw.args["steps"] != step) {
                wrong.push(format!("{action} without {name}: not of {step}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn who_may_not_ask_is_told_what_to_allow(bed: &Bed) {
    let user = User::new(bed, "blind").await;
    let rig = RIGS.iter().find(|rig| rig.name == "s3.put_policy").unwrap();
    let with = (rig.with)(bed);
    user.may(&policy(rig.name, &with, "Z1")).await;
    let findings = user.doctor(&environment(ACCOUNT), &runbook(rig.name, &with)).await;
    for check in ["permissions", "excess_permissions"] {
        let finding = findings.iter().find(|one| one.check == check).unwrap();
        assert_eq!(finding.seen, Seen::Unknown, "{finding:?}");
        assert_eq!(finding.remedy.key, "doctor.permissions.ask");
    }
}

async fn what_must_never_be_allowed_is_named_where_it_is(bed: &Bed) {
    let user = User::new(bed, "almighty").await;
    let mut environment = environment(ACCOUNT);
    environment.document = json!({
        "aurora": {"primary": {"arn": bed.shop().primary_arn}}, "s3": {"primary": "shop-images"},
    });
    let idle = runbook("human.task", &json!({}));
    let allowed = |names: &[&str], on: &str| {
        let statement = json!({"Effect": "Allow", "Action": names, "Resource": on});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        with(policy, &["iam:SimulatePrincipalPolicy"])
    };
    user.may(&allowed(&["rds:*"], "arn:aws:rds:*:*:cluster:shop-*")).await;
    let found = named(&user.doctor(&environment, &idle).await, "excess_permissions");
    let both = ["rds:DeleteDBCluster", "rds:RemoveFromGlobalCluster"];
    assert_eq!(found, both.map(str::to_owned).into());
    environment.document["aurora"]["may_detach"] = json!(true);
    let found = named(&user.doctor(&environment, &idle).await, "excess_permissions");
    assert_eq!(found, BTreeSet::from(["rds:DeleteDBCluster".to_owned()]));
    user.may(&allowed(&["s3:DeleteBucket", "iam:CreateUser"], "*")).await;
    let found = named(&user.doctor(&environment, &idle).await, "excess_permissions");
    assert_eq!(found, ["iam:CreateUser", "s3:DeleteBucket"].map(str::to_owned).into());
    user.may(&allowed(&["s3:GetObject"], "*")).await;
    let findings = user.doctor(&environment, &idle).await;
    assert_eq!(seen(&findings, "excess_permissions"), [Seen::Good]);
    assert_eq!(seen(&findings, "permissions"), []);
}

#[tokio::test]
async fn with_the_policies_in_deploy_and_nothing_else_every_action_works() {
    let mut server = Some(guarded().await);
    for rig in RIGS.iter().filter(|rig| rig.judge == Judge::Ministack) {
        let bed = Bed::shop_in(server.take().unwrap()).await;
        Box::pin(works_with_its_policy_alone(rig, &bed)).await;
        let Bed::Ministack(both) = bed else { panic!("it was made of ministack") };
        server = Some(both.0.renewed().await);
    }
}

async fn works_with_its_policy_alone(rig: &Rig, bed: &Bed) {
    let user = User::new(bed, "dr-buddy").await;
    let asked = (rig.with)(bed);
    let whole = policy(rig.name, &asked, &bed.shop().zone);
    let own = needs(rig.name);
    let taken: Vec<&str> =
        TAKEN_FOR_ANYTHING.iter().copied().filter(|name| own.contains(name)).collect();
    let whole = with(whole, if taken.is_empty() { &["sts:GetCallerIdentity"] } else { &taken });
    user.may(&whole).await;
    let actions = Actions::new(user.settings());
    let mut step = Step::new(&actions, rig.name, asked);
    let preview = step.preview().await;

    // The emulator enforces: without the one for doing it is refused.
    let both = actions.real(rig.name).unwrap().permissions();
    let looks: BTreeSet<&str> = names(both.look).collect();
    let acts = names(both.act).find(|name| !looks.contains(name) && !name.starts_with("kms:"));
    user.may(&without(whole.clone(), acts.unwrap())).await;
    let refused = step.run(&preview).await;
    // As Route 53 its refusal has no code that the SDK reads: the product cannot tell, the tap can.
    let is_denied = is_failed(&refused) && format!("{refused:?}").contains("AccessDenied");
    let is_refused = is_denied || bed.tap().status(rig.writes) == Some(403);
    assert!(is_refused && !is_accepted(&refused), "{} without {acts:?}: {refused:?}", rig.name);
    assert_eq!(step.probe(&preview).await.happened, Happened::Never, "{}", rig.name);

    user.may(&whole).await;
    let outcome = step.run(&preview).await;
    assert!(is_accepted(&outcome), "{}: {outcome:?}", rig.name);
    is_done(&step, &preview).await;
    if rig.has_way_back() {
        let mut back = step.back(preview);
        let preview = back.preview().await;
        let outcome = back.run(&preview).await;
        assert!(is_accepted(&outcome), "{} back: {outcome:?}", rig.name);
        is_done(&back, &preview).await;
    }
}

/// Each of these calls is one that the action says it needs to be allowed.
pub(super) fn all_named(action: &str, calls: &[String]) {
    let own = needs(action);
    for call in calls.iter().filter(|call| *call != "GetCallerIdentity") {
        let name = rest_name(call).unwrap_or(call);
        let is_ours = own.iter().any(|one| one.split(':').nth(1) == Some(name));
        assert!(is_ours, "{action} calls {call} ({name}) and needs {own:?}");
    }
}

/// The permission for a call of a REST service, which the tap names by its method and path.
fn rest_name(call: &str) -> Option<&'static str> {
    let (method, path) = call.split_once(" /")?;
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    Some(match (method, parts.as_slice()) {
        ("GET", ["clusters", _, "node-groups", _]) => "DescribeNodegroup",
        ("POST", ["clusters", _, "node-groups", _, "update-config"]) => "UpdateNodegroupConfig",
        ("GET", ["experimentTemplates", _]) => "GetExperimentTemplate",
        ("GET", ["experiments"]) => "ListExperiments",
        ("POST", ["experiments"]) => "StartExperiment",
        ("GET", ["experiments", _]) => "GetExperiment",
        ("DELETE", ["experiments", _]) => "StopExperiment",
        ("GET", ["v20180820", "jobs"]) => "ListJobs",
        ("POST", ["v20180820", "jobs"]) => "CreateJob",
        ("GET", [_bucket]) => "GetReplicationConfiguration",
        _ => panic!("what permission is {call}?"),
    })
}

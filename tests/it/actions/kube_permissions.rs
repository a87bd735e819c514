//! Permissions in a cluster, judged by a real API server: with the roles in `deploy/kubernetes` doctor finds every step of
//! every action on Kubernetes allowed, and without any one rule it names that one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use dr_buddy::actions::{ActionSettings, Doctor, KubeSettings};
use dr_buddy::domain::action::{self, Danger};
use dr_buddy::domain::readiness::{Finding, Seen};
use dr_buddy::domain::time::Timestamp;
use serde_json::{Value, json};

use super::kube_contract::RIGS;
use super::permissions::{named, runbook};
use super::{ACCOUNT, environment, settings_at};
use crate::harness::{ROOT, kube};

const CHECK: &str = "cluster_permissions";

async fn findings(kubeconfig: PathBuf, action: &str, with: &Value) -> Vec<Finding> {
    let whole = Duration::from_secs(20);
    let kube =
        KubeSettings { kubeconfig: Some(kubeconfig), connect: Duration::from_secs(3), whole };
    // Nobody answers there: this is not about AWS.
    let settings = ActionSettings { kube, ..settings_at("http://127.0.0.1:9", ROOT) };
    let (doctor, runbook) = (Doctor::new(&settings), runbook(action, with));
    let all = doctor.examine(&environment(ACCOUNT), &[&runbook], Timestamp(0)).await;
    all.into_iter().filter(|one| one.check == CHECK).collect()
}

#[tokio::test]
async fn without_any_one_rule_doctor_names_it_beforehand() {
    let kube = kube().await;
    for (number, rig) in RIGS.iter().enumerate() {
        let namespace = kube.namespace("rights").await;
        let mut with = (rig.with)();
        with["context"] = "eu".into();
        with["namespace"] = namespace.as_str().into();
        let both = ["dr-buddy-look", "dr-buddy-act"];
        let whole = findings(kube.kubeconfig_of(&namespace, &both).await, rig.name, &with).await;
        let lights: Vec<Seen> = whole.iter().map(|one| one.seen).collect();
        assert_eq!(lights, [Seen::Good], "{}: {whole:#?}", rig.name);

        let look = kube.kubeconfig_of(&namespace, &both[..1]).await;
        let found = findings(look, rig.name, &with).await;
        let changes = action::find(rig.name).unwrap().danger != Danger::Reads;
        assert_eq!(!named(&found, CHECK).is_empty(), changes, "{}: {found:#?}", rig.name);
        assert!(
            found.iter().filter(|one| one.seen == Seen::Bad).all(|one| {
                one.saw.args["holder"] == "dr-buddy-act"
                    && one.saw.args["steps"] == "rig/one"
                    && one.saw.args["on"] == format!("{namespace} eu")
            }),
            "{}: {found:#?}",
            rig.name
        );

        let nobody = kube.kubeconfig_of_rules(&namespace, &format!("n{number}"), []).await;
        let all = named(&findings(nobody, rig.name, &with).await, CHECK);
        assert!(!all.is_empty(), "{}", rig.name);
        for (place, rule) in all.iter().enumerate() {
            let user = format!("u{number}-{place}");
            let rest = all.iter().filter(|one| *one != rule).map(String::as_str);
            let kubeconfig = kube.kubeconfig_of_rules(&namespace, &user, rest).await;
            let found = named(&findings(kubeconfig, rig.name, &with).await, CHECK);
            assert_eq!(found, BTreeSet::from([rule.clone()]), "{}", rig.name);
        }
    }
}

#[tokio::test]
async fn an_object_of_a_kind_that_no_role_holds_is_named() {
    let kube = kube().await;
    let namespace = kube.namespace("rights").await;
    let roles = kube.kubeconfig_of(&namespace, &["dr-buddy-look", "dr-buddy-act"]).await;
    let with = json!({
        "context": "eu", "namespace": namespace, "api_version": "networking.k8s.io/v1",
        "kind": "NetworkPolicy", "name": "shop", "patch": {"spec": {}},
    });
    let found = named(&findings(roles, "k8s.patch", &with).await, CHECK);
    assert!(found.contains("patch networkpolicies.networking.k8s.io"), "{found:?}");
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_unknown_once() {
    let kube = kube().await;
    let kubeconfig = kube.kubeconfig_named(&[("eu", "eu")]);
    let with =
        json!({"context": "elsewhere", "namespace": "a", "workloads": ["api"], "replicas": 1});
    let found = findings(kubeconfig, "k8s.scale", &with).await;
    let lights: Vec<(Seen, &str)> =
        found.iter().map(|one| (one.seen, one.remedy.key.as_str())).collect();
    assert_eq!(lights, [(Seen::Unknown, "doctor.cluster_permissions.ask")], "{found:#?}");
}

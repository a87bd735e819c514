//! The real actions by name, and what they need to be allowed, as the files an administrator applies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::Action;
use super::aws::{Aurora, Aws, AwsSettings, Pin, ReplaceHost};
use super::http::{Check, HttpSettings};
use super::human::Human;
use super::kube::{KubeSettings, Restart, Scale};
use super::simulated;
use crate::domain::action::ALL;
use crate::domain::run::Kind;

/// How to reach the outside systems.
#[derive(Debug, Clone, Default)]
pub struct ActionSettings {
    /// AWS.
    pub aws: AwsSettings,
    /// Kubernetes.
    pub kube: KubeSettings,
    /// Endpoints that are checked.
    pub http: HttpSettings,
}

/// The implementations, by the names of [`ALL`].
#[derive(Debug, Clone)]
pub struct Actions {
    real: BTreeMap<&'static str, Arc<dyn Action>>,
    simulated: BTreeMap<&'static str, Arc<dyn Action>>,
}

impl Actions {
    /// Connects to nothing: clients are made when they are needed.
    pub fn new(settings: ActionSettings) -> Self {
        let ActionSettings { aws, kube, http } = settings;
        let aws = Arc::new(Aws::new(aws));
        let all: [(&'static str, Arc<dyn Action>); 9] = [
            ("aurora.failover", Arc::new(Aurora::failover(Arc::clone(&aws)))),
            ("aurora.switchover", Arc::new(Aurora::switchover(Arc::clone(&aws)))),
            ("route53.pin", Arc::new(Pin::new(Arc::clone(&aws)))),
            ("secretsmanager.replace_host", Arc::new(ReplaceHost::new(aws))),
            ("k8s.scale", Arc::new(Scale::new(kube.clone()))),
            ("k8s.restart", Arc::new(Restart::new(kube))),
            ("http.check", Arc::new(Check::new(http))),
            ("human.task", Arc::new(Human { what: "task" })),
            ("human.decide", Arc::new(Human { what: "decide" })),
        ];
        Self::of(all)
    }

    /// These as the real ones.
    pub fn of(real: impl IntoIterator<Item = (&'static str, Arc<dyn Action>)>) -> Self {
        Self { real: real.into_iter().collect(), simulated: simulated::all() }
    }

    /// The implementation for a run of this kind: in a tabletop the pretended one, else the real one; never a mix.
    pub fn find(&self, kind: Kind, name: &str) -> Option<Arc<dyn Action>> {
        match kind {
            Kind::Tabletop => self.simulated.get(name).cloned(),
            Kind::Incident | Kind::Exercise => self.real(name),
        }
    }

    /// The real implementation of this action.
    pub fn real(&self, name: &str) -> Option<Arc<dyn Action>> {
        self.real.get(name).cloned()
    }

    /// Everything the real actions need: for looking, and for doing.
    pub fn permissions(&self, purpose: Purpose) -> BTreeSet<&'static str> {
        let of = |action: &Arc<dyn Action>| match purpose {
            Purpose::Look => action.permissions().look,
            Purpose::Act => action.permissions().act,
        };
        ALL.iter()
            .filter_map(|spec| self.real.get(spec.name))
            .flat_map(|action| of(action).iter().copied())
            .collect()
    }
}

/// What a permission is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Preview and probe, on any day.
    Look,
    /// Run and undo, in an incident or exercise.
    Act,
}

/// What an action may be allowed on; the words in capitals are for the administrator to replace.
fn resources(action: &str) -> &'static [&'static str] {
    match action {
        "kms:Decrypt" | "kms:GenerateDataKey" => &["arn:aws:kms:*:ACCOUNT_ID:key/SECRETS_KEY_ID"],
        "rds:FailoverGlobalCluster" | "rds:SwitchoverGlobalCluster" => &[
            "arn:aws:rds::ACCOUNT_ID:global-cluster:GLOBAL_CLUSTER_ID",
            "arn:aws:rds:*:ACCOUNT_ID:cluster:CLUSTER_PREFIX-*",
        ],
        "route53:ChangeResourceRecordSets" | "route53:ListResourceRecordSets" => {
            &["arn:aws:route53:::hostedzone/ZONE_ID"]
        }
        "route53:GetChange" => &["arn:aws:route53:::change/*"],
        action if action.starts_with("secretsmanager:") => {
            &["arn:aws:secretsmanager:*:ACCOUNT_ID:secret:SECRET_PREFIX-*"]
        }
        _ => &["*"],
    }
}

/// The IAM policy of a purpose, as `deploy/aws/` holds it. `sts:GetCallerIdentity` needs no permission.
pub fn aws_policy(actions: &Actions, purpose: Purpose) -> Value {
    let mut by_resource: BTreeMap<&[&str], Vec<&str>> = BTreeMap::new();
    for action in actions.permissions(purpose).into_iter().filter(|a| !a.starts_with("k8s:")) {
        by_resource.entry(resources(action)).or_default().push(action);
    }
    let statements: Vec<Value> = by_resource
        .into_iter()
        .map(|(resources, actions)| {
            let only_upsert = actions == ["route53:ChangeResourceRecordSets"];
            let base = json!({"Effect": "Allow", "Action": actions, "Resource": resources});
            let mut statement = base.as_object().cloned().unwrap_or_default();
            if only_upsert {
                statement.insert("Condition".into(), one_upsert());
            }
            Value::from(statement)
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Nothing but an UPSERT of the one name, of the types that are pinned.
fn one_upsert() -> Value {
    json!({"ForAllValues:StringEquals": {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["RECORD_NAME"],
        "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA"],
        "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
    }})
}

/// The cluster roles of both purposes, as `deploy/kubernetes/rbac.yaml` holds them.
pub fn kubernetes_roles(actions: &Actions) -> String {
    let mut text = String::from(
        "# Made from what the actions say they need; a test compares. Bind each role in the namespaces of the runbooks.\n",
    );
    for (purpose, name) in [(Purpose::Look, "dr-buddy-look"), (Purpose::Act, "dr-buddy-act")] {
        text.push_str("---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n");
        text.push_str(&format!("metadata:\n  name: {name}\nrules:\n"));
        let mut rules: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
        for permission in actions.permissions(purpose) {
            let Some((verb, resource)) =
                permission.strip_prefix("k8s:").and_then(|rule| rule.split_once(' '))
            else {
                continue;
            };
            let (path, sub) = resource.split_once('/').unwrap_or((resource, ""));
            let (plural, group) = path.split_once('.').unwrap_or((path, ""));
            let resource = if sub.is_empty() { plural.into() } else { format!("{plural}/{sub}") };
            rules.entry((group, resource)).or_default().push(verb);
        }
        for ((group, resource), verbs) in rules {
            text.push_str(&format!(
                "  - apiGroups: [\"{group}\"]\n    resources: [{resource}]\n    verbs: [{}]\n",
                verbs.join(", ")
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions() -> Actions {
        Actions::new(ActionSettings::default())
    }

    #[test]
    fn every_row_of_the_table_has_an_implementation_and_nothing_else_does() {
        let actions = actions();
        for spec in ALL {
            assert!(actions.real(spec.name).is_some(), "{}", spec.name);
        }
        assert_eq!(actions.real.len(), ALL.len());
        assert!(actions.real("aurora.fail").is_none());
    }

    #[test]
    fn every_action_that_changes_something_says_what_it_needs() {
        let actions = actions();
        for spec in ALL
            .iter()
            .filter(|spec| !spec.name.starts_with("human.") && !spec.name.starts_with("http."))
        {
            let needs = actions.real(spec.name).unwrap().permissions();
            assert!(!needs.look.is_empty() && !needs.act.is_empty(), "{}", spec.name);
        }
    }

    #[test]
    fn policies_never_hold_a_wildcard_action_and_star_only_for_describing() {
        for purpose in [Purpose::Look, Purpose::Act] {
            let policy = aws_policy(&actions(), purpose);
            for statement in policy["Statement"].as_array().unwrap() {
                for action in statement["Action"].as_array().unwrap() {
                    let action = action.as_str().unwrap();
                    assert!(!action.contains('*'), "{action}");
                    let describes = action.contains(":Describe") || action.contains(":List");
                    let star = statement["Resource"].as_array().unwrap().contains(&json!("*"));
                    assert!(!star || describes, "{action}");
                }
            }
        }
        let look = aws_policy(&actions(), Purpose::Look).to_string();
        for writes in ["Failover", "Switchover", "Put", "Update", "Change"] {
            assert!(!look.contains(&format!(":{writes}")), "{writes}");
        }
    }

    #[test]
    fn the_files_in_deploy_are_what_the_actions_need() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
        let pretty = |purpose| {
            format!("{}\n", serde_json::to_string_pretty(&aws_policy(&actions(), purpose)).unwrap())
        };
        for (file, wanted) in [
            ("aws/look-policy.json", pretty(Purpose::Look)),
            ("aws/act-policy.json", pretty(Purpose::Act)),
            ("kubernetes/rbac.yaml", kubernetes_roles(&actions())),
        ] {
            let found = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            assert_eq!(found, wanted, "deploy/{file} should be:\n{wanted}");
        }
    }
}

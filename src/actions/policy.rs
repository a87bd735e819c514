//! What the actions need to be allowed, as the files an administrator applies: `deploy/aws/`, `deploy/kubernetes/`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Actions, Doctor, Permission, Purpose};

/// The IAM policy of a purpose, as `deploy/aws/` holds it; what doctor looks at is part of looking. `sts:GetCallerIdentity` needs no permission.
pub fn aws_policy(actions: &Actions, purpose: Purpose) -> Value {
    let mut by_resource: BTreeMap<&[&str], Vec<&str>> = BTreeMap::new();
    let mut statements = Vec::new();
    for permission in needed(actions, purpose) {
        match permission {
            Permission::Aws(name, on) => by_resource.entry(on).or_default().push(name),
            Permission::Records(edits) => statements.push(records(edits)),
            Permission::Kube(_) => {}
        }
    }
    let plain = |(on, names): (&[&str], Vec<&str>)| json!({"Effect": "Allow", "Action": names, "Resource": on});
    statements.extend(by_resource.into_iter().map(plain));
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// What the actions need, and for looking what the doctor's checks need too.
fn needed(actions: &Actions, purpose: Purpose) -> BTreeSet<Permission> {
    let mut all = actions.permissions(purpose);
    if purpose == Purpose::Look {
        all.extend(Doctor::permissions());
    }
    all
}

/// Batches of these edits of the one name, and nothing else in them.
fn records(edits: &[&str]) -> Value {
    json!({
        "Effect": "Allow",
        "Action": ["route53:ChangeResourceRecordSets"],
        "Resource": ["arn:aws:route53:::hostedzone/ZONE_ID"],
        "Condition": {"ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["RECORD_NAME"],
            "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA"],
            "route53:ChangeResourceRecordSetsActions": edits,
        }},
    })
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
        for permission in needed(actions, purpose) {
            let Permission::Kube(rule) = permission else { continue };
            let Some((verb, resource)) = rule.split_once(' ') else { continue };
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
    use crate::actions::ActionSettings;

    fn actions() -> Actions {
        Actions::new(ActionSettings::default())
    }

    #[test]
    fn policies_never_hold_a_wildcard_action_and_star_only_for_describing() {
        for purpose in [Purpose::Look, Purpose::Act, Purpose::LastResort, Purpose::Drill] {
            let policy = aws_policy(&actions(), purpose);
            for statement in policy["Statement"].as_array().unwrap() {
                for action in statement["Action"].as_array().unwrap() {
                    let action = action.as_str().unwrap();
                    assert!(!action.contains('*'), "{action}");
                    // IAM knows nothing that these could be narrowed to.
                    let wide = [
                        "s3:CreateJob",
                        "s3:GetAccountPublicAccessBlock",
                        "cloudwatch:GetMetricData",
                        "servicequotas:GetServiceQuota",
                    ];
                    let describes = action.contains(":Describe")
                        || action.contains(":List")
                        || wide.contains(&action);
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
        let purposes = [Purpose::Look, Purpose::Act, Purpose::LastResort, Purpose::Drill];
        let policy = |purpose: Purpose| {
            let text = serde_json::to_string_pretty(&aws_policy(&actions(), purpose)).unwrap();
            (format!("aws/{}", purpose.file()), format!("{text}\n"))
        };
        let roles = ("kubernetes/rbac.yaml".to_owned(), kubernetes_roles(&actions()));
        for (file, wanted) in purposes.map(policy).into_iter().chain([roles]) {
            let found = std::fs::read_to_string(root.join(&file)).unwrap_or_default();
            assert_eq!(found, wanted, "deploy/{file} should be:\n{wanted}");
        }
    }
}

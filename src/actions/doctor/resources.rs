//! What the calls of a step are made on, as ARNs: the step's parameters in place of the words in capitals that an
//! administrator replaces in `deploy/aws`.

use serde_json::{Map, Value};

use crate::domain::environment::Environment;

/// A part of a pattern, and what takes its place; parameters are in braces. The first row that fits counts.
const FILLED: &[(&str, &[&str])] = &[
    ("EKS_CLUSTER_PREFIX-*/*/*", &["{cluster}/{nodegroup}/*"]),
    (":cluster:REPLICATION_GROUP_PREFIX-*", &[":cluster:{node}"]),
    ("REPLICATION_GROUP_PREFIX-*", &["{group}", "{target}"]),
    ("GLOBAL_CLUSTER_ID", &["{global_cluster}"]),
    ("CLUSTER_PREFIX-*", &["{cluster}", "{target}"]),
    ("GLOBAL_DATASTORE_ID", &["{global}"]),
    ("LOAD_BALANCER_PREFIX-*/*", &["{load_balancer}"]),
    ("CONTROL_PANEL_ID/routingcontrol/*", &["{on}", "{off}"]),
    ("AUTOMATION_PREFIX-*:*", &["{document}:*"]),
    ("DRILL_ALARM_PREFIX-*", &["{alarm}"]),
    ("EXPERIMENT_TEMPLATE_ID", &["{template}"]),
    ("SECURITY_GROUP_ID", &["{group}"]),
    ("SECRET_PREFIX-*", &[SECRET]),
    ("SECRETS_KEY_ID", &[KEY]),
    ("S3_BATCH_ROLE", &["{role}"]),
    ("S3_REPLICATION_ROLE", &[REPLICATION_ROLE]),
    ("LATCH_BUCKET/LATCH_KEY", &["{bucket}/{key}"]),
    ("LATCH_BUCKET", &["{bucket}"]),
    ("BUCKET_PREFIX-*", &["{bucket}"]),
    ("ZONE_ID", &["{zone}"]),
];

/// What no parameter says and AWS is asked for: the secret's ARN with the letters AWS puts behind its name.
pub(super) const SECRET: &str = "{secret_arn}";
/// The key that the secret is encrypted with; null for AWS's own, which needs no permission.
pub(super) const KEY: &str = "{secret_key}";
/// The role that a bucket is copied as.
pub(super) const REPLICATION_ROLE: &str = "{replication_role}";

/// The ARNs that `patterns` stand for in this step; `None` when none of them can be told.
pub(super) fn filled(
    patterns: &[&str],
    with: &Map<String, Value>,
    environment: &Environment,
) -> Option<Vec<String>> {
    let all: Vec<Vec<String>> =
        patterns.iter().filter_map(|pattern| fill(pattern, with, environment)).collect();
    (!all.is_empty()).then(|| all.concat())
}

/// A parameter that is null says: on nothing.
fn fill(
    pattern: &str,
    with: &Map<String, Value>,
    environment: &Environment,
) -> Option<Vec<String>> {
    let mut pattern = pattern.replace("ACCOUNT_ID", &environment.account);
    if let Some(region) = with.get("region").and_then(Value::as_str) {
        pattern = pattern.replacen(":*:", &format!(":{region}:"), 1);
    }
    let Some((words, templates)) = FILLED.iter().find(|(words, _)| pattern.contains(words)) else {
        return Some(vec![pattern]);
    };
    let is_null = |template: &&&str| with.get(bare(template)) == Some(&Value::Null);
    if templates.iter().any(|template| is_null(&template)) {
        return Some(vec![]);
    }
    let values: Vec<String> =
        templates.iter().flat_map(|template| values(template, with)).collect();
    let arn = |value: String| match value.starts_with("arn:") {
        true => value,
        false => pattern.replacen(words, &value, 1),
    };
    (!values.is_empty()).then(|| values.into_iter().map(arn).collect())
}

/// `{target}` → `target`.
pub(super) fn bare(template: &str) -> &str {
    template.trim_start_matches('{').trim_end_matches('}')
}

/// The template for each value of its parameters; nothing if one of them is absent.
fn values(template: &str, with: &Map<String, Value>) -> Vec<String> {
    let names = template.split('{').skip(1).filter_map(|part| part.split_once('}'));
    names.fold(vec![template.to_owned()], |all, (name, _)| {
        let texts: Vec<&str> = match with.get(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
                vec![]
            }
        };
        let each = |one: &String| {
            let one = one.clone();
            texts.iter().map(move |text| one.replace(&format!("{{{name}}}"), text)).collect()
        };
        all.iter().flat_map(|one| -> Vec<String> { each(one) }).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::actions::doctor::tests::environment;
    use crate::actions::{ActionSettings, Actions, Permission, Purpose};

    fn arns(pattern: &str, with: Value) -> Option<Vec<String>> {
        filled(&[pattern], with.as_object().unwrap(), &environment())
    }

    #[test]
    fn parameters_take_the_place_of_the_words_in_capitals() {
        let one = |text: &str| Some(vec![text.to_owned()]);
        let cluster = "arn:aws:rds:*:ACCOUNT_ID:cluster:CLUSTER_PREFIX-*";
        let arn = "arn:aws:rds:us-east-1:111111111111:cluster:shop-us";
        assert_eq!(arns(cluster, json!({"target": arn})), one(arn));
        let named = json!({"region": "us-east-1", "cluster": "shop-us"});
        assert_eq!(arns(cluster, named), one(arn));
        let group = "arn:aws:eks:*:ACCOUNT_ID:nodegroup/EKS_CLUSTER_PREFIX-*/*/*";
        let with = json!({"region": "us-east-1", "cluster": "shop", "nodegroup": "general"});
        let expected = "arn:aws:eks:us-east-1:111111111111:nodegroup/shop/general/*";
        assert_eq!(arns(group, with), one(expected));
        let zone = "arn:aws:route53:::hostedzone/ZONE_ID";
        assert_eq!(arns(zone, json!({"zone": "Z1"})), one("arn:aws:route53:::hostedzone/Z1"));
        assert_eq!(arns(zone, json!({})), None);
        assert_eq!(
            arns("arn:aws:kms:*:ACCOUNT_ID:key/SECRETS_KEY_ID", json!({"secret_key": null})),
            Some(vec![])
        );
        let switches = json!({"on": ["arn:a", "arn:b"], "off": ["arn:c"]});
        let panel = "arn:aws:route53-recovery-control::ACCOUNT_ID:controlpanel/CONTROL_PANEL_ID/routingcontrol/*";
        assert_eq!(arns(panel, switches).unwrap(), ["arn:a", "arn:b", "arn:c"]);
    }

    #[test]
    fn every_word_in_capitals_has_a_row() {
        let actions = Actions::new(ActionSettings::default());
        for purpose in [Purpose::Look, Purpose::Act, Purpose::LastResort, Purpose::Drill] {
            for permission in actions.permissions(purpose) {
                let Permission::Aws(name, on) = permission else { continue };
                for pattern in on {
                    let rest = pattern.replace("ACCOUNT_ID", "");
                    let is_placeholder = rest.contains(|c: char| c.is_ascii_uppercase());
                    let has_row = FILLED.iter().any(|(words, _)| rest.contains(words));
                    assert_eq!(is_placeholder, has_row, "{name} on {pattern}");
                }
            }
        }
    }
}

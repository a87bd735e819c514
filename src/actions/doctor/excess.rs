//! What must never be allowed, because nothing that dr-buddy does needs it and a mistake with it cannot be mended.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Value;

use super::rights::{ASK, IDENTITY, OWN, own_role};
use super::{Check, Look, Place};
use crate::actions::Permission;
use crate::actions::aws::{Aws, Decision, Question, principal};

/// Calls, the kind of thing they are made on as its ARN begins (`*`: anything), and the path of the environment's
/// document that says they are wanted all the same.
const FORBIDDEN: &[(&[&str], &str, Option<&str>)] = &[
    (&["rds:DeleteDBCluster"], ":cluster:", None),
    (&["rds:RemoveFromGlobalCluster"], ":cluster:", Some("/aurora/may_detach")),
    (&["s3:DeleteBucket"], "arn:aws:s3:::", None),
    // Whoever may do one of these may give themselves everything.
    (
        &["iam:AttachRolePolicy", "iam:CreateAccessKey", "iam:CreateUser", "iam:PutRolePolicy"],
        ":iam:",
        None,
    ),
];

/// Nothing is allowed that must not be.
#[derive(Debug)]
pub(super) struct Excess {
    pub(super) aws: Arc<Aws>,
}

#[async_trait]
impl Check for Excess {
    fn name(&self) -> &'static str {
        "excess_permissions"
    }

    async fn look(&self, place: Place<'_>) -> Vec<Look> {
        let environment = place.environment;
        let caller = match self.aws.caller_matches(environment, &environment.regions.dr).await {
            Ok(caller) => caller,
            Err(error) => return vec![Look::blind("", &error).mended_by(IDENTITY)],
        };
        let own = principal(&caller, own_role(environment));
        let questions = questions(&environment.document, &own);
        let count: usize = questions.iter().map(|(_, calls)| calls.len()).sum();
        let asked =
            questions.iter().map(|(on, calls)| place.known.simulate(&self.aws, (&own, on, calls)));
        let answers = join_all(asked).await;
        let (mut looks, mut said) = (vec![], BTreeSet::new());
        for ((question, _), answer) in questions.iter().zip(answers) {
            match answer {
                Ok(said) => {
                    let allowed = said.iter().filter(|(_, what)| **what == Decision::Allowed);
                    looks.extend(allowed.map(|(call, _)| {
                        let args = [("permission", call.as_str()), ("on", &question.on)];
                        Look::bad(&format!("{call} {}", question.on), "doctor.saw.excess", &args)
                    }));
                }
                // The same refusal for many things is said once.
                Err(error) if said.insert(error.said()) => {
                    looks.push(Look::blind(&question.on, &error).mended_by(ASK));
                }
                Err(_) => {}
            }
        }
        if looks.is_empty() {
            let count = count.to_string();
            looks.push(Look::good("", "doctor.saw.no_excess", &[("count", &count)]));
        }
        looks
    }

    fn permissions(&self) -> &'static [Permission] {
        &[Permission::Aws("iam:SimulatePrincipalPolicy", OWN)]
    }
}

/// Every forbidden call on everything of its kind that the environment names, and on anything.
fn questions(document: &Value, own: &str) -> Vec<(Question, Vec<&'static str>)> {
    let mut arns = BTreeSet::from([own.to_owned()]);
    collect(document, &mut arns);
    if let Some(buckets) = document.get("s3").and_then(Value::as_object) {
        let names = ["primary", "dr"].iter().filter_map(|name| buckets.get(*name)?.as_str());
        arns.extend(names.map(|name| format!("arn:aws:s3:::{name}")));
    }
    if let Some(latch) = document.pointer("/dns/latch/bucket").and_then(Value::as_str) {
        arns.insert(format!("arn:aws:s3:::{latch}"));
    }
    arns.insert("*".to_owned());
    let is_wanted = |path: &Option<&str>| {
        path.and_then(|path| document.pointer(path)) == Some(&Value::Bool(true))
    };
    let question = |on: String| {
        let fits = FORBIDDEN
            .iter()
            .filter(|(_, kind, wanted)| (on == "*" || on.contains(kind)) && !is_wanted(wanted));
        let calls: Vec<&str> = fits.flat_map(|(calls, ..)| calls.iter().copied()).collect();
        (!calls.is_empty()).then(|| (Question { on, context: vec![] }, calls))
    };
    arns.into_iter().filter_map(question).collect()
}

/// Every ARN in the document.
fn collect(value: &Value, arns: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("arn:") => {
            arns.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, arns)),
        Value::Object(map) => map.values().for_each(|item| collect(item, arns)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_environment_names_is_asked_about_and_what_it_wants_is_not() {
        let cluster = "arn:aws:rds:eu-west-1:1:cluster:shop";
        let mut document = json!({
            "aurora": {"may_detach": false, "primary": {"arn": cluster}}, "s3": {"primary": "images"},
        });
        let asked = |document: &Value, on: &str| {
            let all = questions(document, "arn:aws:iam::1:role/dr-buddy");
            let found = all.into_iter().find(|(question, _)| question.on == on);
            found.map(|(_, calls)| calls).unwrap_or_default()
        };
        assert_eq!(
            asked(&document, cluster),
            ["rds:DeleteDBCluster", "rds:RemoveFromGlobalCluster"]
        );
        assert_eq!(asked(&document, "arn:aws:s3:::images"), ["s3:DeleteBucket"]);
        assert_eq!(asked(&document, "arn:aws:iam::1:role/dr-buddy").len(), 4);
        assert_eq!(asked(&document, "*").len(), 7);
        document["aurora"]["may_detach"] = json!(true);
        assert_eq!(asked(&document, cluster), ["rds:DeleteDBCluster"]);
        assert_eq!(asked(&document, "*").len(), 6);
    }
}

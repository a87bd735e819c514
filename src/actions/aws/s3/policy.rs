//! `s3.put_policy`: one statement of a bucket's policy is added or replaced; the others stay as they are.
//!
//! For exercises: to deny the application its writes. The policy as it was is in the request, to the byte, and comes back.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{BUCKETS, Bucket, document, put_document};
use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::{Seen, Set, Setting};
use crate::actions::aws::{Aws, Failure};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Change;

/// Merges a statement into a policy.
#[derive(Debug, Default)]
pub(in crate::actions) struct PutPolicy;

/// The statements of a policy in their order, each with its `Sid`, or its place where it has none.
fn statements(policy: &Value) -> Vec<(String, Value)> {
    let policy: Value =
        serde_json::from_str(policy.as_str().unwrap_or_default()).unwrap_or_default();
    let list = policy.get("Statement").cloned().unwrap_or_default();
    let list = if let Value::Array(list) = list { list } else { vec![list] };
    let list = list.into_iter().filter(|one| !one.is_null());
    let named = |(place, one): (usize, Value)| {
        let sid = one.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty());
        (sid.map_or_else(|| format!("statement {}", place + 1), ToOwned::to_owned), one)
    };
    list.enumerate().map(named).collect()
}

/// A statement as S3 may write it: lists in any order, a list of one as its element, an account as its root.
fn normal(value: &Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(normal).collect();
            list.sort_by_key(Value::to_string);
            match list.as_slice() {
                [one] => one.clone(),
                _ => Value::Array(list),
            }
        }
        Value::Object(parts) => {
            parts.iter().map(|(name, part)| (name.clone(), normal(part))).collect()
        }
        Value::String(text) if text.len() == 12 && text.chars().all(|one| one.is_ascii_digit()) => {
            json!(format!("arn:aws:iam::{text}:root"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Whether a principal is nothing but roles and users of this account: whoever else is denied is locked out.
fn is_some_of_ours(principal: &Value, account: &str) -> bool {
    let ours = |one: &Value| {
        let kinds = ["role", "user"].map(|kind| format!("arn:aws:iam::{account}:{kind}/"));
        let is_one = |text: &str| kinds.iter().any(|kind| text.starts_with(kind.as_str()));
        one.as_str().is_some_and(|text| is_one(text) && !text.contains('*'))
    };
    let Some(parts) = principal.as_object().filter(|parts| parts.len() == 1) else { return false };
    match parts.get("AWS") {
        Some(Value::Array(all)) => !all.is_empty() && all.iter().all(ours),
        Some(one) => ours(one),
        None => false,
    }
}

/// The statement to merge, with its `Sid`.
fn wanted(call: &Call<'_>) -> Result<(String, Value), LookError> {
    let given = text(call, "statement")?;
    let statement: Value = serde_json::from_str(given)
        .map_err(|error| unsafe_because(format!("`statement` is not JSON: {error}")))?;
    let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default().to_owned();
    if sid.is_empty() {
        return Err(unsafe_because("the statement needs a `Sid`: by it, it is found again"));
    }
    let principal = statement.get("Principal").cloned().unwrap_or_default();
    let denies = statement.get("Effect") != Some(&json!("Allow"));
    if denies && !is_some_of_ours(&principal, &call.environment.account) {
        return Err(unsafe_because(
            "a Deny names roles or users of this account, each with its ARN: anything wider locks out replication, \
             operators and dr-buddy",
        ));
    }
    Ok((sid, statement))
}

#[async_trait]
impl Setting for PutPolicy {
    const SERVICE: &'static str = "s3";
    const OPERATION: &'static str = "PutBucketPolicy";
    const OF: &'static [&'static str] = &["bucket"];
    const FACT: &'static str = "policy";

    fn operation(&self, to: &Value) -> &'static str {
        if to.is_null() { "DeleteBucketPolicy" } else { "PutBucketPolicy" }
    }

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let now = json!(document(aws, Bucket::of(call)?, "policy", "NoSuchBucketPolicy").await?);
        let names: Vec<String> = statements(&now).into_iter().map(|(name, _)| name).collect();
        let facts = Map::from_iter([("statements".to_owned(), json!(names))]);
        Ok(Seen { now, is_settled: Some(true), facts, line: Some(names.join(", ")) })
    }

    fn to(&self, call: &Call<'_>, seen: &Seen) -> Result<Value, LookError> {
        let (sid, statement) = wanted(call)?;
        let mut policy: Map<String, Value> = match seen.now.as_str() {
            Some(text) => serde_json::from_str(text)
                .map_err(|_| unsafe_because("the bucket's policy is not JSON: nothing is sent"))?,
            None => Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
        };
        let mut all = statements(&seen.now);
        match all.iter_mut().find(|(name, _)| *name == sid) {
            Some((_, old)) => *old = statement,
            None => all.push((sid, statement)),
        }
        policy.insert("Statement".to_owned(), all.into_iter().map(|(_, one)| one).collect());
        Ok(json!(Value::Object(policy).to_string()))
    }

    fn is_same(&self, one: &Value, other: &Value) -> bool {
        let of = |policy: &Value| {
            let mut all: Vec<String> =
                statements(policy).iter().map(|(_, one)| normal(one).to_string()).collect();
            all.sort();
            all
        };
        of(one) == of(other)
    }

    fn changes(&self, what: &str, from: &Value, to: &Value) -> Vec<Change> {
        let (from, to) = (statements(from), statements(to));
        let of = |all: &[(String, Value)], name: &str| {
            let found = all.iter().find(|(known, _)| known == name);
            found.map_or_else(|| "-".to_owned(), |(_, one)| one.to_string())
        };
        let new = to.iter().filter(|(name, _)| !from.iter().any(|(known, _)| known == name));
        let names = from.iter().chain(new).map(|(name, _)| name);
        let change = |name: &String| Change {
            what: format!("{what} {name}"),
            now: of(&from, name),
            after: of(&to, name),
        };
        names.map(change).filter(|change| change.now != change.after).collect()
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let (bucket, to) = (Bucket::in_request(request), request.parameters.to.as_str());
        Ok(put_document(aws, bucket, "policy", to).await?.evidence())
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            look: &[Permission::Aws("s3:GetBucketPolicy", BUCKETS)],
            act: &[
                Permission::Aws("s3:PutBucketPolicy", BUCKETS),
                Permission::Aws("s3:DeleteBucketPolicy", BUCKETS),
            ],
        }
    }
}

//! `s3.put_policy`: one statement of a bucket's policy is added or replaced; the others stay as they are.
//!
//! For exercises: to deny the application its writes. The policy as it was is in the request, to the byte, and comes back.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{BUCKETS, document, plain_name, put_document};
use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::{Seen, Set, Setting};
use crate::actions::aws::{Aws, Failure};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Change;

/// Merges a statement into a policy.
#[derive(Debug, Default)]
pub(in crate::actions) struct PutPolicy;

/// The statements of a policy by their `Sid`; those without one by their place.
fn statements(policy: &Value) -> Map<String, Value> {
    let text = policy.as_str().unwrap_or_default();
    let policy: Value = serde_json::from_str(text).unwrap_or_default();
    let list = policy.get("Statement").cloned().unwrap_or_default();
    let list = if let Value::Array(list) = list { list } else { vec![list] };
    let key = |(place, one): (usize, Value)| {
        let sid = one.get("Sid").and_then(Value::as_str).map(ToOwned::to_owned);
        (sid.unwrap_or_else(|| format!("statement {}", place + 1)), one)
    };
    list.into_iter().filter(|one| !one.is_null()).enumerate().map(key).collect()
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
    let everybody = [json!("*"), json!({"AWS": "*"}), json!({"AWS": ["*"]}), Value::Null];
    if statement.get("Effect") != Some(&json!("Allow")) && everybody.contains(&principal) {
        return Err(unsafe_because(
            "a Deny for everybody locks out replication, operators and dr-buddy: name the application's role",
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
        let (region, bucket) = (text(call, "region")?, plain_name(text(call, "bucket")?)?);
        let policy = document(aws, region, bucket, "policy", "NoSuchBucketPolicy").await?;
        let now = json!(policy);
        let names: Vec<String> = statements(&now).keys().cloned().collect();
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
        all.insert(sid, statement);
        policy.insert("Statement".to_owned(), all.into_iter().map(|(_, one)| one).collect());
        Ok(json!(Value::Object(policy).to_string()))
    }

    fn is_same(&self, one: &Value, other: &Value) -> bool {
        statements(one) == statements(other)
    }

    fn changes(&self, what: &str, from: &Value, to: &Value) -> Vec<Change> {
        let (from, to) = (statements(from), statements(to));
        let shown = |one: Option<&Value>| one.map_or_else(|| "-".to_owned(), Value::to_string);
        let names = from.keys().chain(to.keys().filter(|name| !from.contains_key(*name)));
        let changed = names.filter(|name| from.get(*name) != to.get(*name));
        let change = |name: &String| Change {
            what: format!("{what} {name}"),
            now: shown(from.get(name)),
            after: shown(to.get(name)),
        };
        changed.map(change).collect()
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        let (bucket, to) = (set.part("bucket"), set.to.as_str());
        Ok(put_document(aws, &request.region, bucket, "policy", to).await?.evidence())
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

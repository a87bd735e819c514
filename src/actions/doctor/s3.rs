//! S3: what is copied, and the object that turns traffic.

use reqwest::Method;
use serde_json::Value;

use super::tools::{Looks, Must, Row, Tools, each, said};
use super::{Look, Place};
use crate::actions::aws::{ANYTHING, Ask, Failure, Purpose};
use crate::actions::params::unsafe_because;
use crate::actions::{LookError, Permission};

const BUCKETS: &[&str] = &["arn:aws:s3:::BUCKET_PREFIX-*"];
const LATCH: &[&str] = &["arn:aws:s3:::LATCH_BUCKET"];
const KEY: &[&str] = &["arn:aws:s3:::LATCH_BUCKET/LATCH_KEY"];

pub(super) const ALL: &[Row] = &[
    Row {
        name: "s3_replication",
        look: |tools, place| Box::pin(replication(tools, place)),
        needs: &[Permission::Aws("s3:GetReplicationConfiguration", BUCKETS)],
    },
    Row {
        name: "latch",
        look: |tools, place| Box::pin(latch(tools, place)),
        needs: &[Permission::Aws("s3:GetObject", KEY), Permission::Aws("s3:ListBucket", LATCH)],
    },
    Row {
        name: "latch_readable",
        look: |tools, place| Box::pin(readable(tools, place)),
        needs: &[
            // Of the account: on nothing that could be named.
            Permission::Aws("s3:GetAccountPublicAccessBlock", ANYTHING),
            Permission::Aws("s3:GetBucketPolicy", LATCH),
            Permission::Aws("s3:GetBucketPublicAccessBlock", LATCH),
            Permission::Aws("s3:GetEncryptionConfiguration", LATCH),
        ],
    },
];

/// A request about a bucket of the environment's account, or an object in it.
fn ask(place: Place<'_>, region: &str, bucket: &str, key: &str) -> Result<Ask, LookError> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "._-/".contains(one);
    let path = format!("/{bucket}/{key}");
    if bucket.contains('/') || path.contains("..") || !path.chars().all(is_plain) {
        return Err(unsafe_because(format!("`{path}` is not a name we write into a URL")));
    }
    let ask = Ask::rest("s3", region, Method::GET, &path);
    Ok(ask.header("x-amz-expected-bucket-owner", &place.environment.account))
}

/// D15: the rules that the environment names are there and on, out and back.
async fn replication(tools: &Tools, place: Place<'_>) -> Looks {
    let regions = &place.environment.regions;
    let sides = [
        ("/s3/primary", "/s3/rule_out", &regions.primary),
        ("/s3/dr", "/s3/rule_back", &regions.dr),
    ];
    let mut looks = vec![];
    for (bucket, rule, region) in sides {
        let (Some(bucket), Some(rule)) = (place.text(bucket), place.text(rule)) else { continue };
        let ask = ask(place, region, bucket, "")?.query("replication", "");
        let none = ["ReplicationConfigurationNotFoundError"];
        let found = tools.document(format!("s3 in {region}"), &ask, &none).await;
        looks.push(match found {
            Ok(found) => {
                let found = found.unwrap_or_default();
                let rules = each(&found, "/Rule").into_iter();
                let mut ours = rules.filter(|one| said(one, "/ID").as_deref() == Some(rule));
                let status = ours.next().and_then(|one| said(one, "/Status"));
                Must::of(bucket).there(rule, status.is_some()).be(rule, status, "Enabled").look()
            }
            Err(error) => Look::blind(bucket, &error),
        });
    }
    Ok(looks)
}

/// Bucket and key.
fn latch_of(place: Place<'_>) -> Option<(&str, &str)> {
    Some((place.text("/dns/latch/bucket")?, place.text("/dns/latch/key")?))
}

/// D28: the object that sends traffic away is not there, and its bucket is.
async fn latch(tools: &Tools, place: Place<'_>) -> Looks {
    let Some((bucket, key)) = latch_of(place) else { return Ok(vec![]) };
    let region = &place.environment.regions.dr;
    let ask = ask(place, region, bucket, key)?;
    let found = tools.aws.ask(Purpose::Look, &ask).await;
    Ok(vec![match found {
        Ok(_) => {
            let args = [("what", key), ("is", "told.there"), ("wanted", "told.absent")];
            Look::bad("", "doctor.saw.other", &args)
        }
        Err(Failure::Refused { code, .. }) if code == "NoSuchKey" => {
            Look::good("", "doctor.saw.fine", &[("what", bucket)])
        }
        Err(Failure::Refused { code, .. }) if code == "NoSuchBucket" => {
            Look::bad("", "doctor.saw.missing", &[("what", bucket)])
        }
        Err(failure) => Look::blind("", &failure.look(format!("s3 in {region}"))),
    }])
}

/// D28: once it is there, health checkers of Route 53 could read it: open to all, and under no key of KMS.
async fn readable(tools: &Tools, place: Place<'_>) -> Looks {
    let Some((bucket, object)) = latch_of(place) else { return Ok(vec![]) };
    let region = &place.environment.regions.dr;
    let document = async |which: &str, none: &str| {
        let ask = ask(place, region, bucket, "")?.query(which, "");
        tools.document(format!("s3 in {region}"), &ask, &[none]).await
    };
    let block = document("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration").await?;
    let key = document("encryption", "ServerSideEncryptionConfigurationNotFoundError").await?;
    let policy = policy(tools, place, region, bucket).await?;
    let of_account = of_account(tools, place, region).await?;
    let algorithm = key
        .as_ref()
        .and_then(|key| said(key, "/Rule/ApplyServerSideEncryptionByDefault/SSEAlgorithm"));
    let algorithm = algorithm.unwrap_or_else(|| "AES256".into());
    let is_plain = algorithm == "AES256";
    let mut must = Must::of("").hold("SSEAlgorithm", Some(algorithm), "AES256", is_plain);
    for (whose, block) in [("", block), ("account ", of_account)] {
        let block = block.unwrap_or_default();
        for part in ["BlockPublicPolicy", "RestrictPublicBuckets"] {
            let is = said(&block, &format!("/{part}")).unwrap_or_else(|| "false".into());
            must = must.be(&format!("{whose}{part}"), Some(is), "false");
        }
    }
    let arn = format!("arn:aws:s3:::{bucket}/{object}");
    let (what, is_open) = (format!("Allow * s3:GetObject {arn}"), opens(&policy, &arn));
    Ok(vec![must.there(&what, is_open).look()])
}

/// The bucket's policy; null where it has none.
async fn policy(
    tools: &Tools,
    place: Place<'_>,
    region: &str,
    bucket: &str,
) -> Result<Value, LookError> {
    let system = format!("s3 in {region}");
    let ask = ask(place, region, bucket, "")?.query("policy", "");
    match tools.aws.ask(Purpose::Look, &ask).await {
        Ok(answer) => answer.json().map_err(|failure| failure.look(system)),
        Err(Failure::Refused { code, .. }) if code == "NoSuchBucketPolicy" => Ok(Value::Null),
        Err(failure) => Err(failure.look(system)),
    }
}

/// What the whole account blocks, whatever a bucket says.
async fn of_account(
    tools: &Tools,
    place: Place<'_>,
    region: &str,
) -> Result<Option<Value>, LookError> {
    let account = &place.environment.account;
    let path = "/v20180820/configuration/publicAccessBlock";
    let ask = Ask::rest("s3", region, Method::GET, path)
        .at(format!("{account}.s3-control.{region}"))
        .header("x-amz-account-id", account);
    let none = ["NoSuchPublicAccessBlockConfiguration"];
    tools.document(format!("s3control in {region}"), &ask, &none).await
}

/// Whether a policy lets everybody read an object. A condition is taken for a no, and so is what denies it.
fn opens(policy: &Value, arn: &str) -> bool {
    let any = |of: &Value, key: &str, fits: &dyn Fn(&str) -> bool| {
        each(of, &format!("/{key}")).into_iter().filter_map(Value::as_str).any(fits)
    };
    let is_about = |one: &&Value| {
        let reads = |action: &str| like(&action.to_ascii_lowercase(), "s3:getobject");
        let all = |who: &str| who == "*";
        (any(one, "Principal", &all) || any(one, "Principal/AWS", &all))
            && any(one, "Action", &reads)
            && any(one, "Resource", &|pattern| like(pattern, arn))
    };
    let effect = |one: &&Value, wanted| said(one, "/Effect").as_deref() == Some(wanted);
    let about: Vec<&Value> = each(policy, "/Statement").into_iter().filter(is_about).collect();
    let allows = |one: &&Value| effect(one, "Allow") && one.get("Condition").is_none();
    about.iter().any(allows) && !about.iter().any(|one| effect(one, "Deny"))
}

/// Whether a pattern of a policy, in which `*` stands for anything, is for this text.
fn like(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_latch_is_open_where_everybody_may_read_that_object_and_nobody_is_denied() {
        let arn = "arn:aws:s3:::latch/failover-active";
        let statement = |effect: &str, who: Value, action: Value, on: &str| json!({"Effect": effect, "Principal": who, "Action": action, "Resource": on});
        let opens = |all: &[Value]| opens(&json!({"Statement": all}), arn);
        let all = || json!("*");
        let plain = statement("Allow", all(), json!("s3:GetObject"), arn);
        assert!(opens(std::slice::from_ref(&plain)));
        let wide =
            statement("Allow", json!({"AWS": ["*"]}), json!(["s3:Get*"]), "arn:aws:s3:::latch/*");
        assert!(opens(&[wide]));
        let elsewhere =
            statement("Allow", all(), json!("s3:GetObject"), "arn:aws:s3:::latch/site/*");
        let ours = statement("Allow", json!({"AWS": "arn:aws:iam::1:root"}), json!("s3:*"), arn);
        let lists = statement("Allow", all(), json!("s3:ListBucket"), arn);
        for closed in [elsewhere, ours, lists] {
            assert!(!opens(std::slice::from_ref(&closed)), "{closed}");
        }
        let mut from_home = plain.clone();
        from_home["Condition"] = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
        assert!(!opens(&[from_home]) && !opens(&[]));
        assert!(!opens(&[plain, statement("Deny", all(), json!("s3:*"), "*")]));
        assert!(!super::opens(&Value::Null, arn));
    }

    #[test]
    fn a_star_stands_for_anything_between_what_stands_there() {
        assert!(like("*", "a") && like("a*c", "abc") && like("a*b*c", "aXbYc") && like("a", "a"));
        assert!(
            !like("a*c", "abd") && !like("a*b*c", "aXc") && !like("a", "ab") && !like("ab*b", "ab")
        );
    }
}

//! S3: what is copied, and the object that turns traffic.

use reqwest::Method;

use super::tools::{Looks, Must, Row, Tools, each, said};
use super::{Look, Place};
use crate::actions::aws::{Ask, Failure, Purpose};
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
    let Some((bucket, _)) = latch_of(place) else { return Ok(vec![]) };
    let region = &place.environment.regions.dr;
    let document = async |which: &str, none: &str| {
        let ask = ask(place, region, bucket, "")?.query(which, "");
        tools.document(format!("s3 in {region}"), &ask, &[none]).await
    };
    let block = document("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration").await?;
    let key = document("encryption", "ServerSideEncryptionConfigurationNotFoundError").await?;
    let block = block.unwrap_or_default();
    let algorithm = key
        .as_ref()
        .and_then(|key| said(key, "/Rule/ApplyServerSideEncryptionByDefault/SSEAlgorithm"));
    let algorithm = algorithm.unwrap_or_else(|| "AES256".into());
    let is_plain = algorithm == "AES256";
    let mut must = Must::of("").hold("SSEAlgorithm", Some(algorithm), "AES256", is_plain);
    for part in ["BlockPublicPolicy", "RestrictPublicBuckets"] {
        let is = said(&block, &format!("/{part}")).unwrap_or_else(|| "false".into());
        must = must.be(part, Some(is), "false");
    }
    Ok(vec![must.look()])
}

//! S3: the object that turns traffic, the documents of a bucket, what was not copied.
//!
//! Documents come and go as text: what we do not know in them must come back as it was.

mod backfill;
mod latch;
mod policy;
mod replication;

use reqwest::Method;

use crate::actions::LookError;
use crate::actions::aws::wire::{Answer, Ask};
use crate::actions::aws::{Aws, Failure, Purpose};
use crate::actions::params::unsafe_because;

pub(in crate::actions) use self::backfill::Backfill;
pub(in crate::actions) use self::latch::Latch;
pub(in crate::actions) use self::policy::PutPolicy;
pub(in crate::actions) use self::replication::SetReplication;

/// Documents of buckets.
const BUCKETS: &[&str] = &["arn:aws:s3:::BUCKET_PREFIX-*"];

/// A request about a bucket, or an object in it; by path, so that names with dots keep their certificate.
fn of_bucket(region: &str, method: Method, bucket: &str, key: &str) -> Ask {
    Ask::rest("s3", region, method, &format!("/{bucket}/{key}"))
}

/// A bucket's document, `None` where there is none (S3 says so with a code of its own).
async fn document(
    aws: &Aws,
    region: &str,
    bucket: &str,
    which: &str,
    absent: &str,
) -> Result<Option<String>, LookError> {
    let ask = of_bucket(region, Method::GET, bucket, "").query(which, "");
    match aws.ask(Purpose::Look, &ask).await {
        Ok(answer) => Ok(Some(answer.body)),
        Err(Failure::Refused { code, .. }) if code == absent => Ok(None),
        Err(failure) => Err(failure.look(format!("s3 in {region}"))),
    }
}

/// Writes the document whole, or takes it away.
async fn put_document(
    aws: &Aws,
    region: &str,
    bucket: &str,
    which: &str,
    to: Option<&str>,
) -> Result<Answer, Failure> {
    let method = if to.is_some() { Method::PUT } else { Method::DELETE };
    let ask = of_bucket(region, method, bucket, "").query(which, "");
    let ask = ask.body(to.unwrap_or_default().to_owned());
    aws.ask(Purpose::Act, &ask).await
}

/// Refuses names that would say something else in a URL.
fn plain_name(text: &str) -> Result<&str, LookError> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "._-/".contains(one);
    if text.chars().all(is_plain) && !text.starts_with('/') && !text.contains("..") {
        return Ok(text);
    }
    Err(unsafe_because(format!(
        "`{text}` is not a name we write into a URL: letters, digits, . _ - /"
    )))
}

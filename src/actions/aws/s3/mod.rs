//! S3: the object that turns traffic, the documents of a bucket, what was not copied.
//!
//! Documents come and go as text: what we do not know in them must come back as it was.

mod backfill;
mod latch;
mod policy;
mod replication;

use reqwest::Method;

use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::Set;
use crate::actions::aws::wire::{Answer, Ask};
use crate::actions::aws::{Aws, Failure, Purpose};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError};
use crate::domain::environment::Environment;

pub(in crate::actions) use self::backfill::Backfill;
pub(in crate::actions) use self::latch::Latch;
pub(in crate::actions) use self::policy::PutPolicy;
pub(in crate::actions) use self::replication::SetReplication;

/// Documents of buckets.
const BUCKETS: &[&str] = &["arn:aws:s3:::BUCKET_PREFIX-*"];

/// A bucket, in a region and of an account: S3 refuses when it belongs to another one.
#[derive(Debug, Clone, Copy)]
struct Bucket<'a> {
    region: &'a str,
    account: &'a str,
    name: &'a str,
}

impl<'a> Bucket<'a> {
    /// The one the step names.
    fn of(call: &Call<'a>) -> Result<Self, LookError> {
        let (region, name) = (text(call, "region")?, plain_name(text(call, "bucket")?)?);
        if name.contains('/') {
            return Err(unsafe_because(format!("`{name}` is no name of a bucket")));
        }
        Ok(Self { region, account: &call.environment.account, name })
    }

    /// The one a request names.
    fn in_request(request: &'a Request<Set>) -> Self {
        let name = request.parameters.part("bucket");
        Self { region: &request.region, account: &request.account, name }
    }

    /// A request about it, or an object in it; by path, so that names with dots keep their certificate.
    fn ask(self, method: Method, key: &str) -> Ask {
        Ask::rest("s3", self.region, method, &format!("/{}/{key}", self.name))
            .header("x-amz-expected-bucket-owner", self.account)
    }
}

/// A bucket's document, `None` where there is none (S3 says so with a code of its own).
async fn document(
    aws: &Aws,
    bucket: Bucket<'_>,
    which: &str,
    absent: &str,
) -> Result<Option<String>, LookError> {
    let ask = bucket.ask(Method::GET, "").query(which, "");
    match aws.ask(Purpose::Look, &ask).await {
        Ok(answer) => Ok(Some(answer.body)),
        Err(Failure::Refused { code, .. }) if code == absent => Ok(None),
        Err(failure) => Err(failure.look(format!("s3 in {}", bucket.region))),
    }
}

/// The ARN of the role that a bucket is copied as, if it is copied.
pub(in crate::actions) async fn replication_role(
    aws: &Aws,
    environment: &Environment,
    region: &str,
    name: &str,
) -> Result<Option<String>, LookError> {
    let bucket = Bucket { region, account: &environment.account, name: plain_name(name)? };
    let found = document(aws, bucket, "replication", replication::ABSENT).await?;
    let role = |xml: &String| {
        let document = roxmltree::Document::parse(xml).ok()?;
        let role = document.descendants().find(|node| node.tag_name().name() == "Role")?;
        role.text().map(ToOwned::to_owned)
    };
    Ok(found.as_ref().and_then(role))
}

/// Writes the document whole, or takes it away.
async fn put_document(
    aws: &Aws,
    bucket: Bucket<'_>,
    which: &str,
    to: Option<&str>,
) -> Result<Answer, Failure> {
    let method = if to.is_some() { Method::PUT } else { Method::DELETE };
    let ask = bucket.ask(method, "").query(which, "").body(to.unwrap_or_default().to_owned());
    aws.ask(Purpose::Act, &ask).await
}

/// Refuses names that would say something else in a URL.
fn plain_name(text: &str) -> Result<&str, LookError> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "._-/".contains(one);
    let is_part = |part: &str| !["", ".", ".."].contains(&part);
    if text.chars().all(is_plain) && text.split('/').all(is_part) {
        return Ok(text);
    }
    Err(unsafe_because(format!(
        "`{text}` is not a name we write into a URL: letters, digits, . _ - /"
    )))
}

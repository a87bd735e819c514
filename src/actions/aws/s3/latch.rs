//! `route53.latch`: traffic turns by an object in S3, which an inverted health check of Route 53 looks at.
//!
//! Only data planes take part: S3 in the region traffic goes to, the health checkers, the name servers. Object there:
//! the primary record is withdrawn. Object gone: traffic returns. It stays as it is until somebody acts.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Bucket, plain_name};
use crate::actions::aws::lever::Request;
use crate::actions::aws::setting::{Seen, Set, Setting};
use crate::actions::aws::{Aws, Failure, Purpose};
use crate::actions::params::{optional_flag, text};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;

/// Puts the object there, or takes it away.
#[derive(Debug, Default)]
pub(in crate::actions) struct Latch;

#[async_trait]
impl Setting for Latch {
    const SERVICE: &'static str = "s3";
    const OPERATION: &'static str = "PutObject";
    const OF: &'static [&'static str] = &["bucket", "key"];
    const FACT: &'static str = "latched";

    fn operation(&self, to: &Value) -> &'static str {
        if *to == json!(true) { "PutObject" } else { "DeleteObject" }
    }

    async fn read(&self, aws: &Aws, call: &Call<'_>) -> Result<Seen, LookError> {
        let (bucket, key) = (Bucket::of(call)?, plain_name(text(call, "key")?)?);
        let there = match aws.ask(Purpose::Look, &bucket.ask(Method::GET, key)).await {
            Ok(_) => true,
            Err(Failure::Refused { code, .. }) if code == "NoSuchKey" => false,
            Err(failure) => return Err(failure.look(format!("s3 in {}", bucket.region))),
        };
        Ok(Seen { now: json!(there), is_settled: Some(true), ..Seen::default() })
    }

    fn to(&self, call: &Call<'_>, _seen: &Seen) -> Result<Value, LookError> {
        Ok(json!(optional_flag(call, "latched").unwrap_or(true)))
    }

    async fn write(
        &self,
        aws: &Aws,
        _call: &Call<'_>,
        request: &Request<Set>,
    ) -> Result<Value, Failure> {
        let set = &request.parameters;
        let method = if set.to == json!(true) { Method::PUT } else { Method::DELETE };
        let ask = Bucket::in_request(request).ask(method, set.part("key"));
        Ok(aws.ask(Purpose::Act, &ask).await?.evidence())
    }

    fn shown(&self, value: &Value) -> String {
        let there = *value == json!(true);
        let words =
            if there { "object there: DR answers" } else { "no object: the primary answers" };
        words.to_owned()
    }

    fn remarks(&self, _call: &Call<'_>, _seen: &Seen) -> Vec<Remark> {
        vec![Remark::new("remark.route53.latch", &[])]
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &["arn:aws:s3:::LATCH_BUCKET/LATCH_KEY"];
        // Without the right to list, S3 says 403 of an object that is not there.
        const LIST: &[&str] = &["arn:aws:s3:::LATCH_BUCKET"];
        Permissions {
            look: &[Permission::Aws("s3:GetObject", ON), Permission::Aws("s3:ListBucket", LIST)],
            act: &[Permission::Aws("s3:PutObject", ON), Permission::Aws("s3:DeleteObject", ON)],
        }
    }
}

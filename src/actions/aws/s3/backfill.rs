//! `s3.backfill`: S3 Batch Replication copies what a bucket's rules have not copied yet.
//!
//! Found again by the token in the job's description: a bucket has many jobs, and their ids are known only afterwards.

use async_trait::async_trait;
use reqwest::Method;
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};

use super::replication::{ABSENT, copies};
use super::{Bucket, document, plain_name};
use crate::actions::aws::job::{Asked, Job, Ready, Running};
use crate::actions::aws::lever::Request;
use crate::actions::aws::wire::Ask;
use crate::actions::aws::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::params::{also, text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;

/// Starts a batch.
#[derive(Debug, Default)]
pub(in crate::actions) struct Backfill;

/// Where jobs are, of S3 Control's version.
const JOBS: &str = "/v20180820/jobs";

/// Most pages of jobs that are looked through.
const PAGES: usize = 20;

fn ask(region: &str, account: &str, method: Method, path: &str) -> Ask {
    Ask::rest("s3", region, method, path)
        .at(format!("{account}.s3-control.{region}"))
        .header("x-amz-account-id", account)
}

fn child(node: Node<'_, '_>, name: &str) -> Option<String> {
    let found = node.descendants().find(|one| one.tag_name().name() == name)?;
    found.text().map(ToOwned::to_owned)
}

/// The request's document; all of its texts are names that were checked, or our own.
fn create(asked: &Asked, account: &str) -> String {
    let part = |name: &str| asked.input.get(name).and_then(Value::as_str).unwrap_or_default();
    let (bucket, role, token) = (part("bucket"), part("role"), &asked.token);
    format!(
        "<CreateJobRequest xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">\
         <ConfirmationRequired>false</ConfirmationRequired>\
         <Operation><S3ReplicateObject/></Operation>\
         <Report><Enabled>false</Enabled></Report>\
         <ClientRequestToken>{token}</ClientRequestToken>\
         <Description>dr-buddy {token}</Description><Priority>10</Priority><RoleArn>{role}</RoleArn>\
         <ManifestGenerator><S3JobManifestGenerator>\
         <ExpectedBucketOwner>{account}</ExpectedBucketOwner><SourceBucket>arn:aws:s3:::{bucket}</SourceBucket>\
         <Filter><EligibleForReplication>true</EligibleForReplication>\
         <ObjectReplicationStatuses><member>NONE</member><member>FAILED</member></ObjectReplicationStatuses>\
         </Filter><EnableManifestOutput>false</EnableManifestOutput>\
         </S3JobManifestGenerator></ManifestGenerator></CreateJobRequest>"
    )
}

fn job(node: Node<'_, '_>) -> Option<Running> {
    let count = |name: &str| child(node, name).and_then(|text| text.parse::<u64>().ok());
    let counts = [
        ("total", "TotalNumberOfTasks"),
        ("succeeded", "NumberOfTasksSucceeded"),
        ("failed", "NumberOfTasksFailed"),
    ];
    let facts =
        counts.into_iter().filter_map(|(fact, name)| Some((fact.to_owned(), json!(count(name)?))));
    Some(Running {
        id: child(node, "JobId")?,
        status: child(node, "Status")?,
        facts: facts.collect::<Map<_, _>>(),
    })
}

#[async_trait]
impl Job for Backfill {
    const SERVICE: &'static str = "s3control";
    const OPERATION: &'static str = "CreateJob";

    fn input(&self, call: &Call<'_>) -> Result<(String, Value), LookError> {
        let (bucket, role) = (Bucket::of(call)?.name, text(call, "role")?);
        let own = format!("arn:aws:iam::{}:role/", call.environment.account);
        let name = role.strip_prefix(&own).ok_or_else(|| {
            unsafe_because(format!(
                "`{role}` is not a role of this account: it must begin with {own}"
            ))
        })?;
        plain_name(name)?;
        Ok((format!("batch replication of {bucket}"), json!({"bucket": bucket, "role": role})))
    }

    async fn ready(&self, aws: &Aws, call: &Call<'_>) -> Result<Ready, LookError> {
        let bucket = Bucket::of(call)?;
        let rules = document(aws, bucket, "replication", ABSENT).await?;
        let is_on = rules.is_some_and(|xml| copies(&xml));
        if !is_on {
            let why = "has no replication rule that is switched on: nothing would be copied";
            return Err(unsafe_because(format!(
                "`{}` {why}; do s3.set_replication first",
                bucket.name
            )));
        }
        Ok(Ready { remarks: vec![Remark::new("remark.s3.hours", &[])], ..Ready::default() })
    }

    async fn find(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        token: &str,
    ) -> Result<Option<Running>, LookError> {
        let (region, account) = (text(call, "region")?, call.environment.account.as_str());
        let system = || format!("s3control in {region}");
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let mut list = ask(region, account, Method::GET, JOBS).query("maxResults", "1000");
            if let Some(next) = &next {
                list = list.query("nextToken", next);
            }
            let page = aws.ask(Purpose::Look, &list).await.map_err(|why| why.look(system()))?;
            let unreadable =
                |_| Failure::Unclear("an answer that is not XML".into()).look(system());
            let document = Document::parse(&page.body).map_err(unreadable)?;
            let mine = format!("dr-buddy {token}");
            let is_job =
                |node: &Node<'_, '_>| node.children().any(|one| one.tag_name().name() == "JobId");
            let mut jobs = document.descendants().filter(is_job);
            if let Some(found) =
                jobs.find(|node| child(*node, "Description").as_ref() == Some(&mine))
            {
                return Ok(job(found));
            }
            next = page.text("NextToken");
            if next.is_none() {
                return Ok(None);
            }
        }
        Err(LookError::Refused { system: system(), detail: "too many jobs to look through".into() })
    }

    async fn send(&self, aws: &Aws, request: &Request<Asked>) -> Result<Value, Failure> {
        let document = create(&request.parameters, &request.account);
        let create = ask(&request.region, &request.account, Method::POST, JOBS).body(document);
        let answer = aws.ask(Purpose::Act, &create).await?;
        Ok(also(answer.evidence(), "job", answer.text("JobId")))
    }

    fn is_over(&self, status: &str) -> Option<bool> {
        match status {
            "Complete" | "Failed" | "Cancelled" => Some(true),
            "New" | "Preparing" | "Suspended" | "Ready" | "Active" | "Pausing" | "Paused"
            | "Completing" | "Failing" | "Cancelling" => Some(false),
            _ => None,
        }
    }

    fn permissions(&self) -> Permissions {
        const ROLE: &[&str] = &["arn:aws:iam::ACCOUNT_ID:role/S3_BATCH_ROLE"];
        Permissions {
            look: &[
                Permission::Aws("s3:ListJobs", ANYTHING),
                Permission::Aws("s3:GetReplicationConfiguration", super::BUCKETS),
            ],
            act: &[
                Permission::Aws("s3:CreateJob", ANYTHING),
                Permission::Aws("iam:PassRole", ROLE),
            ],
        }
    }
}

//! `ssm.start_automation`: an automation document of Systems Manager runs, for what a team has written there already.
//!
//! Found again by a tag whose key holds the token of the approval.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::actions::aws::job::{Asked, Job, Ready, Running};
use crate::actions::aws::lever::Request;
use crate::actions::aws::wire::Ask;
use crate::actions::aws::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::fence::arn_inside;
use crate::actions::params::{also, optional_text, text, texts, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};

/// Starts an automation.
#[derive(Debug, Default)]
pub(in crate::actions) struct StartAutomation;

async fn look(aws: &Aws, region: &str, action: &str, with: &Value) -> Result<Value, LookError> {
    let ask = Ask::json("ssm", "1.1", region, &format!("AmazonSSM.{action}"), with);
    let answer = aws.ask(Purpose::Look, &ask).await.and_then(|answer| answer.json());
    answer.map_err(|failure| failure.look(format!("ssm in {region}")))
}

fn tag(token: &str) -> String {
    format!("dr-buddy:{token}")
}

/// `Name=value` as the document takes them: each name with its values.
fn parameters(call: &Call<'_>) -> Result<Map<String, Value>, LookError> {
    let mut all = Map::new();
    if !call.with.contains_key("parameters") {
        return Ok(all);
    }
    for one in texts(call, "parameters")? {
        let (name, value) = one.split_once('=').ok_or_else(|| {
            unsafe_because(format!("`{one}` is no parameter: write `Name=value`"))
        })?;
        let values = all.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().into_iter().for_each(|list| list.push(json!(value)));
    }
    Ok(all)
}

#[async_trait]
impl Job for StartAutomation {
    const SERVICE: &'static str = "ssm";
    const OPERATION: &'static str = "StartAutomationExecution";
    const STOP: Option<&'static str> = Some("StopAutomationExecution");

    fn input(&self, call: &Call<'_>) -> Result<(String, Value), LookError> {
        let document = text(call, "document")?;
        if document.starts_with("arn:") {
            arn_inside(call.environment, "ssm", document)?;
        }
        let input = json!({
            "DocumentName": document,
            "Parameters": parameters(call)?,
        });
        Ok((format!("automation {document}"), input))
    }

    async fn ready(&self, aws: &Aws, call: &Call<'_>) -> Result<Ready, LookError> {
        let (region, document) = (text(call, "region")?, text(call, "document")?);
        let found = look(aws, region, "DescribeDocument", &json!({"Name": document})).await?;
        let part = |name: &str| found.pointer(&format!("/Document/{name}")).and_then(Value::as_str);
        if part("DocumentType") != Some("Automation") || part("Status") != Some("Active") {
            return Err(unsafe_because(format!(
                "`{document}` is not an active automation document"
            )));
        }
        // A new default between the approval and the call would be another document.
        let version =
            optional_text(call, "version").or(part("DefaultVersion")).ok_or_else(|| {
                unsafe_because(format!("`{document}` does not say its default version: name one"))
            })?;
        let version = ("DocumentVersion".to_owned(), json!(version));
        Ok(Ready { also: Map::from_iter([version]), ..Ready::default() })
    }

    async fn find(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        token: &str,
    ) -> Result<Option<Running>, LookError> {
        let with =
            json!({"Filters": [{"Key": "TagKey", "Values": [tag(token)]}], "MaxResults": 10});
        let found = look(aws, text(call, "region")?, "DescribeAutomationExecutions", &with).await?;
        let Some(one) = found.pointer("/AutomationExecutionMetadataList/0") else {
            return Ok(None);
        };
        let part =
            |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let failure = one.get("FailureMessage").cloned();
        let facts = failure.map(|why| ("failure".to_owned(), why)).into_iter().collect();
        Ok(Some(Running {
            id: part("AutomationExecutionId"),
            status: part("AutomationExecutionStatus"),
            facts,
        }))
    }

    async fn send(&self, aws: &Aws, request: &Request<Asked>) -> Result<Value, Failure> {
        let asked = &request.parameters;
        let with = if let Some(id) = &asked.stop {
            json!({"AutomationExecutionId": id, "Type": "Cancel"})
        } else {
            let with = also(asked.input.clone(), "ClientToken", asked.token.clone());
            also(with, "Tags", json!([{"Key": tag(&asked.token), "Value": "started"}]))
        };
        let target = format!("AmazonSSM.{}", request.operation);
        let ask = Ask::json("ssm", "1.1", &request.region, &target, &with);
        let answer = aws.ask(Purpose::Act, &ask).await?;
        // An answer that cannot be read is still an answer: it was taken.
        let id = answer.json().ok().and_then(|said| said.get("AutomationExecutionId").cloned());
        Ok(also(answer.evidence(), "execution", id.unwrap_or_default()))
    }

    fn is_stopping(&self, status: &str) -> bool {
        status == "Cancelling"
    }

    fn is_stopped(&self, status: &str) -> bool {
        status == "Cancelled"
    }

    fn is_over(&self, status: &str) -> Option<bool> {
        match status {
            "Success"
            | "Failed"
            | "TimedOut"
            | "Cancelled"
            | "CompletedWithSuccess"
            | "CompletedWithFailure"
            | "Rejected"
            | "Exited" => Some(true),
            "Pending" | "InProgress" | "Waiting" | "Cancelling" | "PendingApproval"
            | "Approved" | "Scheduled" | "RunbookInProgress" => Some(false),
            _ => None,
        }
    }

    fn permissions(&self) -> Permissions {
        const EXECUTIONS: &[&str] = &["arn:aws:ssm:*:ACCOUNT_ID:automation-execution/*"];
        const ON: &[&str] = &[
            "arn:aws:ssm:*:ACCOUNT_ID:automation-definition/AUTOMATION_PREFIX-*:*",
            "arn:aws:ssm:*:ACCOUNT_ID:automation-execution/*",
        ];
        Permissions {
            look: &[
                Permission::Aws("ssm:DescribeDocument", ANYTHING),
                Permission::Aws("ssm:DescribeAutomationExecutions", ANYTHING),
            ],
            act: &[
                Permission::Aws("ssm:StartAutomationExecution", ON),
                Permission::Aws("ssm:StopAutomationExecution", EXECUTIONS),
                Permission::Aws("ssm:AddTagsToResource", EXECUTIONS),
            ],
        }
    }
}

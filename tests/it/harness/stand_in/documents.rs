//! What is made once: a replica that is cut off, automations, batches.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Asked, Reply, Service, said};

/// A secret that is copied from eu-west-1 to us-east-1.
pub(crate) const REPLICA: &str = "shop/replica";
/// An automation document.
pub(crate) const AUTOMATION: &str = "shop-promote";

/// A replicated secret.
#[derive(Debug, Default)]
pub(super) struct Replica {
    is_cut: bool,
}

impl Service for Replica {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        if asked.service != "secretsmanager" || asked.json["SecretId"] != json!(REPLICA) {
            return None;
        }
        let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{REPLICA}-a1b2c3");
        match asked.operation.as_str() {
            action @ "DescribeSecret" => {
                let mut body = json!({"ARN": arn, "Name": REPLICA});
                if !self.is_cut {
                    body["PrimaryRegion"] = json!("eu-west-1");
                }
                Some(said("secretsmanager", action, &body))
            }
            action @ "StopReplicationToReplica" if self.is_cut => {
                let body = json!({"__type": "InvalidRequestException", "message": "not a replica"});
                let reply = said("secretsmanager", action, &body);
                Some(Reply { status: StatusCode::BAD_REQUEST, ..reply })
            }
            action @ "StopReplicationToReplica" => {
                assert_eq!(asked.region, "us-east-1", "it is called where the replica is");
                self.is_cut = true;
                Some(said("secretsmanager", action, &json!({"ARN": arn})))
            }
            _ => None,
        }
    }
}

/// Automations of Systems Manager: what was started goes on until it is stopped; the same token again starts nothing.
#[derive(Debug, Default)]
pub(super) struct Automations {
    started: Vec<Started>,
}

/// An execution.
#[derive(Debug)]
struct Started {
    asked: Value,
    status: &'static str,
    looks: u32,
}

impl Started {
    fn look(&mut self) {
        if self.status == "Cancelling" {
            self.looks += 1;
            self.status = if self.looks > 1 { "Cancelled" } else { "Cancelling" };
        }
    }
}

/// The id of the one in this place.
fn execution(place: usize) -> String {
    format!("4105a4fc-f944-11e6-9d32-0a1b2c3d4e{place:02x}")
}

impl Service for Automations {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        if asked.service != "ssm" {
            return None;
        }
        let action = asked.operation.as_str();
        let body = match action {
            "DescribeDocument" => json!({"Document": {
                "Name": asked.json["Name"], "DocumentType": "Automation", "Status": "Active",
                "DefaultVersion": "3",
            }}),
            "DescribeAutomationExecutions" => {
                self.started.iter_mut().for_each(Started::look);
                // All of them, unless a filter is given.
                let wanted = asked.json.pointer("/Filters/0/Values/0");
                let is_it =
                    |one: &Started| wanted.is_none_or(|key| one.asked["Tags"][0]["Key"] == *key);
                let found = self.started.iter().enumerate().filter(|(_, one)| is_it(one));
                let found = found.map(|(place, one)| {
                    json!({
                        "AutomationExecutionId": execution(place),
                        "DocumentName": one.asked["DocumentName"],
                        "AutomationExecutionStatus": one.status,
                    })
                });
                json!({"AutomationExecutionMetadataList": found.collect::<Vec<_>>()})
            }
            "StartAutomationExecution" => {
                let token = &asked.json["ClientToken"];
                assert!(token.is_string(), "{:?}", asked.json);
                assert_eq!(asked.json["DocumentVersion"], json!("3"), "what was shown");
                let known = self.started.iter().position(|one| one.asked["ClientToken"] == *token);
                if known.is_none() {
                    let asked = asked.json.clone();
                    self.started.push(Started { asked, status: "InProgress", looks: 0 });
                }
                let place = known.unwrap_or(self.started.len() - 1);
                json!({"AutomationExecutionId": execution(place)})
            }
            "StopAutomationExecution" => {
                let mut all = self.started.iter_mut().enumerate();
                let is_it = |place: usize| asked.json["AutomationExecutionId"] == execution(place);
                let (_, one) = all.find(|(place, _)| is_it(*place)).expect("it was started");
                one.status = "Cancelling";
                json!({})
            }
            _ => return None,
        };
        Some(said("ssm", action, &body))
    }
}

/// Batches of S3.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// The description of each.
    started: Vec<String>,
    looks: u32,
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

impl Service for Batches {
    fn answer(&mut self, asked: &Asked) -> Option<Reply> {
        const ID: &str = "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c";
        let (operation, body) = match asked.operation.as_str() {
            "POST /v20180820/jobs" => {
                let description = element(&asked.text, "Description").expect("it has one");
                let token = element(&asked.text, "ClientRequestToken").expect("it has one");
                assert!(description.ends_with(token), "{}", asked.text);
                if !self.started.iter().any(|one| one == description) {
                    self.started.push(description.to_owned());
                    self.looks = 0;
                }
                ("CreateJob", format!("<CreateJobResult><JobId>{ID}</JobId></CreateJobResult>"))
            }
            "GET /v20180820/jobs" => {
                self.looks += 1;
                let status = if self.looks > 2 { "Complete" } else { "Active" };
                let job = |description: &String| {
                    format!(
                        "<member><JobId>{ID}</JobId><Description>{description}</Description>\
                         <Operation>S3ReplicateObject</Operation><Priority>10</Priority><Status>{status}</Status>\
                         <ProgressSummary><TotalNumberOfTasks>7</TotalNumberOfTasks>\
                         <NumberOfTasksSucceeded>7</NumberOfTasksSucceeded>\
                         <NumberOfTasksFailed>0</NumberOfTasksFailed></ProgressSummary></member>"
                    )
                };
                let jobs: String = self.started.iter().map(job).collect();
                ("ListJobs", format!("<ListJobsResult><Jobs>{jobs}</Jobs></ListJobsResult>"))
            }
            _ => return None,
        };
        let status = StatusCode::OK;
        Some(Reply { model: "s3control", operation: operation.to_owned(), status, body })
    }
}

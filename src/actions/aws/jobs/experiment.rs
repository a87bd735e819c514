//! `fis.start_experiment`: the Fault Injection Service breaks what a template names, until its end or its stop condition.
//!
//! For exercises. A template without a stop condition is refused: nothing would end it when it hurts.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::actions::aws::job::{Asked, Job, Ready, Running};
use crate::actions::aws::lever::Request;
use crate::actions::aws::wire::Ask;
use crate::actions::aws::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::params::{also, text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};

/// Starts an experiment.
#[derive(Debug, Default)]
pub(in crate::actions) struct StartExperiment;

/// The tag that holds the token of the approval.
const TAG: &str = "dr-buddy";
/// Most pages of experiments that are looked through.
const PAGES: usize = 20;

async fn look(aws: &Aws, region: &str, ask: &Ask) -> Result<Value, LookError> {
    let answer = aws.ask(Purpose::Look, ask).await.and_then(|answer| answer.json());
    answer.map_err(|failure| failure.look(format!("fis in {region}")))
}

/// The id of the experiment that was started with this token.
async fn of_token(
    aws: &Aws,
    region: &str,
    template: &str,
    token: &str,
) -> Result<Option<String>, LookError> {
    let mut next: Option<String> = None;
    for _ in 0..PAGES {
        let mut list = Ask::rest("fis", region, Method::GET, "/experiments")
            .query("experimentTemplateId", template)
            .query("maxResults", "100");
        if let Some(next) = &next {
            list = list.query("nextToken", next);
        }
        let found = look(aws, region, &list).await?;
        let all = found.get("experiments").and_then(Value::as_array);
        let is_ours = |one: &&Value| one.pointer(&format!("/tags/{TAG}")) == Some(&json!(token));
        let id = all.into_iter().flatten().find(is_ours).and_then(|one| one.get("id")?.as_str());
        next = found.get("nextToken").and_then(Value::as_str).map(ToOwned::to_owned);
        if id.is_some() || next.is_none() {
            return Ok(id.map(ToOwned::to_owned));
        }
    }
    let detail = "too many experiments to look through".to_owned();
    Err(LookError::Refused { system: format!("fis in {region}"), detail })
}

#[async_trait]
impl Job for StartExperiment {
    const SERVICE: &'static str = "fis";
    const OPERATION: &'static str = "StartExperiment";
    const STOP: Option<&'static str> = Some("StopExperiment");

    fn input(&self, call: &Call<'_>) -> Result<(String, Value), LookError> {
        let template = text(call, "template")?;
        if !template.chars().all(|one| one.is_ascii_alphanumeric()) {
            return Err(unsafe_because(format!("`{template}` is not the id of a template: EXT…")));
        }
        Ok((format!("experiment of {template}"), json!({"experimentTemplateId": template})))
    }

    async fn ready(&self, aws: &Aws, call: &Call<'_>) -> Result<Ready, LookError> {
        let (region, template) = (text(call, "region")?, text(call, "template")?);
        let path = format!("/experimentTemplates/{template}");
        let ask = Ask::rest("fis", region, Method::GET, &path);
        let found = look(aws, region, &ask).await?;
        let conditions =
            found.pointer("/experimentTemplate/stopConditions").and_then(Value::as_array);
        let stops =
            |one: &Value| one.get("source").and_then(Value::as_str).is_some_and(|it| it != "none");
        if !conditions.is_some_and(|all| all.iter().any(stops)) {
            let why = "has no stop condition: give it an alarm that ends it when it hurts";
            return Err(unsafe_because(format!("template {template} {why}")));
        }
        let parts = ["description", "actions", "targets", "stopConditions"];
        let part = |name: &&str| {
            Some((
                (*name).to_owned(),
                found.pointer(&format!("/experimentTemplate/{name}"))?.clone(),
            ))
        };
        Ok(Ready { bound: parts.iter().filter_map(part).collect(), ..Ready::default() })
    }

    async fn find(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        token: &str,
    ) -> Result<Option<Running>, LookError> {
        let region = text(call, "region")?;
        let Some(id) = of_token(aws, region, text(call, "template")?, token).await? else {
            return Ok(None);
        };
        let ask = Ask::rest("fis", region, Method::GET, &format!("/experiments/{id}"));
        let found = look(aws, region, &ask).await?;
        let one = found.get("experiment").cloned().unwrap_or_default();
        let part =
            |path: &str| one.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let reason = one.pointer("/state/reason").cloned();
        let facts = reason.map(|why| ("reason".to_owned(), why)).into_iter().collect::<Map<_, _>>();
        Ok(Some(Running { id: part("/id"), status: part("/state/status"), facts }))
    }

    async fn send(&self, aws: &Aws, request: &Request<Asked>) -> Result<Value, Failure> {
        let asked = &request.parameters;
        let ask = if let Some(id) = &asked.stop {
            Ask::rest("fis", &request.region, Method::DELETE, &format!("/experiments/{id}"))
        } else {
            let body = also(asked.input.clone(), "clientToken", asked.token.clone());
            let body = also(body, "tags", json!({TAG: asked.token}));
            Ask::rest("fis", &request.region, Method::POST, "/experiments")
                .header("content-type", "application/json")
                .body(body.to_string())
        };
        let answer = aws.ask(Purpose::Act, &ask).await?;
        let id = answer.json().ok().and_then(|said| said.pointer("/experiment/id").cloned());
        Ok(also(answer.evidence(), "experiment", id.unwrap_or_default()))
    }

    fn is_stopping(&self, status: &str) -> bool {
        status == "stopping"
    }

    fn is_stopped(&self, status: &str) -> bool {
        status == "stopped"
    }

    fn is_over(&self, status: &str) -> Option<bool> {
        match status {
            "completed" | "stopped" | "failed" | "cancelled" => Some(true),
            "pending" | "initiating" | "running" | "stopping" => Some(false),
            _ => None,
        }
    }

    fn permissions(&self) -> Permissions {
        const TEMPLATE: &[&str] =
            &["arn:aws:fis:*:ACCOUNT_ID:experiment-template/EXPERIMENT_TEMPLATE_ID"];
        const EXPERIMENTS: &[&str] = &["arn:aws:fis:*:ACCOUNT_ID:experiment/*"];
        const ON: &[&str] = &[
            "arn:aws:fis:*:ACCOUNT_ID:experiment-template/EXPERIMENT_TEMPLATE_ID",
            "arn:aws:fis:*:ACCOUNT_ID:experiment/*",
        ];
        Permissions {
            look: &[
                Permission::Aws("fis:GetExperimentTemplate", TEMPLATE),
                Permission::Aws("fis:ListExperiments", ANYTHING),
                Permission::Aws("fis:GetExperiment", EXPERIMENTS),
            ],
            act: &[
                Permission::Aws("fis:StartExperiment", ON),
                Permission::Aws("fis:StopExperiment", EXPERIMENTS),
                Permission::Aws("fis:TagResource", EXPERIMENTS),
            ],
        }
    }
}

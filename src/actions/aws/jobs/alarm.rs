//! `cloudwatch.set_alarm`: an alarm is made to ring, to see who hears it.
//!
//! It runs the alarm's real actions and falls back to the true state within seconds, so that the proof is in the alarm's
//! history, where our reason stands, and not in its state.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::actions::aws::job::{Asked, Job, Ready, Running};
use crate::actions::aws::lever::Request;
use crate::actions::aws::wire::Ask;
use crate::actions::aws::{ANYTHING, Aws, Failure, Purpose};
use crate::actions::params::{text, unsafe_because};
use crate::actions::{Call, LookError, Permission, Permissions};
use crate::domain::run::preview::Remark;

/// Sets the state of an alarm for a moment.
#[derive(Debug, Default)]
pub(in crate::actions) struct SetAlarm;

fn ask(region: &str, action: &str, with: &Value) -> Ask {
    let target = format!("GraniteServiceVersion20100801.{action}");
    Ask::json("monitoring", "1.0", region, &target, with)
}

async fn look(aws: &Aws, region: &str, action: &str, with: &Value) -> Result<Value, LookError> {
    let answer = aws.ask(Purpose::Look, &ask(region, action, with)).await;
    let answer = answer.and_then(|answer| answer.json());
    answer.map_err(|failure| failure.look(format!("cloudwatch in {region}")))
}

fn reason(token: &str) -> String {
    format!("dr-buddy {token}: a test")
}

#[async_trait]
impl Job for SetAlarm {
    const SERVICE: &'static str = "cloudwatch";
    const OPERATION: &'static str = "SetAlarmState";

    fn input(&self, call: &Call<'_>) -> Result<(String, Value), LookError> {
        let (alarm, state) = (text(call, "alarm")?, text(call, "state")?);
        if !["OK", "ALARM", "INSUFFICIENT_DATA"].contains(&state) {
            return Err(unsafe_because(format!(
                "`{state}` is no state of an alarm: OK, ALARM or INSUFFICIENT_DATA"
            )));
        }
        Ok((format!("alarm {alarm}"), json!({"alarm": alarm, "state": state})))
    }

    async fn ready(&self, aws: &Aws, call: &Call<'_>) -> Result<Ready, LookError> {
        let (region, alarm) = (text(call, "region")?, text(call, "alarm")?);
        let with = json!({"AlarmNames": [alarm]});
        let found = look(aws, region, "DescribeAlarms", &with).await?;
        let Some(found) = found.pointer("/MetricAlarms/0") else {
            return Err(unsafe_because(format!("there is no alarm `{alarm}` in {region}")));
        };
        if found.get("ActionsEnabled") == Some(&json!(false)) {
            let why = "has its actions switched off: nobody would hear it";
            return Err(unsafe_because(format!("`{alarm}` {why}")));
        }
        let state = text(call, "state")?;
        if found.get("StateValue").and_then(Value::as_str) == Some(state) {
            let why = "its actions run only when the state changes";
            return Err(unsafe_because(format!("`{alarm}` already is {state}: {why}")));
        }
        let runs = match state {
            "ALARM" => "AlarmActions",
            "OK" => "OKActions",
            _ => "InsufficientDataActions",
        };
        let actions = found.get(runs).and_then(Value::as_array);
        let actions: Vec<&str> = actions.into_iter().flatten().filter_map(Value::as_str).collect();
        let actions = if actions.is_empty() { "-".to_owned() } else { actions.join(", ") };
        let remarks = vec![Remark::new("remark.cloudwatch.rings", &[("actions", &actions)])];
        Ok(Ready { remarks, ..Ready::default() })
    }

    async fn find(
        &self,
        aws: &Aws,
        call: &Call<'_>,
        token: &str,
    ) -> Result<Option<Running>, LookError> {
        let (region, alarm) = (text(call, "region")?, text(call, "alarm")?);
        let with = json!({"AlarmName": alarm, "MaxRecords": 100});
        let history = look(aws, region, "DescribeAlarmHistory", &with).await?;
        let items = history.get("AlarmHistoryItems").and_then(Value::as_array);
        let items: Vec<&Value> = items.into_iter().flatten().collect();
        let has = |one: &Value, name: &str, text: &str| {
            one.get(name).and_then(Value::as_str).is_some_and(|said| said.contains(text))
        };
        // The newest stands first, so what followed ours stands before it.
        let Some(ours) = items.iter().position(|one| has(one, "HistoryData", &reason(token)))
        else {
            return Ok(None);
        };
        let later = items.iter().take(ours);
        let acted =
            later.clone().any(|one| has(one, "HistorySummary", "Successfully executed action"));
        let facts = Map::from_iter([("action_succeeded".to_owned(), json!(acted))]);
        Ok(Some(Running { id: alarm.to_owned(), status: "in history".into(), facts }))
    }

    async fn send(&self, aws: &Aws, request: &Request<Asked>) -> Result<Value, Failure> {
        let asked = &request.parameters;
        let part = |name: &str| asked.input.get(name).and_then(Value::as_str).unwrap_or_default();
        let with = json!({
            "AlarmName": part("alarm"), "StateValue": part("state"),
            "StateReason": reason(&asked.token),
        });
        let ask = ask(&request.region, Self::OPERATION, &with);
        Ok(aws.ask(Purpose::Act, &ask).await?.evidence())
    }

    fn after(&self, call: &Call<'_>) -> String {
        text(call, "state").unwrap_or_default().to_owned()
    }

    fn is_over(&self, _status: &str) -> Option<bool> {
        Some(true)
    }

    fn permissions(&self) -> Permissions {
        const ON: &[&str] = &["arn:aws:cloudwatch:*:ACCOUNT_ID:alarm:DRILL_ALARM_PREFIX-*"];
        Permissions {
            look: &[
                Permission::Aws("cloudwatch:DescribeAlarms", ANYTHING),
                Permission::Aws("cloudwatch:DescribeAlarmHistory", ANYTHING),
            ],
            act: &[Permission::Aws("cloudwatch:SetAlarmState", ON)],
        }
    }
}
